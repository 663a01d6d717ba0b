//! What a real agent says of real changes to copied folders, as the collector keeps it.
//!
//! Two halves that share no folder: one to train a dictionary on, the other to measure on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use vonggac_protocol::file::FileChanged;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::path::HostPath;

use crate::measure::kills::Chance;
use crate::measure::{progress, this_executable};
use crate::programs::{Province, rest, wait_for};

/// One half of what was observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::measure) enum Half {
    /// Seen by the training of a dictionary.
    Training,
    /// Never seen by it.
    Measuring,
}

/// Files changed of each folder; each is changed, and in the end so many observations are kept.
const FILES_OF_A_FOLDER: usize = 260;

/// An area and folders of this machine that are copied into it.
type Source = (&'static str, &'static [&'static str]);

const TRAINING: [Source; 4] = [
    ("configuration", &["/etc"]),
    ("programs", &["/usr/bin", "/usr/lib/systemd"]),
    ("libraries", &["/usr/lib/x86_64-linux-gnu", "/usr/lib/python3"]),
    ("web", &["/usr/share/doc"]),
];

const MEASURING: [Source; 4] = [
    (
        "configuration",
        &["/usr/share/X11", "/usr/share/dbus-1", "/usr/share/pam-configs", "/var/lib/dpkg/info"],
    ),
    ("programs", &["/usr/sbin"]),
    ("application", &["/usr/share/perl", "/usr/share/zoneinfo"]),
    ("data", &["/usr/include", "/usr/share/locale"]),
];

/// Observations of the prompt lane, encoded, in the order in which they were kept.
pub(in crate::measure) struct Corpus {
    /// With paths as they would be if the copied folders were those of the machine.
    pub(in crate::measure) observations: Vec<Vec<u8>>,
}

/// Runs collector and agent, changes copies of real files in the ways in which files change, and reads what was kept.
pub(in crate::measure) fn observe(half: Half) -> anyhow::Result<Corpus> {
    let folder = tempfile::Builder::new().prefix("may-chu-").tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let (sources, seed) = match half {
        Half::Training => (&TRAINING, 0x7ea1),
        Half::Measuring => (&MEASURING, 0x3e57),
    };
    let root = folder.path().join("m");
    let mut extra = "watch_defaults = false\n".to_owned();
    let mut files = Vec::new();
    for (area, folders) in sources {
        for source in *folders {
            let copied = copy(Path::new(source), &root)?;
            if copied.is_empty() {
                continue;
            }
            files.extend(copied);
            let path = within(&root, Path::new(source)).display().to_string();
            extra.push_str(&format!("[[watch]]\narea = {area:?}\npath = {path:?}\n"));
        }
    }
    let roots = extra.matches("[[watch]]").count();
    let _collector = province.serve()?;
    province.enrol("agent", &extra)?;
    let agent = province.watch("agent")?;
    province.wait_for_baselines(roots)?;
    progress(&format!("{half:?}: changing {} files", files.len()));
    let store = province.dir.join("collector").join("collector.db");
    let mut chance = Chance::new(seed);
    for (number, file) in files.iter().enumerate() {
        change(file, chance.below(9))?;
        // Changes come in small groups, as those of people and services do.
        if number % 40 == 39 {
            rest(Duration::from_millis(300));
        }
    }
    wait_for_stillness(&store)?;
    agent.stop(Duration::from_secs(20))?;
    let agent = province.watch("agent")?;
    wait_for_stillness(&store)?;
    agent.stop(Duration::from_secs(20))?;

    let root = root.display().to_string();
    let observations = read(&store)?
        .iter()
        .map(|bytes| Ok(of_a_machine(Observation::decode(bytes)?, &root).encode()))
        .collect::<anyhow::Result<_>>()?;

    Ok(Corpus { observations })
}

/// The paths as they would be if the copied folders were those of the machine.
fn of_a_machine(mut observation: Observation, root: &str) -> Observation {
    let bare = |path: &HostPath| {
        let text = path.as_str();
        HostPath::from_text(text.strip_prefix(root).unwrap_or(text))
    };
    if let Kind::FileChanged(change) = &mut observation.kind {
        let FileChanged { path, root, .. } = change;
        *path = bare(path);
        *root = bare(root);
    }
    if let Kind::BaselineTaken(baseline) = &mut observation.kind {
        baseline.root = bare(&baseline.root);
    }

    observation
}

/// Where a path of this machine lies under another root.
fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Copies some files of a folder, in the order of their names; says where they lie now.
fn copy(from: &Path, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut copied = Vec::new();
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type()?;
            let small = entry.metadata().is_ok_and(|found| found.len() < 1 << 20);
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && small && copied.len() < FILES_OF_A_FOLDER {
                let target = within(root, &entry.path());
                fs::create_dir_all(target.parent().context("a file lies in a folder")?)?;
                fs::copy(entry.path(), &target)?;
                copied.push(target);
            }
        }
    }

    Ok(copied)
}

/// Changes a file as programs do.
fn change(file: &Path, how: u64) -> anyhow::Result<()> {
    let path = file.display().to_string();
    let beside = |end: &str| format!("{path}{end}");
    match how {
        0..=2 => run("/bin/sh", &["-c", "echo '# changed' >> \"$0\"", &path]),
        3 => run("/bin/sed", &["-i", "s/a/b/", &path]),
        4 => run("/bin/cp", &[&path, &beside(".bak")]),
        5 => run("/bin/chmod", &["0640", &path]),
        6 => run("/bin/rm", &[&path]),
        7 => run("/bin/mv", &[&path, &beside("~")]),
        _ => run("/usr/bin/tee", &["-a", &beside(".new")]),
    }
}

fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("start {program}"))?;
    anyhow::ensure!(status.success(), "{program} failed");

    Ok(())
}

fn wait_for_stillness(store: &Path) -> anyhow::Result<()> {
    let mut before = 0;
    let mut still = 0;
    wait_for("stillness of what is kept", Duration::from_secs(300), || {
        rest(Duration::from_secs(2));
        let kept = read(store).ok()?.len();
        still = if kept == before && kept > 10 { still + 1 } else { 0 };
        before = kept;
        (still >= 3).then_some(())
    })
}

fn read(store: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let store =
        Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).context("open")?;
    let mut query =
        store.prepare("SELECT body FROM observation WHERE epoch <> 0 AND lane = 0 ORDER BY epoch, seq")?;
    let bodies = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;

    Ok(bodies)
}

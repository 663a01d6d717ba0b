//! Realtime watching: what its set-up costs, and whether it names who did it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};
use vonggac_agent::os::own;
use vonggac_agent::sensor::files::{FilesSensor, FilesSettings, WatchBy};
use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::{Actor, Area};
use vonggac_protocol::observation::{Kind, Observation};

use super::{progress, rounded, this_executable};
use crate::programs::{Province, instant, rest, wait_for};

const DIRECTORIES: usize = 20_000;

/// Changes of each sort.
const EACH: usize = 100;

pub(super) fn set_up() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join("tree");
    for number in 0..DIRECTORIES {
        std::fs::create_dir_all(tree.join(format!("{}/{number}", number % 100)))?;
    }
    let mut map = Map::new();
    map.insert("directories".to_owned(), (DIRECTORIES + 101).into());
    for (name, by) in [("fanotify", WatchBy::FileSystem), ("inotify", WatchBy::Directories)] {
        let state = folder.path().join(name);
        std::fs::create_dir(&state)?;
        let watch = vec![WatchPath { area: Area::Data, path: tree.display().to_string() }];
        let settings = FilesSettings { watch, watch_by: by, ..FilesSettings::new(state.join("baseline.db")) };
        let (sender, mut changes) = tokio::sync::mpsc::channel(256);
        let (start, cpu, memory) = (instant(), processor_ms(), own::used()?.memory_bytes);
        let kernel = marks_of_the_kernel();
        let sensor = FilesSensor::start(settings, sender)?;
        wait_for("the watch", Duration::from_secs(60), || sensor.stats().is_watching.then_some(()))?;
        map.insert(format!("{name}_ms"), rounded(start.elapsed().as_secs_f64() * 1000.0));
        map.insert(format!("{name}_cpu_ms"), rounded(processor_ms() - cpu));
        let more = own::used()?.memory_bytes.saturating_sub(memory) / 1024;
        map.insert(format!("{name}_kib"), more.into());
        map.insert(format!("{name}_kernel_marks"), marks_of_the_kernel().saturating_sub(kernel).into());
        sensor.ask_to_stop();
        while let Some(change) = changes.blocking_recv() {
            sensor.confirm(change.ticket);
        }
        sensor.join()?;
    }

    Ok(map)
}

/// Watches that this process holds in the kernel, about 1.3 KiB each.
fn marks_of_the_kernel() -> u64 {
    let Ok(entries) = std::fs::read_dir("/proc/self/fdinfo") else { return 0 };
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let count = texts.map(|text| {
        text.lines()
            .filter(|line| line.starts_with("inotify wd:") || line.starts_with("fanotify sdev:"))
            .count()
    });

    count.sum::<usize>().try_into().unwrap_or(0)
}

fn processor_ms() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);

    Duration::try_from(now).unwrap_or_default().as_secs_f64() * 1000.0
}

/// Who is known to have changed a path.
struct Known {
    process: u32,
    program: PathBuf,
    user: &'static str,
}

pub(super) fn actor() -> anyhow::Result<Map<String, Value>> {
    let mut map = Map::new();
    for (prefix, word) in [("", "fanotify"), ("inotify_", "inotify")] {
        let (right, wrong, unknown) = by(word)?;
        map.insert(format!("{prefix}right"), right.into());
        map.insert(format!("{prefix}wrong"), wrong.into());
        map.insert(format!("{prefix}unknown"), unknown.into());
    }

    Ok(map)
}

fn by(word: &str) -> anyhow::Result<(u32, u32, u32)> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    for open in [folder.path(), &data] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o777))?;
    }
    for number in 0..EACH {
        std::fs::write(data.join(format!("rm-{number}")), "x")?;
        std::fs::write(data.join(format!("chmod-{number}")), "x")?;
    }
    let _collector = province.serve()?;
    let extra = format!("watch_by = {word:?}\n{}", Province::watch_only("application", &data));
    province.enrol("agent", &extra)?;
    let _agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;

    progress(&format!("{word}: changing"));
    let known = change_all(folder.path(), &data)?;
    let store = province.dir.join("collector").join("collector.db");
    wait_for("every change", Duration::from_secs(120), || {
        rest(Duration::from_millis(500));
        let told = told(&store).ok()?;
        known.keys().all(|path| told.contains_key(path)).then_some(())
    })?;

    let told = told(&store)?;
    let (mut right, mut wrong, mut unknown) = (0, 0, 0);
    for (path, known) in &known {
        match verdict(known, told.get(path).and_then(Option::as_ref)) {
            Some(true) => right += 1,
            Some(false) => {
                wrong += 1;
                progress(&format!(
                    "wrong: {path}: {:?}, in truth {} {:?}",
                    told[path], known.process, known.program
                ));
            }
            None => {
                unknown += 1;
                if word == "fanotify" {
                    progress(&format!("unknown: {path}: {:?}", told[path]));
                }
            }
        }
    }

    Ok((right, wrong, unknown))
}

/// Wrong if anything that was told is; right if all was told.
fn verdict(known: &Known, actor: Option<&Actor>) -> Option<bool> {
    let actor = actor?;
    let program = actor.program.as_ref().map(|program| Path::new(program.as_str()) == known.program);
    let user = actor.user.as_ref().map(|user| user == known.user);
    if actor.process != known.process || program == Some(false) || user == Some(false) {
        return Some(false);
    }

    (program.is_some() && user.is_some()).then_some(true)
}

/// Who the collector holds to have changed each path last.
fn told(store: &Path) -> anyhow::Result<BTreeMap<String, Option<Actor>>> {
    let store =
        Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).context("open")?;
    let mut query = store.prepare("SELECT body FROM observation WHERE kind = 'file_changed'")?;
    let mut told = BTreeMap::new();
    for body in query.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        if let Kind::FileChanged(change) = Observation::decode(&body?)?.kind {
            told.insert(change.path.as_str().to_owned(), change.actor);
        }
    }

    Ok(told)
}

/// Ten sorts of writers, in turn, as quickly as they can be started.
fn change_all(folder: &Path, data: &Path) -> anyhow::Result<BTreeMap<String, Known>> {
    let mut known = BTreeMap::new();
    let fixed = build_static(folder);
    let mut steady = Command::new("/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("start a shell")?;
    let mut lines = steady.stdin.take().context("the shell's input")?;
    let sh = Path::new("/bin/sh").canonicalize()?;
    for number in 0..EACH {
        let path = |sort: &str| data.join(format!("{sort}-{number}")).display().to_string();
        let mut note = |sort: &str, process: u32, program: &Path, user: &'static str| {
            known.insert(path(sort), Known { process, program: program.to_owned(), user });
        };
        let one = |program: &str, args: &[&str]| -> anyhow::Result<(u32, PathBuf)> {
            Ok((run(program, args)?, Path::new(program).canonicalize()?))
        };
        let (process, program) = one("/bin/cp", &["/etc/hostname", &path("cp")])?;
        note("cp", process, &program, "root");
        let (process, program) = one("/usr/bin/tee", &[&path("tee")])?;
        note("tee", process, &program, "root");
        let (process, program) = one("/bin/sh", &["-c", &format!("echo x > {}", path("sh"))])?;
        note("sh", process, &program, "root");
        let (process, program) = one("/bin/rm", &[&path("rm")])?;
        note("rm", process, &program, "root");
        let (process, program) = one("/bin/chmod", &["0600", &path("chmod")])?;
        note("chmod", process, &program, "root");
        let script = format!("open({:?}, 'w').write('x')", path("python"));
        let (process, program) = one("/usr/bin/python3", &["-c", &script])?;
        note("python", process, &program, "root");
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/touch", &path("setpriv")];
        let process = run("/usr/bin/setpriv", &nobody)?;
        note("setpriv", process, &Path::new("/usr/bin/touch").canonicalize()?, "nobody");
        // The shell that su starts says itself which process it is.
        run("/usr/bin/su", &["-s", "/bin/sh", "nobody", "-c", &format!("echo $$ > {}", path("su"))])?;
        let process = std::fs::read_to_string(path("su"))?.trim().parse().context("the shell's process")?;
        note("su", process, &sh, "nobody");
        writeln!(lines, "echo x > {}", path("steady"))?;
        note("steady", steady.id(), &sh, "root");
        let other = fixed.as_deref().unwrap_or_else(|| Path::new("/bin/touch")).display().to_string();
        let (process, program) = one(&other, &[&path("static")])?;
        note("static", process, &program, "root");
    }
    drop(lines);
    ensure!(steady.wait()?.success(), "the steady shell failed");

    Ok(known)
}

fn run(program: &str, args: &[&str]) -> anyhow::Result<u32> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let process = child.id();
    ensure!(child.wait()?.success(), "{program} failed");

    Ok(process)
}

/// A writer without a dynamic loader; `None` where no compiler is at hand.
fn build_static(folder: &Path) -> Option<PathBuf> {
    let (source, built) = (folder.join("writer.c"), folder.join("writer"));
    let text = "#include <fcntl.h>\n#include <unistd.h>\nint main(int n, char **a) {\n    int f = open(a[1], \
                O_CREAT | O_WRONLY, 0644);\n    return n != 2 || write(f, \"x\", 1) != 1;\n}\n";
    std::fs::write(&source, text).ok()?;
    let status = Command::new("gcc").arg("-static").arg("-o").arg(&built).arg(&source).status().ok()?;

    status.success().then_some(built)
}

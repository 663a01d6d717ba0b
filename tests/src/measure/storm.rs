//! Hundreds of thousands of changes as fast as the machine can make them: what the collector believes in the end against
//! what is on the disk, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::observation::{Kind, Observation};

use super::idle::{memory_mib, processor_seconds};
use super::{progress, rounded, this_executable};
use crate::programs::{Province, instant, rest, wait_for};

const CHANGES: u64 = 500_000;

/// One directory for so many changes: 20,000 of them in a full run.
const CHANGES_PER_DIRECTORY: u64 = 25;

/// Directories beside each other under one parent.
const DIRECTORIES_PER_PARENT: u64 = 100;

/// Writers at the same time, each with directories of its own so that each knows what it left.
const WRITERS: u64 = 4;

const PATIENCE: Duration = Duration::from_secs(840);

/// Nothing arrives and the agent rests for so long: it has settled.
const STILL: Duration = Duration::from_secs(6);

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let changes =
        std::env::var("VONGGAC_STORM_CHANGES").ok().and_then(|text| text.parse().ok()).unwrap_or(CHANGES);
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let data = folder.path().canonicalize()?.join("data");
    let files = make_ground(&data, changes)?;
    let before = on_disk(&data)?;
    let _collector = province.serve()?;
    province.enrol("agent", &Province::watch_only("application", &data))?;
    let agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;

    progress("the baseline stands; the storm begins");
    let (start, cpu) = (instant(), processor_seconds(agent.id())?);
    let past = storm(files, changes)?;
    let stormed = start.elapsed();
    progress(&format!(
        "all changes made in {:.1} s; waiting until everything stands still",
        stormed.as_secs_f64()
    ));
    let store = province.dir.join("collector").join("collector.db");
    let settled = wait_until_still(&store, agent.id())?;
    let took = start.elapsed();
    let used = processor_seconds(agent.id())? - cpu;
    let peak = memory_mib(agent.id(), "VmHWM:")?;
    drop(agent);

    let told = Told::read(&store, before, &past)?;
    let disk = on_disk(&data)?;
    let missing = differences(&told.state, &disk);
    let mut map = Map::new();
    map.insert("changes".to_owned(), changes.into());
    map.insert("paths_at_the_end".to_owned(), disk.len().into());
    map.insert("missing".to_owned(), missing.into());
    map.insert("invented".to_owned(), told.invented.into());
    map.insert("observations".to_owned(), told.observations.into());
    map.insert("overflow_told".to_owned(), told.losses.into());
    map.insert("spool_dropped".to_owned(), told.dropped.into());
    map.insert("storm_seconds".to_owned(), rounded(stormed.as_secs_f64()));
    let settling = settled.duration_since(start).saturating_sub(stormed);
    map.insert("seconds_to_settle".to_owned(), rounded(settling.as_secs_f64()));
    map.insert("agent_cpu_percent".to_owned(), rounded(used / took.as_secs_f64() * 100.0));
    map.insert("agent_peak_mib".to_owned(), rounded(peak));

    Ok(map)
}

/// What can be said of a path that both sides must agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    kind: FileKind,
    mode: u32,
    size: u64,
    digest: Option<Digest>,
}

impl Seen {
    fn of(state: &FileState) -> Self {
        Self { kind: state.kind, mode: state.mode & 0o7777, size: state.size, digest: state.digest }
    }
}

/// The state of every path, measured by the plain means of the standard library.
fn on_disk(data: &Path) -> anyhow::Result<BTreeMap<Vec<u8>, Seen>> {
    let mut found = BTreeMap::new();
    let mut paths = vec![data.to_owned()];
    while let Some(path) = paths.pop() {
        let metadata = std::fs::symlink_metadata(&path)?;
        let (kind, size, digest) = if metadata.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                paths.push(entry?.path());
            }
            (FileKind::Directory, 0, None)
        } else {
            (FileKind::File, metadata.size(), Some(Digest::of(&std::fs::read(&path)?)))
        };
        let seen = Seen { kind, mode: metadata.mode() & 0o7777, size, digest };
        found.insert(path.into_os_string().into_encoded_bytes(), seen);
    }

    Ok(found)
}

/// What the writers left: every path and every content that ever was.
#[derive(Default)]
struct Past {
    paths: BTreeSet<Vec<u8>>,
    contents: BTreeSet<Digest>,
}

/// One writer's directories and the files in them.
struct Ground {
    dirs: Vec<PathBuf>,
    files: Vec<PathBuf>,
    past: Past,
}

/// Directories, each with a file that stands before anybody watches.
fn make_ground(data: &Path, changes: u64) -> anyhow::Result<Vec<Ground>> {
    let mut grounds: Vec<Ground> =
        (0..WRITERS).map(|_| Ground { dirs: Vec::new(), files: Vec::new(), past: Past::default() }).collect();
    let directories = (changes / CHANGES_PER_DIRECTORY).max(WRITERS);
    for number in 0..directories {
        let dir = data.join(format!("p{}", number / DIRECTORIES_PER_PARENT)).join(format!("d{number}"));
        std::fs::create_dir_all(&dir)?;
        let file = dir.join("stood-before");
        let content = format!("before {number}");
        std::fs::write(&file, &content)?;
        let ground = grounds.get_mut(usize::try_from(number % WRITERS)?).context("a writer")?;
        ground.past.contents.insert(Digest::of(content.as_bytes()));
        ground.past.note(&file);
        ground.past.note(&dir);
        ground.dirs.push(dir);
        ground.files.push(file);
    }

    Ok(grounds)
}

impl Past {
    fn note(&mut self, path: &Path) {
        self.paths.insert(path.as_os_str().as_encoded_bytes().to_vec());
    }
}

fn storm(grounds: Vec<Ground>, changes: u64) -> anyhow::Result<Past> {
    let mut writers = Vec::new();
    for (number, ground) in (1_u64..).zip(grounds) {
        writers.push(std::thread::spawn(move || write_all(ground, changes / WRITERS, number)));
    }
    let mut past = Past::default();
    // A write begins by cutting the file, and a new file is empty at first.
    past.contents.insert(Digest::of(b""));
    for writer in writers {
        let of_one = writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        past.paths.extend(of_one.paths);
        past.contents.extend(of_one.contents);
    }

    Ok(past)
}

/// Makes so many changes: creates, rewrites, appends, renames, deletes, changes permissions, makes and moves folders.
fn write_all(mut ground: Ground, changes: u64, seed: u64) -> anyhow::Result<Past> {
    let mut chance = super::kills::Chance::new(seed);
    for number in 0..changes {
        let dir = pick(&ground.dirs, &mut chance)?;
        let act = if ground.files.is_empty() { 0 } else { chance.below(100) };
        let at = usize::try_from(chance.below(u64::try_from(ground.files.len().max(1))?))?;
        match act {
            0..35 => {
                let path = dir.join(format!("f{number}"));
                ground.write(&path, &format!("made {seed} {number}"))?;
                ground.files.push(path);
            }
            35..55 => {
                let path = ground.files.get(at).context("a file")?.clone();
                ground.write(&path, &format!("written again {seed} {number} {}", "x".repeat(at % 300)))?;
            }
            55..70 => {
                let path = ground.files.get(at).context("a file")?.clone();
                let mut content = std::fs::read(&path)?;
                let more = format!("; and more {number}");
                content.extend(more.as_bytes());
                ground.past.contents.insert(Digest::of(&content));
                std::io::Write::write_all(
                    &mut std::fs::File::options().append(true).open(&path)?,
                    more.as_bytes(),
                )?;
            }
            70..82 => {
                let path = ground.files.swap_remove(at);
                let to = dir.join(format!("r{number}"));
                std::fs::rename(&path, &to)?;
                ground.past.note(&to);
                ground.files.push(to);
            }
            82..92 => std::fs::remove_file(ground.files.swap_remove(at))?,
            92..97 => {
                let path = ground.files.get(at).context("a file")?;
                let mode = [0o600, 0o640, 0o644, 0o755, 0o444][at % 5];
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
            }
            _ => {
                let (made, path) = (dir.join(format!("n{number}")), dir.join(format!("n{number}/inner")));
                std::fs::create_dir(&made)?;
                ground.past.note(&made);
                ground.write(&path, &format!("inner {seed} {number}"))?;
                ground.files.push(path);
            }
        }
    }

    Ok(ground.past)
}

fn pick(dirs: &[PathBuf], chance: &mut super::kills::Chance) -> anyhow::Result<PathBuf> {
    let at = usize::try_from(chance.below(u64::try_from(dirs.len())?))?;

    Ok(dirs.get(at).context("a directory")?.clone())
}

impl Ground {
    fn write(&mut self, path: &Path, content: &str) -> anyhow::Result<()> {
        self.past.contents.insert(Digest::of(content.as_bytes()));
        self.past.note(path);
        // A file that may not be written to any more is written by its owner's right over it, as root does.
        std::fs::write(path, content).with_context(|| path.display().to_string())
    }
}

fn arrived(store: &Path) -> anyhow::Result<i64> {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;

    Ok(store.query_row(
        "SELECT coalesce(max(id), 0) FROM observation WHERE lane = 1 OR lane = 0",
        [],
        |row| row.get(0),
    )?)
}

/// Waits until nothing arrives any more and the agent rests; gives the moment of the last arrival.
fn wait_until_still(store: &Path, process: u32) -> anyhow::Result<std::time::Instant> {
    let (mut last, mut since) = (0, instant());
    let mut cpu = processor_seconds(process)?;
    let mut rested_since = instant();
    wait_for("stillness after the storm", PATIENCE, || {
        rest(Duration::from_millis(500));
        let now = arrived(store).ok()?;
        let used = processor_seconds(process).ok()?;
        if used - cpu > 0.05 {
            rested_since = instant();
        }
        cpu = used;
        if now != last {
            (last, since) = (now, instant());
        }
        (since.elapsed() > STILL && rested_since.elapsed() > STILL).then_some(())
    })?;

    Ok(since)
}

/// What the collector was told, folded.
struct Told {
    state: BTreeMap<Vec<u8>, Seen>,
    observations: u64,
    invented: u64,
    losses: u64,
    dropped: u64,
}

impl Told {
    fn read(store: &Path, before: BTreeMap<Vec<u8>, Seen>, past: &Past) -> anyhow::Result<Self> {
        let mut told = Self { state: before, observations: 0, invented: 0, losses: 0, dropped: 0 };
        let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut query = store.prepare("SELECT body FROM observation ORDER BY id")?;
        for body in query.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
            let kind = Observation::decode(&body?)?.kind;
            if let Kind::FileChanged(changed) = kind {
                told.observations += 1;
                let path = changed.path.to_bytes();
                let digest = changed.after.as_ref().and_then(|state| state.digest);
                let was =
                    past.paths.contains(&path) && digest.is_none_or(|digest| past.contents.contains(&digest));
                told.invented += u64::from(!was);
                match &changed.after {
                    Some(state) => told.state.insert(path, Seen::of(state)),
                    None => told.state.remove(&path),
                };
            } else if let Kind::WatchLost(_) = kind {
                told.losses += 1;
            } else if let Kind::SpoolDropped(dropped) = kind {
                told.dropped += dropped.count;
            }
        }

        Ok(told)
    }
}

/// Paths of which the two do not say the same.
fn differences(told: &BTreeMap<Vec<u8>, Seen>, disk: &BTreeMap<Vec<u8>, Seen>) -> u64 {
    let mut count = 0;
    let paths: BTreeSet<&Vec<u8>> = told.keys().chain(disk.keys()).collect();
    for path in paths {
        if told.get(path) != disk.get(path) {
            count += 1;
            if count <= 5 {
                let name = String::from_utf8_lossy(path);
                progress(&format!("{name}: told {:?}, is {:?}", told.get(path), disk.get(path)));
            }
        }
    }

    count
}

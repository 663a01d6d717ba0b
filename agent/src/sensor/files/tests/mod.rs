//! The whole sensor against the real kernel, in folders of its own. Nothing sleeps: silence is proved by a later
//! change, which comes after everything before it. What needs links, modes or rights of Unix is not built elsewhere.

mod actors;
mod behind;
#[cfg(unix)]
mod bounds;
mod bursts;
mod changes;
mod crashes;
mod kernel;
mod losses;
mod mounts;
mod once;
#[cfg(unix)]
mod packaged;
mod peers;
mod rebaseline;
mod stops;
#[cfg(unix)]
mod texts;
mod trees;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Receiver;
use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::{Area, BaselineTaken, FileAction, FileChanged};
use vonggac_protocol::observation::{Kind, Observation};

use super::behind::Spooled;
use super::{Change, FilesSensor, FilesSettings, Ticket, WatchBy};

/// Far beyond what anything here takes, on a machine shared with others.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with something to watch and a place for the baseline; survives restarts of the sensor.
struct Ground {
    dir: TempDir,
    watch_by: WatchBy,
}

impl Ground {
    fn new() -> Self {
        Self::by(WatchBy::Auto)
    }

    /// Changes are noticed by this means and no other.
    fn by(watch_by: WatchBy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        std::fs::create_dir(dir.path().join("watched")).unwrap();

        Self { dir, watch_by }
    }

    /// A path in the watched folder.
    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("watched").join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: impl AsRef<Path>, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn settings(&self) -> FilesSettings {
        let watch = vec![WatchPath { area: Area::Data, path: self.path("").to_str().unwrap().to_owned() }];

        FilesSettings {
            watch,
            package_root: self.outside("root"),
            scan_cpu_percent: 100,
            watch_by: self.watch_by,
            ..FilesSettings::new(self.outside("state").join("baseline.db"))
        }
    }

    fn start(&self) -> Watcher {
        self.start_with(self.settings())
    }

    fn start_with(&self, settings: FilesSettings) -> Watcher {
        self.start_all(settings, None)
    }

    /// After an agent that died with this in its spool.
    fn start_behind(&self, spooled: &mut dyn Spooled) -> Watcher {
        self.start_all(self.settings(), Some(spooled))
    }

    fn start_all(&self, settings: FilesSettings, spooled: Option<&mut dyn Spooled>) -> Watcher {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, changes) = tokio::sync::mpsc::channel(256);
        let sensor = FilesSensor::start_behind(settings, sender, spooled).unwrap();

        Watcher { runtime, changes, sensor, sentinel: self.path("zz-sentinel"), turns: 0, confirms: true }
    }

    /// Started, and the first scan told.
    fn settled(&self) -> Watcher {
        let mut watcher = self.start();
        watcher.taken();

        watcher
    }
}

/// A running sensor and the part of `run.rs`.
struct Watcher {
    runtime: Runtime,
    changes: Receiver<Change>,
    sensor: FilesSensor,
    sentinel: PathBuf,
    turns: u32,
    confirms: bool,
}

impl Watcher {
    fn next_with_ticket(&mut self) -> Option<(Ticket, Observation)> {
        let next = async { tokio::time::timeout(PATIENCE, self.changes.recv()).await };
        let change = self.runtime.block_on(next).expect("something should have been told by now")?;
        if self.confirms {
            self.sensor.confirm(change.ticket);
        }

        Some((change.ticket, change.observation))
    }

    /// The next word, except by which means the folder is watched.
    fn next(&mut self) -> Observation {
        loop {
            let observation = self.next_with_ticket().expect("the sensor ended").1;
            if !matches!(observation.kind, Kind::WatchModeChanged(_)) {
                return observation;
            }
        }
    }

    fn next_file(&mut self) -> FileChanged {
        let kind = self.next().kind;
        let Kind::FileChanged(changed) = kind else { panic!("expected a changed file, found {kind:?}") };

        changed
    }

    /// The next word of a path that ends so.
    fn next_file_of(&mut self, name: &str) -> FileChanged {
        loop {
            if let Kind::FileChanged(changed) = self.next().kind
                && changed.path.as_str().ends_with(name)
            {
                return changed;
            }
        }
    }

    fn taken(&mut self) -> BaselineTaken {
        loop {
            if let Kind::BaselineTaken(taken) = self.next().kind {
                return taken;
            }
        }
    }

    /// Until the scan at the start is over.
    fn scanned(&mut self) {
        while !self.sensor.stats().is_scanned {
            self.until_now();
        }
    }

    /// All that is told of files until a file written now is told.
    fn until_now(&mut self) -> Vec<FileChanged> {
        self.turns += 1;
        std::fs::write(&self.sentinel, format!("turn {}", self.turns)).unwrap();
        let wanted = vonggac_protocol::digest::Digest::of(format!("turn {}", self.turns).as_bytes());
        let mut found = Vec::new();
        loop {
            let Kind::FileChanged(changed) = self.next().kind else { continue };
            let is_sentinel = changed.path.as_str() == self.sentinel.to_str().unwrap();
            if is_sentinel && changed.after.as_ref().is_some_and(|state| state.digest == Some(wanted)) {
                return found;
            }
            if !is_sentinel {
                found.push(changed);
            }
        }
    }

    /// As [`until_now`](Self::until_now), as sorted pairs of action and name.
    fn told(&mut self) -> Vec<(FileAction, String)> {
        summary(&self.until_now(), self.sentinel.parent().unwrap())
    }

    fn stop(self) {
        let Self { mut changes, sensor, confirms, .. } = self;
        sensor.ask_to_stop();
        while let Some(change) = changes.blocking_recv() {
            if confirms {
                sensor.confirm(change.ticket);
            }
        }
        sensor.join().unwrap();
    }
}

/// Each path once: what is different between its first word and its last. A machine too busy to look in time may tell
/// steps in between.
fn summary(changes: &[FileChanged], base: &Path) -> Vec<(FileAction, String)> {
    let mut stories: BTreeMap<String, Vec<&FileChanged>> = BTreeMap::new();
    for changed in changes {
        let path = PathBuf::from(String::from_utf8_lossy(&changed.path.to_bytes()).into_owned());
        let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
        stories.entry(name).or_default().push(changed);
    }
    let whole = |story: &[&FileChanged]| match story {
        [only] => Some(only.action),
        [first, .., last] => kernel::difference(first.before.clone(), last.after.clone()),
        [] => None,
    };

    stories.into_iter().filter_map(|(name, story)| Some((whole(&story)?, name))).collect()
}

/// Says past the harness, which keeps what a passing test prints to itself, that something was not tried.
fn not_run(why: &str) {
    use std::io::Write as _;

    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    // Nobody to read it is no failure of the test.
    drop(writeln!(std::io::stderr(), "NOT RUN in {name}: {why}"));
}

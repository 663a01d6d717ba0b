//! One folder, once: recorded into a file of its own, or compared with one. The scanner and the baseline are those of
//! the service; no watch, no enrolment, no collector.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::sync::mpsc;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Area, FileAction, FileKind, FileState};
use vonggac_protocol::path::HostPath;

use super::baseline::Baseline;
use super::bounds::{Bounds, resolve};
use super::compare::{Entry, Verdict, weigh};
use super::key::Key;
use super::ledger::{Ledger, Shared, lock};
use super::measure::{Measured, Measurer};
use super::roots::Roots;
use super::scan::{Effort, Found, Order, Portion, Progress, SUSPECTS_MAX, Scanner};
use super::settings::FilesSettings;
use crate::clock;

/// What is to be recorded or compared.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder.
    pub dir: PathBuf,
    /// Where its baseline is kept.
    pub baseline_path: PathBuf,
    /// Paths that are never looked at.
    pub excluded: Vec<PathBuf>,
    /// Largest file that is hashed.
    pub hash_bytes_max: u64,
    /// Processors that may be used, at least 1.
    pub processors: usize,
}

/// How far a comparison goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Content is read where the metadata differs.
    Metadata,
    /// All content is read.
    Content,
}

/// What was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Paths in the baseline.
    pub paths: u64,
    /// Bytes of the files whose content is known.
    pub bytes: u64,
    /// Paths that could not be read, so that nothing or not all is known of them.
    pub unreadable: u64,
    /// Digest over everything recorded but the times.
    pub digest: Digest,
    /// How long it took.
    pub took: Duration,
}

/// One difference between a folder and its baseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Where.
    pub path: HostPath,
    /// What happened.
    pub action: FileAction,
    /// As recorded.
    pub before: Option<FileState>,
    /// As found.
    pub after: Option<FileState>,
}

/// Why a folder cannot be recorded or compared.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no such folder.
    #[error("there is no folder at the path")]
    NoFolder,
    /// It is out of bounds, or the system's own view of itself.
    #[error("the folder is excluded")]
    Excluded,
    /// A baseline stands already where one is to be made.
    #[error("the file holds a baseline already")]
    Taken,
    /// There is no baseline to compare with.
    #[error("there is no baseline in the file")]
    NoBaseline,
    /// The baseline is of another folder, or was never finished.
    #[error("the baseline holds nothing of this folder")]
    OtherFolder,
    /// The baseline is damaged; it was renamed.
    #[error("the baseline is damaged")]
    Damaged(PathBuf),
}

/// Records a folder. One that was cut short goes on where it stood.
///
/// # Errors
/// [`FolderError`], or if the baseline cannot be written.
pub fn create(folder: &Folder) -> Result<Summary> {
    let bench = Bench::lay(folder, true)?;
    if lock(&bench.ledger).baseline().is_taken(&bench.root)? {
        return Err(FolderError::Taken.into());
    }
    let began = clock::instant();
    let unreachable = bench.scan(true, None, &mut |ledger, key, after| match after {
        Some(entry) if !ledger.knows(key)? => ledger.absorb(key, &entry),
        Some(_) | None => Ok(()),
    })?;
    let ledger = lock(&bench.ledger);
    let sums = ledger.baseline().sums(&bench.root, folder.hash_bytes_max, &|_| true)?;
    ledger.baseline().take(&bench.root, clock::now())?;

    Ok(Summary {
        paths: sums.paths,
        bytes: sums.bytes,
        unreadable: sums.unreadable + unreachable,
        digest: sums.digest,
        took: clock::instant().duration_since(began),
    })
}

/// Compares a folder with its baseline, which stays as it is; `tell` is given each difference as it is found.
///
/// # Errors
/// [`FolderError`], or if the baseline cannot be read.
pub fn check(folder: &Folder, depth: Depth, tell: &mut dyn FnMut(Difference)) -> Result<Checked> {
    if !folder.baseline_path.is_file() {
        return Err(FolderError::NoBaseline.into());
    }
    let bench = Bench::lay(folder, false)?;
    if !lock(&bench.ledger).baseline().is_taken(&bench.root)? {
        return Err(FolderError::OtherFolder.into());
    }
    let again = match depth {
        Depth::Metadata => None,
        Depth::Content => Some(Portion::WHOLE),
    };
    let began = clock::instant();
    let mut differences = 0;
    let unreachable = bench.scan(false, again, &mut |ledger, key, after| {
        let before = ledger.known(key)?;
        if let Verdict::Changed(action) = weigh(before.as_ref(), after.as_ref()) {
            differences += 1;
            let (before, after) = (before.map(|entry| entry.state), after.map(|entry| entry.state));
            tell(Difference { path: key.host_path(), action, before, after });
        }
        Ok(())
    })?;
    let paths = bench.progress.paths.load(Ordering::Acquire);

    Ok(Checked { paths, differences, unreachable, took: clock::instant().duration_since(began) })
}

/// What a comparison came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Paths met.
    pub paths: u64,
    /// Differences told.
    pub differences: u64,
    /// Paths that could not be read.
    pub unreachable: u64,
    /// How long it took.
    pub took: Duration,
}

/// What is done with a path that was suspected and measured.
type Take<'a> = &'a mut dyn FnMut(&mut Ledger, &Key, Option<Entry>) -> Result<()>;

/// What takes part in one scan.
struct Bench {
    effort: Effort,
    progress: Arc<Progress>,
    root: Key,
    bounds: Arc<Bounds>,
    roots: Arc<Roots>,
    ledger: Arc<Mutex<Ledger>>,
    shared: Arc<Shared>,
    hash_bytes_max: u64,
}

impl Bench {
    fn lay(folder: &Folder, is_new: bool) -> Result<Self> {
        let dir = resolve(&folder.dir);
        if !dir.is_dir() {
            return Err(FolderError::NoFolder.into());
        }
        let settings = FilesSettings {
            excluded: folder.excluded.clone(),
            own: own_files(&folder.baseline_path),
            ..FilesSettings::new(folder.baseline_path.clone())
        };
        let bounds = Arc::new(Bounds::of(&settings));
        let root = Key::of(&dir);
        if !bounds.allow(&root) {
            return Err(FolderError::Excluded.into());
        }
        let baseline = if is_new {
            let (baseline, aside) = Baseline::open_whole(&folder.baseline_path)?;
            if let Some(aside) = aside {
                return Err(FolderError::Damaged(aside).into());
            }
            baseline
        } else {
            Baseline::open_to_compare(&folder.baseline_path)?
        };
        let shared = Arc::new(Shared::default());
        // Nothing is told through it: differences go to the caller.
        let (sender, _) = mpsc::channel(1);
        let ledger = Ledger::new(baseline, sender, Arc::clone(&shared))?;

        let effort = Effort {
            processors: folder.processors,
            cpu_percent: 100,
            disk_bytes_per_second: None,
            is_polite: false,
        };

        Ok(Self {
            effort,
            progress: Arc::default(),
            roots: Arc::new(Roots::one(dir, Area::Data)),
            root,
            bounds,
            ledger: Arc::new(Mutex::new(ledger)),
            shared,
            hash_bytes_max: folder.hash_bytes_max,
        })
    }

    /// Scans, and measures what is suspected; how many paths could not be reached.
    fn scan(&self, is_first: bool, again: Option<Portion>, take: Take<'_>) -> Result<u64> {
        let (found_in, found) = sync_channel(SUSPECTS_MAX);
        let (orders_in, orders) = sync_channel(1);
        let (inbox, _woken) = sync_channel(1);
        let scanner = Scanner {
            ledger: Arc::clone(&self.ledger),
            shared: Arc::clone(&self.shared),
            bounds: Arc::clone(&self.bounds),
            roots: Arc::clone(&self.roots),
            hash_bytes_max: self.hash_bytes_max,
            effort: self.effort,
            found: found_in,
            inbox,
            progress: Arc::clone(&self.progress),
        };
        orders_in.send(Order { root: self.root.clone(), is_first, again }).context("order the scan")?;
        drop(orders_in);

        std::thread::scope(|scope| {
            let scanning = scope.spawn(move || scanner.run(&orders));
            let looked = self.look(&found, take);
            // Whoever scans must not wait for a reader that has given up.
            drop(found);
            let scanned = scanning.join().map_err(|_| anyhow!("the scanning thread panicked"))?;
            let unreachable = looked?;
            scanned?;

            Ok(unreachable)
        })
    }

    fn look(&self, found: &Receiver<Found>, take: Take<'_>) -> Result<u64> {
        let mut measurer = Measurer::new(Arc::clone(&self.bounds), self.hash_bytes_max);
        let mut out_of_reach = 0;
        while let Ok(found) = found.recv() {
            let key = match found {
                Found::Suspect(key) | Found::Forged(key) => key,
                Found::Done { unreachable } => return Ok(out_of_reach + unreachable),
            };
            let Some(path) = key.path().filter(|_| self.bounds.allow(&key)) else { continue };
            let after = match measurer.at_path(&path) {
                Ok(Measured::Found(entry)) => Some(entry),
                Ok(Measured::Gone) => None,
                Ok(Measured::OutOfBounds) => continue,
                Err(_) => {
                    out_of_reach += 1;
                    continue;
                }
            };
            take(&mut lock(&self.ledger), &key, after)?;
        }

        Err(anyhow!("the scan ended before it was done"))
    }
}

/// The baseline's own files, wherever they lie: writing them must not look like a change.
fn own_files(baseline: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .map(|suffix| {
            let mut name = baseline.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        })
        .collect()
}

/// Which parts of a state differ, in the order a person asks for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// File, directory, link or other.
    Kind,
    /// Bytes.
    Size,
    /// SHA-256 of the content.
    Content,
    /// Where a link points.
    Target,
    /// Permission bits.
    Mode,
    /// Owner.
    Owner,
    /// Group.
    Group,
    /// Extended attributes: access lists, capabilities.
    Attributes,
    /// The time of the last change of the content.
    Modified,
}

impl Difference {
    /// What differs, where the path stands on both sides.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Vec::new() };
        let is_file = after.kind == FileKind::File;

        [
            (Part::Kind, before.kind != after.kind),
            (Part::Size, before.size != after.size),
            (Part::Content, before.digest != after.digest),
            (Part::Target, before.link_target != after.link_target),
            (Part::Mode, before.mode != after.mode),
            (Part::Owner, before.owner != after.owner),
            (Part::Group, before.group != after.group),
            (Part::Attributes, before.attributes != after.attributes),
            (Part::Modified, is_file && before.modified != after.modified),
        ]
        .into_iter()
        .filter_map(|(part, differs)| differs.then_some(part))
        .collect()
    }
}

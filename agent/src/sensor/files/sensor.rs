//! The sensor as its caller sees it: two threads, a channel, and confirmations.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use vonggac_protocol::assignment::RebaselineOrder;
use vonggac_protocol::file::{WatchLossReason, WatchMode};
use vonggac_protocol::time::Timestamp;

use super::autostart::{self, keep::Autostart};
use super::baseline::{Baseline, Opened};
use super::behind::{SpoolPlace, Spooled, catch_up};
use super::bounds::Bounds;
use super::burst::{BURST_SPAN, Bursts};
use super::journal::Places;
use super::ledger::{Ledger, Shared, Stopped, lock};
use super::lookout::{Lookout, Post};
use super::measure::Measurer;
use super::pace::Pace;
use super::packaged::Packaged;
use super::plans::Plans;
use super::rebaseline::Rebaselines;
use super::roots::Roots;
use super::scan::{Effort, Order, Progress, SUSPECTS_MAX, Scanner};
use super::settings::{FilesSettings, WatchBy};
use super::settle::{Settle, TOUCHED_MAX};
use super::texts::Texts;
use super::watch::{NOTICES_MAX, Notice, Watch};
use super::watchman::Watchman;
use super::{Change, Ticket};
use crate::clock;
use crate::os::fanotify::Waker;

/// How the sensor fares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilesStats {
    /// Times that notices were lost since the start.
    pub watch_losses: u64,
    /// Paths in the baseline.
    pub baseline_paths: u64,
    /// Exclusions that the machine's administrator has set.
    pub exclusions: u32,
    /// Whether all watches stand.
    pub is_watching: bool,
    /// The weakest means by which any root is watched; `None` before that is known.
    pub mode: Option<WatchMode>,
    /// Whether every root was scanned since the start.
    pub is_scanned: bool,
    /// How far the scan under way has come; `None` between scans.
    pub scan: Option<ScanStats>,
}

/// How far a scan has come. How much there is in all nobody knows before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScanStats {
    /// Whether it is the first of its root.
    pub is_first: bool,
    /// Since when.
    pub since: Timestamp,
    /// Paths met so far.
    pub paths: u64,
    /// Bytes of files read so far.
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) losses: AtomicU64,
    pub(super) paths: AtomicU64,
    pub(super) is_watching: AtomicBool,
    pub(super) mode: Mutex<Option<WatchMode>>,
    pub(super) is_scanned: AtomicBool,
    pub(super) scan: Arc<Progress>,
    /// Everything touched was looked at before the end.
    pub(super) ended_quiet: AtomicBool,
}

/// The running sensor. Dropping it asks it to stop and does not wait.
#[derive(Debug)]
pub struct FilesSensor {
    shared: Arc<Shared>,
    ledger: Arc<Mutex<Ledger>>,
    counters: Arc<Counters>,
    inbox: SyncSender<Notice>,
    exclusions: u32,
    watched_until: Option<Timestamp>,
    waker: Arc<Waker>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl FilesSensor {
    /// Opens the baseline and starts both threads. The sender's channel should hold a few hundred changes; when it is
    /// full the sensor waits, and what the system forgets meanwhile is told as a loss and found by a scan.
    ///
    /// # Errors
    /// If the baseline cannot be opened or made, or the system gives no watcher or thread.
    pub fn start(settings: FilesSettings, sender: mpsc::Sender<Change>) -> Result<Self> {
        Self::start_behind(settings, sender, None)
    }

    /// The same, after taking into the baseline what the spool already holds.
    ///
    /// # Errors
    /// As [`start`](Self::start), and if the spool cannot be read.
    pub fn start_behind(
        settings: FilesSettings,
        sender: mpsc::Sender<Change>,
        spooled: Option<&mut dyn Spooled>,
    ) -> Result<Self> {
        let bounds = Arc::new(Bounds::of(&settings));
        let roots = Arc::new(Roots::of(&settings.watch, &bounds));
        let (baseline, opened) = open_baseline(&settings, &bounds, &roots, spooled)?;
        let watched_until = baseline.watched_until()?;
        let (shared, counters) =
            (Arc::new(Shared::begun_at(baseline.spooled()?)), Arc::new(Counters::default()));
        let mut ledger = Ledger::new(baseline, sender, Arc::clone(&shared))?;
        enrich(&mut ledger, &settings, &bounds, &roots);
        let ledger = Arc::new(Mutex::new(ledger));
        let (inbox_in, inbox) = sync_channel(NOTICES_MAX);
        let (orders_in, orders) = sync_channel(1);
        let (found_in, found) = sync_channel(SUSPECTS_MAX);
        let overloaded = Arc::new(AtomicBool::new(false));
        let scanner = Scanner {
            ledger: Arc::clone(&ledger),
            shared: Arc::clone(&shared),
            bounds: Arc::clone(&bounds),
            roots: Arc::clone(&roots),
            hash_bytes_max: settings.hash_bytes_max,
            effort: Effort::of(&settings),
            found: found_in,
            inbox: inbox_in.clone(),
            progress: Arc::clone(&counters.scan),
        };
        let waker = Arc::new(Waker::new().context("make a waker")?);
        let post = post(&bounds, &roots, &shared, &inbox_in, &overloaded, &waker);
        let lookout = post_lookout(post, settings.watch_by);
        let watch = Watch::new(&settings, inbox_in.clone(), Arc::clone(&overloaded), lookout.as_ref())?;
        let exclusions = u32::try_from(settings.excluded.len()).unwrap_or(u32::MAX);
        let (autostart, due) = look_at_registry(&settings);
        let watchman = Watchman {
            autostart,
            journals: Places::default(),
            measurer: Measurer::new(Arc::clone(&bounds), settings.hash_bytes_max),
            pace: Pace::new(settings.scan_cpu_percent, Duration::ZERO),
            rebaselines: Rebaselines::default(),
            plans: Plans::new(watched_until, settings.rescan_every),
            watch,
            packaged: Packaged::new(&settings),
            settings,
            bounds,
            roots,
            ledger: Arc::clone(&ledger),
            shared: Arc::clone(&shared),
            counters: Arc::clone(&counters),
            inbox,
            is_inbox_empty: false,
            overloaded,
            orders: orders_in,
            found,
            settle: Settle::new(TOUCHED_MAX),
        };
        let end = HangUp(Arc::clone(&ledger), Arc::clone(&shared), Arc::clone(&waker));
        let watching = set_to_watch(watchman, opened.first_word(), end)?;
        let looking = lookout.map(|lookout| send_out(lookout, inbox_in.clone())).transpose()?;
        let scanning = set_to_scan(scanner, orders)?;
        let noticing = due.map(|due| set_to_notice(due, &shared, inbox_in.clone())).transpose()?;

        Ok(Self {
            shared,
            ledger,
            counters,
            inbox: inbox_in,
            exclusions,
            watched_until,
            waker,
            threads: [Some(scanning), Some(watching), looking, noticing].into_iter().flatten().collect(),
        })
    }

    /// Everything up to this ticket is on the disk: the baseline may move. Never waits.
    pub fn confirm(&self, ticket: Ticket) {
        self.confirm_at(ticket, None);
    }

    /// The same, and that nothing of it lies behind this place of the spool.
    pub fn confirm_at(&self, ticket: Ticket, place: Option<SpoolPlace>) {
        self.shared.confirm(ticket, place);
        // Full means that the loop is awake already; gone means that `join` will apply it.
        drop(self.inbox.try_send(Notice::Wake));
    }

    /// Up to where the baseline holds what was spooled since the start; what lies behind must stay readable.
    #[must_use]
    pub fn absorbed(&self) -> Option<SpoolPlace> {
        self.shared.absorbed()
    }

    /// Named persons want these roots measured anew. All orders that stand, every time: each is done once.
    pub fn rebaseline(&self, orders: Vec<RebaselineOrder>) {
        self.shared.order(orders);
        drop(self.inbox.try_send(Notice::Wake));
    }

    /// The last moment up to which the run before is known to have told everything; `None` at the first start.
    #[must_use]
    pub fn watched_until(&self) -> Option<Timestamp> {
        self.watched_until
    }

    /// Which portion of all content was last read again although nothing about it changed, and when.
    ///
    /// # Errors
    /// If the baseline cannot be read.
    #[cfg(test)]
    pub(super) fn reread(&self) -> Result<Option<(u32, Timestamp)>> {
        lock(&self.ledger).baseline().rehash_state()
    }

    /// How it fares.
    #[must_use]
    pub fn stats(&self) -> FilesStats {
        FilesStats {
            watch_losses: self.counters.losses.load(Ordering::Acquire),
            baseline_paths: self.counters.paths.load(Ordering::Acquire),
            exclusions: self.exclusions,
            is_watching: self.counters.is_watching.load(Ordering::Acquire),
            mode: *lock(&self.counters.mode),
            is_scanned: self.counters.is_scanned.load(Ordering::Acquire),
            scan: self.counters.scan.stats(),
        }
    }

    /// Asks both threads to end. What was touched is still told; then the channel ends.
    pub fn ask_to_stop(&self) {
        self.shared.stop();
        self.waker.wake();
        drop(self.inbox.try_send(Notice::Wake));
    }

    /// Waits for both threads, and moves the baseline by what was confirmed last.
    ///
    /// # Errors
    /// If a thread failed or the baseline could not be written.
    pub fn join(mut self) -> Result<()> {
        self.ask_to_stop();
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("a thread of the files sensor panicked"))??;
        }
        let mut ledger = lock(&self.ledger);
        ledger.apply_confirmed()?;
        if ledger.is_settled() && self.counters.ended_quiet.load(Ordering::Acquire) {
            ledger.baseline().set_watched_until(clock::now())?;
        }

        Ok(())
    }
}

impl Drop for FilesSensor {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

/// What reads the registry, and the flag by which it is told that a look is due; nothing where there is no registry.
fn look_at_registry(settings: &FilesSettings) -> (Option<Autostart>, Option<Arc<AtomicBool>>) {
    if !settings.autostart || !autostart::notices::is_there() {
        return (None, None);
    }
    let due = Arc::new(AtomicBool::new(true));

    (Some(Autostart::new(Box::new(autostart::notices::System), Arc::clone(&due))), Some(due))
}

fn set_to_notice(
    due: Arc<AtomicBool>,
    shared: &Arc<Shared>,
    inbox: SyncSender<Notice>,
) -> Result<JoinHandle<Result<()>>> {
    let shared = Arc::clone(shared);
    let noticing = move || {
        autostart::notices::run(&shared, &due, &inbox);
        Ok(())
    };

    Builder::new().name("files-registry".to_owned()).spawn(noticing).context("start the registry's thread")
}

fn set_to_scan(scanner: Scanner, orders: Receiver<Order>) -> Result<JoinHandle<Result<()>>> {
    Builder::new()
        .name("files-scan".to_owned())
        .spawn(move || orderly(scanner.run(&orders)))
        .context("start the scanning thread")
}

/// Ends the channel and the other thread however the watching thread ends.
struct HangUp(Arc<Mutex<Ledger>>, Arc<Shared>, Arc<Waker>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.1.stop();
        self.2.wake();
        lock(&self.0).hang_up();
    }
}

/// Being asked to stop is no failure.
fn orderly(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.is::<Stopped>() => Ok(()),
        other => other,
    }
}

/// Opens the baseline, brings it up to the spool and within bounds.
fn open_baseline(
    settings: &FilesSettings,
    bounds: &Bounds,
    roots: &Roots,
    spooled: Option<&mut dyn Spooled>,
) -> Result<(Baseline, Opened)> {
    let (mut baseline, opened) = Baseline::open(&settings.baseline_path)?;
    if let Some(spooled) = spooled {
        catch_up(&mut baseline, spooled, bounds, roots)?;
    }
    forget_unwatched(&mut baseline, bounds, roots)?;

    Ok((baseline, opened))
}

/// What an earlier run knew and this one must not or need not know, without a word.
fn forget_unwatched(baseline: &mut Baseline, bounds: &Bounds, roots: &Roots) -> Result<()> {
    baseline.begin()?;
    for key in bounds.keys() {
        baseline.forget_tree(key)?;
    }
    for known in baseline.roots()? {
        // The registry's parts are no paths; a user's is kept while the user is away.
        if roots.find(&known).is_none() && !autostart::is_ours(&known) {
            let kept: Vec<_> = roots.iter().map(|(key, _)| key).filter(|key| key.is_within(&known)).collect();
            if kept.is_empty() {
                baseline.forget_tree(&known)?;
            }
        }
    }

    baseline.commit()?;

    baseline.wipe_log()
}

/// What the ledger tells beside the bare changes: bursts, and how declared texts differ.
fn enrich(ledger: &mut Ledger, settings: &FilesSettings, bounds: &Arc<Bounds>, roots: &Roots) {
    ledger.count_bursts(Bursts::new(settings.burst_files, BURST_SPAN));
    ledger.keep_texts(Texts::open(settings, bounds, roots));
}

/// Where what is told of whole file systems is to go.
fn post(
    bounds: &Arc<Bounds>,
    roots: &Arc<Roots>,
    shared: &Arc<Shared>,
    inbox: &SyncSender<Notice>,
    overloaded: &Arc<AtomicBool>,
    waker: &Arc<Waker>,
) -> Post {
    Post {
        bounds: Arc::clone(bounds),
        roots: Arc::clone(roots),
        shared: Arc::clone(shared),
        inbox: inbox.clone(),
        overloaded: Arc::clone(overloaded),
        waker: Arc::clone(waker),
    }
}

/// Where nothing is told of whole file systems and mounts, every directory is watched by itself.
fn post_lookout(post: Post, by: WatchBy) -> Option<Lookout> {
    match Lookout::open(post, by) {
        Ok(lookout) => Some(lookout),
        Err(error) => {
            tracing::info!(%error, "Mounts and whole file systems are not watched");
            None
        }
    }
}

/// Starts the thread of the loop.
fn set_to_watch(
    mut watchman: Watchman,
    first_word: Option<&'static str>,
    end: HangUp,
) -> Result<JoinHandle<Result<()>>> {
    let watching = move || {
        let end = end;
        let result = watchman.begin_with(first_word).and_then(|()| watchman.run());
        drop(watchman);
        drop(end);
        orderly(result)
    };

    Builder::new().name("files-watch".to_owned()).spawn(watching).context("start the watching thread")
}

/// Starts the reading thread; if it fails, every directory is watched by itself from then on.
fn send_out(lookout: Lookout, inbox: SyncSender<Notice>) -> Result<JoinHandle<Result<()>>> {
    let without_file_systems = lookout.survey().without_file_systems();
    let looking = move || {
        let result = lookout.run();
        if result.is_err() {
            // Gone means that the loop has ended too.
            drop(inbox.send(Notice::Mounts(Box::new(without_file_systems))));
            drop(inbox.send(Notice::Lost(WatchLossReason::WatcherFailed, false)));
        }
        result
    };

    Builder::new().name("files-lookout".to_owned()).spawn(looking).context("start the reading thread")
}

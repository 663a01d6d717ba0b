//! Scanning a root: its walk beside its baseline, by one thread or several.
//!
//! The walk and the baseline have the same order, so that both are streamed. What differs is only *suspected* here: the
//! path goes to the loop, which measures and files it like any other, so that two threads never tell one path.
//! Only a root's first scan measures here, and puts what nobody knows yet into the baseline.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::bounds::Bounds;
use super::compare::Entry;
use super::crew;
use super::front::Front;
use super::key::Key;
use super::ledger::{Ledger, Shared, Stopped, lock};
use super::pace::Throttle;
use super::roots::Roots;
use super::sensor::ScanStats;
use super::settings::FilesSettings;
use super::watch::Notice;
use crate::clock;
use crate::os::priority;

/// Suspects on their way to the loop; the scan waits when there are more.
pub(super) const SUSPECTS_MAX: usize = 64;

/// Measured paths that go into the baseline together.
const BATCH: usize = 2_048;

/// Scan this root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) root: Key,
    /// Whether it is the root's first scan.
    pub(super) is_first: bool,
    /// Files to read again although their metadata is as recorded.
    pub(super) again: Option<Portion>,
}

/// A portion of all paths, the same ones every time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Portion {
    /// So many portions make the whole.
    pub(super) of: u32,
    /// Which one, from 0.
    pub(super) number: u32,
}

impl Portion {
    /// Everything.
    pub(super) const WHOLE: Self = Self { of: 1, number: 0 };

    /// Whether this path is in it.
    pub(super) fn holds(self, key: &[u8]) -> bool {
        self.of <= 1 || crc32fast::hash(key) % self.of == self.number
    }
}

/// What a scan says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// This path differs from its baseline, or did a moment ago.
    Suspect(Key),
    /// The content of this path differs from its baseline, although its metadata says otherwise.
    Forged(Key),
    /// The root is walked; so many of its directories could not be.
    Done { unreachable: u64 },
}

/// What a scan may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Effort {
    /// Threads that walk and hash.
    pub(super) processors: usize,
    /// Share of one processor for all of them together, 1 to 100; 100: as fast as it goes.
    pub(super) cpu_percent: u8,
    /// What all of them together read of files; `None`: as fast as the disk gives it.
    pub(super) disk_bytes_per_second: Option<NonZeroU64>,
    /// Whether it steps behind everybody else on the machine.
    pub(super) is_polite: bool,
}

impl Effort {
    /// A service beside other work.
    pub(super) fn of(settings: &FilesSettings) -> Self {
        Self {
            processors: settings.scan_processors,
            cpu_percent: settings.scan_cpu_percent,
            disk_bytes_per_second: settings.scan_disk_bytes_per_second,
            is_polite: true,
        }
    }
}

/// How far the scan under way has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) is_under_way: AtomicBool,
    pub(super) is_first: AtomicBool,
    /// Milliseconds since 1970.
    pub(super) began_ms: AtomicU64,
    pub(super) paths: AtomicU64,
    pub(super) bytes_read: AtomicU64,
}

impl Progress {
    /// What can be told of the scan under way.
    pub(super) fn stats(&self) -> Option<ScanStats> {
        let began = i64::try_from(self.began_ms.load(Ordering::Acquire)).unwrap_or(0);

        self.is_under_way.load(Ordering::Acquire).then(|| ScanStats {
            is_first: self.is_first.load(Ordering::Acquire),
            since: Timestamp(began),
            paths: self.paths.load(Ordering::Acquire),
            bytes: self.bytes_read.load(Ordering::Acquire),
        })
    }
}

/// The scanning thread's belongings.
pub(super) struct Scanner {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) shared: Arc<Shared>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) roots: Arc<Roots>,
    pub(super) hash_bytes_max: u64,
    pub(super) effort: Effort,
    pub(super) found: SyncSender<Found>,
    pub(super) inbox: SyncSender<Notice>,
    pub(super) progress: Arc<Progress>,
}

/// One scan under way, as all its threads share it.
pub(super) struct Shift<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) order: Order,
    pub(super) out_of_reach: AtomicU64,
    /// Set when one thread has failed or been asked to stop: then all end.
    pub(super) is_over: AtomicBool,
    pub(super) throttle: Option<Mutex<Throttle>>,
    /// Measured, and not yet in the baseline.
    batch: Mutex<Vec<(Key, Entry)>>,
}

impl Scanner {
    /// Scans as ordered until nobody orders any more.
    pub(super) fn run(self, orders: &Receiver<Order>) -> Result<()> {
        if self.effort.is_polite && priority::lower_this_thread() == crate::os::Protection::NotAvailable {
            tracing::warn!("Scanned at ordinary priority, the system allowed no lower one");
        }
        while let Ok(order) = orders.recv() {
            let unreachable = self.scan(order)?;
            self.say(Found::Done { unreachable })?;
        }

        Ok(())
    }

    fn scan(&self, order: Order) -> Result<u64> {
        self.roots.get(&order.root).context("find the root of a scan")?;
        if order.is_first {
            lock(&self.ledger).begin_first();
        }
        self.begin_progress(order.is_first);
        let throttle = self.effort.disk_bytes_per_second.map(|rate| Throttle::new(rate, clock::instant()));
        let shift = Shift {
            scanner: self,
            order,
            out_of_reach: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            throttle: throttle.map(Mutex::new),
            batch: Mutex::new(Vec::new()),
        };
        let done = crew::scan(&shift, Front::new(&shift)).and_then(|()| shift.flush());
        self.progress.is_under_way.store(false, Ordering::Release);
        done?;

        Ok(shift.out_of_reach.load(Ordering::Acquire))
    }

    fn begin_progress(&self, is_first: bool) {
        let progress = &self.progress;
        progress.paths.store(0, Ordering::Release);
        progress.bytes_read.store(0, Ordering::Release);
        progress.began_ms.store(u64::try_from(clock::now().0).unwrap_or(0), Ordering::Release);
        progress.is_first.store(is_first, Ordering::Release);
        progress.is_under_way.store(true, Ordering::Release);
    }

    fn say(&self, found: Found) -> Result<()> {
        self.found.send(found).map_err(|_| anyhow!(Stopped))?;
        // Full means that the loop is awake already.
        drop(self.inbox.try_send(Notice::Wake));

        Ok(())
    }
}

impl Shift<'_> {
    /// Tells the loop. Waits while it has enough to look at.
    pub(super) fn say(&self, found: Found) -> Result<()> {
        self.scanner.say(found)
    }

    /// Whether to end without having finished.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire) || self.scanner.shared.is_stopping()
    }

    /// Whether files have to be read.
    pub(super) fn reads(&self) -> bool {
        self.order.is_first || self.order.again.is_some()
    }

    /// The recorded digest of a path is to be compared with its content.
    pub(super) fn is_again(&self, key: &[u8], recorded: Option<Digest>) -> Option<Digest> {
        recorded.filter(|_| self.order.again.is_some_and(|portion| portion.holds(key)))
    }

    /// Something that nobody knows was measured.
    pub(super) fn keep(&self, key: Key, entry: Entry) -> Result<()> {
        let full = {
            let mut batch = lock(&self.batch);
            batch.push((key, entry));
            (batch.len() >= BATCH).then(|| std::mem::replace(&mut *batch, Vec::with_capacity(BATCH)))
        };

        full.map_or(Ok(()), |batch| self.absorb(batch))
    }

    /// Puts what was measured so far into the baseline.
    fn flush(&self) -> Result<()> {
        self.absorb(std::mem::take(&mut *lock(&self.batch)))
    }

    /// A later change is either seen by the watch, which stands already, and measured by the loop, or met by the next
    /// scan under other stamps than these. A path that the loop has looked at beside us may have changed or gone after
    /// we measured it: it is looked at once more.
    fn absorb(&self, mut batch: Vec<(Key, Entry)>) -> Result<()> {
        batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let doubtful = lock(&self.scanner.ledger).absorb_new(batch)?;
        for key in doubtful {
            self.say(Found::Suspect(key))?;
        }

        Ok(())
    }
}

//! Spool before baseline: what is told is remembered here until it is confirmed; only then the baseline moves.
//!
//! One lock holds comparing and telling together, so that tickets rise in the order of the channel whichever thread
//! speaks. A crash at any point repeats an observation and loses none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::mpsc;
use vonggac_protocol::assignment::RebaselineOrder;
use vonggac_protocol::file::{
    Actor, Area, BaselineTaken, FileAction, FileChanged, FromPackage, TextDifference, WatchLossReason,
    WatchLost, WatchModeChanged,
};
use vonggac_protocol::observation::{Kind, Observation, SensorFailed};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::baseline::{Baseline, Taking};
use super::behind::SpoolPlace;
use super::burst::Bursts;
use super::compare::{Entry, Verdict, weigh};
use super::key::Key;
use super::packaged::{INSTALLED_PATHS_MAX, Installation};
use super::texts::Texts;
use super::{Change, Ticket};
use crate::clock;

/// Changes told and not yet confirmed; at the bound the sensor waits, the watch queue fills, and the loss is told.
pub(super) const PENDING_MAX: usize = 2_048;

/// Paths of installations told and not yet confirmed.
const PENDING_PATHS_MAX: usize = 2 * INSTALLED_PATHS_MAX;

/// Paths remembered as looked at beside a first scan; beyond it everything the scan measures is measured once more.
const LOOKED_AT_MAX: usize = 16_384;

/// The last ticket that is on the disk of the spool, and where.
#[derive(Clone, Copy, Debug, Default)]
struct Confirmed {
    ticket: u64,
    place: Option<SpoolPlace>,
}

/// What threads of the sensor and its caller share without the ledger's lock.
#[derive(Debug, Default)]
pub(super) struct Shared {
    confirmed: Mutex<Confirmed>,
    /// How far the spool's records are in the baseline.
    absorbed: Mutex<Option<SpoolPlace>>,
    moved: Condvar,
    stop: AtomicBool,
    /// Orders that the loop has not taken yet.
    orders: Mutex<Option<Vec<RebaselineOrder>>>,
}

impl Shared {
    /// The baseline holds what was spooled up to here.
    pub(super) fn begun_at(absorbed: Option<SpoolPlace>) -> Self {
        Self { absorbed: Mutex::new(absorbed), ..Self::default() }
    }

    pub(super) fn confirm(&self, Ticket(ticket): Ticket, place: Option<SpoolPlace>) {
        let mut confirmed = lock(&self.confirmed);
        confirmed.ticket = ticket.max(confirmed.ticket);
        confirmed.place = place.or(confirmed.place);
        self.moved.notify_all();
    }

    /// These orders stand from now on, instead of those before.
    pub(super) fn order(&self, orders: Vec<RebaselineOrder>) {
        *lock(&self.orders) = Some(orders);
    }

    pub(super) fn take_orders(&self) -> Option<Vec<RebaselineOrder>> {
        lock(&self.orders).take()
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.moved.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn confirmed(&self) -> Confirmed {
        *lock(&self.confirmed)
    }

    pub(super) fn absorbed(&self) -> Option<SpoolPlace> {
        *lock(&self.absorbed)
    }

    /// Waits for a confirmation beyond `known`, for a stop, or for this long.
    pub(super) fn wait(&self, known: Option<u64>, at_most: Duration) {
        let confirmed = lock(&self.confirmed);
        let goes_on =
            |now: &mut Confirmed| !self.is_stopping() && known.is_none_or(|known| now.ticket <= known);
        drop(
            self.moved
                .wait_timeout_while(confirmed, at_most, goes_on)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

/// A poisoned lock means that a thread of ours died; the sensor's end says so, and readers may still finish.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sensor was asked to stop, or nobody listens any more. Not a failure.
#[derive(Debug, thiserror::Error)]
#[error("the files sensor was asked to stop")]
pub(super) struct Stopped;

/// How a change came to be known.
#[derive(Clone, Debug)]
pub(super) struct Circumstance {
    pub(super) at: Timestamp,
    /// Found by the scan at the start, whose watches stood from this moment on: what bears an older change time, or is
    /// gone, changed while off.
    pub(super) watched_from: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    /// Who did it, if that is known for sure.
    pub(super) actor: Option<Arc<Actor>>,
}

impl Circumstance {
    /// Whether what was found happened while no agent was watching.
    pub(super) fn is_while_off(&self, after: Option<&Entry>) -> bool {
        self.watched_from.is_some_and(|from| after.is_none_or(|entry| entry.state.changed < from))
    }
}

/// Where a path lies.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) root: &'a Key,
    pub(super) area: Area,
    /// Whether the root's first scan is still under way: then a path that is not known was merely not reached yet.
    pub(super) is_new: bool,
}

#[derive(Debug)]
enum Update {
    Path(Key, Option<Arc<Entry>>),
    /// Told together; their states are those in `told`, or have been told anew since.
    Paths(Vec<Key>),
    Taken(Box<Taking>),
    /// Taken anew by the order of this number.
    Retaken(Box<Taking>, u64),
    Nothing,
}

/// Paths looked at in roots whose first scan is still under way.
#[derive(Debug, Default)]
struct LookedAt {
    keys: BTreeSet<Key>,
    /// There were more than are remembered.
    is_lost: bool,
}

impl LookedAt {
    fn remember(&mut self, key: &Key) {
        if self.keys.len() < LOOKED_AT_MAX {
            self.keys.insert(key.clone());
        } else {
            self.is_lost = true;
        }
    }
}

/// The baseline and what is on its way into it.
#[derive(Debug)]
pub(super) struct Ledger {
    /// `None`: bursts are not counted, as when one folder is compared once.
    bursts: Option<Bursts>,
    /// `None`: no file was declared as text.
    texts: Option<Texts>,
    looked_at: LookedAt,
    baseline: Baseline,
    pending: VecDeque<(u64, Update)>,
    /// Paths of the installations among them.
    pending_paths: usize,
    /// The last told and unconfirmed state of a path, and the ticket that told it.
    told: BTreeMap<Key, (u64, Option<Arc<Entry>>)>,
    last: u64,
    paths: u64,
    sender: Option<mpsc::Sender<Change>>,
    shared: Arc<Shared>,
}

impl Ledger {
    pub(super) fn new(baseline: Baseline, sender: mpsc::Sender<Change>, shared: Arc<Shared>) -> Result<Self> {
        let paths = baseline.count()?;
        let (pending, told) = (VecDeque::new(), BTreeMap::new());

        Ok(Self {
            bursts: None,
            texts: None,
            looked_at: LookedAt::default(),
            baseline,
            pending,
            pending_paths: 0,
            told,
            last: 0,
            paths,
            sender: Some(sender),
            shared,
        })
    }

    /// From now on bursts are counted and told.
    pub(super) fn count_bursts(&mut self, bursts: Bursts) {
        self.bursts = Some(bursts);
    }

    /// From now on changes of declared texts are told with how they differ.
    pub(super) fn keep_texts(&mut self, texts: Option<Texts>) {
        self.texts = texts;
    }

    pub(super) fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Ends the channel: nothing more is told.
    pub(super) fn hang_up(&mut self) {
        self.sender = None;
    }

    pub(super) fn paths(&self) -> u64 {
        self.paths
    }

    /// Whether everything that was told is confirmed.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Moves the baseline as far as was confirmed.
    pub(super) fn apply_confirmed(&mut self) -> Result<()> {
        let Confirmed { ticket: confirmed, place } = self.shared.confirmed();
        if self.pending.front().is_none_or(|(ticket, _)| *ticket > confirmed) {
            return Ok(());
        }
        // The last word on each path, in the order of the baseline: one visit to each of its blocks.
        let mut paths = BTreeMap::new();
        let mut takings = Vec::new();
        while let Some((ticket, update)) = self.pending.pop_front_if(|(ticket, _)| *ticket <= confirmed) {
            match update {
                Update::Path(key, entry) => {
                    if self.told.get(&key).is_some_and(|(last, _)| *last == ticket) {
                        self.told.remove(&key);
                    }
                    paths.insert(key, entry);
                }
                Update::Paths(keys) => {
                    self.pending_paths -= keys.len();
                    for key in keys {
                        if self.told.get(&key).is_some_and(|(last, _)| *last == ticket)
                            && let Some((_, entry)) = self.told.remove(&key)
                        {
                            paths.insert(key, entry);
                        }
                    }
                }
                Update::Taken(taking) => takings.push((taking, None)),
                Update::Retaken(taking, number) => takings.push((taking, Some(number))),
                Update::Nothing => {}
            }
        }
        let sorted: Vec<_> = paths.iter().map(|(key, entry)| (key, entry.as_deref())).collect();
        self.baseline.begin()?;
        let moved = self.baseline.put_or_remove(&sorted)?;
        for (taking, number) in takings {
            self.baseline.take(&taking.root, taking.at)?;
            self.baseline.append_history(&taking)?;
            if let Some(number) = number {
                self.baseline.set_rebaselined(&taking.root, number)?;
            }
        }
        if let Some(place) = place {
            self.baseline.set_spooled(place)?;
        }
        self.baseline.commit()?;
        if place.is_some() {
            *lock(&self.shared.absorbed) = place;
        }
        self.paths = self.paths.saturating_add_signed(moved);

        Ok(())
    }

    /// What is known of a path: told last, or else confirmed.
    pub(super) fn known(&self, key: &Key) -> Result<Option<Entry>> {
        match self.told.get(key) {
            Some((_, entry)) => Ok(entry.as_deref().cloned()),
            None => self.baseline.find(key),
        }
    }

    /// Whether anything is known of a path, even that it is gone.
    pub(super) fn knows(&self, key: &Key) -> Result<bool> {
        Ok(self.told.contains_key(key) || self.baseline.glance(key)?.is_some())
    }

    /// Up to `limit` known paths in `first..end`, confirmed or only told, in order; some of them may be told as gone.
    pub(super) fn known_keys(&self, first: &Key, end: &Key, limit: usize) -> Result<Vec<Key>> {
        let glances = self.baseline.glances(first, end, limit)?;
        let mut keys: Vec<Key> = glances.into_iter().map(|(key, _)| key).collect();
        keys.extend(self.told.range(first.clone()..end.clone()).map(|(key, _)| key.clone()).take(limit));
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(limit);

        Ok(keys)
    }

    /// Compares what was measured with what is known, and tells the difference.
    pub(super) fn file(
        &mut self,
        key: &Key,
        place: &Place<'_>,
        after: Option<Entry>,
        package: Option<FromPackage>,
        how: &Circumstance,
    ) -> Result<()> {
        if place.is_new {
            self.looked_at.remember(key);
        }
        let before = self.known(key)?;
        match weigh(before.as_ref(), after.as_ref()) {
            Verdict::Same => {}
            Verdict::Quiet => {
                if let (Some(entry), false) = (&after, self.told.contains_key(key)) {
                    self.baseline.put(key, entry)?;
                }
            }
            Verdict::Changed(FileAction::Created) if place.is_new && !self.told.contains_key(key) => {
                if let Some(entry) = &after {
                    self.absorb(key, entry)?;
                }
            }
            Verdict::Changed(action) => {
                let text = self.text(key, before.as_ref(), after.as_ref(), how.at)?;
                let while_off = how.is_while_off(after.as_ref());
                let change = FileChanged {
                    path: key.host_path(),
                    area: place.area,
                    root: place.root.host_path(),
                    action,
                    before: before.map(|entry| entry.state),
                    after: after.as_ref().map(|entry| entry.state.clone()),
                    while_off,
                    not_before: how.not_before,
                    actor: how.actor.as_deref().cloned(),
                    package,
                    text,
                };
                let (at, now) = (how.at, clock::instant());
                let burst = self.bursts.as_mut().and_then(|bursts| bursts.handle(&change, at, now));
                self.tell(how.at, Kind::FileChanged(change), Update::Path(key.clone(), after.map(Arc::new)))?;
                if let Some(burst) = burst {
                    self.tell(how.at, Kind::ChangeBurst(burst), Update::Nothing)?;
                }
            }
        }

        Ok(())
    }

    /// How a declared text differs. What the baseline holds is kept until it moves: a crash may ask for it again.
    fn text(
        &self,
        key: &Key,
        before: Option<&Entry>,
        after: Option<&Entry>,
        at: Timestamp,
    ) -> Result<Option<TextDifference>> {
        let Some(texts) = self.texts.as_ref().filter(|texts| texts.holds(key)) else { return Ok(None) };
        let confirmed = self.baseline.find(key)?.and_then(|entry| entry.state.digest);
        let state = |entry: Option<&Entry>| entry.map(|entry| entry.state.clone());

        Ok(texts.handle_change(key, confirmed, state(before).as_ref(), state(after).as_ref(), at))
    }

    /// Tells the totals of bursts that have grown since they were told.
    pub(super) fn tell_bursts(&mut self) -> Result<()> {
        let Some(bursts) = self.bursts.as_mut().filter(|bursts| !bursts.is_idle()) else { return Ok(()) };
        for burst in bursts.poll(clock::instant()) {
            self.tell(clock::now(), Kind::ChangeBurst(burst), Update::Nothing)?;
        }

        Ok(())
    }

    /// Takes a path into the baseline without a word: the first scan of its root is told as a whole.
    pub(super) fn absorb(&mut self, key: &Key, entry: &Entry) -> Result<()> {
        self.paths += u64::from(self.baseline.put(key, entry)?);

        Ok(())
    }

    /// A first scan begins: from now on it is remembered which paths were looked at beside it.
    pub(super) fn begin_first(&mut self) {
        self.looked_at = LookedAt::default();
    }

    /// Takes what a first scan measured into the baseline without a word, sorted by key. What was looked at beside the
    /// scan may be older than that look: it is left out and returned, to be measured again.
    pub(super) fn absorb_new(&mut self, mut sorted: Vec<(Key, Entry)>) -> Result<Vec<Key>> {
        let mut doubtful = Vec::new();
        if self.looked_at.is_lost {
            doubtful.extend(sorted.drain(..).map(|(key, _)| key));
        }
        for (key, _) in sorted.extract_if(.., |(key, _)| self.looked_at.keys.contains(key)) {
            doubtful.push(key);
        }
        self.paths += self.baseline.put_new(&sorted)?;

        Ok(doubtful)
    }

    /// Tells that a root's first scan is done. What it found is on the disk before: whoever reads the word in the spool
    /// after a crash may hold it for taken.
    pub(super) fn tell_taken(&mut self, root: &Key, at: Timestamp, taken: BaselineTaken) -> Result<()> {
        self.baseline.wipe_log()?;
        let taking = Box::new(first_taking(root, at, &taken));

        self.tell(at, Kind::BaselineTaken(taken), Update::Taken(taking))
    }

    /// Tells that a root was taken anew by this order; kept in the history for ever.
    pub(super) fn tell_retaken(
        &mut self,
        order: &RebaselineOrder,
        root: &Key,
        at: Timestamp,
        taken: BaselineTaken,
    ) -> Result<()> {
        let by = Some(order.by.clone());
        let taking = Box::new(taking(root, at, by, &order.reason, &taken));

        self.tell(at, Kind::BaselineTaken(taken), Update::Retaken(taking, order.number))
    }

    pub(super) fn tell_lost(
        &mut self,
        roots: Vec<HostPath>,
        reason: WatchLossReason,
        from: Timestamp,
        until: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<()> {
        self.tell(at, Kind::WatchLost(WatchLost { roots, reason, from, until }), Update::Nothing)
    }

    pub(super) fn tell_mode(&mut self, told: WatchModeChanged, at: Timestamp) -> Result<()> {
        self.tell(at, Kind::WatchModeChanged(told), Update::Nothing)
    }

    /// Tells an installation; all its paths move into the baseline with its confirmation.
    pub(super) fn tell_installed(&mut self, installation: Installation, at: Timestamp) -> Result<()> {
        if installation.is_empty() {
            return Ok(());
        }
        let (installed, paths) = installation.into_told("dpkg");
        let keys: Vec<Key> = paths.iter().map(|(key, _)| key.clone()).collect();
        let many = keys.len();
        self.wait_for_room(PENDING_PATHS_MAX.saturating_sub(many))?;
        self.tell(at, Kind::FilesInstalled(installed), Update::Paths(keys))?;
        self.pending_paths += many;
        let ticket = self.last;
        if let Some(texts) = &self.texts {
            for (key, entry) in paths.iter().filter(|(key, _)| texts.holds(key)) {
                let confirmed = self.baseline.find(key)?.and_then(|entry| entry.state.digest);
                texts.keep_after(key, confirmed, entry.as_ref().and_then(|entry| entry.state.digest));
            }
        }
        self.told.extend(paths.into_iter().map(|(key, entry)| (key, (ticket, entry.map(Arc::new)))));

        Ok(())
    }

    pub(super) fn tell_failed(&mut self, reason: &str, at: Timestamp) -> Result<()> {
        let failed = SensorFailed { sensor: "files".to_owned(), reason: reason.to_owned() };

        self.tell(at, Kind::SensorFailed(failed), Update::Nothing)
    }

    fn tell(&mut self, at: Timestamp, kind: Kind, update: Update) -> Result<()> {
        self.wait_for_room(usize::MAX)?;
        let ticket = self.last + 1;
        let change = Change { ticket: Ticket(ticket), observation: Observation { at, kind } };
        let sender = self.sender.as_ref().ok_or_else(|| anyhow!(Stopped))?;
        sender.blocking_send(change).map_err(|_| anyhow!(Stopped))?;
        self.last = ticket;
        if let Update::Path(key, entry) = &update {
            self.told.insert(key.clone(), (ticket, entry.clone()));
        }
        self.pending.push_back((ticket, update));

        Ok(())
    }

    /// Waits until there are fewer changes, and at most so many paths of installations, on their way.
    fn wait_for_room(&mut self, paths_max: usize) -> Result<()> {
        while self.pending.len() >= PENDING_MAX || self.pending_paths > paths_max {
            if self.shared.is_stopping() {
                return Err(anyhow!(Stopped));
            }
            let known = self.shared.confirmed().ticket;
            if self.pending.front().is_some_and(|(ticket, _)| *ticket > known) {
                self.shared.wait(Some(known), Duration::from_secs(1));
            }
            self.apply_confirmed()?;
        }

        Ok(())
    }
}

/// What the history says of a root's first scan.
pub(super) fn first_taking(root: &Key, at: Timestamp, taken: &BaselineTaken) -> Taking {
    taking(root, at, None, "first scan", taken)
}

/// What the history says of it.
fn taking(root: &Key, at: Timestamp, by: Option<String>, reason: &str, taken: &BaselineTaken) -> Taking {
    let (digest, paths) = (taken.digest, taken.paths);

    Taking { at, root: root.clone(), by, reason: reason.to_owned(), digest, paths }
}

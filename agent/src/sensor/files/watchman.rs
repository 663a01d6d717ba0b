//! The loop that joins notices, scans, measuring and the ledger. It alone tells of paths.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use vonggac_protocol::file::{Actor, BaselineTaken, FileKind, WatchLossReason};

use super::autostart::keep::Autostart;
use super::bounds::Bounds;
use super::claims::{About, Claim, Claims};
use super::compare::Entry;
use super::directories::{Touching, is_directory};
use super::journal::Places;
use super::key::Key;
use super::ledger::{Circumstance, Ledger, Place, Shared, Stopped, lock};
use super::measure::{Measured, Measurer};
use super::pace::Pace;
use super::packaged::{Packaged, judge};
use super::plans::{Cause, HEARTBEAT, Plans, TICK};
use super::rebaseline::Rebaselines;
use super::roots::Roots;
use super::scan::{Found, Order, Portion};
use super::sensor::Counters;
use super::settings::FilesSettings;
use super::settle::Settle;
use super::watch::{Notice, Seen, Watch};
use crate::clock;
use crate::os::{fanotify, own};

/// A notice may be this long on its way to us.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Paths looked at before the queue is emptied again.
const READY_AT_ONCE: usize = 64;

/// Notices taken before ready paths get their turn: a flood must not keep us from looking.
const NOTICES_AT_ONCE: usize = 1_024;

/// Known paths beneath a vanished directory, in memory at once.
const PAGE: usize = 256;

/// After a stop is asked for, this much time goes into what was touched and not yet measured.
const LAST_LOOKS: Duration = Duration::from_secs(2);

/// A path whose latest change nobody's notice explains yet is put back this often; then it is told without a name.
const PUT_BACK_MAX: u8 = 2;

/// What is known of who did it.
enum Who {
    Told(Option<Arc<Actor>>),
    /// A notice is on its way.
    NotYet,
}

/// What the loop owns.
pub(super) struct Watchman {
    pub(super) settings: FilesSettings,
    pub(super) bounds: Arc<Bounds>,
    pub(super) roots: Arc<Roots>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    pub(super) inbox: Receiver<Notice>,
    /// The last look into the inbox left nothing there.
    pub(super) is_inbox_empty: bool,
    pub(super) overloaded: Arc<AtomicBool>,
    pub(super) orders: SyncSender<Order>,
    pub(super) found: Receiver<Found>,
    pub(super) watch: Watch,
    pub(super) settle: Settle,
    pub(super) measurer: Measurer,
    pub(super) pace: Pace,
    pub(super) plans: Plans,
    pub(super) rebaselines: Rebaselines,
    pub(super) packaged: Packaged,
    /// `None`: there is no registry, or it is not watched.
    pub(super) autostart: Option<Autostart>,
    pub(super) journals: Places,
}

impl Watchman {
    /// Watches until asked to stop.
    pub(super) fn run(&mut self) -> Result<()> {
        self.belong();
        self.begin()?;
        self.tell_modes()?;
        self.tell_remote()?;
        self.plans.watched_from = clock::now();
        self.counters.is_watching.store(true, Ordering::Release);
        self.catch_up_by_journals()?;
        // What was installed while off is recognised from here on. Takes seconds at the first start; the watches stand already.
        self.packaged.refresh(clock::instant());
        while !self.shared.is_stopping() {
            lock(&self.ledger).apply_confirmed()?;
            self.take_notices()?;
            self.look_at_ready(clock::instant(), READY_AT_ONCE)?;
            if self.settle.poll_timeout().is_none_or(|due| due > clock::instant()) {
                self.look_at_suspect()?;
            }
            self.keep_installation()?;
            self.keep_autostart()?;
            self.keep_time()?;
            lock(&self.ledger).tell_bursts()?;
            self.keep_orders()?;
            self.counters.paths.store(lock(&self.ledger).paths(), Ordering::Release);
        }

        self.last_looks()
    }

    /// Says what went wrong before the loop began, if anything did.
    pub(super) fn begin_with(&mut self, failure: Option<&str>) -> Result<()> {
        match failure {
            Some(reason) => lock(&self.ledger).tell_failed(reason, clock::now()),
            None => Ok(()),
        }
    }

    /// Looks at what the system starts by itself, if that may have changed.
    fn keep_autostart(&mut self) -> Result<()> {
        let Some(autostart) = self.autostart.as_mut().filter(|autostart| autostart.is_due()) else {
            return Ok(());
        };

        autostart.look(&mut lock(&self.ledger), self.plans.watched_until, self.plans.quiet_at)
    }

    /// Watches stand before the first scan compares, so that nothing falls in between.
    fn begin(&mut self) -> Result<()> {
        let roots = Arc::clone(&self.roots);
        for key in roots.by_weight() {
            let Some(root) = roots.get(&key) else { continue };
            let is_taken = lock(&self.ledger).baseline().is_taken(&key)?;
            let is_there = std::fs::symlink_metadata(&root.path).is_ok();
            if !is_there {
                self.plans.absent.insert(key.clone());
                if !is_taken {
                    // Nothing is there to be recorded; whatever appears later is new.
                    lock(&self.ledger).baseline().take(&key, clock::now())?;
                    continue;
                }
            }
            if !is_taken {
                self.plans.first.insert(key.clone());
            }
            self.plans.unscanned.insert(key.clone());
            let cause = Cause::Start(self.plans.watched_until);
            self.plans.want(&key, cause);
            if is_there {
                self.watch_root(&root.path)?;
            }
        }

        Ok(())
    }

    fn take_notices(&mut self) -> Result<()> {
        let timeout = self.timeout(clock::instant());
        self.is_inbox_empty = false;
        match self.inbox.recv_timeout(timeout) {
            Ok(notice) => self.take_notice(notice)?,
            Err(RecvTimeoutError::Timeout) => {
                if self.settle.is_empty()
                    && !self.packaged.is_under_way()
                    && self.plans.is_idle()
                    && lock(&self.ledger).is_settled()
                {
                    self.plans.quiet_at = clock::now().minus(ON_ITS_WAY);
                    self.keep_journals(clock::instant())?;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(anyhow!("the system's watcher ended")),
        }
        for _ in 0..NOTICES_AT_ONCE {
            let Ok(notice) = self.inbox.try_recv() else {
                self.is_inbox_empty = true;
                break;
            };
            self.take_notice(notice)?;
        }
        if self.overloaded.swap(false, Ordering::AcqRel) {
            self.lose(WatchLossReason::AgentOverloaded, None)?;
        }

        Ok(())
    }

    fn timeout(&self, now: Instant) -> Duration {
        if self.plans.current.is_none() && !self.plans.due.is_empty() {
            return Duration::ZERO;
        }
        let mut until = self.plans.next_tick;
        if let Some(due) = self.settle.poll_timeout() {
            until = until.min(due);
        }
        if let Some(due) = self.installation_timeout(now) {
            until = until.min(due);
        }
        if self.plans.current.is_some() {
            // Suspects wake us when there is room in the inbox; where there is none we are awake anyway.
            until = until.min(self.plans.resume_at.unwrap_or(now + Duration::from_millis(200)));
        }

        until.saturating_duration_since(now)
    }

    fn take_notice(&mut self, notice: Notice) -> Result<()> {
        match notice {
            Notice::Touched(path) => self.touch(&path, None),
            Notice::Structure(path) => {
                if self.is_watched(&path) && is_directory(&path) {
                    self.enlist(&path, None)?;
                }
                self.touch(&path, None);
            }
            Notice::Seen(path, seen) => self.take_seen(&path, seen)?,
            Notice::Lost(reason, of_file_systems) => {
                let roots = self.watch.survey.roots_by(of_file_systems);
                self.lose(reason, (!roots.is_empty()).then_some(roots))?;
            }
            Notice::Mounts(survey) => self.take_survey(*survey)?,
            Notice::Wake => {}
        }

        Ok(())
    }

    pub(super) fn is_watched(&self, path: &Path) -> bool {
        let key = Key::of(path);

        self.bounds.allow(&key) && self.roots.find(&key).is_some()
    }

    pub(super) fn touch(&mut self, path: &Path, claim: Option<Claim>) {
        let key = Key::of(path);
        let Some((root, _)) = self.roots.find(&key).filter(|_| self.bounds.allow(&key)) else {
            return;
        };
        if !self.settle.handle_touched(path, claim, clock::instant()) {
            let cause = Cause::Again(Some(self.plans.quiet_at));
            self.plans.want(root, cause);
        }
    }

    /// Notices were lost, of these roots or of all: says so once, and has everything scanned that may have changed
    /// meanwhile.
    pub(super) fn lose(&mut self, reason: WatchLossReason, of: Option<BTreeSet<Key>>) -> Result<()> {
        self.counters.losses.fetch_add(1, Ordering::AcqRel);
        let from = self.plans.quiet_at;
        let mut concerned: Vec<Key> = self.roots.by_weight();
        if let Some(of) = &of {
            concerned.retain(|key| of.contains(key));
        }
        let is_due = |key: &Key| {
            self.plans.due.iter().any(|(due, cause)| due == key && matches!(cause, Cause::Lost(_)))
        };
        let is_told = concerned.iter().all(is_due);
        for key in &concerned {
            self.plans.want(key, Cause::Lost(from));
        }
        if !is_told {
            let now = clock::now();
            let is_all = concerned.len() == self.roots.iter().count();
            let named = if is_all { Vec::new() } else { concerned.iter().map(Key::host_path).collect() };
            lock(&self.ledger).tell_lost(named, reason, from, Some(now), now)?;
        }

        Ok(())
    }

    /// A whole file system's notices of a path.
    fn take_seen(&mut self, path: &Path, seen: Seen) -> Result<()> {
        if self.plans.absent.contains(&Key::of(path)) {
            self.find_absent_roots()?;
            self.look_for_orders();
        }
        if seen.is_structure && self.is_watched(path) && is_directory(path) {
            let mover = seen.claims.last_change().map(|claim| Claim { about: About::Brought, ..claim });
            self.enlist(path, mover.as_ref())?;
        }
        for claim in seen.claims.into_list() {
            self.touch(path, Some(claim));
        }

        Ok(())
    }

    fn look_at_ready(&mut self, now: Instant, at_most: usize) -> Result<()> {
        for _ in 0..at_most {
            let Some((path, claims)) = self.settle.poll_ready(now) else { break };
            let at = clock::now();
            let key = Key::of(&path);
            let is_unscanned = self.roots.find(&key).is_some_and(|(root, _)| {
                self.plans.unscanned.contains(root) && !self.plans.first.contains(root)
            });
            let not_before = self.plans.watched_until.filter(|_| is_unscanned);
            // What a scan met in a directory may be older than the watch; what went after its notice went just now.
            let is_there = is_unscanned && std::fs::symlink_metadata(&path).is_ok();
            let watched_from = is_there.then_some(self.plans.watched_from);
            let how = Circumstance { at, watched_from, not_before, actor: None };
            if !self.holds_back(&key, &how, &claims) {
                self.look(&path, &how, &claims)?;
            }
            if self.shared.is_stopping() {
                break;
            }
        }

        Ok(())
    }

    fn look_at_suspect(&mut self) -> Result<()> {
        let now = clock::instant();
        if self.plans.resume_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        self.plans.resume_at = None;
        self.pace.rest(own::thread_time());
        for _ in 0..READY_AT_ONCE {
            let found = match self.found.try_recv() {
                Ok(found) => found,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return self.without_scanner(),
            };
            match found {
                Found::Suspect(key) => self.look_at(&key)?,
                Found::Forged(key) => self.look_at_forged(&key)?,
                Found::Done { unreachable } => self.finish_scan(unreachable)?,
            }
            if let Some(pause) = self.pace.poll_pause(own::thread_time()) {
                self.plans.resume_at = Some(clock::instant() + pause);
                break;
            }
        }

        self.order_scan()
    }

    fn look_at(&mut self, key: &Key) -> Result<()> {
        let Some((_, cause, _)) = &self.plans.current else { return Ok(()) };
        let (watched_from, not_before) = match cause {
            Cause::Start(watched_until) => (Some(self.plans.watched_from), *watched_until),
            Cause::Lost(from) => (None, Some(*from)),
            Cause::Again(from) => (None, *from),
        };
        let Some(path) = key.path() else { return Ok(()) };
        // Who did it is known to those notices that are waiting: they bring us back soon.
        if !self.settle.holds_claims(&path) {
            let how = Circumstance { at: clock::now(), watched_from, not_before, actor: None };
            if !self.holds_back(key, &how, &Claims::default()) {
                self.look(&path, &how, &Claims::default())?;
            }
        }
        // A directory that came while notices were lost may have no watch.
        if is_directory(&path) && self.is_watched(&path) {
            self.enlist_unknown(&path)?;
        }

        Ok(())
    }

    /// Measures a path and tells what changed; follows up on directories that came or went.
    pub(super) fn look(&mut self, path: &Path, how: &Circumstance, claims: &Claims) -> Result<()> {
        let key = Key::of(path);
        let mut how = how.clone();
        let Some((before, after)) = self.measure_and_file(path, &key, &mut how, claims)? else {
            return Ok(());
        };
        let is_dir = |found: &Option<(FileKind, u64)>| matches!(found, Some((FileKind::Directory, _)));
        // Another directory under the same name, too: what was beneath the old one may be nowhere now.
        if is_dir(&before) && before != after {
            self.sweep(&key, &how)?;
        }
        if is_dir(&after) && before != after && !self.watch.covers(path) {
            self.walk_directories(path, Touching::New, None)?;
        }
        if is_dir(&before) && after.is_none() && self.roots.get(&key).is_some() {
            self.plans.absent.insert(key.clone());
            lock(&self.ledger).tell_lost(
                vec![key.host_path()],
                WatchLossReason::RootGone,
                how.not_before.unwrap_or(self.plans.quiet_at),
                None,
                how.at,
            )?;
        }

        Ok(())
    }

    /// Kind and number before and after; `None` if nothing can be said of the path.
    #[expect(
        clippy::type_complexity,
        reason = "one pair of like things, used on the next lines of its only caller"
    )]
    fn measure_and_file(
        &mut self,
        path: &Path,
        key: &Key,
        how: &mut Circumstance,
        claims: &Claims,
    ) -> Result<Option<(Option<(FileKind, u64)>, Option<(FileKind, u64)>)>> {
        let roots = Arc::clone(&self.roots);
        let found = roots.find(key).filter(|_| self.bounds.allow(key));
        let Some((root, area)) = found.map(|(key, root)| (key, root.area)) else { return Ok(None) };
        if self.is_detached(key) {
            return Ok(None);
        }
        let owners = self.packaged.owners(key);
        let is_recorded = owners.iter().any(|owner| owner.recorded.is_some());
        let (after, md5) = match self.measurer.at_path_with_md5(path, is_recorded) {
            Ok((Measured::Gone, _)) if self.is_about_to_be_detached(key) => return Ok(None),
            Ok((Measured::Found(entry), md5)) => (Some(entry), md5),
            Ok((Measured::Gone, _)) => (None, None),
            // Out of reach or out of bounds: it is there, and nothing more can be said.
            Ok((Measured::OutOfBounds, _)) | Err(_) => return Ok(None),
        };
        let package = judge(&owners, after.as_ref().map(|entry| &entry.state), md5);
        if !claims.is_empty() {
            let is_new = lock(&self.ledger).known(key)?.is_none();
            match self.who_did(path, after.as_ref(), is_new, claims) {
                Who::Told(actor) => how.actor = actor,
                Who::NotYet => return Ok(None),
            }
        }
        let place = Place { root, area, is_new: self.plans.first.contains(root) };
        let mut ledger = lock(&self.ledger);
        let before = ledger.known(key)?.map(|entry| (entry.state.kind, entry.mark.inode));
        let now = after.as_ref().map(|entry| (entry.state.kind, entry.mark.inode));
        self.packaged.file(&mut ledger, key, &place, after, package, how)?;

        Ok(Some((before, now)))
    }

    /// A directory went: so did all that was known beneath it, unless it can still be found there.
    fn sweep(&mut self, dir: &Key, how: &Circumstance) -> Result<()> {
        let (mut next, end) = dir.beneath();
        loop {
            let keys = lock(&self.ledger).known_keys(&next, &end, PAGE)?;
            let Some(last) = keys.last() else { return Ok(()) };
            next = last.successor();
            for key in &keys {
                // What is waiting is looked at by itself, with what is known of who did it. What was told as gone is not
                // looked for again, once for every directory above it.
                let is_known = lock(&self.ledger).known(key)?.is_some();
                if let Some(path) = key.path().filter(|path| is_known && !self.settle.holds_claims(path)) {
                    self.measure_and_file(&path, key, &mut how.clone(), &Claims::default())?;
                }
                if self.shared.is_stopping() {
                    return Err(anyhow!(Stopped));
                }
            }
        }
    }

    /// Who made this path what was measured.
    fn who_did(&mut self, path: &Path, after: Option<&Entry>, is_new: bool, claims: &Claims) -> Who {
        let Some(entry) = after else { return Who::Told(claims.who(None)) };
        let changed = entry.state.changed;
        // Whatever comes and goes in a directory changes its time too; who made it stays the same.
        let is_new_directory = is_new && entry.state.kind == FileKind::Directory;
        if !is_new_directory && claims.until().is_none_or(|until| changed > until) {
            // Somebody changed it since; that notice is on its way, and so is its name.
            let mut again = claims.clone();
            again.put_back += 1;
            let is_kept =
                again.put_back <= PUT_BACK_MAX && self.settle.put_back(path, again, clock::instant());
            return if is_kept { Who::NotYet } else { Who::Told(None) };
        }
        let handle = fanotify::handle_of(path).filter(|(_, inode)| *inode == entry.mark.inode);

        Who::Told(handle.and_then(|(handle, _)| claims.who(Some((&handle, changed)))))
    }

    fn order_scan(&mut self) -> Result<()> {
        if self.plans.current.is_some() {
            return Ok(());
        }
        if self.plans.due.is_empty() {
            return self.order_reread();
        }
        let (root, cause) = self.plans.due.remove(0);
        let is_first = self.plans.first.contains(&root);
        let again = self.rebaselines.begin(&root).then_some(Portion::WHOLE);
        self.plans.current = Some((root.clone(), cause, clock::instant()));

        self.orders.send(Order { root, is_first, again }).or_else(|_| self.without_scanner())
    }

    /// The scanning thread is gone. Asked to stop it may end before this one, which has last looks to take; else it failed.
    pub(super) fn without_scanner(&self) -> Result<()> {
        ensure!(self.shared.is_stopping(), "the scanning thread ended");

        Ok(())
    }

    fn finish_scan(&mut self, unreachable: u64) -> Result<()> {
        let Some((root, _, began)) = self.plans.current.take() else { return Ok(()) };
        self.finish_reread()?;
        self.plans.unscanned.remove(&root);
        self.counters.is_scanned.store(self.plans.unscanned.is_empty(), Ordering::Release);
        self.rebaselines.scanned(&root, began, unreachable);
        if self.plans.first.remove(&root) {
            let at = clock::now();
            let mut ledger = lock(&self.ledger);
            if let Some(number) = self.rebaselines.last_number(&root) {
                ledger.baseline().set_rebaselined(&root, number)?;
            }
            let roots = &self.roots;
            let ours = |key: &Key| roots.find(key).is_some_and(|(found, _)| *found == root);
            let sums = ledger.baseline().sums(&root, self.settings.hash_bytes_max, &ours)?;
            if let Some(found) = roots.get(&root) {
                let taken = BaselineTaken {
                    root: root.host_path(),
                    area: found.area,
                    paths: sums.paths,
                    bytes: sums.bytes,
                    digest: sums.digest,
                    unreadable: sums.unreadable + unreachable,
                    took_ms: u64::try_from(clock::instant().duration_since(began).as_millis())
                        .unwrap_or(u64::MAX),
                    by: None,
                    reason: None,
                    previous: None,
                };
                ledger.tell_taken(&root, at, taken)?;
            }
        }
        if let Some(scanned) = self.plans.unwatched.get_mut(&root) {
            *scanned = clock::instant();
        }

        Ok(())
    }

    fn keep_time(&mut self) -> Result<()> {
        let now = clock::instant();
        self.order_scan()?;
        if now >= self.plans.next_tick {
            self.plans.next_tick = now + TICK;
            self.find_absent_roots()?;
            self.measurer.refresh_names();
            if self.plans.is_idle() {
                self.packaged.refresh(now);
            }
        }
        if now >= self.plans.next_rescan {
            self.plans.next_rescan = now + self.settings.rescan_every;
            for key in self.roots.by_weight() {
                self.plans.want(&key, Cause::Again(Some(self.plans.quiet_at)));
            }
        }
        self.want_remote_scans(now);
        let every = self.settings.unwatched_rescan_every;
        let late: Vec<(Key, Instant)> =
            self.plans.unwatched.iter().map(|(key, at)| (key.clone(), *at)).collect();
        for (key, scanned) in late {
            let is_current = self.plans.current.as_ref().is_some_and(|(current, _, _)| *current == key);
            if !is_current && now.duration_since(scanned) >= every {
                self.plans.want(&key, Cause::Again(Some(self.plans.quiet_at)));
            }
        }
        if now >= self.plans.next_heartbeat && self.plans.is_idle() {
            self.plans.next_heartbeat = now + HEARTBEAT;
            lock(&self.ledger).baseline().set_watched_until(self.plans.quiet_at)?;
        }

        Ok(())
    }

    /// A root that was not there may have come: then all of it is new.
    fn find_absent_roots(&mut self) -> Result<()> {
        for key in self.plans.absent.clone() {
            let Some(root) = self.roots.get(&key).cloned() else { continue };
            if std::fs::symlink_metadata(&root.path).is_ok() {
                self.plans.absent.remove(&key);
                self.watch_root(&root.path)?;
                self.touch(&root.path, None);
                self.plans.want(&key, Cause::Again(Some(self.plans.quiet_at)));
            }
        }

        Ok(())
    }

    /// Asked to stop: what was touched is measured now instead of after its quiet time.
    fn last_looks(&mut self) -> Result<()> {
        let until = clock::instant() + LAST_LOOKS;
        let far = until + Duration::from_secs(3_600);
        while let Some((path, claims)) = self.settle.poll_ready(far) {
            if clock::instant() > until {
                return Ok(());
            }
            let how = Circumstance { at: clock::now(), watched_from: None, not_before: None, actor: None };
            self.look(&path, &how, &claims.at_last())?;
        }
        self.release_all();
        while self.look_at_released()? {
            if clock::instant() > until {
                return self.tell_installations_now();
            }
        }
        self.tell_installations_now()?;
        if self.plans.is_idle() {
            self.counters.ended_quiet.store(true, Ordering::Release);
        }

        Ok(())
    }
}

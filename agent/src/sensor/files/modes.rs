//! By which means each root is watched, and what becomes of it when mounts come and go.
//!
//! A mount that was there when its files were first recorded *belongs*: when it goes, its files are not told as deleted
//! one by one; they are kept as known, and compared when it is back. One that came later and covers files that were
//! recorded is told as any other change of what can be seen at these paths.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use vonggac_protocol::file::{WatchLossReason, WatchMode, WatchModeChanged};

use super::key::Key;
use super::ledger::lock;
use super::plans::Cause;
use super::survey::{Holding, Means, Survey};
use super::watchman::Watchman;
use crate::clock;
use crate::os::file::Dir;

impl Watchman {
    /// How a root is watched, and why not better.
    pub(super) fn mode_of(&self, root: &Key) -> (WatchMode, String) {
        if self.plans.unwatched.contains_key(root) {
            let mut reasons = self.watch.survey.of(root).filter_map(|holding| match &holding.means {
                Means::Nothing(reason) => Some(reason.clone()),
                Means::FileSystem | Means::Directories(_) => None,
            });
            return (
                WatchMode::ScanOnly,
                reasons.next().unwrap_or_else(|| "no more watches to be had".to_owned()),
            );
        }
        let worst = self.watch.survey.of(root).map(|holding| holding.means.clone()).max();
        match worst {
            Some(Means::FileSystem) => (WatchMode::FileSystem, String::new()),
            Some(Means::Directories(reason) | Means::Nothing(reason)) => (WatchMode::Directories, reason),
            None => (WatchMode::Directories, "this system tells nothing of whole file systems".to_owned()),
        }
    }

    /// Tells of every root that is watched by other means than it was last told.
    pub(super) fn tell_modes(&mut self) -> Result<()> {
        let mut changed: BTreeMap<(WatchMode, Option<WatchMode>, String), Vec<Key>> = BTreeMap::new();
        for (root, _) in self.roots.iter() {
            let (mode, reason) = self.mode_of(root);
            let before = self.plans.modes.insert(root.clone(), mode);
            if before != Some(mode) {
                changed.entry((mode, before, reason)).or_default().push(root.clone());
            }
        }
        *lock(&self.counters.mode) = self.plans.modes.values().max().copied();
        for ((mode, before, reason), roots) in changed {
            let is_all = roots.len() == self.plans.modes.len();
            let roots = if is_all { Vec::new() } else { roots.iter().map(Key::host_path).collect() };
            let told = WatchModeChanged { roots, mode, before, reason };
            lock(&self.ledger).tell_mode(told, clock::now())?;
        }

        Ok(())
    }

    /// The mounts changed: roots that lost a mount of their own rest until it is back; others are scanned.
    pub(super) fn take_survey(&mut self, survey: Survey) -> Result<()> {
        let before = std::mem::replace(&mut self.watch.survey, survey);
        let now = self.watch.survey.clone();
        let point = |holding: &Holding| Key::of(&holding.mount.point);
        let stands = |survey: &Survey, one: &Holding| {
            survey
                .0
                .iter()
                .any(|other| other.mount.id == one.mount.id && other.mount.point == one.mount.point)
        };
        let (mut gone, mut differs) = (BTreeSet::new(), BTreeSet::new());
        for holding in before.0.iter().filter(|holding| !stands(&now, holding)) {
            let key = point(holding);
            // Another mount stands in its place, or it was mounted over: what can be seen there is looked at.
            let is_replaced = now.0.iter().any(|other| point(other) == key);
            if self.plans.belonging.contains(&key) && !is_replaced {
                self.plans.detached.insert(key);
                gone.extend(holding.roots.iter().cloned());
            } else {
                differs.extend(holding.roots.iter().cloned());
            }
        }
        for holding in now.0.iter().filter(|holding| !stands(&before, holding)) {
            let key = point(holding);
            let is_back = self.plans.detached.remove(&key);
            if is_back || !self.is_known_beneath(&key)? {
                self.plans.belonging.insert(key);
            }
            differs.extend(holding.roots.iter().cloned());
        }
        self.tell_gone(&gone)?;
        self.tell_remote()?;
        differs.retain(|root| !self.is_detached(root));
        if !differs.is_empty() {
            for root in &differs {
                if let Some(root) = self.roots.get(root).cloned() {
                    self.watch_root(&root.path)?;
                }
            }
            self.lose(WatchLossReason::MountChanged, Some(differs))?;
        }

        self.tell_modes()
    }

    fn is_known_beneath(&self, point: &Key) -> Result<bool> {
        let (first, end) = point.beneath();

        Ok(!lock(&self.ledger).known_keys(&first, &end, 1)?.is_empty())
    }

    /// A mount of their own went with all of these roots, or a part of them.
    fn tell_gone(&mut self, roots: &BTreeSet<Key>) -> Result<()> {
        let (whole, part): (Vec<&Key>, Vec<&Key>) = roots.iter().partition(|root| self.is_detached(root));
        let (from, now) = (self.plans.quiet_at, clock::now());
        for (roots, reason) in [(whole, WatchLossReason::RootGone), (part, WatchLossReason::MountChanged)] {
            if !roots.is_empty() {
                let roots = roots.into_iter().map(Key::host_path).collect();
                lock(&self.ledger).tell_lost(roots, reason, from, None, now)?;
            }
        }

        Ok(())
    }

    /// Whether this path lay on a mount that is away.
    pub(super) fn is_detached(&self, key: &Key) -> bool {
        self.plans.detached.iter().any(|point| key.is_within(point))
    }

    /// Whether the mount that this path belongs to is away and nobody has told us yet.
    pub(super) fn is_about_to_be_detached(&self, key: &Key) -> bool {
        let held = self.watch.survey.0.iter().filter(|holding| {
            let point = Key::of(&holding.mount.point);
            self.plans.belonging.contains(&point) && key.is_within(&point)
        });
        let nearest = held.max_by_key(|holding| holding.mount.point.as_os_str().len());

        nearest.is_some_and(|holding| {
            let found = Dir::open(&holding.mount.point).and_then(|dir| dir.own_stat());
            !found.is_ok_and(|stat| stat.device == holding.device)
        })
    }

    /// The mounts of the start belong to what is recorded.
    pub(super) fn belong(&mut self) {
        let root = Key::of(std::path::Path::new("/"));
        let points = self.watch.survey.0.iter().map(|holding| Key::of(&holding.mount.point));
        self.plans.belonging = points.filter(|point| *point != root).collect();
    }

    /// Roots that others change without our being told are scanned every so often.
    pub(super) fn tell_remote(&mut self) -> Result<()> {
        let remote = self.watch.survey.0.iter().filter(|holding| holding.mount.is_remote());
        let roots: BTreeSet<Key> = remote.flat_map(|holding| holding.roots.iter().cloned()).collect();
        let new: Vec<Key> =
            roots.iter().filter(|root| !self.plans.remote.contains_key(*root)).cloned().collect();
        self.plans.remote.retain(|root, _| roots.contains(root));
        for root in &new {
            self.plans.remote.insert(root.clone(), clock::instant());
        }
        if !new.is_empty() {
            let named = new.iter().map(Key::host_path).collect();
            let now = clock::now();
            lock(&self.ledger).tell_lost(named, WatchLossReason::RemoteFileSystem, now, None, now)?;
        }

        Ok(())
    }

    /// Scans of roots on file systems that others change too.
    pub(super) fn want_remote_scans(&mut self, now: std::time::Instant) {
        let every = self.settings.remote_rescan_every;
        let late: Vec<Key> = self
            .plans
            .remote
            .iter_mut()
            .filter(|(_, scanned)| now.duration_since(**scanned) >= every)
            .map(|(root, scanned)| {
                *scanned = now;
                root.clone()
            })
            .collect();
        for root in late {
            self.plans.want(&root, Cause::Again(Some(self.plans.quiet_at)));
        }
    }
}

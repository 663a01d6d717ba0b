//! What is due, what is under way, and since when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vonggac_protocol::file::WatchMode;
use vonggac_protocol::time::Timestamp;

use super::key::Key;
use super::reread::Reread;
use crate::clock;

/// How often roots that are not there are looked for, and other slow duties done.
pub(super) const TICK: Duration = Duration::from_secs(5);

/// How often the moment up to which everything was told is written down: what is found after a crash happened since then
/// at the earliest, and the shorter that span, the surer does it lie in a change window. It is one page of a write-ahead
/// log, and no sync of the disk.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// Why a root is to be scanned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cause {
    /// For safety, or because more was touched than we remember; changes happened after this moment.
    Again(Option<Timestamp>),
    /// Notices were lost after this moment.
    Lost(Timestamp),
    /// The start: nobody watched since this moment.
    Start(Option<Timestamp>),
}

/// What is due and what is under way.
#[derive(Debug)]
pub(super) struct Plans {
    /// Roots to scan, in this order.
    pub(super) due: Vec<(Key, Cause)>,
    pub(super) current: Option<(Key, Cause, Instant)>,
    /// Roots whose first scan was not told yet.
    pub(super) first: BTreeSet<Key>,
    /// Roots that were not scanned since the start.
    pub(super) unscanned: BTreeSet<Key>,
    /// Roots that are not there.
    pub(super) absent: BTreeSet<Key>,
    /// Roots that the system does not let us watch whole, and when they were last scanned.
    pub(super) unwatched: BTreeMap<Key, Instant>,
    /// How each root is watched, as last told.
    pub(super) modes: BTreeMap<Key, WatchMode>,
    /// Mounts that were there when what is on them was first recorded.
    pub(super) belonging: BTreeSet<Key>,
    /// Those of them that are away.
    pub(super) detached: BTreeSet<Key>,
    /// Roots on file systems that others change too, and when they were last scanned.
    pub(super) remote: BTreeMap<Key, Instant>,
    pub(super) watched_until: Option<Timestamp>,
    /// Since when all watches stand.
    pub(super) watched_from: Timestamp,
    /// The last moment at which nothing was waiting anywhere.
    pub(super) quiet_at: Timestamp,
    pub(super) next_tick: Instant,
    pub(super) next_heartbeat: Instant,
    pub(super) next_rescan: Instant,
    /// Content that is read again today.
    pub(super) reread: Option<Reread>,
    pub(super) next_reread: Instant,
    /// No looks at suspects before this moment.
    pub(super) resume_at: Option<Instant>,
}

impl Plans {
    pub(super) fn new(watched_until: Option<Timestamp>, rescan_every: Duration) -> Self {
        let now = clock::instant();

        Self {
            due: Vec::new(),
            current: None,
            first: BTreeSet::new(),
            unscanned: BTreeSet::new(),
            absent: BTreeSet::new(),
            unwatched: BTreeMap::new(),
            modes: BTreeMap::new(),
            belonging: BTreeSet::new(),
            detached: BTreeSet::new(),
            remote: BTreeMap::new(),
            watched_until,
            watched_from: clock::now(),
            quiet_at: clock::now(),
            next_tick: now + TICK,
            next_heartbeat: now + HEARTBEAT,
            next_rescan: now + rescan_every,
            reread: None,
            next_reread: now,
            resume_at: None,
        }
    }

    /// The stronger cause wins where a root is due already.
    pub(super) fn want(&mut self, root: &Key, cause: Cause) {
        match self.due.iter_mut().find(|(due, _)| due == root) {
            Some((_, known)) => *known = cause.max(*known),
            None => self.due.push((root.clone(), cause)),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.due.is_empty()
    }
}

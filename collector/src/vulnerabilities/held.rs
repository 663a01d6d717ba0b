//! Book, fleet and marks in memory: each distinct package of the fleet is judged once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vonggac_advisory::book::{Book, Loading};
use vonggac_advisory::fleet::{Fleet, Machine};
use vonggac_advisory::priority::Priorities;
use vonggac_advisory::source::Feed;
use vonggac_advisory::windows::Shelves;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::package::Package;
use vonggac_rules::support::SupportTable;

use super::keeping::Keeping;
use crate::config::FEEDS_DAYS_MAX;
use crate::store::feeds::Kept;

static BUILT_IN: LazyLock<Arc<SupportTable>> = LazyLock::new(|| Arc::new(SupportTable::embedded()));

/// What is known of a machine when it was judged last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// Digest of its inventory.
    pub(super) inventory: Digest,
    /// Newest observation that says what it is.
    pub(super) observation: i64,
    pub(super) machine: Machine,
}

/// Book, fleet and marks.
#[derive(Default)]
pub struct Held {
    pub(super) book: Book,
    pub(super) fleet: Fleet<HostId>,
    pub(super) priorities: Priorities,
    pub(super) feeds: BTreeMap<String, Kept>,
    pub(super) hosts: BTreeMap<HostId, Known>,
    /// Rows left out by feed, because a version of theirs is none.
    pub(super) refused: BTreeMap<String, u64>,
    /// The book's rows of Windows, in order.
    pub(super) shelves: Shelves,
    pub(super) keeping: Keeping,
    /// Ends of support, with those of the feeds; `None`: no feed has any.
    pub(super) support: Option<Arc<SupportTable>>,
}

impl Held {
    /// Takes a feed that was read whole; `Loading` is empty for marks and scores.
    pub(super) fn feed(&mut self, kept: Kept, loading: Loading) {
        let part = &kept.part;
        let feed = Feed {
            name: part.name.clone(),
            source: part.source.clone(),
            dated: Some(part.dated),
            digest: part.packed,
            rows: part.rows,
            covers: part.covers.clone(),
        };
        let loaded = self.book.put(feed, loading);
        self.refused.insert(part.name.clone(), loaded.refused);
        self.feeds.insert(part.name.clone(), kept);
        self.fleet.judge_again(&self.book, &loaded.touched);
    }

    /// A feed is no longer held.
    pub(super) fn gone(&mut self, name: &str) {
        let Some(kept) = self.feeds.remove(name) else { return };
        let part = kept.part;
        let feed = Feed {
            name: part.name,
            source: part.source,
            dated: Some(part.dated),
            digest: part.packed,
            rows: 0,
            covers: BTreeSet::new(),
        };
        let loaded = self.book.put(feed, Loading::new());
        self.refused.remove(name);
        self.fleet.judge_again(&self.book, &loaded.touched);
    }

    pub(super) fn host(&mut self, host: HostId, known: Known, packages: &[Package]) {
        let items = self.fleet.number(known.machine.ecosystem.as_ref(), packages);
        self.fleet.set(host, known.machine.clone(), items);
        self.hosts.insert(host, known);
        self.keeping.changed(host, true);
    }

    /// The packages are the same; when that was seen is not.
    pub(super) fn known(&mut self, host: HostId, known: Known) {
        self.hosts.insert(host, known);
        self.keeping.changed(host, false);
    }

    /// A machine is no more.
    pub(super) fn host_gone(&mut self, host: HostId) {
        self.hosts.remove(&host);
        self.fleet.remove(&host);
        self.keeping.gone(host);
    }
}

/// Book, fleet and marks, for everybody who asks.
pub struct Vulnerabilities {
    held: RwLock<Held>,
    /// Advisories older than so many days are told to be too old.
    pub days_max: u32,
}

impl Default for Vulnerabilities {
    fn default() -> Self {
        Self::new(FEEDS_DAYS_MAX)
    }
}

impl std::fmt::Debug for Vulnerabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vulnerabilities").finish_non_exhaustive()
    }
}

impl Vulnerabilities {
    /// Nothing yet.
    #[must_use]
    pub fn new(days_max: u32) -> Self {
        Self { held: RwLock::default(), days_max }
    }

    /// Ends of support, with those of the feeds.
    #[must_use]
    pub fn support(&self) -> Arc<SupportTable> {
        self.read().support.clone().unwrap_or_else(|| Arc::clone(&BUILT_IN))
    }

    // A reader that panicked left nothing half-done; a writer's next step mends what it finds.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

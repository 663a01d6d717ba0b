//! What every page and route has at hand.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, broadcast};
use vonggac_protocol::time::Timestamp;

use super::knowledge::Knowledge;
use super::throttle::Throttle;
use crate::admission::Admission;
use crate::entitlements::survey::Memory;
use crate::judge::News;
use crate::store::Store;
use crate::vulnerabilities::Vulnerabilities;

/// Browsers that may listen for changes at once; beyond it they are told to come back, and pages work without.
const LISTENERS_MAX: usize = 500;

/// Password hashes computed at once: each takes 19 MiB and a core.
const HASHES_MAX: usize = 2;

/// Exports made at once: each reads much of the store and may take a core.
const EXPORTS_MAX: usize = 2;

/// How the desk is reached.
#[derive(Clone)]
pub struct Settings {
    /// Whether browsers come over TLS: then cookies are `Secure` and named with `__Host-`.
    pub tls: bool,
    /// The wall clock; a test's own, or [`crate::clock::now`].
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Who comes in at the other door.
    pub admission: Arc<Admission>,
    /// Which machine has which weakness.
    pub vulnerabilities: Arc<Vulnerabilities>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tls: false,
            now: Arc::new(crate::clock::now),
            admission: Arc::default(),
            vulnerabilities: Arc::default(),
        }
    }
}

/// What every page and route has at hand; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// What is kept.
    pub store: Store,
    /// Rules and plans; swapped whole when rule files change.
    pub knowledge: Arc<ArcSwap<Knowledge>>,
    /// Where to tell, and hear, that something changed.
    pub news: broadcast::Sender<News>,
    /// How the desk is reached.
    pub settings: Settings,
    pub(crate) memory: Arc<Memory>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) hashes: Arc<Semaphore>,
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) exports: Arc<Semaphore>,
}

impl Desk {
    /// A desk over this store. The judge sends on `news` when it opened or joined incidents.
    #[must_use]
    pub fn new(
        store: Store,
        knowledge: Arc<ArcSwap<Knowledge>>,
        news: broadcast::Sender<News>,
        settings: Settings,
    ) -> Self {
        Self {
            store,
            knowledge,
            news,
            settings,
            memory: Arc::default(),
            throttle: Arc::new(Throttle::default()),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
        }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.settings.now)()
    }

    /// Tells every open page that somebody worked on an incident.
    pub(crate) fn tell(&self, incident: i64, agency: &str) {
        // Nobody may be listening; then there is nobody to tell.
        drop(self.news.send(News { incident, agency: agency.to_owned(), opened: false }));
    }
}

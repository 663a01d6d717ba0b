//! Counts what hosts get wrong and keeps it as an observation, at most so often.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tracing::warn;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{HostMisbehaved, Kind};

use crate::clock;
use crate::store::{Store, observations};

/// One observation a minute for a host; the count in it says how often it was.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 300;

/// Counts by host.
pub struct Misbehaviour {
    store: Store,
    counts: Mutex<BTreeMap<HostId, Count>>,
}

#[derive(Debug, Default)]
struct Count {
    since_kept: u64,
    kept_at: Option<Instant>,
}

impl Count {
    /// Counts one; gives the number to keep if it is time.
    fn add(&mut self, now: Instant) -> Option<u64> {
        self.since_kept = self.since_kept.saturating_add(1);
        if self.kept_at.is_some_and(|at| now.duration_since(at) < KEEP_EVERY) {
            return None;
        }
        self.kept_at = Some(now);

        Some(std::mem::take(&mut self.since_kept))
    }
}

impl Misbehaviour {
    /// Keeps in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, counts: Mutex::default() }
    }

    /// Counts one mistake of a host.
    pub async fn count(&self, host: HostId, reason: &str) {
        let due = {
            let mut counts = self.counts.lock().expect("nobody panics while holding this lock");
            counts.entry(host).or_default().add(clock::instant())
        };
        let Some(count) = due else { return };
        let reason = reason.chars().take(REASON_CHARS_MAX).collect();
        let kind = Kind::HostMisbehaved(HostMisbehaved { reason, count });
        let kept = self.store.write(move |tx| observations::insert_own(tx, host, kind, clock::now())).await;
        if let Err(error) = kept {
            warn!(error = format!("{error:#}"), "Misbehaviour of a host could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_mistakes_are_one_observation_a_minute_with_their_number() {
        let (mut count, start) = (Count::default(), clock::instant());

        assert_eq!(count.add(start), Some(1));
        assert_eq!(count.add(start), None);
        assert_eq!(count.add(start), None);
        assert_eq!(count.add(start + KEEP_EVERY), Some(3));
    }
}

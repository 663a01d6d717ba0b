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

/// Mistakes after which a host is not listened to for a while, each time twice as long.
const MISTAKES_MAX: u32 = 5;
const AVOID_LEAST: Duration = Duration::from_secs(60);
const AVOID_MOST: Duration = Duration::from_secs(3_600);

/// After this long without a mistake a host is like any other.
const FORGIVEN_AFTER: Duration = Duration::from_secs(2 * 3_600);

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
    mistakes: u32,
    last_at: Option<Instant>,
    avoided_until: Option<Instant>,
}

impl Count {
    /// Counts one; gives the number to keep if it is time.
    fn add(&mut self, now: Instant) -> Option<u64> {
        self.since_kept = self.since_kept.saturating_add(1);
        if self.last_at.is_some_and(|at| now.duration_since(at) >= FORGIVEN_AFTER) {
            self.mistakes = 0;
        }
        self.last_at = Some(now);
        self.mistakes = self.mistakes.saturating_add(1);
        if let Some(beyond) = self.mistakes.checked_sub(MISTAKES_MAX) {
            let doubled = AVOID_LEAST * 2_u32.saturating_pow(beyond.min(10));
            self.avoided_until = Some(now + doubled.min(AVOID_MOST));
        }
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

    /// For how long this host is still not listened to; `None` if it is.
    #[must_use]
    pub fn avoids(&self, host: HostId, now: Instant) -> Option<Duration> {
        let counts = self.counts.lock().expect("nobody panics while holding this lock");
        let until = counts.get(&host)?.avoided_until?;

        until.checked_duration_since(now).filter(|left| !left.is_zero())
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

    #[test]
    fn a_host_that_goes_on_is_left_alone_longer_each_time_and_forgiven_in_the_end() {
        let (mut count, start) = (Count::default(), clock::instant());
        let left = |count: &Count| count.avoided_until.map(|until| until.duration_since(start).as_secs());

        for _ in 1..MISTAKES_MAX {
            count.add(start);
        }
        assert_eq!(left(&count), None);
        let mut waits = Vec::new();
        for _ in 0..9 {
            count.add(start);
            waits.extend(left(&count));
        }

        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        count.add(start + FORGIVEN_AFTER);
        assert_eq!(count.mistakes, 1);
    }
}

//! Who has not been heard of within the promised time; pure, time passed in.
//!
//! Spans are measured on the steady clock, so a wall clock that jumps makes nobody silent. After the collector
//! starts, everybody has their whole promise again before they count as silent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

pub mod task;

/// What is known of a host when the collector starts or the host enrols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its last sign of life.
    pub last_heard: Timestamp,
    /// Within what time it promised the next.
    pub promised: Duration,
    /// Since when it is already reported as silent.
    pub silent_since: Option<Timestamp>,
}

/// Something to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A host fell silent.
    Silent {
        /// The host.
        host: HostId,
        /// Its last sign of life.
        last_heard: Timestamp,
        /// What it had promised.
        promised: Duration,
    },
    /// A silent host is back.
    Heard {
        /// The host.
        host: HostId,
        /// Since when it had been silent.
        silent_since: Timestamp,
    },
}

#[derive(Debug)]
struct Watched {
    last_heard: Timestamp,
    heard_at: Instant,
    promised: Duration,
    silent_since: Option<Timestamp>,
    kept: Timestamp,
}

/// Signs of life of all hosts.
#[derive(Debug, Default)]
pub struct Silence {
    hosts: BTreeMap<HostId, Watched>,
    back: Vec<(HostId, Timestamp)>,
}

impl Silence {
    /// Starts to watch a host; one already watched keeps its signs of life.
    pub fn handle_known(&mut self, host: HostId, known: Known, now: Instant) {
        self.hosts.entry(host).or_insert(Watched {
            last_heard: known.last_heard,
            heard_at: now,
            promised: known.promised,
            silent_since: known.silent_since,
            kept: known.last_heard,
        });
    }

    /// A sign of life; says whether there is something to keep at once.
    pub fn handle_heard(&mut self, host: HostId, promised: Duration, at: Timestamp, now: Instant) -> bool {
        let watched = self.hosts.entry(host).or_insert(Watched {
            last_heard: at,
            heard_at: now,
            promised,
            silent_since: None,
            kept: at,
        });
        watched.last_heard = at;
        watched.heard_at = now;
        watched.promised = promised;
        if let Some(since) = watched.silent_since.take() {
            self.back.push((host, since));
            return true;
        }

        false
    }

    /// How many hosts are watched.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.hosts.len()
    }

    /// Stops to watch a host, such as one that was revoked.
    pub fn handle_gone(&mut self, host: HostId) {
        self.hosts.remove(&host);
        self.back.retain(|(back, _)| *back != host);
    }

    /// The next thing to keep, if any.
    pub fn poll_change(&mut self, now: Instant) -> Option<Change> {
        if let Some((host, silent_since)) = self.back.pop() {
            return Some(Change::Heard { host, silent_since });
        }
        let (host, watched) = self.hosts.iter_mut().find(|(_, watched)| {
            watched.silent_since.is_none() && now.duration_since(watched.heard_at) >= watched.promised
        })?;
        watched.silent_since = Some(watched.last_heard);

        Some(Change::Silent { host: *host, last_heard: watched.last_heard, promised: watched.promised })
    }

    /// When the next host falls silent if nothing is heard.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let awake = self.hosts.values().filter(|watched| watched.silent_since.is_none());

        awake.map(|watched| watched.heard_at + watched.promised).min()
    }

    /// Signs of life newer than those given out before.
    pub fn poll_unkept(&mut self) -> Vec<(HostId, Timestamp)> {
        let newer = self.hosts.iter_mut().filter(|(_, watched)| watched.last_heard > watched.kept);

        newer
            .map(|(host, watched)| {
                watched.kept = watched.last_heard;
                (*host, watched.last_heard)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostId = HostId([1; 16]);
    const PROMISE: Duration = Duration::from_secs(180);

    fn start() -> Instant {
        crate::clock::instant()
    }

    fn known(silent_since: Option<Timestamp>) -> Known {
        Known { last_heard: Timestamp(50), promised: PROMISE, silent_since }
    }

    #[test]
    fn a_host_that_keeps_quiet_is_silent_once_and_heard_once() {
        let (mut silence, start) = (Silence::default(), start());
        silence.handle_heard(HOST, PROMISE, Timestamp(100), start);

        assert_eq!(silence.poll_change(start + PROMISE - Duration::from_millis(1)), None);
        assert_eq!(silence.poll_timeout(), Some(start + PROMISE));
        let silent = silence.poll_change(start + PROMISE);
        assert_eq!(
            silent,
            Some(Change::Silent { host: HOST, last_heard: Timestamp(100), promised: PROMISE })
        );
        assert_eq!(silence.poll_change(start + PROMISE * 9), None);
        assert_eq!(silence.poll_timeout(), None);

        silence.handle_heard(HOST, PROMISE, Timestamp(900), start + PROMISE * 9);
        let heard = silence.poll_change(start + PROMISE * 9);
        assert_eq!(heard, Some(Change::Heard { host: HOST, silent_since: Timestamp(100) }));
        assert_eq!(silence.poll_change(start + PROMISE * 9), None);
    }

    #[test]
    fn after_a_start_of_the_collector_everybody_has_the_whole_promise() {
        let (mut silence, start) = (Silence::default(), start());

        silence.handle_known(HOST, known(None), start);

        assert_eq!(silence.poll_change(start + PROMISE / 2), None);
        assert!(matches!(silence.poll_change(start + PROMISE), Some(Change::Silent { .. })));
    }

    #[test]
    fn a_host_already_reported_is_not_reported_again_after_a_start() {
        let (mut silence, start) = (Silence::default(), start());

        silence.handle_known(HOST, known(Some(Timestamp(50))), start);

        assert_eq!(silence.poll_change(start + PROMISE * 3), None);
        silence.handle_heard(HOST, PROMISE, Timestamp(99), start);
        assert!(matches!(silence.poll_change(start), Some(Change::Heard { .. })));
    }

    #[test]
    fn a_revoked_host_is_not_missed() {
        let (mut silence, start) = (Silence::default(), start());
        silence.handle_heard(HOST, PROMISE, Timestamp(1), start);

        silence.handle_gone(HOST);

        assert_eq!(silence.poll_change(start + PROMISE * 2), None);
    }

    #[test]
    fn a_sign_of_life_is_given_out_for_keeping_once() {
        let (mut silence, start) = (Silence::default(), start());
        silence.handle_known(HOST, known(None), start);
        silence.handle_heard(HOST, PROMISE, Timestamp(100), start);

        assert_eq!(silence.poll_unkept(), [(HOST, Timestamp(100))]);
        assert_eq!(silence.poll_unkept(), []);
    }
}

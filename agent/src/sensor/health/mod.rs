//! How our own program fares, put together from what its parts count.
//!
//! `run.rs` fills in [`Counts`] from the spool, the file watch, the baseline and the link, and calls [`read`] with
//! [`os::own::used`](crate::os::own::used) every quarter of an hour;
//! [`news`] says whether the reading is told.

pub mod news;

use std::time::Duration;

use vonggac_protocol::file::WatchMode;
use vonggac_protocol::host::Health;
use vonggac_protocol::line::Traffic;

use crate::os::OwnUse;

/// What the parts of the agent count.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Since the agent started.
    pub uptime: Duration,
    /// Observations on disk that the collector has not confirmed.
    pub waiting: u64,
    /// Bytes they take.
    pub waiting_bytes: u64,
    /// Observations dropped since this spool began.
    pub dropped: u64,
    /// Times that the file watch lost notices since the agent started.
    pub watch_losses: u64,
    /// Paths in the baseline.
    pub baseline_paths: u64,
    /// Exclusions that the machine's administrator has set.
    pub exclusions: u32,
    /// How far the host's clock is ahead of the collector's, milliseconds, at the last hello.
    pub clock_offset_ms: Option<i64>,
    /// The weakest means by which any root is watched; `None` before the watch stands.
    pub watch_mode: Option<WatchMode>,
    /// What was moved on the line today.
    pub traffic: Option<Traffic>,
}

/// The observation that these counts and this use of the machine make.
#[must_use]
pub fn read(counts: Counts, used: OwnUse) -> Health {
    Health {
        uptime_secs: counts.uptime.as_secs(),
        waiting: counts.waiting,
        waiting_bytes: counts.waiting_bytes,
        dropped: counts.dropped,
        watch_losses: counts.watch_losses,
        memory_bytes: used.memory_bytes,
        processor_ms: used.processor_ms,
        baseline_paths: counts.baseline_paths,
        exclusions: counts.exclusions,
        clock_offset_ms: counts.clock_offset_ms,
        watch_mode: counts.watch_mode,
        traffic: counts.traffic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_and_processor_time_are_real() {
        let used = crate::os::own::used().unwrap();

        let health =
            read(Counts { uptime: Duration::from_millis(61_500), waiting: 3, ..Counts::default() }, used);

        assert_eq!((health.uptime_secs, health.waiting), (61, 3));
        assert!(health.memory_bytes > 1 << 20, "a running test holds more than a mebibyte");
    }
}

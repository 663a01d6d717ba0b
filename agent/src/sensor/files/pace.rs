//! How much of a processor a scan may take. Pure: time is passed in.

use std::time::{Duration, Instant};

/// Shorter pauses cost more in switching than they give.
const PAUSE_LEAST: Duration = Duration::from_millis(10);

/// Work and the pauses it owes.
#[derive(Debug)]
pub(super) struct Pace {
    percent: u32,
    owed: Duration,
    since: Instant,
}

impl Pace {
    /// `percent` of one processor, from now on.
    pub(super) fn new(percent: u8, now: Instant) -> Self {
        Self { percent: u32::from(percent.clamp(1, 100)), owed: Duration::ZERO, since: now }
    }

    /// The pause that the work since the last call has made due; `None` if there is none worth taking yet.
    pub(super) fn poll_pause(&mut self, now: Instant) -> Option<Duration> {
        let worked = now.saturating_duration_since(self.since);
        self.since = now;
        self.owed += worked * (100 - self.percent) / self.percent;
        if self.owed < PAUSE_LEAST {
            return None;
        }

        Some(self.owed)
    }

    /// Nothing was done until `now`.
    pub(super) fn rest(&mut self, now: Instant) {
        self.since = now;
    }

    /// The pause was taken until `now`.
    pub(super) fn handle_paused(&mut self, now: Instant) {
        self.owed = self.owed.saturating_sub(now.saturating_duration_since(self.since));
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_means_three_parts_of_pause_for_one_of_work() {
        let start = crate::clock::instant();
        let mut pace = Pace::new(25, start);

        assert_eq!(pace.poll_pause(start + Duration::from_millis(1)), None);
        let pause = pace.poll_pause(start + Duration::from_millis(20)).unwrap();

        assert_eq!(pause, Duration::from_millis(60));
    }

    #[test]
    fn the_whole_processor_means_no_pause() {
        let start = crate::clock::instant();

        assert_eq!(Pace::new(100, start).poll_pause(start + Duration::from_secs(9)), None);
    }
}

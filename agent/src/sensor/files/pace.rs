//! How much of a processor and of a disk a scan may take. Pure: time is passed in.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Shorter pauses cost more in switching than they give.
const PAUSE_LEAST: Duration = Duration::from_millis(10);

/// Work of one thread and the pauses it owes. Work is processor time: waiting for a disk or for others is none.
#[derive(Debug)]
pub(super) struct Pace {
    percent: u32,
    owed: Duration,
    since: Duration,
}

impl Pace {
    /// `percent` of one processor; `worked` is what the thread has used of it so far.
    pub(super) fn new(percent: u8, worked: Duration) -> Self {
        Self { percent: u32::from(percent.clamp(1, 100)), owed: Duration::ZERO, since: worked }
    }

    /// Whether there is never a pause.
    pub(super) fn is_free(&self) -> bool {
        self.percent == 100
    }

    /// The pause that the work since the last call has made due, to be taken at once; `None` if there is none worth
    /// taking yet.
    pub(super) fn poll_pause(&mut self, worked: Duration) -> Option<Duration> {
        let work = worked.saturating_sub(self.since);
        self.since = worked;
        self.owed += work * (100 - self.percent) / self.percent;
        if self.owed < PAUSE_LEAST {
            return None;
        }

        Some(std::mem::take(&mut self.owed))
    }

    /// What was worked until now is none of this.
    pub(super) fn rest(&mut self, worked: Duration) {
        self.since = worked;
    }
}

/// Bytes read and the pauses they owe; shared by all threads of a scan.
#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: NonZeroU64,
    /// When what was read so far is paid for.
    free_at: Instant,
}

impl Throttle {
    /// So many bytes a second, from now on.
    pub(super) fn new(bytes_per_second: NonZeroU64, now: Instant) -> Self {
        Self { bytes_per_second, free_at: now }
    }

    /// The pause that these bytes make due, to be taken at once.
    pub(super) fn charge(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
        let cost = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.free_at = self.free_at.max(now) + cost;
        let pause = self.free_at.saturating_duration_since(now);

        (pause >= PAUSE_LEAST).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_quarter_means_three_parts_of_pause_for_one_of_work() {
        let mut pace = Pace::new(25, millis(100));

        assert_eq!(pace.poll_pause(millis(101)), None);
        assert_eq!(pace.poll_pause(millis(120)), Some(millis(60)));
        assert_eq!(pace.poll_pause(millis(120)), None);
    }

    #[test]
    fn other_work_and_the_whole_processor_owe_no_pause() {
        let mut quarter = Pace::new(25, Duration::ZERO);
        quarter.rest(millis(9_000));

        assert_eq!(quarter.poll_pause(millis(9_001)), None);
        assert_eq!(Pace::new(100, Duration::ZERO).poll_pause(millis(9_000)), None);
    }

    #[test]
    fn a_disk_limit_spreads_what_is_read() {
        let start = crate::clock::instant();
        let mut throttle = Throttle::new(NonZeroU64::new(1_000_000).unwrap(), start);

        assert_eq!(throttle.charge(5_000, start), None);
        assert_eq!(throttle.charge(95_000, start), Some(millis(100)));
        assert_eq!(throttle.charge(1_000, start + millis(500)), None);
    }
}

//! How long to wait before the next try: doubling, with full jitter, so that a fleet that lost its collector at one
//! moment does not come back at one moment.

use std::time::Duration;

/// The first wait is at most this.
const LEAST: Duration = Duration::from_secs(1);

/// No wait is longer, so that a collector that is back is found within minutes.
const MOST: Duration = Duration::from_secs(300);

/// Even a lucky draw waits so long: a loop without any pause helps nobody.
const FLOOR: Duration = Duration::from_millis(50);

/// A collector that asks for more than a day is asked again after a day.
const REFUSAL_MOST: Duration = Duration::from_secs(86_400);

/// A collector that wants its fleet spread over longer than this gets no more: by then it has us reported as silent.
const SPREAD_MOST: Duration = Duration::from_secs(120);

/// Waits between tries. `random` is a number from 0 to 1.
#[derive(Debug)]
pub struct Backoff {
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Before the first failure.
    #[must_use]
    pub fn new() -> Self {
        Self { ceiling: LEAST }
    }

    /// A good hello: the next failure is a first one.
    pub fn reset(&mut self) {
        self.ceiling = LEAST;
    }

    /// The wait after a failure.
    pub fn after_failure(&mut self, random: f64) -> Duration {
        let wait = self.ceiling.mul_f64(random.clamp(0.0, 1.0)).max(FLOOR);
        self.ceiling = (self.ceiling * 2).min(MOST);

        wait
    }

    /// The wait after the collector let all of its fleet go at one moment: anywhere within the span that it asked for
    /// when it took us in, so that the fleet comes back no faster than it is taken in.
    pub fn after_loss(&mut self, within_secs: Option<u32>, random: f64) -> Duration {
        let asked = within_secs.map_or(LEAST, |secs| Duration::from_secs(u64::from(secs)));
        let span = asked.clamp(LEAST, SPREAD_MOST);
        let first = self.after_failure(random);
        // Who fails in the storm was one too many for it: the next try is spread as wide.
        self.ceiling = self.ceiling.max(span);

        span.mul_f64(random.clamp(0.0, 1.0)).max(first)
    }

    /// The wait after a refusal: what the collector asked for and up to as much again, since jitter helps only when it
    /// is wider than what the collector can take in; if only a person can help, the longest wait.
    pub fn after_refusal(&mut self, retry_after_secs: Option<u32>, random: f64) -> Duration {
        let asked = retry_after_secs.map_or(MOST, |secs| Duration::from_secs(u64::from(secs)));
        let asked = asked.clamp(LEAST, REFUSAL_MOST);
        // A collector that is only busy for seconds is not avoided for minutes after the next failure.
        self.ceiling = asked.min(MOST);

        asked.mul_f64(1.0 + random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_start_small_again_after_a_good_hello() {
        let mut backoff = Backoff::new();

        let waits: Vec<u64> = (0..12).map(|_| backoff.after_failure(1.0).as_secs()).collect();
        backoff.reset();

        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(backoff.after_failure(0.5), Duration::from_millis(500));
    }

    #[test]
    fn a_fleet_that_lost_its_collector_comes_back_over_the_span_that_was_asked_for() {
        let wait = |within, random| Backoff::new().after_loss(within, random);

        assert_eq!(wait(Some(34), 0.0), FLOOR);
        assert_eq!(wait(Some(34), 0.5), Duration::from_secs(17));
        assert_eq!(wait(Some(34), 1.0), Duration::from_secs(34));
        assert_eq!(wait(None, 1.0), LEAST);
        assert_eq!(wait(Some(0), 1.0), LEAST);
        assert_eq!(wait(Some(u32::MAX), 1.0), SPREAD_MOST);
    }

    #[test]
    fn a_try_that_fails_after_a_loss_is_followed_by_one_spread_as_wide() {
        let mut backoff = Backoff::new();
        backoff.after_loss(Some(60), 1.0);

        assert_eq!(backoff.after_failure(1.0), Duration::from_secs(60));
        assert_eq!(backoff.after_failure(1.0), Duration::from_secs(120));
    }

    #[test]
    fn a_collector_that_names_a_time_is_not_asked_before() {
        let mut backoff = Backoff::new();

        assert_eq!(backoff.after_refusal(Some(20), 0.0), Duration::from_secs(20));
        assert_eq!(backoff.after_refusal(Some(20), 1.0), Duration::from_secs(40));
        assert_eq!(backoff.after_failure(1.0), Duration::from_secs(20));
        assert!(backoff.after_refusal(Some(0), 0.0) >= LEAST);
        assert_eq!(backoff.after_refusal(None, 0.0), MOST);
    }
}

//! How many bytes a day may take on the line; pure, the moment passed in.
//!
//! A day begins at midnight in Viet Nam (UTC+7). What is used is counted with or without a limit. With one, the signs
//! of life of the rest of the day are set aside first, then a reserve that only prompt observations may use; bulk ones
//! wait for the next day when they come to it. What waits is in the spool, so nothing is lost.
//!
//! A clock that is set back does not give the day's bytes again; one that is set forward over midnight begins a day.

use vonggac_protocol::id::Lane;
use vonggac_protocol::time::Timestamp;

/// Bytes of a sign of life and its confirmation; the dearest that can be on IPv6, with a packet sent again.
const BEAT_BYTES: u64 = 200;

/// Seconds between two signs of life that are set aside for.
const BEAT_SECS: u64 = 240;

const DAY_MS: i64 = 86_400_000;
const ZONE_MS: i64 = 7 * 3_600_000;

/// What a day's bytes are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    limit: Option<u64>,
    /// Days since 1970 in Viet Nam.
    day: i64,
    sent: u64,
    received: u64,
    /// Handed to the connection and not counted yet.
    queued: u64,
    /// The day that was told to be used up.
    told: Option<i64>,
}

/// What was used of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// The limit for both.
    pub limit: Option<u64>,
}

impl Budget {
    /// A day's beginning.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { limit: None, day: day(now), sent: 0, received: 0, queued: 0, told: None }
    }

    /// As it was kept by [`keep`](Self::keep); a new one if that says nothing.
    #[must_use]
    pub fn restore(kept: &str, now: Timestamp) -> Self {
        let numbers: Option<Vec<i64>> = kept.split_whitespace().map(|word| word.parse().ok()).collect();
        let mut budget = Self::new(now);
        if let Some([day, sent, received, told]) = numbers.as_deref() {
            budget.day = *day;
            budget.sent = u64::try_from(*sent).unwrap_or(0);
            budget.received = u64::try_from(*received).unwrap_or(0);
            budget.told = (*told == *day).then_some(*day);
        }
        budget.turn(now);

        budget
    }

    /// Text for a file; always of the same length, so that it can be overwritten in place.
    #[must_use]
    pub fn keep(&self) -> String {
        format!("{:020} {:020} {:020} {:020}\n", self.day, self.sent, self.received, self.told.unwrap_or(-1))
    }

    /// Sets the limit.
    pub fn handle_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// A batch was handed to the connection.
    pub fn handle_queued(&mut self, bytes: u64) {
        self.queued = self.queued.saturating_add(bytes);
    }

    /// What was handed to a connection that ended will not be counted any more.
    pub fn handle_disconnected(&mut self) {
        self.queued = 0;
    }

    /// Bytes were moved.
    pub fn handle_moved(&mut self, sent: u64, received: u64, now: Timestamp) {
        self.turn(now);
        self.sent = self.sent.saturating_add(sent);
        self.received = self.received.saturating_add(received);
        self.queued = self.queued.saturating_sub(sent);
    }

    /// Whether a batch of this lane may be sent now.
    pub fn allows(&mut self, lane: Lane, now: Timestamp) -> bool {
        self.turn(now);
        let Some(limit) = self.limit else { return true };
        let taken = self.sent + self.received + self.queued + beats_left(now);
        let free = match lane {
            Lane::Prompt => limit,
            Lane::Bulk => limit - limit / 4,
        };

        taken < free
    }

    /// Whether not even prompt observations may be sent any more today.
    pub fn is_spent(&mut self, now: Timestamp) -> bool {
        !self.allows(Lane::Prompt, now)
    }

    /// The day as `YYYY-MM-DD`, once a day. To be asked when bulk has to wait for its end.
    pub fn poll_reached(&mut self, now: Timestamp) -> Option<String> {
        self.turn(now);
        if self.told == Some(self.day) {
            return None;
        }
        self.told = Some(self.day);
        let noon = Timestamp(self.day.saturating_mul(DAY_MS).saturating_add(DAY_MS / 2));

        Some(noon.to_string().chars().take(10).collect())
    }

    /// What was used today.
    pub fn used(&mut self, now: Timestamp) -> Used {
        self.turn(now);

        Used { sent: self.sent, received: self.received, limit: self.limit }
    }

    fn turn(&mut self, now: Timestamp) {
        let today = day(now);
        if today > self.day {
            (self.sent, self.received) = (0, 0);
        }
        if today != self.day {
            // Set back: the counts go with it, and so does that it was told.
            self.told = self.told.filter(|told| *told == self.day && today < self.day).map(|_| today);
            self.day = today;
        }
    }
}

fn day(now: Timestamp) -> i64 {
    now.0.saturating_add(ZONE_MS).div_euclid(DAY_MS)
}

/// Bytes of the signs of life until midnight.
fn beats_left(now: Timestamp) -> u64 {
    let into = now.0.saturating_add(ZONE_MS).rem_euclid(DAY_MS);
    let left = u64::try_from((DAY_MS - into) / 1_000).unwrap_or(0);

    left / BEAT_SECS * BEAT_BYTES
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: u64 = 512 * 1024;
    /// Midnight in Viet Nam.
    const MIDNIGHT: Timestamp = Timestamp(1_795_280_400_000);

    fn at(hours: u64) -> Timestamp {
        MIDNIGHT.plus(Duration::from_secs(hours * 3_600))
    }

    fn limited(now: Timestamp) -> Budget {
        let mut budget = Budget::new(now);
        budget.handle_limit(Some(LIMIT));
        budget
    }

    #[test]
    fn a_day_of_too_much_keeps_its_budget_and_prompt_goes_on_longer_than_bulk() {
        let mut budget = limited(MIDNIGHT);
        let mut ends = [None, None];
        for minute in 0..24 * 60_u64 {
            let now = MIDNIGHT.plus(Duration::from_secs(minute * 60));
            // Far more is due than may go: a batch of each lane a minute.
            for (lane, bytes) in [(Lane::Prompt, 400), (Lane::Bulk, 6_000)] {
                if budget.allows(lane, now) {
                    budget.handle_queued(bytes);
                    budget.handle_moved(bytes, 200, now);
                } else {
                    let end = if lane == Lane::Prompt { &mut ends[0] } else { &mut ends[1] };
                    end.get_or_insert(minute);
                }
            }
            if minute % 4 == 0 {
                budget.handle_moved(88, 63, now);
            }
        }
        let used = budget.used(at(23));

        let [prompt, bulk] = ends;
        assert!(bulk.unwrap() < 120, "{bulk:?}");
        assert!(prompt.is_none_or(|prompt| prompt > bulk.unwrap() * 3), "{prompt:?} {bulk:?}");
        assert!(used.sent + used.received <= LIMIT + 6_200, "{used:?}");
        assert!(used.sent + used.received > LIMIT / 2, "{used:?}");
    }

    #[test]
    fn midnight_in_viet_nam_begins_a_day() {
        let mut budget = limited(at(22));
        budget.handle_moved(LIMIT, 0, at(22));
        assert!(budget.is_spent(at(23)));
        assert_eq!(budget.poll_reached(at(23)).as_deref(), Some("2026-11-22"));
        assert_eq!(budget.poll_reached(at(23)), None);

        assert!(budget.allows(Lane::Bulk, at(24)));
        assert_eq!(budget.used(at(24)).sent, 0);
        assert_eq!(budget.poll_reached(at(25)).as_deref(), Some("2026-11-23"));
    }

    #[test]
    fn a_clock_set_back_gives_nothing_again_and_one_set_forward_begins_a_day() {
        let mut budget = limited(at(12));
        budget.handle_moved(LIMIT, 0, at(12));
        budget.poll_reached(at(12));

        assert!(budget.is_spent(MIDNIGHT.minus(Duration::from_secs(400 * 86_400))));
        assert_eq!(budget.poll_reached(MIDNIGHT.minus(Duration::from_secs(400 * 86_400))), None);
        assert!(!budget.is_spent(at(24 * 1_000)));
    }

    #[test]
    fn a_restart_forgets_nothing_of_the_day() {
        let mut budget = limited(at(5));
        budget.handle_moved(7_000, 3_000, at(5));
        budget.poll_reached(at(5));

        let mut again = Budget::restore(&budget.keep(), at(6));

        assert_eq!(again.used(at(6)), Used { sent: 7_000, received: 3_000, limit: None });
        assert_eq!(again.poll_reached(at(6)), None);
        assert_eq!(Budget::restore(&budget.keep(), at(30)).used(at(30)).sent, 0);
        assert_eq!(Budget::restore("not ours", at(6)).used(at(6)).sent, 0);
    }

    #[test]
    fn what_is_on_its_way_counts_before_it_has_left() {
        let mut budget = limited(at(0));
        budget.handle_queued(LIMIT);
        assert!(!budget.allows(Lane::Prompt, at(0)));

        budget.handle_disconnected();

        assert!(budget.allows(Lane::Prompt, at(0)));
    }

    #[test]
    fn without_a_limit_everything_goes_and_is_counted() {
        let mut budget = Budget::new(at(0));
        budget.handle_moved(1 << 40, 1, at(1));

        assert!(budget.allows(Lane::Bulk, at(1)));
        assert_eq!(budget.used(at(1)), Used { sent: 1 << 40, received: 1, limit: None });
    }
}

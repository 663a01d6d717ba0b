//! How often a host may speak on the control stream: a sign of life every five seconds is the most that anybody asks
//! for.

use std::time::{Duration, Instant};

/// Frames that may come at once.
const AT_ONCE: u32 = 60;

/// And then one in this time.
const ONE_IN: Duration = Duration::from_secs(1);

/// What a host may still say.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    filled_at: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AT_ONCE, filled_at: now }
    }

    /// Takes one; `false` if there was none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let whole = now.saturating_duration_since(self.filled_at).as_secs() / ONE_IN.as_secs();
        if whole > 0 {
            let whole = u32::try_from(whole).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(whole).min(AT_ONCE);
            self.filled_at = now;
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);

        some
    }

    /// What was just taken does not count.
    pub(super) fn give_back(&mut self) {
        self.left = self.left.saturating_add(1).min(AT_ONCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn an_agent_of_any_pace_is_heard_and_a_flood_is_not() {
        let start = clock::instant();
        let mut honest = Allowance::new(start);
        let mut flood = Allowance::new(start);

        assert!((0..10_000_u32).all(|at| honest.take(start + ONE_IN * 5 * at)));
        assert_eq!((0..1_000).filter(|_| flood.take(start)).count(), 60);
        assert!(flood.take(start + ONE_IN));
        assert!(!flood.take(start + ONE_IN));
    }
}

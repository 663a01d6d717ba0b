//! Whether a reading of our own health is worth the line: at once if something changed that a person would act on, else
//! now and then.

use std::time::Duration;

use vonggac_protocol::host::Health;

/// A reading like the one told last is told again after this: uptime, memory and processor time go on being known.
pub const TOLD_AT_LEAST_EVERY: Duration = Duration::from_secs(60 * 60);

/// The clock is read at a hello only; a difference below this is the hello's own delay.
const CLOCK_MS: u64 = 2_000;

/// Whether `now` says something that `told`, `since` ago, did not.
#[must_use]
pub fn is_news(told: Option<&Health>, now: &Health, since: Duration) -> bool {
    let Some(told) = told else { return true };
    let counts = |health: &Health| {
        (health.dropped, health.watch_losses, health.exclusions, health.watch_mode, health.waiting > 0)
    };
    let clock = match (told.clock_offset_ms, now.clock_offset_ms) {
        (Some(told), Some(now)) => told.abs_diff(now) >= CLOCK_MS,
        (told, now) => told.is_some() != now.is_some(),
    };

    since >= TOLD_AT_LEAST_EVERY
        || counts(told) != counts(now)
        || clock
        || differs_by_a_quarter(told.memory_bytes, now.memory_bytes)
        || differs_by_a_quarter(told.baseline_paths, now.baseline_paths)
}

fn differs_by_a_quarter(told: u64, now: u64) -> bool {
    told.abs_diff(now) > told / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::OwnUse;
    use crate::sensor::health::{Counts, read};

    const QUARTER_HOUR: Duration = Duration::from_secs(900);

    fn health(counts: Counts, memory_bytes: u64) -> Health {
        read(counts, OwnUse { memory_bytes, processor_ms: 5_000 })
    }

    fn quiet() -> Counts {
        Counts { baseline_paths: 4_000, clock_offset_ms: Some(-12), exclusions: 1, ..Counts::default() }
    }

    #[test]
    fn a_quiet_agent_tells_its_health_once_an_hour() {
        let told = health(quiet(), 20 << 20);
        let later = Counts { uptime: Duration::from_secs(9_000), baseline_paths: 4_100, ..quiet() };
        let now = health(later, 21 << 20);

        assert!(is_news(None, &told, Duration::ZERO));
        assert!(!is_news(Some(&told), &now, QUARTER_HOUR));
        assert!(!is_news(Some(&told), &now, QUARTER_HOUR * 3));
        assert!(is_news(Some(&told), &now, QUARTER_HOUR * 4));
    }

    #[test]
    fn what_a_person_would_act_on_is_told_at_the_next_reading() {
        let told = health(quiet(), 20 << 20);
        let worse = [
            health(Counts { dropped: 1, ..quiet() }, 20 << 20),
            health(Counts { watch_losses: 1, ..quiet() }, 20 << 20),
            health(Counts { exclusions: 2, ..quiet() }, 20 << 20),
            health(Counts { waiting: 1, ..quiet() }, 20 << 20),
            health(Counts { clock_offset_ms: Some(60_000), ..quiet() }, 20 << 20),
            health(Counts { baseline_paths: 0, ..quiet() }, 20 << 20),
            health(quiet(), 40 << 20),
        ];

        for now in worse {
            assert!(is_news(Some(&told), &now, QUARTER_HOUR), "{now:?}");
        }
    }
}

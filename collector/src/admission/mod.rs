//! Who may come in, how many at once, and what becomes of the rest: decided before anything is spent on them.
//!
//! | module | subject |
//! |---|---|
//! | [`limits`] | the numbers, from the configuration |
//! | [`origin`] | where somebody comes from, as it counts |
//! | [`lobby`] | who has connected over TCP and said nothing yet |
//! | [`places`] | how many are in, by kind and in all |
//! | [`turnstile`] | a few at a time, the rest in a bounded queue, each kind in its turn |
//! | [`rate`] | how many an hour |
//! | [`counts`] | what was turned away, by reason |
//! | [`report`] | all of it as people and programs read it |

use std::sync::Arc;
use std::time::Instant;

use vonggac_protocol::hello::{Refusal, RefusalCode};
use vonggac_protocol::id::AgencyId;

use crate::clock;

pub mod counts;
pub mod limits;
pub mod lobby;
pub mod origin;
pub mod places;
pub mod rate;
pub mod report;
pub mod turnstile;

use counts::{Counts, Reason};
use limits::Limits;
use lobby::Lobby;
use origin::Origin;
use places::Places;
use rate::Hourly;
use turnstile::{Shape, Turnstile};

/// Hellos weighed at once; each is one write, and a commit takes as many.
const HELLOS_MAX: usize = 64;

/// Hellos that wait; each holds a connection that is already counted.
const HELLOS_WAITING_MAX: usize = 8_192;

/// Batches unfolded and kept at once: bounds memory to so many unfolded batches, and fills a commit.
const BATCHES_MAX: usize = 64;

/// Batches that wait, each read and not yet unfolded; a connection has at most two.
const BATCHES_WAITING_MAX: usize = 65_536;

/// The longest time that anybody is asked to stay away because of load.
const AWAY_SECS_MAX: u32 = 300;

/// The shortest.
const AWAY_SECS_MIN: u32 = 5;

/// Agents a second that a fleet comes back with when it lost its collector at one moment: ten thousand within 34 seconds.
/// A collector that takes in fewer finds the rest in its queue (docs/measurements.md, `fleet`).
const BACK_PER_SECOND: usize = 300;

/// The longest time over which a fleet is spread.
const BACK_SECS_MAX: u32 = 120;

/// Welcomes a second that even a slow machine manages: what is not known yet is taken for this.
const PACE_LEAST: f64 = 50.0;

/// Everything that decides who comes in; one for the process, shared.
#[derive(Debug)]
pub struct Admission {
    /// The numbers.
    pub limits: Limits,
    /// Who has connected over TCP and said nothing yet.
    pub unspoken: Lobby<Origin>,
    /// Connections, by where they come from.
    pub connections: Places<Origin>,
    /// Working connections, by agency.
    pub agencies: Places<AgencyId>,
    /// Handshakes.
    pub handshakes: Turnstile<Origin>,
    /// Handshakes that wait for their peer and not for us.
    pub slow: Places<Origin>,
    /// Hellos.
    pub hellos: Turnstile<AgencyId>,
    /// Frames too large for a connection's own room, by their bytes.
    pub large: Turnstile<AgencyId>,
    /// Batches between the line and the commit.
    pub batches: Turnstile<AgencyId>,
    /// Enrolments.
    pub enrolments: Hourly,
    /// What was turned away.
    pub counts: Counts,
    began: Instant,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Admission {
    /// With these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let share = |most: usize| (most / 4).max(1);
        let handshakes = Shape {
            at_once: limits.handshakes_max,
            at_once_per_key: share(limits.handshakes_max),
            waiting: limits.handshakes_waiting_max,
            waiting_per_key: limits.handshakes_waiting_per_address_max,
        };
        let hellos = Shape {
            at_once: HELLOS_MAX,
            at_once_per_key: HELLOS_MAX / 2,
            waiting: HELLOS_WAITING_MAX,
            waiting_per_key: HELLOS_WAITING_MAX,
        };
        let large = limits.large_frames_mib_max * 1024 * 1024;
        let large = Shape {
            at_once: large,
            at_once_per_key: share(large),
            waiting: BATCHES_WAITING_MAX,
            waiting_per_key: BATCHES_WAITING_MAX,
        };
        let batches = Shape {
            at_once: BATCHES_MAX,
            at_once_per_key: BATCHES_MAX / 2,
            waiting: BATCHES_WAITING_MAX,
            waiting_per_key: BATCHES_WAITING_MAX,
        };

        Self {
            unspoken: Lobby::new(limits.unspoken_max, limits.unspoken_per_address_max),
            connections: Places::new(limits.connections_max, limits.connections_per_address_max),
            agencies: Places::new(limits.connections_max, limits.connections_per_agency_max),
            handshakes: Turnstile::new(handshakes),
            slow: Places::new(4 * limits.handshakes_max, limits.handshakes_max),
            hellos: Turnstile::new(hellos),
            large: Turnstile::new(large),
            batches: Turnstile::new(batches),
            enrolments: Hourly::new(
                limits.enrolments_per_hour_max,
                limits.enrolments_per_hour_per_address_max,
                limits.enrolments_per_hour_per_agency_max,
            ),
            counts: Counts::default(),
            began: clock::instant(),
            limits,
        }
    }

    /// Shared.
    #[must_use]
    pub fn shared(limits: Limits) -> Arc<Self> {
        Arc::new(Self::new(limits))
    }

    /// When this collector began to count.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Whether so many wait at the door that an address must prove that it can hear us.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.handshakes.waiting() * 2 >= self.limits.handshakes_waiting_max
    }

    /// "Come back later", with a time that grows with how many wait: they are spread over twice what it takes to
    /// serve those who are here. Counted under `reason`.
    #[must_use]
    pub fn busy(&self, reason: Reason, detail: &str) -> Refusal {
        self.counts.count(reason);

        Refusal {
            code: RefusalCode::Busy,
            detail: detail.to_owned(),
            retry_after_secs: Some(self.away_secs()),
        }
    }

    /// Within how many seconds of a loss an agent of so large a fleet should try to come back for the first time.
    #[must_use]
    pub fn again_within_secs(&self, fleet: usize) -> u32 {
        let secs = fleet.min(self.limits.connections_max).div_ceil(BACK_PER_SECOND);

        u32::try_from(secs).unwrap_or(u32::MAX).clamp(1, BACK_SECS_MAX)
    }

    /// After how many seconds somebody who is turned away should come back.
    #[must_use]
    pub fn away_secs(&self) -> u32 {
        let waiting = self.handshakes.waiting() + self.hellos.waiting() + self.batches.waiting();
        let waiting = f64::from(u32::try_from(waiting).unwrap_or(u32::MAX));
        let pace = self.hellos.pace(clock::instant()).max(PACE_LEAST);
        let secs = (2.0 * waiting / pace).ceil().clamp(f64::from(AWAY_SECS_MIN), f64::from(AWAY_SECS_MAX));

        // Between the two bounds; counted up, since a number with a fraction has no exact conversion.
        (AWAY_SECS_MIN..AWAY_SECS_MAX).find(|whole| f64::from(*whole) >= secs).unwrap_or(AWAY_SECS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_spread_over_what_it_takes_to_take_it_in() {
        let admission = Admission::default();

        assert_eq!([0, 300, 301, 10_000].map(|fleet| admission.again_within_secs(fleet)), [1, 1, 2, 34]);
        assert_eq!(admission.again_within_secs(1_000_000), 67, "no more than may connect");
    }

    #[test]
    fn the_hint_grows_with_those_who_wait_and_has_bounds() {
        let admission = Admission::new(Limits { handshakes_max: 1, ..Limits::default() });
        let idle = admission.away_secs();

        let address = |at: usize| Origin::of(std::net::Ipv4Addr::from(u32::try_from(at).unwrap()).into());
        let tickets: Vec<_> = (0..4_000).map(|at| admission.handshakes.enter(address(at), 1)).collect();
        let stormy = admission.away_secs();

        assert_eq!(idle, AWAY_SECS_MIN);
        assert_eq!(stormy, 160, "4,000 at 50 a second, twice");
        assert!(admission.is_pressed());
        drop(tickets);
        assert!(!admission.is_pressed());
    }
}

//! Mean times over many incidents, and how many are late. The caller leaves drills out.

use std::time::Duration;

use super::Profile;
use super::clocks::{Facts, Status, clocks};
use vonggac_protocol::time::Timestamp;

/// What a clock that was or is not done in its time is called among findings.
pub const LATE: &str = "R.SLA.LATE";

/// The finding that a clock of an incident was or is not done in its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The incident.
    pub incident: i64,
    /// The stretch's or the duty's word.
    pub clock: String,
    /// Whether it is a duty to tell somebody.
    pub is_duty: bool,
    /// Until when it was to be done.
    pub due: Timestamp,
    /// By how much it is over, or was when it was done.
    pub over: Duration,
}

/// Figures of many incidents.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Incidents.
    pub incidents: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Of these, resolved.
    pub resolved: u64,
    /// Mean time from detection to acknowledgement (MTTA), of those acknowledged.
    pub to_acknowledge: Option<Duration>,
    /// Mean time from detection to resolution (MTTR), of those resolved.
    pub to_resolve: Option<Duration>,
    /// Numbers of the incidents with a stretch that was or is not done in its time.
    pub late: Vec<i64>,
    /// Numbers of the incidents with a duty that was or is not done in its time.
    pub duties_late: Vec<i64>,
    /// A finding [`LATE`] for every such stretch and duty, by incident.
    pub breaches: Vec<Breach>,
    /// Numbers of the incidents with a clock of which little is left.
    pub near: Vec<i64>,
}

/// The figures of these incidents as of a moment.
#[must_use]
pub fn figures<'a>(all: impl IntoIterator<Item = (i64, &'a Profile, Facts)>, now: Timestamp) -> Figures {
    let mut figures = Figures::default();
    let (mut taken, mut mended) = (Duration::ZERO, Duration::ZERO);
    for (id, profile, facts) in all {
        figures.incidents += 1;
        if let Some(at) = facts.reached.acknowledged {
            figures.acknowledged += 1;
            taken += at.since(facts.detected);
        }
        if let Some(at) = facts.reached.resolved {
            figures.resolved += 1;
            mended += at.since(facts.detected);
        }
        let clocks = clocks(profile, &facts, now);
        let is = |is_duty: bool, test: &dyn Fn(Status) -> bool| {
            clocks.iter().any(|clock| clock.is_duty == is_duty && test(clock.status))
        };
        if is(false, &Status::is_late) {
            figures.late.push(id);
        }
        if is(true, &Status::is_late) {
            figures.duties_late.push(id);
        }
        figures.breaches.extend(clocks.iter().filter(|clock| clock.status.is_late()).filter_map(|clock| {
            let (clock_id, is_duty) = (clock.id.clone(), clock.is_duty);
            Some(Breach { incident: id, clock: clock_id, is_duty, due: clock.due?, over: clock.over(now)? })
        }));
        if clocks.iter().any(|clock| clock.status == Status::Near) {
            figures.near.push(id);
        }
    }
    figures.to_acknowledge = mean(taken, figures.acknowledged);
    figures.to_resolve = mean(mended, figures.resolved);

    figures
}

fn mean(sum: Duration, count: u64) -> Option<Duration> {
    let count = u32::try_from(count).ok().filter(|count| *count > 0)?;

    Some(sum / count)
}

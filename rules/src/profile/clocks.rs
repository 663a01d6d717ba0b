//! What is left, or over, of each time of an incident. Pure: the moment is an argument.
//!
//! The province's own times may be paused with a reason; a duty of the law runs on whatever people wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vonggac_protocol::time::Timestamp;

use super::{Profile, Reach, Starts};
use crate::finding::Severity;
use crate::incident::life::Milestones;
use crate::incident::marks::Mark;
use crate::words::Words;

/// What the clocks of an incident are told by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// T0: its detection, to the minute; never changes.
    pub detected: Timestamp,
    /// How grave it is.
    pub severity: Severity,
    /// What it touches.
    pub marks: BTreeSet<Mark>,
    /// How far it got.
    pub reached: Milestones,
    /// When the report of each duty was sent.
    pub reported: BTreeMap<String, Timestamp>,
    /// Pauses: from when, and until when unless it still rests.
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// It was closed as something that obliges nobody to tell anybody: a false alarm, a planned change, a duplicate.
    pub is_void: bool,
}

impl Facts {
    /// Whether it counts as serious under this profile: a person said so, or its severity does.
    #[must_use]
    pub fn is_serious(&self, profile: &Profile) -> bool {
        self.marks.contains(&Mark::Serious) || self.severity >= profile.serious_from
    }
}

/// How a clock stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// Its time is over and it is not done.
    Over,
    /// Little is left.
    Near,
    /// It runs.
    Running,
    /// It rests.
    Paused,
    /// It is to be done, but no time for it is known.
    Untimed,
    /// It waits for what starts it.
    Waiting,
    /// It was done after its time.
    Late,
    /// It was done in time.
    Met,
    /// Nothing is owed any more.
    Void,
}

impl Status {
    /// The word in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Near => "near",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Untimed => "untimed",
            Self::Waiting => "waiting",
            Self::Late => "late",
            Self::Met => "met",
            Self::Void => "void",
        }
    }

    /// Whether it was or is not done in its time.
    #[must_use]
    pub fn is_late(self) -> bool {
        matches!(self, Self::Over | Self::Late)
    }
}

/// One clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The stretch's or the duty's word.
    pub id: String,
    /// The duty's name; `None` for a stretch, whose name is its word.
    pub name: Option<Words>,
    /// Whether it is a duty to tell somebody.
    pub is_duty: bool,
    /// From when its time runs, pauses added.
    pub started: Option<Timestamp>,
    /// Until when.
    pub due: Option<Timestamp>,
    /// When a warning comes, before it is due.
    pub warn: Option<Timestamp>,
    /// When it was done.
    pub done: Option<Timestamp>,
    /// How it stands.
    pub status: Status,
    /// Ids of the roles to be told.
    pub to: Vec<String>,
    /// Id of the form.
    pub form: Option<String>,
    /// Id of the source.
    pub source: String,
}

impl Clock {
    /// What is left until it is due.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.due.filter(|due| *due >= now).map(|due| due.since(now))
    }

    /// By how much it is over, or was when it was done.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> Option<Duration> {
        let until = self.done.unwrap_or(now);
        self.due.filter(|due| *due < until).map(|due| until.since(due))
    }
}

/// All clocks of an incident under its profile: the stretches in order, then the duties that it owes.
#[must_use]
pub fn clocks(profile: &Profile, facts: &Facts, now: Timestamp) -> Vec<Clock> {
    let stretches = profile.targets.iter().filter_map(|target| {
        let within = *target.within.get(&facts.severity)?;
        let done = match target.reach {
            Reach::Acknowledged => facts.reached.acknowledged,
            Reach::Triaged => facts.reached.triaged,
            Reach::Contained => facts.reached.contained,
            Reach::Resolved => facts.reached.resolved,
        };
        let rested = facts.rested(facts.detected, done.unwrap_or(now));
        let resting = done.is_none() && facts.pauses.iter().any(|(_, until)| until.is_none());
        let start = Some(facts.detected.plus(rested));
        let mut clock = Clock {
            id: target.reach.word().to_owned(),
            source: target.source.clone(),
            ..run(profile, start, Some(within), done, now)
        };
        if resting && clock.status != Status::Over {
            clock.status = Status::Paused;
        }
        Some(clock)
    });
    let owed = profile.duties.iter().filter(|duty| {
        let marked = |mark: &Mark| {
            if *mark == Mark::Serious { facts.is_serious(profile) } else { facts.marks.contains(mark) }
        };
        duty.severity.is_none_or(|from| facts.severity >= from)
            && (duty.when.is_empty() || duty.when.iter().any(marked))
    });
    let duties = owed.map(|duty| {
        let start = match duty.starts {
            Starts::Detected => Some(facts.detected),
            Starts::Resolved => facts.reached.resolved,
        };
        let done = facts.reported.get(&duty.id).copied();
        let mut clock = Clock {
            id: duty.id.clone(),
            name: Some(duty.name.clone()),
            is_duty: true,
            to: duty.to.clone(),
            form: Some(duty.form.clone()),
            source: duty.source.clone(),
            ..run(profile, start, duty.within, done, now)
        };
        if facts.is_void && done.is_none() {
            clock.status = Status::Void;
        }
        clock
    });

    stretches.chain(duties).collect()
}

fn run(
    profile: &Profile,
    start: Option<Timestamp>,
    within: Option<Duration>,
    done: Option<Timestamp>,
    now: Timestamp,
) -> Clock {
    let due = start.zip(within).map(|(start, within)| start.plus(within));
    let warn =
        due.zip(within).map(|(due, within)| due.minus(within.saturating_mul(profile.warn_percent) / 100));
    let status = match (start, due, done) {
        (_, Some(due), Some(done)) if done > due => Status::Late,
        (_, _, Some(_)) => Status::Met,
        (None, _, None) => Status::Waiting,
        (_, None, None) => Status::Untimed,
        (_, Some(due), None) if now > due => Status::Over,
        (_, Some(_), None) if warn.is_some_and(|warn| now >= warn) => Status::Near,
        (_, Some(_), None) => Status::Running,
    };

    Clock {
        id: String::new(),
        name: None,
        is_duty: false,
        started: start,
        due,
        warn,
        done,
        status,
        to: Vec::new(),
        form: None,
        source: String::new(),
    }
}

impl Facts {
    /// For how long it rested between two moments.
    fn rested(&self, from: Timestamp, until: Timestamp) -> Duration {
        let within = |(start, end): &(Timestamp, Option<Timestamp>)| {
            end.unwrap_or(until).min(until).since((*start).max(from))
        };

        self.pauses.iter().map(within).sum()
    }
}

/// The clock that presses most: over first, then the one that is due next; `None` if nothing is left to do.
#[must_use]
pub fn pressing(clocks: &[Clock]) -> Option<&Clock> {
    let open = clocks.iter().filter(|clock| {
        matches!(clock.status, Status::Over | Status::Near | Status::Running) && clock.due.is_some()
    });

    open.min_by_key(|clock| clock.due)
}

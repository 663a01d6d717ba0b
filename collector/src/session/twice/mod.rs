//! Whether a hello comes from the one machine that an identity belongs to. Pure: what is known and what was said go
//! in, what to think and what to know from now on come out. `docs/decisions/0021` tells why.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::machine::{Continuity, ContinuitySecret, MachineMarks, MachineTold, NextStep};
use vonggac_protocol::observation::TwiceBy;

/// What is known of the machine that an identity belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Fingerprint of its first hello; `None` before that, or after a person let the next machine take its place.
    pub fingerprint: Option<Digest>,
    /// What it is; `None` while only agents before marks spoke for it.
    pub marks: Option<MachineMarks>,
    /// Where its life stands; `None` before its first step.
    pub life: Option<Life>,
    /// Steps of lives that were left.
    pub left: Vec<Left>,
    /// Machines that a person turned away.
    pub turned_away: Vec<(Digest, Option<MachineMarks>)>,
}

/// Where a life stands. Both may be on the machine's disk: a step is offered until it is confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Life {
    /// The newest step that is known to be on its disk; `None` if it never confirmed one.
    pub held: Option<Continuity>,
    /// A step that was given and is not confirmed; given again until it is, since it may be on the disk already.
    pub offered: Option<Continuity>,
    /// The machine was set back and has not yet confirmed that its spool began a new epoch.
    pub set_back: bool,
}

/// A step that nobody may come back with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// The step.
    pub step: Continuity,
    /// Whether a person decided so; otherwise a machine that was set back left it behind.
    pub decided: bool,
}

/// What to think of a hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weighed {
    /// It is the machine that is known.
    Same,
    /// It is an older copy of it, and no other is known to live.
    SetBack,
    /// There are two.
    Twice(TwiceBy),
    /// A person has decided that this one may not use the identity.
    TurnedAway,
}

/// Weighs what a hello says.
#[must_use]
pub fn weigh(known: &Known, fingerprint: Digest, standing: Option<&MachineTold>) -> Weighed {
    let marks = standing.map(|standing| &standing.marks);
    let step = standing.and_then(|standing| standing.continuity);
    if is_turned_away(known, fingerprint, marks, step) {
        return Weighed::TurnedAway;
    }
    if known.fingerprint.is_some_and(|enrolled| enrolled != fingerprint) {
        return Weighed::Twice(TwiceBy::Installation);
    }
    let hardware = known.marks.as_ref().zip(marks).and_then(|(known, told)| same_hardware(known, told));
    if hardware == Some(false) {
        return Weighed::Twice(TwiceBy::Hardware);
    }
    // An agent before steps goes on as ever: its marks are all that tells it.
    let (Some(life), Some(standing)) = (&known.life, standing) else { return Weighed::Same };
    if step.is_some_and(|step| known.left.iter().any(|left| left.step == step)) {
        return Weighed::Twice(TwiceBy::Continuity);
    }
    let is_expected = step == life.held || (step.is_some() && step == life.offered);
    // Ahead of us: it is the collector that was restored from a backup.
    let is_ahead = step.is_some_and(|step| step.number > life.newest());
    if is_expected || is_ahead {
        return Weighed::Same;
    }
    let network = known.marks.as_ref().and_then(|known| overlap(&known.network, &standing.marks.network));
    if hardware.is_none() && network == Some(false) {
        return Weighed::Twice(TwiceBy::Continuity);
    }

    Weighed::SetBack
}

fn is_turned_away(
    known: &Known,
    fingerprint: Digest,
    marks: Option<&MachineMarks>,
    step: Option<Continuity>,
) -> bool {
    let by_step = known.left.iter().any(|left| left.decided && Some(left.step) == step);
    let by_machine = known.turned_away.iter().any(|(away, away_marks)| {
        let is_other_installation = known.fingerprint.is_some_and(|kept| kept != *away);
        let with = |other: Option<&MachineMarks>| {
            other.zip(away_marks.as_ref()).and_then(|(one, away)| same_hardware(one, away))
        };
        let is_other_hardware = with(known.marks.as_ref()) == Some(false);

        (is_other_installation && fingerprint == *away) || (is_other_hardware && with(marks) == Some(true))
    });

    by_step || by_machine
}

/// Whether two machines are of one board; `None` if that cannot be told. The system's UUID decides; serial numbers do
/// where one of them has none. Network cards are replaced and decide nothing.
fn same_hardware(one: &MachineMarks, other: &MachineMarks) -> Option<bool> {
    match (one.hardware, other.hardware) {
        (Some(one), Some(other)) => Some(one == other),
        _ => overlap(&one.serials, &other.serials),
    }
}

/// Whether two sets share something; `None` if one is empty.
fn overlap(one: &[Digest], other: &[Digest]) -> Option<bool> {
    (!one.is_empty() && !other.is_empty()).then(|| one.iter().any(|mark| other.contains(mark)))
}

impl Life {
    /// The newest number that was given or heard of; 0 if none was.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.held.iter().chain(&self.offered).map(|step| step.number).max().unwrap_or(0)
    }

    /// The machine says that the step of this number is on its disk.
    #[must_use]
    pub fn confirmed(self, number: u64) -> Self {
        match self.offered {
            Some(step) if step.number == number => Self { held: Some(step), offered: None, set_back: false },
            Some(_) | None => self,
        }
    }
}

impl Known {
    /// Takes in a hello that was weighed as [`Weighed::Same`] or [`Weighed::SetBack`] and gives the step to offer;
    /// `None` to an agent before steps. `fresh` is used if a new step is needed.
    pub fn take_in(
        &mut self,
        fingerprint: Digest,
        standing: Option<&MachineTold>,
        is_set_back: bool,
        fresh: ContinuitySecret,
    ) -> Option<NextStep> {
        self.fingerprint.get_or_insert(fingerprint);
        let standing = standing?;
        self.marks = Some(merged(self.marks.take(), &standing.marks));
        let told = standing.continuity;
        let mut life = self.life.unwrap_or_else(|| Life { held: told, ..Life::default() });
        let newest = life.newest();
        if is_set_back {
            let left = life.held.iter().chain(&life.offered);
            self.left.extend(left.map(|step| Left { step: *step, decided: false }));
            life = Life { held: told, offered: None, set_back: true };
        } else if told.is_some() && (told == life.offered || told.is_some_and(|told| told.number > newest)) {
            // The one that was given, or ahead of us.
            life = Life { held: told, offered: None, set_back: false };
        }
        let number = newest.max(told.map_or(0, |told| told.number)) + 1;
        let continuity = *life.offered.get_or_insert(Continuity { number, secret: fresh });
        self.life = Some(life);

        Some(NextStep { continuity, set_back: life.set_back })
    }
}

/// What was just told, and of what could not be read this time what was known.
fn merged(known: Option<MachineMarks>, told: &MachineMarks) -> MachineMarks {
    let known = known.unwrap_or_default();
    let or = |told: &Vec<Digest>, known: Vec<Digest>| if told.is_empty() { known } else { told.clone() };

    MachineMarks {
        installation: told.installation.or(known.installation),
        hardware: told.hardware.or(known.hardware),
        serials: or(&told.serials, known.serials),
        network: or(&told.network, known.network),
    }
}

#[cfg(test)]
mod tests;

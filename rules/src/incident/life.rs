//! The life of an incident: where it stands, which steps are open from there, and when it first got how far.
//!
//! How it ended is apart from where it stands. Going on may leave out states (not every incident has something to
//! eradicate); going back, closing and opening again need a reason.

use vonggac_protocol::time::Timestamp;

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Nobody has taken it.
    New,
    /// Somebody has.
    Acknowledged,
    /// It was looked at and is being understood.
    Analysis,
    /// It does not spread any more.
    Contained,
    /// Its cause is removed.
    Eradicated,
    /// What it touched works again.
    Recovered,
    /// It is over.
    Closed,
}

impl State {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Acknowledged,
        Self::Analysis,
        Self::Contained,
        Self::Eradicated,
        Self::Recovered,
        Self::Closed,
    ];

    /// The word in the store and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Analysis => "analysis",
            Self::Contained => "contained",
            Self::Eradicated => "eradicated",
            Self::Recovered => "recovered",
            Self::Closed => "closed",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The states that [`Step::Move`] may lead to from here.
    #[must_use]
    pub fn moves(self) -> Vec<Self> {
        let between = |state: &Self| *state > Self::Acknowledged && *state < Self::Closed && *state != self;
        match self {
            Self::New | Self::Closed => Vec::new(),
            Self::Acknowledged | Self::Analysis | Self::Contained | Self::Eradicated | Self::Recovered => {
                Self::ALL.into_iter().filter(between).collect()
            }
        }
    }
}

/// What somebody does to where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Takes a new one.
    Take,
    /// Moves a taken one on, or back.
    Move(State),
    /// Ends it.
    Close,
    /// Opens it again.
    Reopen,
}

/// Why a step is not possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StepRefused {
    /// Not from where it stands.
    #[error("an incident that is {} cannot take this step", .0.word())]
    Unfit(State),
    /// It needs a reason.
    #[error("this step needs a reason")]
    NoReason,
}

/// Where a step leads.
///
/// # Errors
/// If the step is not open from there, or lacks the reason that it needs.
pub fn step(from: State, step: Step, has_reason: bool) -> Result<State, StepRefused> {
    let (to, needs_reason) = match step {
        Step::Take if from == State::New => (State::Acknowledged, false),
        Step::Move(to) if from.moves().contains(&to) => (to, to < from),
        Step::Close if from != State::Closed => (State::Closed, true),
        Step::Reopen if from == State::Closed => (State::Acknowledged, true),
        Step::Take | Step::Move(_) | Step::Close | Step::Reopen => return Err(StepRefused::Unfit(from)),
    };
    if needs_reason && !has_reason {
        return Err(StepRefused::NoReason);
    }

    Ok(to)
}

/// When an incident got how far. Going back takes away what it goes behind: the clock of what is not done runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Milestones {
    /// Somebody took it.
    pub acknowledged: Option<Timestamp>,
    /// Somebody said what it is about: analysis began, or went past it.
    pub triaged: Option<Timestamp>,
    /// It does not spread any more.
    pub contained: Option<Timestamp>,
    /// What it touched works again, or it was closed.
    pub resolved: Option<Timestamp>,
    /// It was closed.
    pub closed: Option<Timestamp>,
}

impl Milestones {
    /// As they are once the incident has come to this state.
    #[must_use]
    pub fn after(self, to: State, at: Timestamp) -> Self {
        let kept = |reached: State, before: Option<Timestamp>| (to >= reached).then(|| before.unwrap_or(at));

        Self {
            acknowledged: kept(State::Acknowledged, self.acknowledged),
            // It stays understood, even if it has to be looked at once more.
            triaged: kept(State::Analysis, self.triaged).or(self.triaged),
            contained: kept(State::Contained, self.contained),
            resolved: kept(State::Recovered, self.resolved),
            closed: kept(State::Closed, self.closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_state_has_exactly_these_steps() {
        let open = |from: State| -> Vec<&'static str> {
            let moves = State::ALL.into_iter().map(|to| (to.word(), Step::Move(to)));
            let steps = [("take", Step::Take), ("close", Step::Close), ("reopen", Step::Reopen)];
            let all = steps.into_iter().chain(moves);
            all.filter(|(_, taken)| step(from, *taken, true).is_ok()).map(|(word, _)| word).collect()
        };

        assert_eq!(open(State::New), ["take", "close"]);
        assert_eq!(open(State::Acknowledged), ["close", "analysis", "contained", "eradicated", "recovered"]);
        assert_eq!(open(State::Analysis), ["close", "contained", "eradicated", "recovered"]);
        assert_eq!(open(State::Contained), ["close", "analysis", "eradicated", "recovered"]);
        assert_eq!(open(State::Eradicated), ["close", "analysis", "contained", "recovered"]);
        assert_eq!(open(State::Recovered), ["close", "analysis", "contained", "eradicated"]);
        assert_eq!(open(State::Closed), ["reopen"]);
    }

    #[test]
    fn going_back_closing_and_opening_again_need_a_reason() {
        let back = step(State::Contained, Step::Move(State::Analysis), false);

        assert_eq!(back, Err(StepRefused::NoReason));
        assert_eq!(step(State::New, Step::Close, false), Err(StepRefused::NoReason));
        assert_eq!(step(State::Closed, Step::Reopen, false), Err(StepRefused::NoReason));
        assert_eq!(step(State::Analysis, Step::Move(State::Contained), false), Ok(State::Contained));
    }

    #[test]
    fn going_back_takes_away_what_it_goes_behind_and_keeps_the_rest() {
        let at = |minute: i64| Timestamp(minute * 60_000);
        let recovered =
            Milestones::default().after(State::Acknowledged, at(1)).after(State::Recovered, at(5));
        let back = recovered.after(State::Analysis, at(9));

        assert_eq!(recovered.resolved, Some(at(5)));
        assert_eq!((back.acknowledged, back.triaged), (Some(at(1)), Some(at(5))));
        assert_eq!((back.contained, back.resolved, back.closed), (None, None, None));
        assert_eq!(back.after(State::Closed, at(12)).resolved, Some(at(12)));
    }

    proptest! {
        #[test]
        fn whatever_people_do_what_is_reached_is_what_the_state_says(
            steps in proptest::collection::vec((0_usize..10, any::<bool>()), 0..40)
        ) {
            let (mut state, mut reached, mut at) = (State::New, Milestones::default(), Timestamp(0));
            for (which, reason) in steps {
                let taken = match which {
                    7 => Step::Take,
                    8 => Step::Close,
                    9 => Step::Reopen,
                    place => Step::Move(State::ALL[place]),
                };
                at = Timestamp(at.0 + 60_000);
                if let Ok(to) = step(state, taken, reason) {
                    state = to;
                    reached = reached.after(to, at);
                }
            }

            prop_assert_eq!(reached.acknowledged.is_some(), state >= State::Acknowledged);
            prop_assert_eq!(reached.contained.is_some(), state >= State::Contained);
            prop_assert_eq!(reached.resolved.is_some(), state >= State::Recovered);
            prop_assert_eq!(reached.closed.is_some(), state == State::Closed);
            prop_assert!(reached.acknowledged <= reached.triaged || reached.triaged.is_none());
        }
    }
}

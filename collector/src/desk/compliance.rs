//! The state of each clause, from open incidents, rules, what hosts told and signed statements: decided as a snapshot
//! decides it (`snapshot/clauses.rs`), for the agencies in view.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use super::knowledge::{ClauseCard, Knowledge};
use crate::store::view::clauses::{ClauseCount, Coverage};

/// How a clause stands. Missing is not zero: what nothing measures is never shown as met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClauseState {
    /// An open incident cites it.
    NotMet,
    /// Only measuring answers it, rules do, every host told what they need, nothing is open.
    Met,
    /// Somebody signed for it, and measuring does not contradict.
    Attested,
    /// Anything else: data, a statement or an import is missing.
    NoFigure,
    /// Only measuring could answer it, and no rule in force does.
    NotMeasurable,
}

impl ClauseState {
    /// The word in the API and in style sheets.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotMet => "not_met",
            Self::Met => "met",
            Self::Attested => "attested",
            Self::NoFigure => "no_figure",
            Self::NotMeasurable => "not_measurable",
        }
    }
}

/// One clause and how it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ClauseLine {
    /// The clause.
    #[serde(flatten)]
    pub clause: ClauseCard,
    /// How it stands.
    pub state: ClauseState,
    /// Open incidents that cite it.
    pub open: u64,
    /// Closed ones.
    pub closed: u64,
    /// Newest statement signed for it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub attested_at: Option<Timestamp>,
    /// Names of the rules that serve it.
    pub rules: Vec<String>,
}

/// How one clause stands.
#[must_use]
pub fn line(
    knowledge: &Knowledge,
    clause: &ClauseCard,
    counts: &BTreeMap<String, ClauseCount>,
    coverage: &Coverage,
) -> ClauseLine {
    let count = counts.get(&clause.id).copied().unwrap_or_default();
    let serving: Vec<_> = knowledge.serving(&clause.id).collect();
    let is = |way: &str| clause.ways.iter().any(|known| known == way);
    // What keeps measuring from a clean answer.
    let missing = if !is("auto") {
        None
    } else if serving.is_empty() {
        Some(ClauseState::NotMeasurable)
    } else if serving.iter().all(|rule| coverage.is_whole_for(&rule.category)) {
        None
    } else {
        Some(ClauseState::NoFigure)
    };
    let state = if count.open > 0 {
        ClauseState::NotMet
    } else if is("import") {
        ClauseState::NoFigure
    } else if is("attest") {
        match (count.attested_at, missing) {
            (None, _) | (Some(_), Some(ClauseState::NoFigure)) => ClauseState::NoFigure,
            (Some(_), _) => ClauseState::Attested,
        }
    } else {
        missing.unwrap_or(ClauseState::Met)
    };
    let rules = serving.iter().map(|rule| rule.id.clone()).collect();

    ClauseLine {
        clause: clause.clone(),
        state,
        open: count.open,
        closed: count.closed,
        attested_at: count.attested_at,
        rules,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::knowledge::{Both, RuleCard};
    use crate::store::view::words::Severity;

    fn clause(ways: &[&str]) -> ClauseCard {
        ClauseCard {
            id: "p/I".to_owned(),
            number: "I".to_owned(),
            text: Both::default(),
            due: Both::default(),
            ways: ways.iter().map(|way| (*way).to_owned()).collect(),
        }
    }

    fn ruled() -> Knowledge {
        let rule = RuleCard {
            id: "r".to_owned(),
            title: Both::default(),
            about: Both::default(),
            sentence: Both::default(),
            severity: Severity::Low,
            owner: Both::default(),
            clauses: vec!["p/I".to_owned()],
            category: "patch_state".to_owned(),
            response: Vec::new(),
            file: String::new(),
        };

        Knowledge { rules: [("r".to_owned(), rule)].into(), plans: Vec::new() }
    }

    fn told(hosts: u64, patched: u64) -> Coverage {
        Coverage { hosts, heard: hosts, patched, ..Coverage::default() }
    }

    fn state(knowledge: &Knowledge, ways: &[&str], count: ClauseCount, coverage: Coverage) -> ClauseState {
        line(knowledge, &clause(ways), &[("p/I".to_owned(), count)].into(), &coverage).state
    }

    #[test]
    fn nothing_measured_is_never_shown_as_met() {
        let none = ClauseCount::default();

        assert_eq!(state(&ruled(), &["auto"], none, told(0, 0)), ClauseState::NoFigure);
        assert_eq!(state(&ruled(), &["auto"], none, told(3, 2)), ClauseState::NoFigure);
        assert_eq!(state(&ruled(), &["auto"], none, told(3, 3)), ClauseState::Met);
        assert_eq!(state(&ruled(), &["auto", "import"], none, told(3, 3)), ClauseState::NoFigure);
        assert_eq!(state(&ruled(), &["auto", "attest"], none, told(3, 3)), ClauseState::NoFigure);
        assert_eq!(state(&Knowledge::default(), &["auto"], none, told(3, 3)), ClauseState::NotMeasurable);
    }

    #[test]
    fn what_is_not_heard_or_not_weighed_is_not_measured() {
        let (silent, unjudged) =
            (Coverage { heard: 2, ..told(3, 3) }, Coverage { unjudged: 1, ..told(3, 3) });

        for coverage in [silent, unjudged] {
            assert_eq!(state(&ruled(), &["auto"], ClauseCount::default(), coverage), ClauseState::NoFigure);
        }
    }

    #[test]
    fn an_open_incident_weighs_more_than_a_statement() {
        let signed = ClauseCount { open: 0, closed: 0, attested_at: Some(Timestamp(1)) };
        let open = ClauseCount { open: 1, ..signed };

        assert_eq!(state(&ruled(), &["attest"], signed, told(3, 3)), ClauseState::Attested);
        assert_eq!(state(&ruled(), &["attest"], open, told(3, 3)), ClauseState::NotMet);
    }
}

//! The state of each clause, from open incidents, rules, hosts and signed statements.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use super::knowledge::{ClauseCard, Knowledge};
use crate::store::view::clauses::ClauseCount;

/// How a clause stands. Missing is not zero: what nothing measures is never shown as met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClauseState {
    /// An open incident cites it.
    NotMet,
    /// Rules serve it, hosts report, nothing is open.
    Met,
    /// Somebody signed for it, and nothing open contradicts.
    Attested,
    /// It could be known, but nothing has come in.
    NoFigure,
    /// Nothing that a machine reports can tell.
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

/// How one clause stands; `reporting` is the number of hosts in view that report.
#[must_use]
pub fn line(
    knowledge: &Knowledge,
    clause: &ClauseCard,
    counts: &BTreeMap<String, ClauseCount>,
    reporting: u64,
) -> ClauseLine {
    let count = counts.get(&clause.id).copied().unwrap_or_default();
    let rules: Vec<String> = knowledge.serving(&clause.id).map(|rule| rule.id.clone()).collect();
    let measurable = clause.ways.iter().any(|way| way != "none");
    let state = if count.open > 0 {
        ClauseState::NotMet
    } else if count.attested_at.is_some() {
        ClauseState::Attested
    } else if !rules.is_empty() && reporting > 0 {
        ClauseState::Met
    } else if measurable || !rules.is_empty() {
        ClauseState::NoFigure
    } else {
        ClauseState::NotMeasurable
    };

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
            response: Vec::new(),
            file: String::new(),
        };

        Knowledge { rules: [("r".to_owned(), rule)].into(), plans: Vec::new() }
    }

    #[test]
    fn nothing_measured_is_never_shown_as_met() {
        let counts = BTreeMap::new();

        let state = |knowledge: &Knowledge, ways: &[&str], hosts| {
            line(knowledge, &clause(ways), &counts, hosts).state
        };

        assert_eq!(state(&ruled(), &["auto"], 0), ClauseState::NoFigure);
        assert_eq!(state(&ruled(), &["auto"], 3), ClauseState::Met);
        assert_eq!(state(&Knowledge::default(), &["auto"], 3), ClauseState::NoFigure);
        assert_eq!(state(&Knowledge::default(), &["none"], 3), ClauseState::NotMeasurable);
    }

    #[test]
    fn an_open_incident_weighs_more_than_a_statement() {
        let count = ClauseCount { open: 1, closed: 0, attested_at: Some(Timestamp(1)) };
        let counts = [("p/I".to_owned(), count)].into();

        assert_eq!(line(&ruled(), &clause(&["auto"]), &counts, 3).state, ClauseState::NotMet);
    }
}

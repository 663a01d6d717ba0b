//! The state of every clause, worked out from the facts alone: making and verifying use the same words of code.
//!
//! | state | when |
//! |---|---|
//! | `not_met` | an incident that cites the clause is open |
//! | `met` | only measuring answers it; at least one rule cites it; every host in scope has the data that those rules need and is not silent; the rules have weighed everything; no incident that cites it is open |
//! | `attested` | a statement that counts for the whole province says so, and measuring does not contradict it |
//! | `not_measurable` | only measuring could answer it, and no rule in force does |
//! | `no_figure` | anything else: data, a statement or an import is missing. Missing is never met |

use std::collections::BTreeSet;

use serde::Serialize;
use vonggac_rules::clause::{Clause, Measure, Priority};
use vonggac_rules::fields::HOST_STATE;
use vonggac_rules::ruleset::Rule;

use super::book::Book;
use super::facts::{Evidence, Facts, Host, Incident, Text};
use super::figures::{Figure, Figures};

/// How a clause stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Measured everywhere, nothing open.
    Met,
    /// Something is open.
    NotMet,
    /// Stated by a person.
    Attested,
    /// Nothing measures it.
    NotMeasurable,
    /// Not known.
    NoFigure,
}

/// One clause with everything that its state rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ClauseState {
    /// The clause.
    pub id: String,
    /// As people cite it.
    pub number: String,
    /// What it asks, in our own words.
    pub title: Text,
    /// Theme.
    pub theme: String,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// By when.
    pub due: Text,
    /// How it can be answered.
    pub measurable: Vec<Measure>,
    /// How much it matters.
    pub priority: Priority,
    /// How it stands.
    pub state: State,
    /// Why.
    pub why: Text,
    /// Rules in force that measure it.
    pub rules: Vec<String>,
    /// Hosts in scope.
    pub hosts: u64,
    /// Hosts of which there is all the data that those rules need.
    pub hosts_measured: u64,
    /// Open incidents that cite it.
    pub open_incidents: Vec<i64>,
    /// Numbers that speak to it.
    pub figures: Vec<Figure>,
    /// Statements that count.
    pub statements: Vec<i64>,
    /// Observations that show it.
    pub evidence: Vec<Evidence>,
}

/// Every clause of every plan, in the order of the register.
#[must_use]
pub fn weigh(facts: &Facts, book: &Book) -> Vec<ClauseState> {
    let figures = Figures::of(facts, book);

    book.register.clauses().map(|clause| weigh_one(clause, facts, book, &figures)).collect()
}

fn weigh_one(clause: &Clause, facts: &Facts, book: &Book, figures: &Figures) -> ClauseState {
    let rules = book.rules_for(&clause.id);
    let open: Vec<&Incident> = facts
        .incidents
        .iter()
        .filter(|incident| incident.is_open() && !incident.drill && incident.clauses.contains(&clause.id))
        .collect();
    let mut evidence: BTreeSet<Evidence> = open
        .iter()
        .flat_map(|incident| &incident.findings)
        .flat_map(|f| f.evidence.iter().copied())
        .collect();
    let mut measured = 0;
    for host in &facts.hosts {
        if let Some(shown) = measurement(host, &rules) {
            measured += 1;
            evidence.extend(shown);
        }
    }
    let statements: Vec<i64> = facts
        .statements
        .iter()
        .filter(|statement| statement.clause == clause.id && statement.agency.is_none())
        .filter(|statement| statement.valid_until.is_none_or(|until| until >= facts.as_of))
        .map(|statement| statement.id)
        .collect();
    let hosts = u64::try_from(facts.hosts.len()).unwrap_or(u64::MAX);
    let ground = Ground {
        clause,
        rules: rules.len(),
        hosts,
        measured,
        unjudged: facts.unjudged,
        open: open.len(),
        attested: !statements.is_empty(),
    };
    let (state, why) = ground.decide();
    let title = &clause.title;

    ClauseState {
        id: clause.id.clone(),
        number: clause.cited(),
        title: Text { vi: title.vi.clone(), en: title.en.clone() },
        theme: clause.theme.clone(),
        owners: clause.owners.clone(),
        due: Text { vi: clause.due.vi.clone(), en: clause.due.en.clone() },
        measurable: clause.measurable.clone(),
        priority: clause.priority,
        state,
        why,
        rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        hosts,
        hosts_measured: measured,
        open_incidents: open.iter().map(|incident| incident.id).collect(),
        figures: figures.about(&clause.theme),
        statements,
        evidence: evidence.into_iter().collect(),
    }
}

/// The evidence that a host was measured for all these rules; `None` if for any of them data is missing.
fn measurement(host: &Host, rules: &[&Rule]) -> Option<Vec<Evidence>> {
    if rules.is_empty() || host.silent {
        return None;
    }
    let mut shown = Vec::new();
    for rule in rules {
        match needed(&rule.category) {
            Needs::AnySign => {
                shown.push(*host.newest.get("health").or_else(|| host.newest.values().next())?);
            }
            Needs::Kinds(kinds) => {
                for kind in kinds {
                    shown.push(*host.newest.get(*kind)?);
                }
            }
            Needs::Inventory(kinds) => {
                if host.inventory.is_empty() {
                    return None;
                }
                shown.extend(&host.inventory);
                for kind in kinds {
                    shown.push(*host.newest.get(*kind)?);
                }
            }
        }
    }

    Some(shown)
}

/// What a host must have told so that silence of a rule means something.
enum Needs {
    /// Anything at all.
    AnySign,
    /// An observation of each of these kinds.
    Kinds(&'static [&'static str]),
    /// A whole list of packages, and an observation of each of these kinds.
    Inventory(&'static [&'static str]),
}

fn needed(category: &str) -> Needs {
    match category {
        "file_changed" | "baseline_taken" | "watch_lost" => Needs::Kinds(&["baseline_taken"]),
        "packages_listed" | "packages_changed" => Needs::Inventory(&[]),
        "patch_state" => Needs::Kinds(&["patch_state"]),
        "host_described" => Needs::Kinds(&["host_described"]),
        HOST_STATE => Needs::Inventory(&["host_described", "patch_state"]),
        _ => Needs::AnySign,
    }
}

/// What a decision rests on.
struct Ground<'a> {
    clause: &'a Clause,
    rules: usize,
    hosts: u64,
    measured: u64,
    unjudged: u64,
    open: usize,
    attested: bool,
}

fn text(vi: String, en: String) -> Text {
    Text { vi, en }
}

impl Ground<'_> {
    fn decide(&self) -> (State, Text) {
        if self.open > 0 {
            let vi = format!("{} sự cố viện dẫn điều khoản này đang mở", self.open);
            return (State::NotMet, text(vi, format!("open incidents that cite this clause: {}", self.open)));
        }
        if self.clause.is(Measure::Import) {
            return (State::NoFigure, self.waits_for_import());
        }
        let missing = if self.clause.is(Measure::Auto) { self.missing() } else { None };
        if self.clause.is(Measure::Attest) {
            return match (self.attested, missing) {
                (false, _) => (State::NoFigure, self.waits_for_statement()),
                (true, Some((State::NoFigure, why))) => (State::NoFigure, why),
                (true, _) => (
                    State::Attested,
                    text(
                        "có xác nhận đã ký cho toàn tỉnh".into(),
                        "a signed statement for the whole province".into(),
                    ),
                ),
            };
        }

        missing.unwrap_or_else(|| {
            let vi =
                format!("{} quy tắc đo trên cả {} máy, không có sự cố nào đang mở", self.rules, self.hosts);
            let en = format!("rules: {}; measured on all {} hosts; no open incident", self.rules, self.hosts);
            (State::Met, text(vi, en))
        })
    }

    /// What keeps measuring from a clean answer.
    fn missing(&self) -> Option<(State, Text)> {
        if self.rules == 0 {
            let why = text(
                "chưa có quy tắc nào đo điều khoản này".into(),
                "no rule in force measures this clause".into(),
            );
            return Some((State::NotMeasurable, why));
        }
        if self.hosts == 0 {
            return Some((State::NoFigure, text("chưa có máy nào".into(), "there is no host".into())));
        }
        if self.measured < self.hosts {
            let vi = format!("mới đo được {} trên {} máy", self.measured, self.hosts);
            let en = format!("measured on {} of {} hosts", self.measured, self.hosts);
            return Some((State::NoFigure, text(vi, en)));
        }
        if self.unjudged > 0 {
            let vi = format!("còn {} quan sát chưa được xét theo quy tắc", self.unjudged);
            let en = format!("observations that the rules have not weighed yet: {}", self.unjudged);
            return Some((State::NoFigure, text(vi, en)));
        }

        None
    }

    fn waits_for_import(&self) -> Text {
        let needs = self.clause.needs.join(", ");
        let so_far = if self.clause.is(Measure::Auto) && self.rules > 0 && self.hosts > 0 {
            (
                format!("; phần đo tự động: {} trên {} máy, không có sự cố mở", self.measured, self.hosts),
                format!("; the measured part: {} of {} hosts, no open incident", self.measured, self.hosts),
            )
        } else {
            (String::new(), String::new())
        };

        text(
            format!("cần số liệu nhập ({needs}); phiên bản này chưa nhập được{}", so_far.0),
            format!("needs imported figures ({needs}); this version cannot import them yet{}", so_far.1),
        )
    }

    fn waits_for_statement(&self) -> Text {
        let needs = self.clause.needs.join(", ");

        text(format!("chờ xác nhận đã ký ({needs})"), format!("waits for a signed statement ({needs})"))
    }
}

//! Which incident a finding belongs to: findings about the same matter are one.

use vonggac_protocol::time::Timestamp;

use crate::finding::{Finding, Severity};
use crate::ruleset::Join;

/// Two findings belong to the same open incident exactly if their join keys are equal: same matter (the
/// rule, unless several rules share one), agency and subject, and the same host unless the rule says `join: agency`.
#[must_use]
pub fn join_key(finding: &Finding) -> String {
    let host = match finding.join {
        Join::Host => finding.host.to_string(),
        Join::Agency => "*".to_owned(),
    };

    // Matters, agency ids and host ids contain no '|', and the subject comes last: no two matters share a key.
    format!("{}|{}|{host}|{}", finding.matter, finding.agency, finding.subject)
}

/// What the casebook must know of an open incident with the finding's join key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenIncident {
    /// How grave it is now.
    pub severity: Severity,
    /// Moment of its first evidence.
    pub opened_at: Timestamp,
    /// Moment of its newest evidence.
    pub last_at: Timestamp,
}

/// What the casebook must know of the newest closed incident with the finding's join key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClosedIncident {
    /// How grave it was.
    pub severity: Severity,
    /// Whether all that the finding rests on had been judged before a person closed the incident: then the finding
    /// is a judgement made again, by another rule or the same, of what was known then.
    pub had_judged: bool,
}

/// What becomes of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filing {
    /// Its key is known already: nothing changes.
    Known,
    /// It is put to the closed incident, which stays as its people left it.
    Add,
    /// No incident with its join key is open: open one.
    Open,
    /// It joins the open incident, which then is as given.
    Join(OpenIncident),
}

/// Decides what becomes of a finding. `known` says whether a finding with the same key was filed before, `open`
/// is the open incident with the same join key, `closed` the newest closed one, if any.
///
/// A severity only ever rises by joining; people lower it. A closed incident takes what is no graver than itself and
/// was judged before it was closed; anything else opens a new one.
#[must_use]
pub fn file(
    finding: &Finding,
    known: bool,
    open: Option<OpenIncident>,
    closed: Option<ClosedIncident>,
) -> Filing {
    let again = closed.is_some_and(|closed| closed.had_judged && finding.severity <= closed.severity);
    match (known, open) {
        (true, _) => Filing::Known,
        (false, None) if again => Filing::Add,
        (false, None) => Filing::Open,
        (false, Some(open)) => Filing::Join(OpenIncident {
            severity: open.severity.max(finding.severity),
            opened_at: open.opened_at.min(finding.at),
            last_at: open.last_at.max(finding.at),
        }),
    }
}

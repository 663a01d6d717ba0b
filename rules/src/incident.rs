//! Findings about the same matter are one incident.

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

/// What becomes of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filing {
    /// Its key is known already: nothing changes.
    Known,
    /// No incident with its join key is open: open one.
    Open,
    /// It joins the open incident, which then is as given.
    Join(OpenIncident),
}

/// Decides what becomes of a finding. `known` says whether a finding with the same key was filed before, `open`
/// is the open incident with the same join key, if any.
///
/// A severity only ever rises by joining; people lower it.
#[must_use]
pub fn file(finding: &Finding, known: bool, open: Option<OpenIncident>) -> Filing {
    match (known, open) {
        (true, _) => Filing::Known,
        (false, None) => Filing::Open,
        (false, Some(open)) => Filing::Join(OpenIncident {
            severity: open.severity.max(finding.severity),
            opened_at: open.opened_at.min(finding.at),
            last_at: open.last_at.max(finding.at),
        }),
    }
}

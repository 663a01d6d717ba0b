//! Which findings of a machine its accepted risks answer: they leave the open lists and stay visible beside them.

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use super::report::{Line, Report};
use crate::store::risks::Risk;

/// An acceptance that speaks of a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Acceptance {
    /// Its number.
    pub id: i64,
    /// The advisory or CVE that it names.
    pub name: String,
    /// `host`, `agency` or `province`.
    pub extent: &'static str,
    /// Who accepted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The last day on which it holds, in Vietnam.
    #[schema(value_type = String, format = Date)]
    pub last_day: String,
}

impl Acceptance {
    /// That day as people in Vietnam write it.
    #[must_use]
    pub fn last_day_written(&self) -> String {
        let mut parts: Vec<&str> = self.last_day.split('-').collect();
        parts.reverse();

        parts.join("/")
    }
}

impl Report {
    /// The same with the risks that are accepted for this machine and in force: findings that they answer whole are in
    /// `accepted`; one of whose CVEs only some are accepted stays open and names those.
    #[must_use]
    pub fn accepting(mut self, risks: &[Risk]) -> Self {
        for lines in [&mut self.with_fix, &mut self.without_fix] {
            for mut line in std::mem::take(lines) {
                let whole = answer(&mut line, risks);
                if whole { self.accepted.push(line) } else { lines.push(line) }
            }
        }

        self
    }
}

/// Notes what of a finding is accepted; whether all of it is.
fn answer(line: &mut Line, risks: &[Risk]) -> bool {
    let speaking: Vec<&Risk> = risks.iter().filter(|risk| risk.package == line.package).collect();
    let is_named = |name: &String| speaking.iter().any(|risk| risk.name.eq_ignore_ascii_case(name));
    // What was accepted by another feed's advisory, before or after its finding became one with this, is accepted.
    let is_answered = |cve: &String| {
        is_named(cve) || line.also.iter().any(|also| is_named(&also.advisory) && also.cves.contains(cve))
    };
    let whole = is_named(&line.advisory)
        || (!line.cves.is_empty() && line.cves.iter().all(is_answered))
        || (line.cves.is_empty() && line.also.iter().any(|also| is_named(&also.advisory)));
    let names: Vec<&String> = std::iter::once(&line.advisory)
        .chain(&line.cves)
        .chain(line.also.iter().map(|also| &also.advisory))
        .collect();
    let of_it = speaking.iter().filter(|risk| names.iter().any(|name| risk.name.eq_ignore_ascii_case(name)));
    line.accepted = of_it
        .map(|risk| Acceptance {
            id: risk.id,
            name: risk.name.clone(),
            extent: risk.extent,
            by: risk.accepted_by.clone(),
            reason: risk.reason.clone(),
            at: risk.accepted_at,
            last_day: risk.last_day().to_string(),
        })
        .collect();

    whole
}

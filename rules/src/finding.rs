//! What one rule concluded, and from which observations.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId, ObservationId};
use vonggac_protocol::time::Timestamp;

use crate::ruleset::Join;

/// Observation ids that one finding carries at most: enough to check it, bounded whatever a host sends.
pub const EVIDENCE_MAX: usize = 32;

/// How grave a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be mended in the ordinary course.
    Low,
    /// To be looked at within days.
    Medium,
    /// To be looked at the same day.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// All of them, the least grave first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in rule files, the store and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of this word, if it is one.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What one rule concluded about one subject.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// 64 hexadecimal digits over rule, subject and evidence: judging the same again gives the same key.
    pub key: String,
    /// Name of the rule.
    pub rule: String,
    /// The matter that it is about: the rule's own name, or a word that several rules share.
    pub matter: String,
    /// As the rule says.
    pub severity: Severity,
    /// Whether findings of several hosts are about the same matter.
    pub join: Join,
    /// What it is about: a path, a root, a package, a product, or the host's name.
    pub subject: String,
    /// When it happened, by the newest evidence.
    pub at: Timestamp,
    /// The host it was found on.
    pub host: HostId,
    /// The agency that the host belongs to.
    pub agency: AgencyId,
    /// The flat event, for the sentence that people read and for before and after; values come from the host.
    pub fields: Map<String, Value>,
    /// The observations it rests on, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<ObservationId>,
}

/// The key of a finding.
#[must_use]
pub fn key(rule: &str, subject: &str, evidence: &[ObservationId]) -> String {
    let mut text = format!("{}:{rule}{}:{subject}", rule.len(), subject.len());
    for id in evidence {
        text.push('\n');
        text.push_str(&id.to_string());
    }

    Digest::of(text.as_bytes()).to_string()
}

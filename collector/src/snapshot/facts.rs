//! What is known as of a moment: hosts, incidents, statements, and the observations that show it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{HostId, ObservationId};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::entitlement::Entitlement;

/// A text in both languages, as files have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

/// One observation as evidence: which, and the SHA-256 of its exact bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Its id.
    pub observation: ObservationId,
    /// Digest of its bytes.
    pub sha256: Digest,
}

/// An agency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// Its id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `province`, `department`, `district` or `commune`.
    pub level: String,
}

/// A host in scope: enrolled by then, and not revoked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// Its agency.
    pub agency: String,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When its newest observation here was received.
    pub last_received_at: Option<Timestamp>,
    /// Whether it was silent.
    pub silent: bool,
    /// Its newest observation of each kind that describes a state.
    pub newest: BTreeMap<String, Evidence>,
    /// The observations that its list of packages follows from, in order; empty if there is none.
    pub inventory: Vec<Evidence>,
}

/// A finding of an open incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its key.
    pub key: String,
    /// The host.
    pub host: HostId,
    /// What it is about.
    pub subject: String,
    /// Severity.
    pub severity: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was seen.
    pub fields: Map<String, Value>,
    /// The observations it rests on.
    pub evidence: Vec<Evidence>,
}

/// What was done to an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who; `None`: the collector itself.
    pub person: Option<String>,
    /// What.
    pub action: String,
    /// A comment.
    pub text: String,
    /// What it was before.
    pub before: Option<String>,
    /// What it was after.
    pub after: Option<String>,
}

/// An incident as it stood.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its number.
    pub id: i64,
    /// The rule that opened it.
    pub rule: String,
    /// Digest of the rule set that opened it.
    pub rule_set: Digest,
    /// Title, as the rule had it then.
    pub title: Text,
    /// Clauses, likewise.
    pub clauses: Vec<String>,
    /// The role that answers for it.
    pub owner_role: String,
    /// The agency.
    pub agency: String,
    /// What it is about.
    pub subject: String,
    /// Its state, as it stood.
    pub state: String,
    /// How it ended, if it had.
    pub outcome: Option<String>,
    /// Whether it was a drill: then no figure counts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
    /// When the collector opened it.
    pub raised_at: Timestamp,
    /// How many findings it had; not counted for a closed one.
    pub findings_total: Option<u64>,
    /// The newest of them, see [`FINDINGS_MAX`]; none for a closed one.
    pub findings: Vec<Finding>,
    /// What was done to it by then.
    pub deeds: Vec<Deed>,
}

/// Findings of one incident that a snapshot carries with their evidence; the rest are counted.
pub const FINDINGS_MAX: usize = 32;

impl Incident {
    /// Whether it was open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != "closed"
    }
}

/// A signed statement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its number.
    pub id: i64,
    /// The clause.
    pub clause: String,
    /// The agency; `None`: the whole province.
    pub agency: Option<String>,
    /// What it says.
    pub text: String,
    /// Who signed.
    pub signed_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Until when it counts.
    pub valid_until: Option<Timestamp>,
    /// Digest of the file that it is about.
    pub file: Option<Digest>,
}

/// A line of an agency's ledger of software entitlements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// The agency that holds it.
    pub agency: String,
    /// When it was imported.
    pub taken_at: Timestamp,
    /// What it says.
    pub entitlement: Entitlement,
}

/// A weakness that a person decided to live with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedRisk {
    /// Its number.
    pub id: i64,
    /// The advisory or CVE.
    pub name: String,
    /// The package as the advisory names it.
    pub package: String,
    /// Every host of this agency; `None` beside no host: the whole province.
    pub agency: Option<String>,
    /// This host alone.
    pub host: Option<HostId>,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub accepted_by: String,
    /// When.
    pub accepted_at: Timestamp,
    /// The first moment at which it no longer holds by itself.
    pub ends_at: Timestamp,
}

/// An exception to a rule in force, and what it kept from being an incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleException {
    /// Its number.
    pub id: i64,
    /// The rule.
    pub rule: String,
    /// Every host of this agency; `None` beside no host: the whole province.
    pub agency: Option<String>,
    /// This host alone.
    pub host: Option<HostId>,
    /// Fields of findings and their values.
    pub conditions: BTreeMap<String, String>,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// The first moment at which it no longer holds by itself.
    pub ends_at: Timestamp,
    /// How many findings it had answered by then.
    pub findings_total: u64,
    /// The newest of them with their evidence.
    pub findings: Vec<Finding>,
}

/// Everything that clause states are worked out from.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// The moment.
    pub as_of: Timestamp,
    /// Observations received by then that the rules had not yet weighed.
    pub unjudged: u64,
    /// Agencies, by id.
    pub agencies: Vec<Agency>,
    /// Hosts in scope, by agency and id.
    pub hosts: Vec<Host>,
    /// Incidents, by number.
    pub incidents: Vec<Incident>,
    /// Statements, by number.
    pub statements: Vec<Statement>,
    /// Lines of ledgers in force, by agency.
    pub entitlements: Vec<Licence>,
    /// Accepted risks in force, by number: exceptions that people made.
    pub accepted_risks: Vec<AcceptedRisk>,
    /// Exceptions to rules in force, by number.
    pub exceptions: Vec<RuleException>,
    /// The evidence: exact bytes.
    pub observations: BTreeMap<ObservationId, Vec<u8>>,
}

impl Facts {
    /// Every piece of evidence that hosts and incidents name.
    #[must_use]
    pub fn named(&self) -> BTreeSet<Evidence> {
        let hosts = self.hosts.iter().flat_map(|host| host.newest.values().chain(&host.inventory));
        let excepted = self.exceptions.iter().flat_map(|exception| &exception.findings);
        let findings = self.incidents.iter().flat_map(|incident| &incident.findings).chain(excepted);

        hosts.chain(findings.flat_map(|finding| &finding.evidence)).copied().collect()
    }
}

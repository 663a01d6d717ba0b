//! What of an incident the formats are given: already cut by its marks, without people's names, notes and contents.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::event::DRILL;
use super::uuid;
use crate::store::installation::Installation;
use crate::store::view::words::{Action, Outcome, Severity, State};

/// An incident for others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Who tells it.
    pub from: Installation,
    /// The incident's number.
    pub id: i64,
    /// The rule that opened it.
    pub rule: String,
    /// Title in Vietnamese, as [`Case::titled`] shows it.
    pub title_vi: String,
    /// In English.
    pub title_en: String,
    /// Clauses that the rule cited.
    pub clauses: Vec<String>,
    /// The role that the rule says it is for.
    pub owner_role: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// What it turned out to be.
    pub outcome: Option<Outcome>,
    /// What it touches.
    pub marks: Vec<String>,
    /// Who may read of it.
    pub tlp: String,
    /// What may be done with what is known of it.
    pub pap: String,
    /// Whether it is a drill.
    pub is_drill: bool,
    /// The regime of law that it was born under.
    pub profile: String,
    /// The incident that it is a part of now.
    pub merged_into: Option<i64>,
    /// Findings it is made of.
    pub findings: u64,
    /// Hosts it is on.
    pub host_count: u64,
    /// Its moments.
    pub times: Times,
    /// The agency: id and name; `None` if the marks hide it.
    pub agency: Option<(String, String)>,
    /// What it is about, such as a path; `None` if the marks hide it.
    pub subject: Option<String>,
    /// Its hosts; empty if the marks hide them.
    pub hosts: Vec<Machine>,
    /// The newest evidence.
    pub seen: Vec<Seen>,
    /// What people wrote into fields of forms that tell of the incident: name and value; empty if the marks hide it.
    pub told: Vec<(String, String)>,
    /// What was done, oldest first.
    pub steps: Vec<Done>,
}

/// Moments of an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// T0.
    pub detected: Timestamp,
    /// The first evidence.
    pub first: Timestamp,
    /// The newest evidence.
    pub last: Timestamp,
    /// When the collector opened it.
    pub raised: Timestamp,
    /// When anything of it last changed.
    pub changed: Timestamp,
    /// When it was taken.
    pub acknowledged: Option<Timestamp>,
    /// When it did not spread any more.
    pub contained: Option<Timestamp>,
    /// When what it touched worked again.
    pub resolved: Option<Timestamp>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
}

/// A piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The word of its kind.
    pub kind: String,
    /// SHA-256 of the observation as kept.
    pub digest: Digest,
    /// Its id and the host's name; `None` if the marks hide where.
    pub place: Option<(String, Machine)>,
    /// The file that changed; `None` if it is none, or the marks hide where.
    pub file: Option<SeenFile>,
}

/// A file as it was found; never what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenFile {
    /// Its path.
    pub path: String,
    /// SHA-256 and size of what it holds now, if it is there and could be read.
    pub now: Option<(Digest, u64)>,
    /// Whether it is gone.
    pub is_gone: bool,
}

/// One thing that was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
    /// The entry's number.
    pub entry: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Whether a person did it, not the collector.
    pub by_person: bool,
    /// The state that it came to, of a step.
    pub to: Option<State>,
}

impl Case {
    /// A name for a thing of this collector, the same in every file.
    #[must_use]
    pub fn name(&self, kind: &str, thing: &str) -> String {
        uuid::named(&uuid::OURS, &format!("{}/{kind}/{thing}", uuid::written(&self.from.id)))
    }

    /// The incident's own name.
    #[must_use]
    pub fn uid(&self) -> String {
        self.name("incident", &self.id.to_string())
    }

    /// The name of who tells it, for people: we know no better one than what tells collectors apart.
    #[must_use]
    pub fn teller(&self) -> String {
        let id = uuid::written(&self.from.id);

        format!("Vọng Gác {}", id.get(..8).unwrap_or_default())
    }

    /// A title as it stands in files: a drill says so first.
    #[must_use]
    pub fn titled(&self, title: &str) -> String {
        if self.is_drill { format!("{DRILL} {title}") } else { title.to_owned() }
    }

    /// In some lines what it is, in Vietnamese, as far as the marks let it out.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut lines = vec![self.titled(&self.title_vi)];
        lines.extend(self.subject.clone());
        lines.extend(self.told.iter().map(|(name, value)| format!("{name}: {value}")));

        lines.join("\n")
    }
}

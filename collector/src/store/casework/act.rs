//! The acts, and how one goes.

use serde::Deserialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use crate::store::view::Scope;
use crate::store::view::words::{Outcome, Severity, State};

/// Characters of a note at most.
pub const NOTE_MAX: usize = 4_000;

/// What somebody does. A `text` is a note or a reason of at most 4000 characters.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Takes it.
    Acknowledge,
    /// Moves it on, or back with a reason.
    Move {
        /// Where to.
        to: State,
        /// Why; needed for going back.
        #[serde(default)]
        text: String,
    },
    /// Writes a note.
    Comment {
        /// The note.
        text: String,
    },
    /// Says what it was, in a word and in own words, and ends it.
    Close {
        /// What it turned out to be.
        outcome: Outcome,
        /// What was done, what was the cause.
        text: String,
    },
    /// Opens it again.
    Reopen {
        /// Why.
        text: String,
    },
    /// Gives it to somebody.
    Assign {
        /// The person's name.
        person: String,
    },
    /// Says who, beside its owner, alone closes it.
    Review {
        /// The person's name; `null`: anybody again.
        person: Option<String>,
    },
    /// Says how grave it is.
    Grade {
        /// How grave.
        severity: Severity,
        /// Why.
        text: String,
    },
    /// Says who may read of it.
    Tlp {
        /// A label of the Traffic Light Protocol 2.0.
        label: String,
    },
    /// Says what may be done with what is known of it.
    Pap {
        /// A label of the Permissible Actions Protocol.
        label: String,
    },
    /// Says what it touches, or takes it back; duties of the law are chosen by it.
    Mark {
        /// `serious`, `public_order`, `personal_data`, `sensitive_data` or `beyond_ability`.
        mark: String,
        /// Whether it does.
        on: bool,
        /// Why.
        text: String,
    },
    /// Makes it a drill until so many hours from now: no figure counts it. For people of the province only.
    Drill {
        /// 1 to 168; 0: it is real after all.
        hours: u32,
        /// Why.
        text: String,
    },
    /// Lets its own times rest; duties of the law run on.
    Pause {
        /// Why.
        text: String,
    },
    /// Lets them run again.
    Resume {
        /// Why.
        text: String,
    },
    /// Links a host, file or package.
    Link {
        /// `host`, `file` or `package`.
        kind: String,
        /// The host's id, the path, the package's name.
        value: String,
    },
    /// Takes a link away.
    Unlink {
        /// As it was linked.
        kind: String,
        /// Likewise.
        value: String,
    },
    /// Gives the agency a task.
    AddTask {
        /// What is to be done.
        text: String,
        /// Until when.
        #[schema(value_type = String, format = DateTime)]
        due_at: Timestamp,
    },
    /// Answers a task.
    AnswerTask {
        /// Its number.
        task: i64,
        /// The answer.
        text: String,
        /// Ids of observations of the agency's hosts, or `sha256:` and the digest of a file kept elsewhere.
        #[serde(default)]
        evidence: Vec<String>,
    },
    /// Accepts a task's answer.
    AcceptTask {
        /// Its number.
        task: i64,
    },
    /// Sends a task's answer back.
    ReturnTask {
        /// Its number.
        task: i64,
        /// What is lacking.
        text: String,
    },
    /// Takes a task back.
    WithdrawTask {
        /// Its number.
        task: i64,
        /// Why.
        text: String,
    },
    /// Makes it a part of another incident of its agency, detected no later; it is closed as its duplicate.
    Merge {
        /// The other's number.
        into: i64,
        /// Why.
        text: String,
    },
    /// Makes some of its hosts an incident of their own, detected when this one was.
    Split {
        /// Ids of the hosts.
        hosts: Vec<String>,
        /// Why.
        text: String,
    },
    /// Fills a field of its forms.
    Fill {
        /// The field's word.
        field: String,
        /// What; empty: nothing any more.
        value: String,
    },
    /// Sends the report of a duty to its addressees' destinations; refused while its form lacks a required field. That
    /// it was reported stands once every addressee has confirmed.
    SendReport {
        /// The duty's word.
        duty: String,
        /// The letter's own number.
        number: String,
        /// Words of the addressees; empty: all of the duty's.
        #[serde(default)]
        to: Vec<String>,
    },
    /// Says that the report of a duty was sent; refused while its form lacks a required field.
    Report {
        /// The duty's word.
        duty: String,
        /// The letter's own number.
        number: String,
        /// When; `null`: now.
        #[schema(value_type = Option<String>, format = DateTime)]
        #[serde(default)]
        sent_at: Option<Timestamp>,
    },
}

/// Who does what to which incident.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    /// The incident's number.
    pub incident: i64,
    /// Who.
    pub person: &'a str,
    /// What that person sees.
    pub scope: &'a Scope,
    /// When.
    pub at: Timestamp,
    /// The version that the person looked at; `None`: whichever it is.
    pub seen: Option<i64>,
    /// What.
    pub act: Act,
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// Done; the incident has this version now and belongs to this agency.
    Kept(i64, String),
    /// There is no such incident.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// Somebody changed it since it was looked at; it has this version now.
    Changed(i64),
    /// It stands where this cannot be done to it.
    Unfit(State),
    /// It cannot be opened again: a newer incident about the same matter is open.
    AnotherOpen(i64),
    /// A note is missing or too long.
    BadNote,
    /// Not so.
    Refused(Refusal),
}

/// Why an act is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nobody of this name works on incidents of this agency.
    NoSuchPerson,
    /// Its owner cannot be its reviewer.
    OwnerReviews,
    /// Only its reviewer closes it.
    ReviewerCloses(String),
    /// It is not a word of the list.
    BadWord,
    /// A moment that cannot be.
    BadMoment,
    /// Only people of the province say that.
    ProvinceOnly,
    /// Its times rest already, or do not rest.
    NotNow,
    /// There is no such task, or it does not stand where this can be done to it.
    BadTask,
    /// What an answer rests on is not there, or not of this agency.
    BadEvidence,
    /// It is no host of the incident, or none would be left.
    BadHosts,
    /// The other incident is not there, closed, of another agency, or itself.
    BadOther,
    /// The other was detected later: times would be lost. Merge the other one into this.
    LaterOther,
    /// One of the two is a drill.
    DrillOther,
    /// It is a part of this incident now.
    MergedInto(i64),
    /// The profile has no such duty or field.
    NoSuchDuty,
    /// These required fields of the form are empty.
    Missing(Vec<String>),
    /// No destination stands behind these addressees.
    NoDestination(Vec<String>),
    /// The queue of a destination is full.
    QueueFull(String),
}

impl Refusal {
    /// Its word, for messages.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoSuchPerson => "person",
            Self::OwnerReviews => "owner-reviews",
            Self::ReviewerCloses(_) => "reviewer-closes",
            Self::BadWord => "word",
            Self::BadMoment => "moment",
            Self::ProvinceOnly => "province-only",
            Self::NotNow => "not-now",
            Self::BadTask => "task",
            Self::BadEvidence => "evidence",
            Self::BadHosts => "hosts",
            Self::BadOther => "other",
            Self::LaterOther => "later-other",
            Self::DrillOther => "drill-other",
            Self::MergedInto(_) => "merged-into",
            Self::NoSuchDuty => "duty",
            Self::Missing(_) => "missing",
            Self::NoDestination(_) => "no-destination",
            Self::QueueFull(_) => "queue-full",
        }
    }

    /// What it names: a person, an incident, fields.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others name nothing")]
    pub fn names(&self) -> String {
        match self {
            Self::ReviewerCloses(person) => person.clone(),
            Self::MergedInto(other) => other.to_string(),
            Self::Missing(fields) => fields.join(", "),
            Self::NoDestination(roles) => roles.join(", "),
            Self::QueueFull(destination) => destination.clone(),
            _ => String::new(),
        }
    }
}

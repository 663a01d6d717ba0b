//! The law as data: within which times an incident must be dealt with, who is to be told, on which form, by which
//! source, and whether anybody competent has confirmed it.
//!
//! An incident keeps the profile that it was born under. Which profile that is follows from the day of its detection.
//!
//! | module | subject |
//! |---|---|
//! | [`read`] | a profile's file, read and checked whole |
//! | [`clocks`] | what is left, or over, of each time |
//! | [`form`] | what a form still lacks |
//! | [`figures`] | mean times, and how many are late |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use vonggac_protocol::time::Timestamp;

use crate::finding::Severity;
use crate::incident::marks::Mark;
use crate::table::TableFile;
use crate::words::Words;

pub mod clocks;
pub mod figures;
pub mod form;
pub mod read;

/// Where a statement about the law was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// In a public page or file of the text itself.
    Read,
    /// In somebody's summary or copy.
    SecondHand,
    /// Nowhere that we could reach.
    Unverified,
    /// It is no law but the province's own choice.
    Own,
}

impl Seen {
    /// The word in files and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::SecondHand => "second_hand",
            Self::Unverified => "unverified",
            Self::Own => "own",
        }
    }

    /// Where, by its word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Read, Self::SecondHand, Self::Unverified, Self::Own]
            .into_iter()
            .find(|seen| seen.word() == word)
    }
}

/// What a duty rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The document and its article.
    pub name: Words,
    /// How we know it.
    pub seen: Seen,
    /// Where.
    pub at: String,
    /// Who confirmed it; `None`: nobody yet, and so it must be shown.
    pub confirmed_by: Option<String>,
}

/// A stretch of an incident's life that has a time of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// Somebody takes it.
    Acknowledged,
    /// Somebody says what it is about.
    Triaged,
    /// It does not spread any more.
    Contained,
    /// What it touched works again.
    Resolved,
}

impl Reach {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Acknowledged, Self::Triaged, Self::Contained, Self::Resolved];

    /// The word in files and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Triaged => "triaged",
            Self::Contained => "contained",
            Self::Resolved => "resolved",
        }
    }

    /// The stretch of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reach| reach.word() == word)
    }
}

/// Within which time a stretch is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The stretch.
    pub reach: Reach,
    /// The time for each severity.
    pub within: BTreeMap<Severity, Duration>,
    /// Id of the source.
    pub source: String,
}

/// What starts a duty's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Starts {
    /// The detection.
    Detected,
    /// The moment it was resolved.
    Resolved,
}

/// Whom to tell, and within which time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duty {
    /// Its word.
    pub id: String,
    /// What it asks for.
    pub name: Words,
    /// What starts its clock.
    pub starts: Starts,
    /// The time; `None`: the source names none, or none was found.
    pub within: Option<Duration>,
    /// From which severity it is owed; `None`: whatever the severity.
    pub severity: Option<Severity>,
    /// It is owed if the incident has one of these marks; empty: whatever its marks.
    pub when: BTreeSet<Mark>,
    /// Ids of the roles to be told.
    pub to: Vec<String>,
    /// Id of the form.
    pub form: String,
    /// Id of the source.
    pub source: String,
}

/// What the store can fill into a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Filled {
    /// The agency's name.
    Agency,
    /// The level of the system concerned, the highest that its hosts are marked with.
    Level,
    /// Title and subject.
    Summary,
    /// T0, to the minute.
    DetectedAt,
    /// Where it stands.
    State,
    /// Number and day of the first report sent.
    InitialReport,
}

impl Filled {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Agency, Self::Level, Self::Summary, Self::DetectedAt, Self::State, Self::InitialReport];

    /// The word in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Level => "level",
            Self::Summary => "summary",
            Self::DetectedAt => "detected_at",
            Self::State => "state",
            Self::InitialReport => "initial_report",
        }
    }
}

/// A field of a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its word.
    pub id: String,
    /// Its name on the form.
    pub name: Words,
    /// What fills it unless a person does.
    pub filled: Option<Filled>,
}

/// A form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// Its word.
    pub id: String,
    /// `initial`, `update` or `final`.
    pub kind: String,
    /// Its title.
    pub name: Words,
    /// Id of the source.
    pub source: String,
    /// Ids of the fields without which it is not sent.
    pub required: Vec<String>,
    /// Ids of the others.
    pub optional: Vec<String>,
}

/// One regime of law.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its word, `vn-2026`.
    pub id: String,
    /// Version of the file; grows with every change.
    pub version: u32,
    /// First day on which incidents are born under it, `YYYY-MM-DD`.
    pub from: String,
    /// Its name.
    pub name: Words,
    /// From which severity an incident counts as serious without a person's saying so.
    pub serious_from: Severity,
    /// A warning comes when this share of the time is left.
    pub warn_percent: u32,
    /// The regime's own words.
    pub terms: BTreeMap<String, Words>,
    /// Sources.
    pub sources: BTreeMap<String, Source>,
    /// Whom it addresses.
    pub roles: BTreeMap<String, Words>,
    /// The times of each stretch.
    pub targets: Vec<Target>,
    /// Whom to tell.
    pub duties: Vec<Duty>,
    /// Forms.
    pub forms: Vec<Form>,
    /// Fields of forms.
    pub fields: BTreeMap<String, Field>,
}

impl Profile {
    /// The duty of this word.
    #[must_use]
    pub fn duty(&self, id: &str) -> Option<&Duty> {
        self.duties.iter().find(|duty| duty.id == id)
    }

    /// The form of this word.
    #[must_use]
    pub fn form(&self, id: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.id == id)
    }
}

/// The files this program was built with.
#[must_use]
pub fn files() -> Vec<TableFile> {
    vec![
        TableFile::new("profiles/vn-2017.toml", include_str!("../../profiles/vn-2017.toml")),
        TableFile::new("profiles/vn-2026.toml", include_str!("../../profiles/vn-2026.toml")),
    ]
}

static EMBEDDED: LazyLock<Vec<Profile>> = LazyLock::new(|| match read::load(&files()) {
    Ok(profiles) => profiles,
    Err(mistakes) => unreachable!("the embedded profiles are checked by a test: {mistakes:?}"),
});

/// The profiles this program was built with, the oldest first.
#[must_use]
pub fn embedded() -> &'static [Profile] {
    &EMBEDDED
}

/// The profile of this word.
#[must_use]
pub fn of(id: &str) -> Option<&'static Profile> {
    embedded().iter().find(|profile| profile.id == id)
}

/// The profile under which an incident detected at this moment is born: the newest whose first day has come, in
/// Vietnam; the oldest before all of them.
///
/// # Panics
/// Never: a program without profiles does not pass its tests.
#[must_use]
pub fn born_under(detected: Timestamp) -> &'static Profile {
    let today = crate::entitlement::day_of(detected).to_string();
    let all = embedded();

    all.iter()
        .rev()
        .find(|profile| profile.from <= today)
        .or_else(|| all.first())
        .expect("profiles are built in")
}

/// The minute of a moment: T0 is told to the minute.
#[must_use]
pub fn to_the_minute(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0 - moment.0.rem_euclid(60_000))
}

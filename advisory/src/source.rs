//! Where rows come from, and what is wrong with a feed that cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use crate::ecosystem::Ecosystem;

/// A feed as it was imported; stands beside every finding made of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// What it is called here: `debian-tracker`, `osv-almalinux-9`.
    pub name: String,
    /// Where it was had, as the person or the bundle says.
    pub source: String,
    /// The date of its data, not of its import; `None` if neither the data nor the bundle tells.
    pub dated: Option<Timestamp>,
    /// Digest of its bytes.
    pub digest: Digest,
    /// How many rows it gave.
    pub rows: u64,
    /// Ecosystems that it speaks for: a package of these that it does not name is not known to be affected.
    pub covers: BTreeSet<Ecosystem>,
}

/// What a reader found in a feed, besides its rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// How many rows were given out.
    pub rows: u64,
    /// How many advisories (files, records, definitions) were read.
    pub advisories: u64,
    /// The date of the data, if the feed itself says it; else the latest date of change in it.
    pub dated: Option<Timestamp>,
    /// Ecosystems that it speaks for.
    pub covers: BTreeSet<Ecosystem>,
    /// What was passed over by intent, with how often: `ecosystem SUSE`, `withdrawn`, `range of type GIT`.
    pub skipped: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts something that was passed over.
    pub fn skip(&mut self, what: impl Into<String>) {
        *self.skipped.entry(what.into()).or_default() += 1;
    }
}

/// Where in a feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Line of a text, from 1.
    Line(u64),
    /// Line and column, from 1.
    LineColumn(u64, u64),
    /// Offset in bytes, from 0.
    Offset(u64),
    /// Path inside a JSON or XML document: `openssl.CVE-2023-0286.releases.bookworm`.
    Path(String),
    /// The whole of it.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::LineColumn(line, column) => write!(f, "line {line}, column {column}"),
            Self::Offset(offset) => write!(f, "byte {offset}"),
            Self::Path(path) => write!(f, "{path}"),
            Self::Whole => write!(f, "whole file"),
        }
    }
}

/// What sort of mistake it is: for whoever words it for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Fault {
    /// It ends too early, or does not fit its own check sums.
    Torn,
    /// It is none of the kinds that are known.
    Kind,
    /// It is of a form that this program does not read, such as a newer one.
    Form,
    /// It is larger, longer or deeper than is taken.
    Bound,
    /// It is packed in a way that is not unpacked here.
    Wrapping,
    /// Something else stands where something was expected.
    #[default]
    Content,
}

/// A feed cannot be read; nothing of it counts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{place}: expected {expected}, found {found}", file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default())]
pub struct FeedError {
    /// What sort of mistake.
    pub fault: Fault,
    /// The file inside an archive, if it is one.
    pub file: Option<String>,
    /// Where.
    pub place: Place,
    /// What should stand there.
    pub expected: String,
    /// What does, shortened.
    pub found: String,
}

impl FeedError {
    /// A mistake at a place.
    pub fn new(place: Place, expected: impl Into<String>, found: impl AsRef<str>) -> Self {
        /// Enough to recognise the text; feeds are public, so it may be shown.
        const SHOWN: usize = 80;
        let text = found.as_ref();
        let mut found: String = text.chars().take(SHOWN).collect();
        if text.chars().nth(SHOWN).is_some() {
            found.push('…');
        }

        Self { fault: Fault::default(), file: None, place, expected: expected.into(), found }
    }

    /// The same, as a mistake of this sort.
    #[must_use]
    pub fn of(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// The same, inside this file of an archive.
    #[must_use]
    pub fn within(self, file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..self }
    }
}

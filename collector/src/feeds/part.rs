//! One feed, packed, and what is known about it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::feed::Kind;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

/// How the date of the data is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// It stands in the data.
    Data,
    /// The person who brought it said so.
    Person,
    /// Only the carried file's own time was there to go by.
    File,
}

impl DatedBy {
    /// The word for it, as in messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Person => "person",
            Self::File => "file",
        }
    }
}

/// What is known about a packed feed; the manifest of a bundle and the store hold the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is called here: `osv-almalinux`. A part of the same name replaces it.
    pub name: String,
    /// What the carried file was.
    pub kind: Kind,
    /// Where it was had, as the person said; empty if nobody did.
    pub source: String,
    /// The date of the data.
    pub dated: Timestamp,
    /// How that is known.
    pub dated_by: DatedBy,
    /// When it was had from its source: the carried file's time, or as the person said.
    pub fetched: Timestamp,
    /// Digest of the carried file.
    pub carried: Digest,
    /// Digest of the packed feed.
    pub packed: Digest,
    /// Things in it: rows, marks, scores, dates.
    pub rows: u64,
    /// Things that were read before rows that disagree were put together.
    pub read: u64,
    /// Advisories (records, definitions) that were read.
    pub advisories: u64,
    /// Ecosystems that it speaks for.
    pub covers: BTreeSet<Ecosystem>,
    /// What was passed over, with how often.
    pub passed_over: BTreeMap<String, u64>,
    /// Statements of one advisory about one package that disagreed; the more careful one was kept.
    pub disagreements: u64,
    /// Some of them, in words.
    pub examples: Vec<String>,
}

/// Whether this may be the name of a feed: it stands in paths and file names.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');

    (1..=80).contains(&name.len())
        && name.bytes().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

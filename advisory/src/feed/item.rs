//! What is read out of feeds.

use serde::{Deserialize, Serialize};

use crate::row::Row;

/// One thing that a feed says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// An advisory about a package.
    Row(Row),
    /// A vulnerability that is being exploited.
    Exploited(Exploited),
    /// How probable exploitation is.
    Score(Score),
    /// Until when a product gets fixes.
    Ended(Ended),
    /// An update that takes the place of another.
    Superseded(Superseded),
}

/// An update that holds all that an earlier one brought.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Superseded {
    /// The product of which that is said, as its publisher names it.
    pub product: String,
    /// Number of the update: 5034122.
    pub update: u32,
    /// Number of the one that it takes the place of.
    pub before: u32,
}

/// A mark of the list of exploited vulnerabilities. It orders work and never detects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Exploited {
    /// The vulnerability.
    pub cve: String,
    /// Day on which it came on the list, `YYYY-MM-DD`.
    pub added: String,
    /// Day by which the list's owner wants it mended, likewise.
    pub due: Option<String>,
    /// Whether extortion with it is known.
    pub ransomware: bool,
}

/// A score of EPSS. It orders work and never detects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Score {
    /// The vulnerability.
    pub cve: String,
    /// Probability of exploitation within thirty days, in millionths.
    pub millionths: u32,
    /// Share of vulnerabilities that score no higher, in millionths; `None` in the oldest files.
    pub percentile: Option<u32>,
}

/// Dates of support of one release of a product.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// The product, as the source names it: `ubuntu`.
    pub product: String,
    /// Its release: `22.04`.
    pub release: String,
    /// Last day of fixes for everybody, `YYYY-MM-DD`; `None`: not known.
    pub standard: Option<String>,
    /// Last day of what goes on after it, if anything does.
    pub extended: Option<String>,
    /// Whether the source says that it ended without a date.
    pub ended: bool,
}

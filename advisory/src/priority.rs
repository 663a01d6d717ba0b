//! What to mend first: what is known to be exploited, then how probable exploitation is, then how bad it is said to be.
//! None of it detects anything.

use std::collections::{BTreeMap, HashMap};

use crate::feed::{Exploited, Score};
use crate::row::Advisory;

/// Marks and scores, by CVE.
#[derive(Default)]
pub struct Priorities {
    exploited: BTreeMap<String, Exploited>,
    scores: HashMap<String, Score>,
}

/// How urgent one advisory is; the greater first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Priority {
    /// Whether one of its CVEs is on the list of the exploited.
    pub exploited: bool,
    /// The highest probability of exploitation among its CVEs, in millionths; 0 if none has a score.
    pub epss_millionths: u32,
    /// The publisher's word as a number: 4 critical, 3 high, 2 medium, 1 low, 0 not told.
    pub severity: u8,
}

impl Priorities {
    /// Takes a mark.
    pub fn exploited(&mut self, mark: Exploited) {
        self.exploited.insert(mark.cve.clone(), mark);
    }

    /// Takes a score.
    pub fn score(&mut self, score: Score) {
        self.scores.insert(score.cve.clone(), score);
    }

    /// The marks of an advisory's CVEs.
    pub fn marks<'a>(&'a self, advisory: &'a Advisory) -> impl Iterator<Item = &'a Exploited> {
        advisory.cves.iter().filter_map(|cve| self.exploited.get(cve))
    }

    /// How urgent an advisory is.
    #[must_use]
    pub fn of(&self, advisory: &Advisory) -> Priority {
        let scores = advisory.cves.iter().filter_map(|cve| self.scores.get(cve));

        Priority {
            exploited: self.marks(advisory).next().is_some(),
            epss_millionths: scores.map(|score| score.millionths).max().unwrap_or(0),
            severity: severity(advisory),
        }
    }
}

/// The publisher's word as a number; AlmaLinux and Red Hat say it before the colon of the summary.
#[must_use]
pub fn severity(advisory: &Advisory) -> u8 {
    let word = match &advisory.severity {
        Some(word) => word.as_str(),
        None => advisory.summary.split_once(':').map_or("", |(word, _)| word),
    };
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" => 4,
        "important" | "high" => 3,
        "moderate" | "medium" => 2,
        "low" | "minor" | "negligible" | "unimportant" | "untriaged" => 1,
        _ => 0,
    }
}

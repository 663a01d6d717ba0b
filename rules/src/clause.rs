//! A clause: one thing that a province's plan asks for, told in our own words.

use serde::{Deserialize, Serialize};

use crate::words::Words;

/// How a clause can be answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// From what agents observe and people do here.
    Auto,
    /// From figures that an agency brings in, with their source.
    Import,
    /// By a person's signed statement.
    Attest,
}

/// How much it matters to the province that asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The product exists for this.
    Must,
    /// Expected.
    Should,
    /// Of use.
    Could,
}

/// One clause of one plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Clause {
    /// Plan, `/`, and its place there: `lang-son-19-2015/II.4.5`.
    pub id: String,
    /// The plan.
    pub plan: String,
    /// Its number, as the document writes it.
    pub number: String,
    /// The part of that number, such as a letter or a dash; empty if it is the whole.
    pub part: String,
    /// What it asks, in one line and in our own words.
    pub title: Words,
    /// Theme, a word of the terms.
    pub theme: String,
    /// Who answers for it, the first one first: role words of the terms.
    pub owners: Vec<String>,
    /// By when, or how much.
    pub due: Words,
    /// How it can be answered; never empty.
    pub measurable: Vec<Measure>,
    /// Records that must be imported or signed for a whole answer: words of the terms.
    pub needs: Vec<String>,
    /// How much it matters.
    pub priority: Priority,
}

impl Clause {
    /// Whether it can be answered this way.
    #[must_use]
    pub fn is(&self, measure: Measure) -> bool {
        self.measurable.contains(&measure)
    }

    /// Number and part, as people cite it.
    #[must_use]
    pub fn cited(&self) -> String {
        if self.part.is_empty() { self.number.clone() } else { format!("{}, {}", self.number, self.part) }
    }
}

//! Two statements of one advisory about one package: the more careful one counts, and the disagreement is told.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::ecosystem::Ecosystem;
use crate::row::{Names, Row, Verdict};

/// Disagreements told in words; the others are counted.
const EXAMPLES_MAX: usize = 6;

/// What two statements must share to be about one thing. Of Windows two updates may each mend it.
type Key = (Ecosystem, String, Names, Option<String>, Vec<String>, Option<String>, Option<String>);

/// A disagreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The advisory.
    pub advisory: String,
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// The package.
    pub package: String,
    /// What counts.
    pub kept: Verdict,
    /// What does not.
    pub dropped: Verdict,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { advisory, ecosystem, package, kept, dropped } = self;

        write!(
            f,
            "{advisory} about {package} ({ecosystem}): {} and {}; the first counts",
            Told(kept),
            Told(dropped)
        )
    }
}

struct Told<'a>(&'a Verdict);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Verdict::Fixed(version) => write!(f, "fixed in {version}"),
            Verdict::LastAffected(version) => write!(f, "affected up to {version}"),
            Verdict::ByUpdate => f.write_str("fixed by an update"),
            Verdict::NoFix => f.write_str("no fix"),
            Verdict::WillNotFix => f.write_str("will not be fixed"),
            Verdict::EndOfLife => f.write_str("no longer supported"),
            Verdict::NotAffected => f.write_str("not affected"),
        }
    }
}

/// Holds the rows of one advisory at a time.
#[derive(Default)]
pub struct Careful {
    rows: Vec<Row>,
    places: BTreeMap<Key, usize>,
    examples: Vec<Disagreement>,
    count: u64,
}

impl Careful {
    /// Takes a row; gives those of the advisory before it, once that is over.
    pub fn take(&mut self, row: Row) -> Vec<Row> {
        let goes_on = self.rows.first().is_some_and(|first| Arc::ptr_eq(&first.advisory, &row.advisory));
        let done = if goes_on { Vec::new() } else { self.end() };
        let key = (
            row.ecosystem.clone(),
            row.package.clone(),
            row.names,
            row.module.clone(),
            row.architectures.clone(),
            row.introduced.clone(),
            row.update.clone(),
        );
        match self.places.get(&key).and_then(|at| self.rows.get_mut(*at)) {
            None => {
                self.places.insert(key, self.rows.len());
                self.rows.push(row);
            }
            Some(before) if before.verdict == row.verdict => {}
            Some(before) => {
                let dropped = if is_more_careful(&row, before) { mem::replace(before, row) } else { row };
                let told = Disagreement {
                    advisory: before.advisory.id.clone(),
                    ecosystem: before.ecosystem.clone(),
                    package: before.package.clone(),
                    kept: before.verdict.clone(),
                    dropped: dropped.verdict,
                };
                self.count += 1;
                if self.examples.len() < EXAMPLES_MAX {
                    self.examples.push(told);
                }
            }
        }

        done
    }

    /// The rows that are still held.
    pub fn end(&mut self) -> Vec<Row> {
        self.places.clear();

        mem::take(&mut self.rows)
    }

    /// How many statements disagreed with another.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Some of them.
    #[must_use]
    pub fn examples(&self) -> &[Disagreement] {
        &self.examples
    }
}

/// Whether `one` leaves more versions affected than `other`. Versions that cannot be compared: the one that came first.
fn is_more_careful(one: &Row, other: &Row) -> bool {
    match rank(&one.verdict).cmp(&rank(&other.verdict)) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal => match (version(&one.verdict), version(&other.verdict)) {
            (Some(one_version), Some(other_version)) => {
                one.ecosystem.order().compare(one_version, other_version) == Ok(Ordering::Greater)
            }
            (_, _) => false,
        },
    }
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::NoFix | Verdict::WillNotFix | Verdict::EndOfLife => 2,
        Verdict::Fixed(_) | Verdict::LastAffected(_) | Verdict::ByUpdate => 1,
        Verdict::NotAffected => 0,
    }
}

fn version(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Fixed(version) | Verdict::LastAffected(version) => Some(version),
        Verdict::ByUpdate
        | Verdict::NoFix
        | Verdict::WillNotFix
        | Verdict::EndOfLife
        | Verdict::NotAffected => None,
    }
}

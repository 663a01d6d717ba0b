//! Two statements of one advisory about one package: the more careful one counts, and the disagreement is told.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::ecosystem::Ecosystem;
use crate::row::{Minor, Names, Row, Verdict};
use crate::version::{Order, rpm};

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
    rows: Vec<Option<Row>>,
    places: BTreeMap<Key, Vec<usize>>,
    examples: Vec<Disagreement>,
    count: u64,
    rebuilt: u64,
}

impl Careful {
    /// Takes a row; gives those of the advisory before it, once that is over.
    pub fn take(&mut self, row: Row) -> Vec<Row> {
        let first = self.rows.first().and_then(Option::as_ref);
        let goes_on = first.is_some_and(|first| Arc::ptr_eq(&first.advisory, &row.advisory));
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
        // Nearly always none, or one.
        let places = self.places.get(&key).cloned().unwrap_or_default();
        for at in places {
            let Some(Some(before)) = self.rows.get_mut(at) else { continue };
            if before.verdict == row.verdict {
                return done;
            }
            let (Some(here), Some(there)) = (build(before), build(&row)) else {
                self.differ(at, row);
                return done;
            };
            if here.0 == there.0 {
                // One source, built again: any of them has the fix, so the lowest decides.
                self.rebuilt += 1;
                if is_more_careful(before, &row) {
                    *before = row;
                }
                return done;
            }
            if here.1 == there.1 {
                self.differ(at, row);
                return done;
            }
        }
        self.places.entry(key).or_default().push(self.rows.len());
        self.rows.push(Some(row));

        done
    }

    /// Two statements of which only one can count.
    fn differ(&mut self, at: usize, row: Row) {
        let Some(Some(before)) = self.rows.get_mut(at) else { return };
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

    /// The rows that are still held.
    pub fn end(&mut self) -> Vec<Row> {
        let places = mem::take(&mut self.places);
        for places in places.into_values().filter(|places| places.len() > 1) {
            self.by_minor(&places);
        }

        mem::take(&mut self.rows).into_iter().flatten().collect()
    }

    /// One package mended at another version in each minor release: a build of that release is held against its own row,
    /// all others against the highest.
    fn by_minor(&mut self, places: &[usize]) {
        let of = |rows: &[Option<Row>], at: usize| rows.get(at).and_then(Option::as_ref).and_then(build);
        let mut highest = places.first().copied().unwrap_or_default();
        for at in places {
            if let (Some(Some(row)), Some(Some(before))) = (self.rows.get(*at), self.rows.get(highest))
                && is_more_careful(row, before)
            {
                highest = *at;
            }
        }
        let mut others = Vec::new();
        for at in places.iter().copied().filter(|at| *at != highest) {
            let Some((_, minor)) = of(&self.rows, at) else { continue };
            if let Some(Some(row)) = self.rows.get_mut(at) {
                row.minor = Some(Minor::Of(minor.clone()));
                others.push(minor);
            }
        }
        if let Some(Some(row)) = self.rows.get_mut(highest) {
            others.sort();
            row.minor = Some(Minor::NotOf(others));
        }
    }

    /// How many rows named another build of a source that was named already.
    #[must_use]
    pub const fn rebuilt(&self) -> u64 {
        self.rebuilt
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

/// Of an rpm that mends: its version without what follows from where it was built, and for which minor release that was.
fn build(row: &Row) -> Option<(String, String)> {
    let Verdict::Fixed(version) = &row.verdict else { return None };
    if row.ecosystem.order() != Order::Rpm {
        return None;
    }

    Some((rpm::without_dist(version).to_owned(), rpm::minor(version)?))
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

//! The book of advisories: every row of every feed, by the package it speaks of.
//!
//! A feed goes in whole or not at all ([`Book::put`]); what it changed is told, so that only that is judged again.
//!
//! | file | subject |
//! |---|---|
//! | [`shelf`] | the rows of one package, sorted by the version that mends them |
//! | [`joins`] | rows of several feeds that tell of the same |
//! | [`loading`] | rows on their way in |
//! | [`judge`] | which rows touch a version |

mod joins;
mod judge;
mod loading;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use judge::{Doubt, Span, Stream, Subject};
pub use loading::Loading;
pub use shelf::{Entry, Said};

use crate::ecosystem::Ecosystem;
use crate::feed::Superseded;
use crate::row::Names;
use crate::source::Feed;
use shelf::{Draft, Shelf};

/// Whose rows: an ecosystem's package by one of its names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Which of its names is meant.
    pub names: Names,
    /// The name.
    pub package: Arc<str>,
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Loaded {
    /// Packages whose rows are others than before; only these need judging again.
    pub touched: BTreeSet<Place>,
    /// Rows taken.
    pub rows: u64,
    /// Rows passed over because their advisory mends faults and no weakness: it names no CVE and calls itself that.
    pub no_weakness: u64,
    /// Rows left out because a version of theirs is none in their ecosystem's order.
    pub refused: u64,
    /// The first of those, `package version`, at most [`REFUSED_NAMED_MAX`].
    pub refused_named: Vec<String>,
}

/// How many rows left out are named; the rest are counted.
pub const REFUSED_NAMED_MAX: usize = 50;

/// All rows of all feeds.
#[derive(Default)]
pub struct Book {
    feeds: Vec<Feed>,
    aisles: BTreeMap<Ecosystem, BTreeMap<Names, HashMap<Arc<str>, u32>>>,
    shelves: Vec<(Place, Shelf)>,
    /// Which updates take the place of which, by the number of the feed that says so.
    superseded: BTreeMap<u16, Vec<Superseded>>,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The feeds in it.
    #[must_use]
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shelves.iter().map(|(_, shelf)| shelf.len()).sum()
    }

    /// How many packages it has rows of.
    #[must_use]
    pub fn packages(&self) -> usize {
        self.shelves.iter().filter(|(_, shelf)| shelf.len() > 0).count()
    }

    /// The feeds that speak for an ecosystem: where there is none, nothing is known of its packages.
    pub fn covering(&self, ecosystem: &Ecosystem) -> impl Iterator<Item = &Feed> {
        self.feeds.iter().filter(|feed| feed.covers.contains(ecosystem))
    }

    /// Puts a feed in, in place of what was there under its name: rows that it no longer has are gone after it.
    pub fn put(&mut self, feed: Feed, loading: Loading) -> Loaded {
        let number = self.number(&feed);
        let mut gone: BTreeSet<Place> = self
            .shelves
            .iter()
            .filter(|(_, shelf)| shelf.is_of(number))
            .map(|(place, _)| place.clone())
            .collect();
        self.superseded.remove(&number);
        let mut loaded = self.take(number, loading, &mut gone);
        for place in gone {
            self.replace(&place, number, Vec::new());
            loaded.touched.insert(place);
        }

        loaded
    }

    /// Puts a part of a feed in: only the packages that it names are replaced.
    pub fn put_part(&mut self, feed: Feed, loading: Loading) -> Loaded {
        let number = self.number(&feed);

        self.take(number, loading, &mut BTreeSet::new())
    }

    fn take(&mut self, number: u16, loading: Loading, gone: &mut BTreeSet<Place>) -> Loaded {
        if !loading.superseded.is_empty() {
            self.superseded.entry(number).or_default().extend(loading.superseded);
        }
        let mut loaded = Loaded {
            rows: loading.rows,
            no_weakness: loading.no_weakness,
            refused: loading.refused,
            refused_named: loading.refused_named,
            touched: BTreeSet::new(),
        };
        for ((ecosystem, names), packages) in loading.drafts {
            for (package, mut drafts) in packages {
                drafts.iter_mut().for_each(|draft| draft.feed = number);
                let place = Place { ecosystem: ecosystem.clone(), names, package: Arc::from(package) };
                gone.remove(&place);
                if self.replace(&place, number, drafts) {
                    loaded.touched.insert(place);
                }
            }
        }

        loaded
    }

    /// Replaces one feed's rows of one package; whether anything is other than before.
    fn replace(&mut self, place: &Place, feed: u16, drafts: Vec<Draft>) -> bool {
        let at = match self.find(&place.ecosystem, place.names, &place.package) {
            Some(at) => at,
            None => {
                let at = u32::try_from(self.shelves.len()).expect("fewer than four billion packages");
                self.aisles
                    .entry(place.ecosystem.clone())
                    .or_default()
                    .entry(place.names)
                    .or_default()
                    .insert(Arc::clone(&place.package), at);
                self.shelves.push((place.clone(), Shelf::default()));
                at
            }
        };
        let Some((_, shelf)) = self.shelves.get_mut(index(at)) else { return false };

        // What of Windows is one finding is decided where its three sources are weighed.
        let feeds = (!matches!(place.ecosystem, Ecosystem::Windows(_))).then_some(self.feeds.as_slice());

        shelf.replace(feed, drafts, feeds)
    }

    /// The number of a feed by its name: its old one if it was here before.
    fn number(&mut self, feed: &Feed) -> u16 {
        let at = match self.feeds.iter().position(|known| known.name == feed.name) {
            Some(at) => at,
            None => {
                self.feeds.push(feed.clone());
                self.feeds.len() - 1
            }
        };
        if let Some(known) = self.feeds.get_mut(at) {
            known.clone_from(feed);
        }

        u16::try_from(at).expect("fewer than 65,536 feeds")
    }

    fn find(&self, ecosystem: &Ecosystem, names: Names, package: &str) -> Option<u32> {
        self.aisles.get(ecosystem)?.get(&names)?.get(package).copied()
    }

    /// The numbers of packages that it has or had rows of.
    pub(crate) fn numbers(&self, places: &BTreeSet<Place>) -> BTreeSet<u32> {
        places.iter().filter_map(|place| self.find(&place.ecosystem, place.names, &place.package)).collect()
    }

    /// Which updates take the place of which, by all feeds together.
    pub fn superseded(&self) -> impl Iterator<Item = &Superseded> {
        self.superseded.values().flatten()
    }

    /// The packages of Windows' products that it has rows of, with their numbers.
    pub(crate) fn of_windows(&self) -> impl Iterator<Item = (&Place, u32)> {
        let is_windows = |place: &Place| matches!(place.ecosystem, Ecosystem::Windows(_));

        (0_u32..)
            .zip(&self.shelves)
            .filter(move |(_, (place, shelf))| is_windows(place) && !shelf.rows().is_empty())
            .map(|(at, (place, _))| (place, at))
    }

    /// All rows of a package but those that clear it, each with the version it speaks of.
    pub(crate) fn rows_at(&self, at: u32) -> impl Iterator<Item = (&Entry, Option<&str>)> {
        self.shelf(at).into_iter().flat_map(|shelf| shelf.rows().iter().map(|row| (row, shelf.version(row))))
    }

    fn shelf(&self, at: u32) -> Option<&Shelf> {
        self.shelves.get(index(at)).map(|(_, shelf)| shelf)
    }

    /// The rows of a span, with whose they are.
    pub fn rows_of(&self, span: Span) -> impl Iterator<Item = (&Place, &Entry)> {
        self.shelves.get(index(span.shelf)).into_iter().flat_map(move |(place, shelf)| {
            shelf
                .rows()
                .get(index(span.from)..index(span.to))
                .unwrap_or_default()
                .iter()
                .map(move |row| (place, row))
        })
    }

    /// The version that a row speaks of: the one that mends, or the last one affected.
    #[must_use]
    pub fn version_of(&self, span: Span, row: &Entry) -> Option<&str> {
        self.shelf(span.shelf)?.version(row)
    }

    /// The feed that a row came from.
    #[must_use]
    pub fn feed_of(&self, row: &Entry) -> Option<&Feed> {
        self.feeds.get(usize::from(row.feed))
    }

    /// What other feeds say of the same as a row, each with the version it speaks of and its feed, by feed and advisory.
    #[must_use]
    pub fn beside(&self, span: Span, row: &Entry) -> Vec<(&Entry, Option<&str>, &Feed)> {
        self.beside_at(span.shelf, row)
    }

    pub(crate) fn beside_at(&self, shelf: u32, row: &Entry) -> Vec<(&Entry, Option<&str>, &Feed)> {
        let Some(shelf) = self.shelf(shelf) else { return Vec::new() };
        let mut others: Vec<(&Entry, Option<&str>, &Feed)> = shelf
            .beside(row)
            .filter_map(|other| Some((other, shelf.version(other), self.feed_of(other)?)))
            .collect();
        others.sort_by_key(|(other, version, feed)| (&feed.name, &other.advisory.id, *version));
        others.dedup_by_key(|(other, version, feed)| (&feed.name, &other.advisory.id, *version, other.said));

        others
    }

    /// The feed, if there is one, that says the contrary: that this package is not affected by what the row speaks of.
    #[must_use]
    pub fn contradicting(&self, span: Span, row: &Entry) -> Option<&Feed> {
        let other = self.shelf(span.shelf)?.cleared(row).find(|other| other.feed != row.feed)?;

        self.feed_of(other)
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("addresses have at least 32 bits")
}

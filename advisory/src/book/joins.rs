//! Rows of several feeds about one weakness of one package are one finding.
//!
//! A distribution's own feed comes before OSV, which copies it: where its rows answer every CVE of a row of OSV, that row
//! is no finding of its own, whatever it says. Between feeds of equal rank the row with the later fix stays, or the one
//! without a fix, so that nothing goes unseen because two equals differ. What stays and what does not is no matter of the
//! version that is judged: it is decided once, when rows come in.

use std::collections::{BTreeMap, BTreeSet};

use super::shelf::Entry;
use crate::row::Minor;
use crate::source::Feed;

/// Rows by their advisory and their CVEs, in order.
pub(super) fn by_name(rows: &[Entry]) -> Vec<(Box<str>, u32)> {
    let mut named: Vec<(Box<str>, u32)> = (0_u32..)
        .zip(rows)
        .flat_map(|(at, row)| {
            let names = std::iter::once(&row.advisory.id).chain(&row.advisory.cves);
            names.map(move |name| (Box::from(name.as_str()), at))
        })
        .collect();
    named.sort_unstable();
    named.dedup();

    named
}

/// Copies of what others publish come after them.
fn rank(feed: Option<&Feed>) -> (bool, &str) {
    feed.map_or((true, ""), |feed| (feed.name.starts_with("osv"), &feed.name))
}

type Limits<'a> = (Option<&'a str>, &'a [Box<str>], Option<&'a Minor>);

/// Takes out of the rows of a package, which stand in the order of their versions, those that are told with another.
pub(super) fn take_joined(rows: &mut Vec<Entry>, cleared: &[Entry], feeds: &[Feed]) -> Vec<Entry> {
    let first = rows.first().map(|row| row.feed);
    if rows.iter().chain(cleared).all(|row| Some(row.feed) == first) {
        return Vec::new();
    }
    let of = |row: &Entry| rank(feeds.get(usize::from(row.feed)));
    let is_joined = {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_cached_key(|at| {
            let row = rows.get(*at);
            let (is_copy, name) = row.map(of).unwrap_or_default();
            (is_copy, row.map(|row| std::cmp::Reverse(row.step)), name, *at)
        });
        let taken_back: BTreeSet<(u16, &str)> =
            cleared.iter().flat_map(|row| names(row).map(|name| (row.feed, name))).collect();
        let mut kept = Kept::default();
        cleared.iter().for_each(|row| kept.add(row, of(row).0, true));
        let mut is_joined = vec![false; rows.len()];
        for at in order {
            let Some(row) = rows.get(at) else { continue };
            // What its own feed takes back says nothing.
            if names(row).all(|name| taken_back.contains(&(row.feed, name))) {
                continue;
            }
            if kept.answers(row, of(row).0) {
                is_joined.get_mut(at).into_iter().for_each(|mark| *mark = true);
            } else {
                kept.add(row, of(row).0, false);
            }
        }
        is_joined
    };
    let mut marks = is_joined.into_iter();

    rows.extract_if(.., |_| marks.next() == Some(true)).collect()
}

/// What stays, by what it speaks of.
#[derive(Default)]
struct Kept<'a> {
    by_name: BTreeMap<&'a str, Vec<Answer<'a>>>,
}

struct Answer<'a> {
    feed: u16,
    is_copy: bool,
    /// Whether it says that the package is not affected.
    clears: bool,
    is_from_start: bool,
    limits: Limits<'a>,
}

impl<'a> Kept<'a> {
    fn add(&mut self, row: &'a Entry, is_copy: bool, clears: bool) {
        for name in names(row) {
            self.by_name.entry(name).or_default().push(Answer {
                feed: row.feed,
                is_copy,
                clears,
                is_from_start: row.is_from_start(),
                limits: row.limits(),
            });
        }
    }

    /// Whether rows of other feeds that stay speak of all that a row speaks of.
    fn answers(&self, row: &Entry, is_copy: bool) -> bool {
        let limits = row.limits();
        let by = |answer: &Answer<'_>| {
            let outranks = !answer.is_copy && is_copy;
            answer.feed != row.feed
                && (answer.limits == limits || answer.limits == (None, &[], None))
                && (outranks || (answer.is_copy == is_copy && !answer.clears && answer.is_from_start))
        };

        names(row).all(|name| self.by_name.get(name).is_some_and(|answers| answers.iter().any(by)))
    }
}

/// The CVEs that a row speaks of, or its advisory where it has none.
fn names(row: &Entry) -> impl Iterator<Item = &str> {
    let advisory = &row.advisory;
    let own = advisory.cves.is_empty().then_some(advisory.id.as_str());

    advisory.cves.iter().map(String::as_str).chain(own)
}

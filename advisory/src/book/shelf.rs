//! The rows of one package, sorted by the version that mends them.
//!
//! What touches a version is then the rest of the list from one place on: the rows whose mending version is newer, and
//! at the end those without one.

use std::sync::Arc;

use super::joins;
use crate::row::{Advisory, Minor};
use crate::source::Feed;
use crate::version::Key;

/// What a row says, without its version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Said {
    /// Mended in a version.
    Fixed,
    /// Affected up to and with a version; the mended one is not named.
    LastAffected,
    /// Mended by an update that is known by its number only.
    ByUpdate,
    /// No fix is known.
    NoFix,
    /// The publisher will not mend it.
    WillNotFix,
    /// The publisher no longer looks.
    EndOfLife,
    /// Not affected.
    NotAffected,
}

/// What only some rows have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Extra {
    pub(super) introduced: Option<Key>,
    pub(super) module: Option<Box<str>>,
    pub(super) architectures: Vec<Box<str>>,
    pub(super) minor: Option<Minor>,
    pub(super) update: Option<Box<str>>,
    pub(super) note: Box<str>,
}

/// A row in the book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The advisory.
    pub advisory: Arc<Advisory>,
    pub(super) extra: Option<Box<Extra>>,
    /// Place of its version in the shelf's list; `u32::MAX` if it has none.
    pub(super) step: u32,
    pub(crate) feed: u16,
    /// What it says.
    pub said: Said,
}

impl Entry {
    /// The publisher's remark; empty if none.
    #[must_use]
    pub fn note(&self) -> &str {
        self.extra.as_ref().map_or("", |extra| &extra.note)
    }

    /// Number of the update that brings the fix, where it has one.
    #[must_use]
    pub fn update(&self) -> Option<&str> {
        self.extra.as_ref()?.update.as_deref()
    }

    /// Module and stream that it is limited to.
    #[must_use]
    pub fn module(&self) -> Option<&str> {
        self.extra.as_ref()?.module.as_deref()
    }

    /// What it is limited to besides versions: module, architectures, minor releases.
    pub(super) fn limits(&self) -> (Option<&str>, &[Box<str>], Option<&Minor>) {
        self.extra.as_ref().map_or((None, &[], None), |extra| {
            (extra.module.as_deref(), extra.architectures.as_slice(), extra.minor.as_ref())
        })
    }

    /// Whether it speaks of all versions before its own.
    pub(super) fn is_from_start(&self) -> bool {
        self.extra.as_ref().is_none_or(|extra| extra.introduced.is_none())
    }

    /// Whether its version alone does not decide.
    pub(crate) fn is_limited(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| {
            extra.introduced.is_some()
                || extra.module.is_some()
                || extra.minor.is_some()
                || !extra.architectures.is_empty()
        })
    }
}

/// A row on its way into a shelf.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Draft {
    /// Place in the order; `None` is after all.
    pub(super) key: Option<Key>,
    pub(super) version: Box<str>,
    pub(super) said: Said,
    pub(super) feed: u16,
    pub(super) advisory: Arc<Advisory>,
    pub(super) extra: Option<Box<Extra>>,
}

#[derive(Clone, Debug)]
struct Step {
    key: Key,
    version: Box<str>,
}

/// The rows of one package.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    steps: Vec<Step>,
    rows: Vec<Entry>,
    cleared: Vec<Entry>,
    /// Rows of whose every weakness another feed's row speaks: they are no findings of their own but stand in that one.
    beside: Vec<Entry>,
    /// Their places by the names they go by: kernels have thousands.
    beside_named: Vec<(Box<str>, u32)>,
    /// Whether the place of a version in the order decides alone.
    plain: bool,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.cleared.len() + self.beside.len()
    }

    pub(super) fn rows(&self) -> &[Entry] {
        &self.rows
    }

    pub(super) const fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) fn is_of(&self, feed: u16) -> bool {
        self.all().any(|row| row.feed == feed)
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.rows.iter().chain(&self.cleared).chain(&self.beside)
    }

    /// Rows of other feeds that tell of the same as `row` and are told with it.
    pub(super) fn beside(&self, row: &Entry) -> impl Iterator<Item = &Entry> {
        let advisory = &row.advisory;
        let mut places: Vec<u32> = std::iter::once(&advisory.id)
            .chain(&advisory.cves)
            .flat_map(|name| {
                let from = self.beside_named.partition_point(|(known, _)| **known < **name);
                let rest = self.beside_named.get(from..).unwrap_or_default();
                rest.iter().take_while(|(known, _)| **known == **name).map(|(_, at)| *at)
            })
            .collect();
        places.sort_unstable();
        places.dedup();

        places
            .into_iter()
            .filter_map(|at| self.beside.get(usize::try_from(at).ok()?))
            .filter(|other| other.feed != row.feed)
    }

    pub(super) fn version(&self, row: &Entry) -> Option<&str> {
        let at = usize::try_from(row.step).ok()?;

        self.steps.get(at).map(|step| &*step.version)
    }

    /// The first row that touches a version, if its place in the order decides.
    pub(super) fn first_open(&self, version: &Key) -> usize {
        let mended = self.steps.partition_point(|step| step.key <= *version);

        self.rows.partition_point(|row| usize::try_from(row.step).is_ok_and(|step| step < mended))
    }

    /// All rows that say that it is not affected by something.
    pub(super) fn all_cleared(&self) -> &[Entry] {
        &self.cleared
    }

    /// Rows that say that this package is not affected by what `row` speaks of.
    pub(super) fn cleared(&self, row: &Entry) -> impl Iterator<Item = &Entry> {
        self.cleared.iter().filter(|clear| speaks_of(&row.advisory, &clear.advisory))
    }

    /// Puts one feed's rows in place of its earlier ones; whether anything is other than before.
    pub(super) fn replace(&mut self, feed: u16, mut drafts: Vec<Draft>, feeds: Option<&[Feed]>) -> bool {
        drafts.sort_unstable();
        drafts.dedup();
        if self.len() > 0 {
            let (old, mut kept): (Vec<Draft>, Vec<Draft>) =
                self.drafts().into_iter().partition(|draft| draft.feed == feed);
            if old == drafts {
                return false;
            }
            kept.append(&mut drafts);
            kept.sort_unstable();
            drafts = kept;
        } else if drafts.is_empty() {
            return false;
        }
        self.build(drafts, feeds);

        true
    }

    /// The rows as they came, in order.
    fn drafts(&self) -> Vec<Draft> {
        let draft = |row: &Entry| {
            let step = usize::try_from(row.step).ok().and_then(|at| self.steps.get(at));
            Draft {
                key: step.map(|step| step.key.clone()),
                version: step.map(|step| step.version.clone()).unwrap_or_default(),
                said: row.said,
                feed: row.feed,
                advisory: Arc::clone(&row.advisory),
                extra: row.extra.clone(),
            }
        };
        let mut drafts: Vec<Draft> = self.all().map(draft).collect();
        drafts.sort_unstable();

        drafts
    }

    /// `feeds`: all of the book, if their rows are to be joined.
    fn build(&mut self, drafts: Vec<Draft>, feeds: Option<&[Feed]>) {
        let (mut with, without): (Vec<Draft>, Vec<Draft>) =
            drafts.into_iter().partition(|draft| draft.key.is_some());
        with.sort_by(|a, b| a.key.cmp(&b.key));
        let (mut steps, mut rows, mut cleared): (Vec<Step>, Vec<Entry>, Vec<Entry>) = Default::default();
        for draft in with.into_iter().chain(without) {
            let mut step = u32::MAX;
            if let Some(key) = draft.key {
                if steps.last().is_none_or(|last| last.key != key || last.version != draft.version) {
                    steps.push(Step { key, version: draft.version });
                }
                step = u32::try_from(steps.len() - 1).expect("fewer than four billion versions");
            }
            let row = Entry {
                advisory: draft.advisory,
                extra: draft.extra,
                step,
                feed: draft.feed,
                said: draft.said,
            };
            if row.said == Said::NotAffected { cleared.push(row) } else { rows.push(row) }
        }
        let beside = feeds.map(|feeds| joins::take_joined(&mut rows, &cleared, feeds)).unwrap_or_default();
        self.beside_named = joins::by_name(&beside);
        steps.shrink_to_fit();
        rows.shrink_to_fit();
        cleared.shrink_to_fit();
        self.plain = cleared.is_empty() && rows.iter().all(|row| !row.is_limited());
        (self.steps, self.rows, self.cleared, self.beside) = (steps, rows, cleared, beside);
    }
}

/// Whether all that `about` speaks of is spoken of by `by` too: the same advisory, or all of its CVEs.
pub(super) fn speaks_of(about: &Advisory, by: &Advisory) -> bool {
    about.id == by.id || (!about.cves.is_empty() && about.cves.iter().all(|cve| by.cves.contains(cve)))
}

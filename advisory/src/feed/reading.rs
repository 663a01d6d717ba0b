//! The state of one import: what the file turned out to be, what was counted, what was given out.

use std::io::{self, Seek};

use vonggac_protocol::time::Timestamp;

use super::item::Item;
use super::kind::{EXPECTED, Kind};
use super::unpack::{Document, unpack};
use super::{Limits, csaf, csaf_microsoft, csaf_redhat, cvrf, debian, epss, kev, osv, oval, support, wesng};
use crate::ecosystem::Ecosystem;
use crate::row::Row;
use crate::source::{Fault, FeedError, Place, Summary};

/// Different things that are counted by name; what is beyond them is counted together.
const COUNTED_MAX: usize = 200;

/// What was read out of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// What it is.
    pub kind: Kind,
    /// What was counted.
    pub summary: Summary,
    /// Documents in it: one, or those of an archive.
    pub documents: u64,
    /// Name of the first advisory in it, if it has any.
    pub first: Option<String>,
    /// First publication of the oldest and of the newest advisory in it.
    pub published: Option<(Timestamp, Timestamp)>,
}

/// Where items go; an error of it ends the reading.
pub type Sink<'a> = dyn FnMut(Item) -> Result<(), FeedError> + 'a;

/// The state of one import.
pub(super) struct Reading<'a, 's> {
    pub(super) limits: Limits,
    sink: &'a mut Sink<'s>,
    kind: Option<Kind>,
    /// Documents that were read.
    documents: u64,
    /// The first document of no known kind, and why.
    strange: Option<FeedError>,
    is_archive: bool,
    pub(super) summary: Summary,
    first: Option<String>,
    published: Option<(Timestamp, Timestamp)>,
}

/// Reads one carried file.
///
/// # Errors
/// If it is of no known kind, broken, of a form that is too new, or beyond the limits. What was given to the sink until
/// then does not count.
pub fn read(input: impl io::Read + Seek, limits: &Limits, sink: &mut Sink<'_>) -> Result<Given, FeedError> {
    let mut reading = Reading {
        limits: *limits,
        sink,
        kind: None,
        documents: 0,
        strange: None,
        is_archive: false,
        summary: Summary::default(),
        first: None,
        published: None,
    };
    unpack(input, limits, &mut |document| reading.document(document))?;

    reading.end()
}

impl Reading<'_, '_> {
    fn document(&mut self, document: Document<'_>) -> Result<(), FeedError> {
        self.is_archive |= document.name.is_some();
        let name = document.name.clone();
        let within = |error: FeedError| match &name {
            Some(name) if error.file.is_none() => error.within(name.clone()),
            Some(_) | None => error,
        };
        let kind = match Kind::of(document.head) {
            Ok(kind) => kind,
            Err(error) => {
                // Archives carry licences and lists of their files as well.
                self.skip("file of no known kind");
                self.strange.get_or_insert_with(|| within(error));
                return Ok(());
            }
        };
        match self.kind {
            None => self.kind = Some(kind),
            Some(first) if first == kind => {}
            Some(first) => {
                let found = format!("{first} and {kind}");
                return Err(within(FeedError::new(Place::Whole, "files of one kind", found)));
            }
        }
        self.documents += 1;
        let body = &mut *document.body;
        let read = match kind {
            Kind::Osv => osv::read(body, self),
            Kind::DebianTracker => debian::read(body, self),
            Kind::Kev => kev::read(body, self),
            Kind::Epss => epss::read(body, self),
            Kind::Support => support::read(body, self),
            Kind::CsafRedHat => csaf::read(body, csaf_redhat::rows, self),
            Kind::CsafMicrosoft => csaf::read(body, csaf_microsoft::rows, self),
            Kind::OvalUbuntu | Kind::OvalRedHat | Kind::OvalAlmaLinux => oval::read(body, kind, self),
            Kind::CvrfMicrosoft => cvrf::read(body, self),
            Kind::Wesng => wesng::read(body, self),
        };

        read.map_err(within)
    }

    fn end(self) -> Result<Given, FeedError> {
        let Some(kind) = self.kind else {
            let empty = || FeedError::new(Place::Whole, EXPECTED, "an archive without files").of(Fault::Kind);
            return Err(self.strange.unwrap_or_else(empty));
        };
        let mut summary = self.summary;
        if !self.is_archive && kind.is_piecewise() {
            // One advisory does not speak for a distribution: that a package is not in it means nothing.
            summary.covers.clear();
        }

        Ok(Given { kind, summary, documents: self.documents, first: self.first, published: self.published })
    }

    /// Counts what is passed over.
    pub(super) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.summary.skipped.len() < COUNTED_MAX || self.summary.skipped.contains_key(&what) {
            self.summary.skip(what);
        } else {
            self.summary.skip("other things");
        }
    }

    /// Gives one item out.
    pub(super) fn give(&mut self, item: Item) -> Result<(), FeedError> {
        self.summary.rows += 1;
        if self.summary.rows > self.limits.rows {
            let most = format!("at most {} rows", self.limits.rows);
            return Err(FeedError::new(Place::Whole, most, "more").of(Fault::Bound));
        }

        (self.sink)(item)
    }

    /// Gives a row out; its ecosystem is one that this feed speaks for.
    pub(super) fn row(&mut self, row: Row) -> Result<(), FeedError> {
        if self.first.is_none() {
            self.first = Some(row.advisory.id.clone());
        }
        self.covers(&row.ecosystem);

        self.give(Item::Row(row))
    }

    /// Notes that the feed speaks for this ecosystem.
    pub(super) fn covers(&mut self, ecosystem: &Ecosystem) {
        if !self.summary.covers.contains(ecosystem) {
            self.summary.covers.insert(ecosystem.clone());
        }
    }

    /// Counts an advisory, with its dates.
    pub(super) fn advisory(&mut self, published: Option<Timestamp>, changed: Option<Timestamp>) {
        self.summary.advisories += 1;
        self.dated(changed.or(published));
        if let Some(at) = published {
            let (first, last) = self.published.unwrap_or((at, at));
            self.published = Some((first.min(at), last.max(at)));
        }
    }

    /// The data is of this date at least.
    pub(super) fn dated(&mut self, at: Option<Timestamp>) {
        self.summary.dated = self.summary.dated.max(at);
    }
}

//! Which rows touch a version. Knows no machine: what depends on one is decided where findings are made.

use super::shelf::{Entry, Said, Shelf, speaks_of};
use super::{Book, Place, index};
use crate::ecosystem::{Channel, Ecosystem};
use crate::row::{Minor, Names};
use crate::version::{BadVersion, Key, rpm};

/// What is known of the module that an rpm package is part of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream<'a> {
    /// Part of none.
    None,
    /// Part of one; which is not told.
    Untold,
    /// `module:stream`.
    Named(&'a str),
}

/// One version of one package, of all machines that have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subject<'a> {
    /// Whose package.
    pub ecosystem: &'a Ecosystem,
    /// Which name it goes by.
    pub names: Names,
    /// The name.
    pub package: &'a str,
    /// The version of that name: the source's for a source.
    pub version: &'a str,
    /// Architecture; empty if the manager has none.
    pub architecture: &'a str,
    /// Module and stream.
    pub stream: Stream<'a>,
}

/// Why rows that match are not simply findings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Doubt {
    /// None: they are.
    None,
    /// They are of a stream of a module; which stream is installed, or which is meant, is not told.
    Stream,
    /// The fix is in Ubuntu Pro's archive, which this package does not come from.
    Pro,
}

/// Rows of one package that stand side by side and touch a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// Number of the package in the book.
    pub(crate) shelf: u32,
    /// First row.
    pub(crate) from: u32,
    /// The row after the last.
    pub(crate) to: u32,
    /// What to think of them.
    pub doubt: Doubt,
}

impl Span {
    /// How many rows.
    #[must_use]
    pub const fn rows(self) -> u32 {
        self.to - self.from
    }
}

impl Book {
    /// The rows that touch a version, those of Ubuntu's other archive included.
    ///
    /// # Errors
    /// If the version has no place in the ecosystem's order: then nothing is known.
    pub fn judge(&self, subject: &Subject<'_>, out: &mut Vec<Span>) -> Result<(), BadVersion> {
        let key = subject.ecosystem.order().key(subject.version)?;
        let own = self.find(subject.ecosystem, subject.names, subject.package);
        let pro = if let Ecosystem::Ubuntu(year, month, Channel::Main) = subject.ecosystem {
            self.find(&Ecosystem::Ubuntu(*year, *month, Channel::Pro), subject.names, subject.package)
        } else {
            None
        };
        match (own, pro) {
            (None, None) => {}
            (Some(own), None) => self.shelf(own).into_iter().for_each(|shelf| {
                open(own, shelf, &key, subject, out);
            }),
            (own, Some(pro)) => self.two_archives(own, pro, &key, subject, out),
        }

        Ok(())
    }

    /// The rows that say that a version is not affected, each with its place; none for a version without a place in the
    /// order. Of Ubuntu, those of the main archive.
    pub fn cleared<'a>(
        &'a self,
        subject: &Subject<'_>,
    ) -> impl Iterator<Item = ((u32, usize), &'a Place, &'a Entry)> {
        let key = subject.ecosystem.order().key(subject.version).ok();
        let at = self.find(subject.ecosystem, subject.names, subject.package);
        let found = at.zip(key).and_then(|(at, key)| Some((at, key, self.shelves.get(index(at))?)));
        let mut out = Vec::new();
        if let Some((at, key, (place, shelf))) = found {
            let speaking = shelf.all_cleared().iter().enumerate();
            let speaking = speaking.filter(|(_, row)| applies(row, &key, subject) == Some(Doubt::None));
            out.extend(speaking.map(|(number, row)| ((at, number), place, row)));
        }

        out.into_iter()
    }

    /// Ubuntu: the archive that the installed version comes from decides where both speak of one thing.
    fn two_archives(
        &self,
        own: Option<u32>,
        pro: u32,
        key: &Key,
        subject: &Subject<'_>,
        out: &mut Vec<Span>,
    ) {
        let empty = Shelf::default();
        let main = own.and_then(|own| self.shelf(own)).unwrap_or(&empty);
        let Some(extended) = self.shelf(pro) else { return };
        let is_extended = subject.version.contains("esm");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        own.into_iter().for_each(|own| open(own, main, key, subject, &mut ours));
        open(pro, extended, key, subject, &mut theirs);
        let named = |shelf: &Shelf, row: &Entry| {
            shelf.rows().iter().any(|other| speaks_of(&row.advisory, &other.advisory))
        };
        for span in ours {
            keep(main, span, out, |row| {
                let better = theirs.iter().any(|other| {
                    rows(extended, *other)
                        .any(|found| found.said == Said::Fixed && speaks_of(&row.advisory, &found.advisory))
                });
                if is_extended { !named(extended, row) } else { row.said == Said::Fixed || !better }
            });
        }
        for span in theirs {
            let doubt = if is_extended { span.doubt } else { Doubt::Pro };
            keep(extended, Span { doubt, ..span }, out, |row| {
                // Mended in the main archive, or still open there with a fix: that archive's word stands.
                let open_here = main
                    .rows()
                    .get(main.first_open(key)..)
                    .unwrap_or_default()
                    .iter()
                    .any(|other| other.said != Said::Fixed && speaks_of(&row.advisory, &other.advisory));
                is_extended || !named(main, row) || (open_here && row.said == Said::Fixed)
            });
        }
    }
}

fn rows(shelf: &Shelf, span: Span) -> impl Iterator<Item = &Entry> {
    shelf.rows().get(index(span.from)..index(span.to)).unwrap_or_default().iter()
}

/// The rows of a shelf that touch a version.
fn open(at: u32, shelf: &Shelf, key: &Key, subject: &Subject<'_>, out: &mut Vec<Span>) {
    let number = |at: usize| u32::try_from(at).expect("fewer than four billion rows");
    let (from, to) = (shelf.first_open(key), shelf.rows().len());
    if from == to {
        return;
    }
    if shelf.is_plain() {
        out.push(Span { shelf: at, from: number(from), to: number(to), doubt: Doubt::None });
        return;
    }
    for (place, row) in shelf.rows().iter().enumerate().skip(from) {
        if shelf.cleared(row).any(|clear| clear.feed == row.feed) {
            continue;
        }
        let Some(doubt) = applies(row, key, subject) else { continue };
        push(out, Span { shelf: at, from: number(place), to: number(place + 1), doubt });
    }
}

/// Whether a row's limits let it speak of this subject, and how surely.
fn applies(row: &Entry, key: &Key, subject: &Subject<'_>) -> Option<Doubt> {
    let Some(extra) = &row.extra else {
        return Some(Doubt::None);
    };
    if extra.introduced.as_ref().is_some_and(|introduced| key < introduced) {
        return None;
    }
    let all = ["", "noarch", "all"];
    if !extra.architectures.is_empty()
        && !all.contains(&subject.architecture)
        && !extra.architectures.iter().any(|architecture| **architecture == *subject.architecture)
    {
        return None;
    }
    let of = || rpm::minor(subject.version);
    match &extra.minor {
        Some(Minor::Of(minor)) if of().as_ref() != Some(minor) => return None,
        Some(Minor::NotOf(minors)) if of().is_some_and(|of| minors.contains(&of)) => return None,
        Some(_) | None => {}
    }
    match (&extra.module, subject.stream) {
        (None, _) => Some(Doubt::None),
        (Some(_), Stream::None) => None,
        (Some(_), Stream::Untold) => Some(Doubt::Stream),
        (Some(module), Stream::Named(stream)) => {
            if &**module == "?" {
                Some(Doubt::Stream)
            } else {
                module.split(' ').any(|named| named == stream).then_some(Doubt::None)
            }
        }
    }
}

/// Keeps the rows of a span that `is_kept`.
fn keep(shelf: &Shelf, span: Span, out: &mut Vec<Span>, is_kept: impl Fn(&Entry) -> bool) {
    for (place, row) in (span.from..span.to).zip(rows(shelf, span)) {
        if is_kept(row) {
            push(out, Span { from: place, to: place + 1, ..span });
        }
    }
}

/// Adds a span; one that follows on the last becomes a part of it.
fn push(out: &mut Vec<Span>, span: Span) {
    match out.last_mut() {
        Some(last) if last.shelf == span.shelf && last.doubt == span.doubt && last.to == span.from => {
            last.to = span.to;
        }
        _ => out.push(span),
    }
}

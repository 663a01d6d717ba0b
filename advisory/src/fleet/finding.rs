//! The findings of one machine: which row, in which state, why, and by which feed of which date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Fleet, Host, Standing, index};
use crate::book::{Book, Doubt, Entry, Said, Span};
use crate::kernel::Kernel;
use crate::priority::{Priorities, Priority};
use crate::row::Advisory;
use crate::source::Feed;

/// How a finding stands on its machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// A newer version mends it.
    Fixable,
    /// A newer version of Ubuntu Pro mends it, and the machine is not known to be attached.
    FixableInPro,
    /// Mended on disk; the old kernel still runs.
    RebootPending,
    /// No fix is known.
    NoFix,
    /// The publisher will not mend it.
    WillNotFix,
    /// The publisher no longer looks.
    EndOfLife,
    /// Of a module whose stream is not told: it may be another's.
    StreamUntold,
    /// In a kernel that is installed and does not run.
    NotRunning,
}

/// A package as it is installed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Installed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its architecture.
    pub architecture: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The source that advisories speak of.
    pub source: &'a str,
    /// That source's version.
    pub source_version: &'a str,
}

/// What another feed says of the same weakness of the same package.
#[derive(Clone, Debug)]
pub struct Also<'a> {
    /// Its advisory.
    pub advisory: &'a Arc<Advisory>,
    /// The feed.
    pub feed: &'a Feed,
    /// The version that mends it, if it says so.
    pub fixed: Option<&'a str>,
    /// What it says.
    pub said: Said,
    /// Whether it says the same of the fix.
    pub agrees: bool,
}

/// One row that touches one machine.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// How it stands.
    pub state: State,
    /// The advisory, with its CVEs.
    pub advisory: &'a Arc<Advisory>,
    /// The package as the advisory names it: a source, or a package as it is installed.
    pub package: &'a str,
    /// The version that mends it; for a row that only knows the last one affected, `None`.
    pub fixed: Option<&'a str>,
    /// Number of the update that brings the fix, where it has one.
    pub update: Option<&'a str>,
    /// The publisher's remark; empty if none.
    pub note: &'a str,
    /// CVEs of the advisory that an earlier advisory of the same feed says are mended in what is installed: the
    /// update mends something else, or mends them better.
    pub mended_before: BTreeSet<&'a str>,
    /// Why this machine: what it has.
    pub installed: BTreeSet<Installed<'a>>,
    /// The feed that says so; its date is in it.
    pub feed: &'a Feed,
    /// What other feeds say of the same, by feed and advisory.
    pub also: Vec<Also<'a>>,
    /// The feed, if any, that says that this package is not affected.
    pub contradicted_by: Option<&'a Feed>,
    /// What orders the work.
    pub priority: Priority,
}

/// The state of a row where no kernel and no attachment speak.
pub(super) const fn plain_state(said: Said, doubt: Doubt) -> State {
    match (doubt, said) {
        (Doubt::Stream, _) => State::StreamUntold,
        (_, Said::WillNotFix) => State::WillNotFix,
        (_, Said::EndOfLife) => State::EndOfLife,
        (_, Said::NoFix | Said::NotAffected | Said::LastAffected) => State::NoFix,
        // Windows is judged elsewhere: no package has such rows.
        (_, Said::ByUpdate) => State::Fixable,
        (Doubt::Pro, Said::Fixed) => State::FixableInPro,
        (Doubt::None, Said::Fixed) => State::Fixable,
    }
}

/// A row by its package in the book and its place there: what is one finding, however many packages it touches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowAt {
    shelf: u32,
    at: u32,
}

impl<H: Ord + Clone> Fleet<H> {
    /// The findings of a machine, the most urgent first.
    #[must_use]
    pub fn findings<'a>(&'a self, host: &H, book: &'a Book, priorities: &Priorities) -> Vec<Finding<'a>> {
        let Some(host) = self.hosts.get(host) else { return Vec::new() };
        let mut found = Vec::new();
        let mut mended = Mended::default();
        for (RowAt { shelf, at }, (state, items)) in self.states(host, &host.items, book) {
            let span = Span { shelf, from: at, to: at + 1, doubt: Doubt::None };
            let Some((place, row)) = book.rows_of(span).next() else { continue };
            let Some(feed) = book.feed_of(row) else { continue };
            let fixed = if row.said == Said::Fixed { book.version_of(span, row) } else { None };
            let also = book.beside(span, row).into_iter().map(|(other, version, feed)| {
                let its = version.filter(|_| other.said == Said::Fixed);
                let agrees = other.said == row.said && its == fixed;
                Also { advisory: &other.advisory, feed, fixed: its, said: other.said, agrees }
            });
            found.push(Finding {
                state,
                also: also.collect(),
                advisory: &row.advisory,
                package: &place.package,
                fixed,
                update: row.update(),
                note: row.note(),
                mended_before: mended.among(book, shelf, self.first_open(shelf, &items), row),
                installed: items.iter().filter_map(|item| self.installed(*item)).collect(),
                feed,
                contradicted_by: book.contradicting(span, row),
                priority: priorities.of(&row.advisory),
            });
        }
        found.sort_by(|a, b| {
            a.state
                .cmp(&b.state)
                .then_with(|| b.priority.cmp(&a.priority))
                .then_with(|| a.advisory.id.cmp(&b.advisory.id))
                .then_with(|| a.package.cmp(b.package))
        });

        found
    }

    /// Of a package's rows the first that may touch any of these items.
    fn first_open(&self, shelf: u32, items: &[u32]) -> u32 {
        let first = |item: &u32| {
            let spans = self.verdict(*item).into_iter().flat_map(|verdict| &verdict.spans);
            spans.filter(|span| span.shelf == shelf).map(|span| span.from).min()
        };

        items.iter().filter_map(first).min().unwrap_or(0)
    }

    /// The packages of a machine that were not judged, and why.
    pub fn unknown<'a>(&'a self, host: &H) -> impl Iterator<Item = (Installed<'a>, Standing)> {
        self.hosts.get(host).into_iter().flat_map(|host| &host.items).filter_map(|item| {
            let standing = self.verdict(*item)?.standing;
            let is_unknown = !matches!(standing, Standing::Judged | Standing::KernelCompanion);
            is_unknown.then_some((self.installed(*item)?, standing))
        })
    }

    pub(super) fn installed(&self, item: u32) -> Option<Installed<'_>> {
        let item = self.items.get(index(item))?;

        Some(Installed {
            name: &item.name,
            architecture: &item.architecture,
            version: &item.version,
            source: &item.source,
            source_version: &item.source_version,
        })
    }

    /// Every row that touches these packages of a machine, its state, and by which of them.
    pub(super) fn states(
        &self,
        host: &Host,
        items: &[u32],
        book: &Book,
    ) -> BTreeMap<RowAt, (State, Vec<u32>)> {
        let mut states: BTreeMap<RowAt, (State, Vec<u32>)> = BTreeMap::new();
        let kernels = self.kernels(host, items);
        for item in items {
            let Some(verdict) = self.verdict(*item) else { continue };
            let is_image = self.items.get(index(*item)).is_some_and(|item| item.kernel != Kernel::None);
            for span in &verdict.spans {
                for (at, (_, row)) in (span.from..span.to).zip(book.rows_of(*span)) {
                    let mut state = plain_state(row.said, span.doubt);
                    if state == State::FixableInPro && host.machine.pro == Some(true) {
                        state = State::Fixable;
                    }
                    if is_image {
                        state = kernels.state(*item, RowAt { shelf: span.shelf, at }, row, state);
                    }
                    let found = states.entry(RowAt { shelf: span.shelf, at }).or_insert((state, Vec::new()));
                    // Of two packages the one that is worse off decides.
                    found.0 = found.0.min(state);
                    found.1.push(*item);
                }
            }
        }

        states
    }

    /// Of these packages of a machine the kernels that run, and those that would run next.
    pub(super) fn running_and_newest(&self, host: &Host, items: &[u32]) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let images = |release: &str| {
            let is = move |item: &&u32| {
                self.items
                    .get(index(**item))
                    .is_some_and(|item| matches!(&item.kernel, Kernel::Image(image) if **image == *release))
            };
            items.iter().filter(is).copied().collect::<BTreeSet<u32>>()
        };
        let machine = &host.machine;
        let mut running = images(&machine.kernel_running);
        let mut newest = machine.kernel_installed.as_deref().map(images).unwrap_or_default();
        // Of two builds of one release the one runs that the kernel says; the other runs next.
        let is_built = |item: &u32| {
            let version = self.items.get(index(*item)).map(|item| &*item.version);
            version.is_some() && version == machine.kernel_build.as_deref()
        };
        if running.len() > 1 && running.iter().any(is_built) {
            running.retain(is_built);
            newest.retain(|item| !running.contains(item));
        }

        (running, newest)
    }

    fn kernels(&self, host: &Host, items: &[u32]) -> Kernels {
        let (running, newest) = self.running_and_newest(host, items);
        let touching = newest
            .iter()
            .filter_map(|item| self.verdict(*item))
            .flat_map(|verdict| {
                verdict
                    .spans
                    .iter()
                    .flat_map(|span| (span.from..span.to).map(|at| RowAt { shelf: span.shelf, at }))
            })
            .collect();

        Kernels { told: !host.machine.kernel_running.is_empty(), running, newest, touching }
    }
}

/// The CVEs that one feed says are mended in a package before one of its rows; rows come package by package.
#[derive(Default)]
struct Mended<'a> {
    of: Option<(u32, u32, u16)>,
    cves: BTreeSet<&'a str>,
}

impl<'a> Mended<'a> {
    /// The CVEs of a row that are mended before row `to`.
    fn among(&mut self, book: &'a Book, shelf: u32, to: u32, row: &'a Entry) -> BTreeSet<&'a str> {
        let of = Some((shelf, to, row.feed));
        if self.of != of {
            self.of = of;
            self.cves = book
                .rows_of(Span { shelf, from: 0, to, doubt: Doubt::None })
                .filter(|(_, other)| {
                    other.said == Said::Fixed && other.feed == row.feed && !other.is_limited()
                })
                .flat_map(|(_, other)| other.advisory.cves.iter().map(String::as_str))
                .collect();
        }

        row.advisory.cves.iter().map(String::as_str).filter(|cve| self.cves.contains(cve)).collect()
    }
}

/// Which of a machine's kernels runs, and what touches the one that would run next.
struct Kernels {
    told: bool,
    running: BTreeSet<u32>,
    newest: BTreeSet<u32>,
    touching: BTreeSet<RowAt>,
}

impl Kernels {
    /// The state of a row that touches an image.
    fn state(&self, item: u32, at: RowAt, row: &Entry, plain: State) -> State {
        if !self.told {
            // Nobody said what runs: the newest one counts, older ones do not.
            let counts = self.newest.is_empty() || self.newest.contains(&item);
            return if counts { plain } else { State::NotRunning };
        }
        if !self.running.contains(&item) {
            return State::NotRunning;
        }
        let mended = row.said == Said::Fixed && !self.newest.is_empty() && !self.newest.contains(&item);
        if mended && !self.touching.contains(&at) { State::RebootPending } else { plain }
    }
}

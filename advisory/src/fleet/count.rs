//! How many findings a machine has: one for each row of each source or package, however many packages were built of it.

use std::collections::HashMap;

use super::finding::State;
use super::{Fleet, Host, Standing, index};
use crate::book::Book;

/// Findings by state, and packages that could not be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// A newer version mends it.
    pub fixable: u32,
    /// A newer version of Ubuntu Pro mends it, and the machine is not known to be attached.
    pub fixable_in_pro: u32,
    /// Mended on disk; the old kernel still runs.
    pub reboot_pending: u32,
    /// In a kernel that is installed and does not run.
    pub not_running: u32,
    /// No fix is known.
    pub no_fix: u32,
    /// The publisher will not mend it.
    pub will_not_fix: u32,
    /// The publisher no longer looks.
    pub end_of_life: u32,
    /// Of a module whose stream is not told.
    pub stream_untold: u32,
    /// Packages that were not judged: foreign, or no feed, or no version.
    pub unknown_packages: u32,
}

impl Counts {
    /// Adds findings of one state.
    pub const fn add(&mut self, state: State, number: u32) {
        let count = match state {
            State::Fixable => &mut self.fixable,
            State::FixableInPro => &mut self.fixable_in_pro,
            State::RebootPending => &mut self.reboot_pending,
            State::NotRunning => &mut self.not_running,
            State::NoFix => &mut self.no_fix,
            State::WillNotFix => &mut self.will_not_fix,
            State::EndOfLife => &mut self.end_of_life,
            State::StreamUntold => &mut self.stream_untold,
        };
        *count = count.saturating_add(number);
    }

    const fn join(&mut self, other: &Self) {
        self.add(State::Fixable, other.fixable);
        self.add(State::FixableInPro, other.fixable_in_pro);
        self.add(State::RebootPending, other.reboot_pending);
        self.add(State::NotRunning, other.not_running);
        self.add(State::NoFix, other.no_fix);
        self.add(State::WillNotFix, other.will_not_fix);
        self.add(State::EndOfLife, other.end_of_life);
        self.add(State::StreamUntold, other.stream_untold);
    }
}

/// Which verdicts and packages of the book a machine has been seen with, and what was counted of kernels: machines
/// have the same ones.
#[derive(Default)]
struct Marks {
    verdicts: Vec<u32>,
    shelves: Vec<u32>,
    kernels: HashMap<Kernels, Counts>,
}

/// All that counts of a machine's kernels depend on.
#[derive(PartialEq, Eq, Hash)]
struct Kernels {
    /// The verdict of each image, whether it runs, and whether it would run next.
    images: Vec<(u32, bool, bool)>,
    running_untold: bool,
    pro: bool,
}

/// Marks a place; whether it was marked in this round before.
fn mark(marks: &mut Vec<u32>, at: u32, round: u32) -> bool {
    let at = index(at);
    if marks.len() <= at {
        marks.resize(at + 1, 0);
    }
    marks.get_mut(at).is_some_and(|mark| std::mem::replace(mark, round) == round)
}

impl<H: Ord + Clone> Fleet<H> {
    /// The counts of every machine, in order.
    #[must_use]
    pub fn counts(&self, book: &Book) -> Vec<(H, Counts)> {
        let mut marks = Marks::default();
        let mut round = 0;

        self.hosts
            .keys()
            .map(|host| {
                round += 1;
                (host.clone(), self.count(host, book, &mut marks, round))
            })
            .collect()
    }

    /// The counts of one machine; equal to what its findings add up to.
    #[must_use]
    pub fn counts_of(&self, host: &H, book: &Book) -> Counts {
        self.count(host, book, &mut Marks::default(), 1)
    }

    fn count(&self, name: &H, book: &Book, marks: &mut Marks, round: u32) -> Counts {
        let Some(host) = self.hosts.get(name) else { return Counts::default() };
        let mut counts = Counts::default();
        let mut images = Vec::new();
        let mut simple = true;
        for item in &host.items {
            let Some(number) = self.judged.get(index(*item)) else { continue };
            let Some(verdict) = self.verdicts.get(index(*number)) else { continue };
            match verdict.standing {
                Standing::Judged => {}
                Standing::KernelCompanion => continue,
                Standing::NoFeed | Standing::Foreign(_) | Standing::BadVersion => {
                    counts.unknown_packages += 1;
                    continue;
                }
            }
            if self.is_image.get(index(*item)).copied().unwrap_or(false) {
                images.push(*item);
                continue;
            }
            if verdict.spans.is_empty() {
                continue;
            }
            if mark(&mut marks.verdicts, *number, round) {
                continue;
            }
            // Two versions of one package: which rows are the same one has to be looked at.
            let mut last = None;
            for span in &verdict.spans {
                if last != Some(span.shelf) && mark(&mut marks.shelves, span.shelf, round) {
                    simple = false;
                }
                last = Some(span.shelf);
            }
            counts.join(&verdict.counts);
        }
        if !simple {
            let exact = self.exactly(host, &host.items, book);
            return Counts { unknown_packages: counts.unknown_packages, ..exact };
        }
        if host.machine.pro == Some(true) {
            counts.fixable += std::mem::take(&mut counts.fixable_in_pro);
        }
        counts.join(&self.count_kernels(host, &images, book, marks));

        counts
    }

    fn count_kernels(&self, host: &Host, images: &[u32], book: &Book, marks: &mut Marks) -> Counts {
        if images.is_empty() {
            return Counts::default();
        }
        let machine = &host.machine;
        let (running, newest) = self.running_and_newest(host, images);
        let told = |item: &u32| {
            let verdict = self.judged.get(index(*item)).copied().unwrap_or_default();
            (verdict, running.contains(item), newest.contains(item))
        };
        let key = Kernels {
            images: images.iter().map(told).collect(),
            running_untold: machine.kernel_running.is_empty(),
            pro: machine.pro == Some(true),
        };
        if let Some(counts) = marks.kernels.get(&key) {
            return *counts;
        }
        let counts = self.exactly(host, images, book);
        marks.kernels.insert(key, counts);

        counts
    }

    fn exactly(&self, host: &Host, items: &[u32], book: &Book) -> Counts {
        let mut counts = Counts::default();
        for (state, _) in self.states(host, items, book).values() {
            counts.add(*state, 1);
        }

        counts
    }
}

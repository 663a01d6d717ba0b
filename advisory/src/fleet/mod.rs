//! The fleet: every distinct package of it is judged once, and machines are told by what they have.
//!
//! | file | subject |
//! |---|---|
//! | [`item`] | one distinct package |
//! | [`cleared`] | what a machine's feeds say is not affected |
//! | [`count`] | how many findings a machine has, by state |
//! | [`finding`] | the findings of a machine, with why |
//! | [`kept`] | a fleet as it is kept while nothing runs |

mod cleared;
mod count;
mod finding;
mod item;
pub mod kept;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vonggac_protocol::package::Package;

pub use cleared::Cleared;
pub use count::Counts;
pub use finding::{Also, Finding, Installed, State};
pub use item::Standing;
use item::{Item, Verdict};

use crate::book::{Book, Place, Span};
use crate::ecosystem::{Channel, Ecosystem};
use crate::kernel::{Kernel, kernel};
use crate::origin::{Origin, origin, tells_origins};

/// What matters of a machine besides its packages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// Whose packages it has; `None` if no feed can speak for it.
    pub ecosystem: Option<Ecosystem>,
    /// Whether it is attached to Ubuntu Pro; `None` if not told.
    pub pro: Option<bool>,
    /// The kernel that runs, as `uname -r` gives it; empty if not told.
    pub kernel_running: String,
    /// The newest kernel installed that can take its place.
    pub kernel_installed: Option<String>,
    /// Version of the package that the running kernel was built as, if told: another than the installed one of the same
    /// release was replaced on the disk and goes on running.
    pub kernel_build: Option<String>,
}

struct Host {
    machine: Machine,
    items: Box<[u32]>,
}

/// What judging again did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rejudged<H> {
    /// Distinct packages judged.
    pub items: usize,
    /// Of those, how many had or have anything found of them.
    pub changed: usize,
    /// Machines that have one of these.
    pub hosts: Vec<H>,
}

/// The running kernel of a machine as a package of its own, if what is installed under its release was built later.
#[must_use]
pub fn replaced_kernel(machine: &Machine, packages: &[Package]) -> Option<Package> {
    let build = machine.kernel_build.as_ref()?;
    let runs = |package: &&Package| matches!(kernel(package), Kernel::Image(image) if *image == *machine.kernel_running);
    let mut images = packages.iter().filter(runs);
    let (installed, order) = (images.next()?, machine.ecosystem.as_ref()?.order());
    let is_older = order.key(build).ok()? < order.key(&installed.version).ok()?;

    is_older.then(|| Package {
        version: build.clone(),
        // The version of an image is that of its source.
        source_version: None,
        ..installed.clone()
    })
}

/// All machines and their distinct packages. `H` is what a machine is known by.
pub struct Fleet<H> {
    ecosystems: Vec<Ecosystem>,
    items: Vec<Item>,
    known: HashMap<u64, u32>,
    named: HashMap<Box<str>, Vec<u32>>,
    verdicts: Vec<Verdict>,
    verdict_numbers: HashMap<(Box<[Span]>, Standing), u32>,
    /// Places among the verdicts that nothing refers to any more.
    free: Vec<u32>,
    /// Verdict of each item; `u32::MAX` if not judged yet.
    judged: Vec<u32>,
    /// Whether each item carries a kernel; beside the items because every count asks it.
    is_image: Vec<bool>,
    hosts: BTreeMap<H, Host>,
}

impl<H> Default for Fleet<H> {
    fn default() -> Self {
        Self {
            ecosystems: Vec::new(),
            items: Vec::new(),
            known: HashMap::new(),
            named: HashMap::new(),
            verdicts: Vec::new(),
            verdict_numbers: HashMap::new(),
            free: Vec::new(),
            judged: Vec::new(),
            is_image: Vec::new(),
            hosts: BTreeMap::new(),
        }
    }
}

const NOT_JUDGED: u32 = u32::MAX;

impl<H: Ord + Clone> Fleet<H> {
    /// No machines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many distinct packages it has or had.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// How many machines.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The numbers of one machine's packages in this fleet, for [`Fleet::set`]; new ones are judged by the next [`Fleet::judge`].
    pub fn number<'a>(
        &mut self,
        ecosystem: Option<&Ecosystem>,
        packages: impl IntoIterator<Item = &'a Package, IntoIter: Clone>,
    ) -> Box<[u32]> {
        let packages = packages.into_iter();
        let told = tells_origins(packages.clone());
        let text = ecosystem.map(ToString::to_string).unwrap_or_default();
        let mut identity = Vec::new();
        let mut numbers: Vec<u32> = packages
            .filter_map(|package| {
                let own = Ecosystem::of_manager(package.manager, ecosystem);
                // What nobody speaks for is told as that beside what the system's feeds speak for.
                let origin = own.map_or(Origin::Elsewhere, |own| origin(package, own, told));
                let own = own.or(ecosystem)?;
                let registry = own.is_registry().then(|| own.to_string());
                item::identity(registry.as_deref().unwrap_or(&text), package, origin, &mut identity);
                let whose = self.whose(own);
                Some(self.one(whose, package, origin, &identity))
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();

        numbers.into_boxed_slice()
    }

    /// The package of a number, as bytes that [`Fleet::restore`] knows again; `None` if there is no such number.
    #[must_use]
    pub fn identity(&self, number: u32) -> Option<&[u8]> {
        self.items.get(index(number)).map(Item::identity)
    }

    /// The number of a package that was kept by its bytes, so that a fleet need not be told package by package again:
    /// given in order to an empty fleet, packages have the numbers that they had. `None` if these are no such bytes.
    pub fn restore(&mut self, identity: &[u8]) -> Option<u32> {
        let (ecosystem, package, origin) = item::package_of(identity)?;
        let whose = self.whose(&ecosystem);

        Some(self.one(whose, &package, origin, identity))
    }

    fn whose(&mut self, ecosystem: &Ecosystem) -> usize {
        self.ecosystems.iter().position(|known| known == ecosystem).unwrap_or_else(|| {
            self.ecosystems.push(ecosystem.clone());
            self.ecosystems.len() - 1
        })
    }

    fn one(&mut self, whose: usize, package: &Package, origin: Origin, identity: &[u8]) -> u32 {
        let mut hash = item::hash(identity);
        // Two packages of one hash stand side by side.
        while let Some(number) = self.known.get(&hash) {
            if self.items.get(index(*number)).is_some_and(|item| item.is(identity)) {
                return *number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = u32::try_from(self.items.len()).expect("fewer than four billion packages");
        let ecosystem = self.ecosystems.get(whose).expect("it was looked up or pushed just now");
        let item = Item::new(whose, ecosystem, package, origin, identity);
        for name in item.names() {
            match self.named.get_mut(name) {
                Some(numbers) => numbers.push(number),
                None => drop(self.named.insert(name.into(), vec![number])),
            }
        }
        self.known.insert(hash, number);
        self.is_image.push(matches!(item.kernel, Kernel::Image(_)));
        self.items.push(item);
        self.judged.push(NOT_JUDGED);

        number
    }

    /// A machine and what it has now, by numbers of [`Fleet::number`].
    pub fn set(&mut self, host: H, machine: Machine, items: Box<[u32]>) {
        self.hosts.insert(host, Host { machine, items });
    }

    /// A machine is no more.
    pub fn remove(&mut self, host: &H) {
        self.hosts.remove(host);
    }

    /// Judges what has not been judged yet; how many that were.
    pub fn judge(&mut self, book: &Book) -> usize {
        let open: Vec<u32> = (0_u32..)
            .zip(&self.judged)
            .filter(|(_, verdict)| **verdict == NOT_JUDGED)
            .map(|(number, _)| number)
            .collect();
        for number in &open {
            self.judge_one(book, *number);
        }

        open.len()
    }

    /// Judges again what an import touched, and tells the machines that have any of it with a finding, old or new.
    pub fn judge_again(&mut self, book: &Book, touched: &BTreeSet<Place>) -> Rejudged<H> {
        let numbers = self.due(book, touched);
        let before: Vec<_> = numbers.iter().map(|number| self.told_of(*number)).collect();
        let stale = self.forget(&book.numbers(touched));
        let mut changed = vec![false; self.items.len()];
        let mut whose = BTreeSet::new();
        let mut rejudged = Rejudged { items: numbers.len(), changed: 0, hosts: Vec::new() };
        for (number, before) in numbers.into_iter().zip(before) {
            self.judge_one(book, number);
            let after = self.told_of(number);
            if before != after || after.0 {
                rejudged.changed += 1;
                changed.get_mut(index(number)).into_iter().for_each(|mark| *mark = true);
                whose.extend(self.items.get(index(number)).map(Item::whose));
            }
        }
        let is_registry = |of: &usize| self.ecosystems.get(*of).is_some_and(Ecosystem::is_registry);
        let anywhere = whose.iter().any(is_registry);
        let has = |host: &Host| {
            let of = self.ecosystems.iter().position(|known| Some(known) == host.machine.ecosystem.as_ref());
            (anywhere || of.is_some_and(|of| whose.contains(&of)))
                && host.items.iter().any(|item| changed.get(index(*item)).copied().unwrap_or(false))
        };
        rejudged.hosts =
            self.hosts.iter().filter(|(_, host)| has(host)).map(|(name, _)| name.clone()).collect();
        // Only now does nothing refer to them.
        self.free.extend(stale);

        rejudged
    }

    /// The packages that an import may have changed the verdict of: those that it names, and all of an ecosystem that
    /// a feed speaks for now and none did, or the other way round.
    fn due(&self, book: &Book, touched: &BTreeSet<Place>) -> BTreeSet<u32> {
        let mut due = BTreeSet::new();
        for place in touched {
            // What is in Ubuntu Pro's archive is of machines with the main one.
            let ecosystem = if let Ecosystem::Ubuntu(year, month, Channel::Pro) = place.ecosystem {
                Ecosystem::Ubuntu(year, month, Channel::Main)
            } else {
                place.ecosystem.clone()
            };
            let Some(whose) = self.ecosystems.iter().position(|known| *known == ecosystem) else { continue };
            let named = self.named.get(&*place.package).into_iter().flatten();
            due.extend(
                named.filter(|number| {
                    self.items.get(index(**number)).is_some_and(|item| item.whose() == whose)
                }),
            );
        }
        let covered: Vec<bool> =
            self.ecosystems.iter().map(|of| book.covering(of).next().is_some()).collect();
        for (number, item) in (0_u32..).zip(&self.items) {
            let is_covered = covered.get(item.whose()).copied().unwrap_or(false);
            let standing = self.verdict(number).map(|verdict| verdict.standing);
            let was_covered = standing != Some(Standing::NoFeed);
            if is_covered != was_covered && standing != Some(Standing::KernelCompanion) {
                due.insert(number);
            }
        }

        due
    }

    /// Whether anything is found of a package, and whether it could be judged.
    fn told_of(&self, item: u32) -> (bool, Option<Standing>) {
        (self.has_findings(item), self.verdict(item).map(|verdict| verdict.standing))
    }

    fn has_findings(&self, item: u32) -> bool {
        self.verdict(item).is_some_and(|verdict| !verdict.spans.is_empty())
    }

    /// Verdicts that speak of packages whose rows are others now no longer stand for what is found; their numbers.
    fn forget(&mut self, shelves: &BTreeSet<u32>) -> Vec<u32> {
        let mut stale = Vec::new();
        self.verdict_numbers.retain(|(spans, _), number| {
            let is_stale = spans.iter().any(|span| shelves.contains(&span.shelf));
            if is_stale {
                stale.push(*number);
            }
            !is_stale
        });
        stale.sort_unstable();

        stale
    }

    /// Judges one distinct package.
    fn judge_one(&mut self, book: &Book, number: u32) {
        let Some(item) = self.items.get(index(number)) else { return };
        let Some(ecosystem) = self.ecosystems.get(item.whose()) else { return };
        let (spans, standing) = item.judge(book, ecosystem);
        let key = (spans.into_boxed_slice(), standing);
        let verdict = match self.verdict_numbers.get(&key) {
            Some(verdict) => *verdict,
            None => {
                let verdict = self.keep(Verdict::new(book, key.0.clone(), standing));
                self.verdict_numbers.insert(key, verdict);
                verdict
            }
        };
        self.judged.get_mut(index(number)).into_iter().for_each(|of| *of = verdict);
    }

    fn keep(&mut self, verdict: Verdict) -> u32 {
        if let Some(number) = self.free.pop()
            && let Some(place) = self.verdicts.get_mut(index(number))
        {
            *place = verdict;
            return number;
        }
        self.verdicts.push(verdict);

        u32::try_from(self.verdicts.len() - 1).expect("fewer than four billion verdicts")
    }

    fn verdict(&self, item: u32) -> Option<&Verdict> {
        self.verdicts.get(index(*self.judged.get(index(item))?))
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("addresses have at least 32 bits")
}

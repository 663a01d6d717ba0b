//! What an agency has installed, held against what it may use.
//!
//! # How it is counted
//!
//! 1. A product counts once for a machine, however many packages of it are there.
//! 2. An entitlement covers an installation if it stands on the day, and edition and version fit.
//! 3. Units for machines and persons are given to machines so that as many as possible are covered.
//! 4. Units for cores then cover what is left, machines with few cores first; a machine that does not tell its cores
//!    is not covered by them. A site entitlement covers all that fit.
//! 5. Over is what is covered by nothing: "no entitlement on record", never "pirated".

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;
use serde::Serialize;

use crate::catalogue::{Catalogue, LicenceClass};
use crate::entitlement::{Entitlement, Metric, Standing};
use crate::flatten::Event;
use crate::words::Words;

/// A product on a machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Install {
    /// Its id in the catalogue.
    pub product: String,
    /// The name that it is installed under.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Cores of the machine, where it tells.
    pub cores: Option<u32>,
}

/// How one product stands in one agency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProductBalance {
    /// Its id in the catalogue.
    pub product: String,
    /// Name.
    pub name: Words,
    /// What its licence asks for.
    pub class: LicenceClass,
    /// Machines that have it.
    pub installed: u64,
    /// Units for machines or persons that stand today.
    pub entitled: u64,
    /// Units for cores that stand today.
    pub entitled_cores: u64,
    /// Whether an entitlement for the whole agency stands today.
    pub site: bool,
    /// Machines that an entitlement covers.
    pub covered: u64,
    /// Machines that none covers.
    pub over: u64,
    /// Units for machines or persons that cover none.
    pub unused: u64,
    /// Units whose last day has passed.
    pub expired: u64,
    /// Units that begin later.
    pub not_yet: u64,
    /// The last day of the units that end next.
    #[serde(serialize_with = "as_text")]
    pub next_end: Option<Date>,
}

/// An agency's whole balance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Balance {
    /// Products that need an entitlement or have one, by id.
    pub products: Vec<ProductBalance>,
    /// Installations of products that need an entitlement.
    pub installed: u64,
    /// Of these, those that none covers.
    pub over: u64,
}

fn as_text<S: serde::Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}

impl Balance {
    /// Works it out; `installs` are an agency's, one for each machine and product.
    #[must_use]
    pub fn of(
        installs: &[Install],
        entitlements: &[Entitlement],
        catalogue: &Catalogue,
        today: Date,
    ) -> Self {
        let mut by_product: BTreeMap<&str, (Vec<&Install>, Vec<&Entitlement>)> = BTreeMap::new();
        for install in installs {
            by_product.entry(&install.product).or_default().0.push(install);
        }
        for entitlement in entitlements {
            by_product.entry(&entitlement.product).or_default().1.push(entitlement);
        }
        let products: Vec<ProductBalance> = by_product
            .into_iter()
            .filter_map(|(id, (installs, entitlements))| {
                let needed = catalogue.product(id).is_some_and(|product| product.entitlement);
                (needed || !entitlements.is_empty())
                    .then(|| of_product(id, &installs, &entitlements, catalogue, today))
            })
            .collect();

        Self::sum(products, catalogue)
    }

    /// The balances of several agencies as one: a right of one agency never covers another's machine.
    #[must_use]
    pub fn together(balances: &[Self], catalogue: &Catalogue) -> Self {
        let mut products: BTreeMap<&str, ProductBalance> = BTreeMap::new();
        for line in balances.iter().flat_map(|balance| &balance.products) {
            products.entry(&line.product).and_modify(|sum| sum.add(line)).or_insert_with(|| line.clone());
        }

        Self::sum(products.into_values().collect(), catalogue)
    }

    fn sum(products: Vec<ProductBalance>, catalogue: &Catalogue) -> Self {
        let needing = |line: &&ProductBalance| {
            catalogue.product(&line.product).is_some_and(|product| product.entitlement)
        };
        let installed = products.iter().filter(needing).map(|line| line.installed).sum();
        let over = products.iter().filter(needing).map(|line| line.over).sum();

        Self { products, installed, over }
    }

    /// The share of installations without an entitlement on record, in thousandths, among those that need one;
    /// `None` where there is none: that is no figure, not zero.
    #[must_use]
    pub fn over_per_mille(&self) -> Option<u64> {
        (self.over * 1_000).checked_div(self.installed)
    }

    /// The line of a product.
    #[must_use]
    pub fn product(&self, id: &str) -> Option<&ProductBalance> {
        self.products.iter().find(|line| line.product == id)
    }
}

impl ProductBalance {
    /// The flat event of the category `licence_balance`.
    #[must_use]
    pub fn event(&self, today: Date) -> Event {
        let mut event = Event::new();
        let on_record = self.site || self.entitled > 0 || self.entitled_cores > 0;
        event.insert("product".to_owned(), self.product.clone().into());
        event.insert("product_name".to_owned(), self.name.vi.clone().into());
        event.insert("on_record".to_owned(), on_record.into());
        for (name, number) in [
            ("installed", self.installed),
            ("entitled", self.entitled),
            ("over", self.over),
            ("unused", self.unused),
            ("expired", self.expired),
        ] {
            event.insert(name.to_owned(), number.into());
        }
        if let Some(end) = self.next_end {
            event.insert("days_left".to_owned(), (end - today).get_days().into());
        }

        event
    }

    fn add(&mut self, other: &Self) {
        self.installed += other.installed;
        self.entitled += other.entitled;
        self.entitled_cores += other.entitled_cores;
        self.site |= other.site;
        self.covered += other.covered;
        self.over += other.over;
        self.unused += other.unused;
        self.expired += other.expired;
        self.not_yet += other.not_yet;
        self.next_end = [self.next_end, other.next_end].into_iter().flatten().min();
    }
}

/// Products for which an entitlement stands on this day.
#[must_use]
pub fn entitled<'a>(
    entitlements: impl IntoIterator<Item = &'a Entitlement>,
    today: Date,
) -> BTreeSet<String> {
    let stands = |entitlement: &&Entitlement| entitlement.standing(today) == Standing::Valid;

    entitlements.into_iter().filter(stands).map(|entitlement| entitlement.product.clone()).collect()
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn of_product(
    id: &str,
    installs: &[&Install],
    entitlements: &[&Entitlement],
    catalogue: &Catalogue,
    today: Date,
) -> ProductBalance {
    let units = |standing| -> u64 {
        entitlements.iter().filter(|line| line.standing(today) == standing).map(|line| line.quantity).sum()
    };
    let valid = |metrics: &[Metric]| -> Vec<&Entitlement> {
        let stands =
            |line: &&&Entitlement| line.standing(today) == Standing::Valid && metrics.contains(&line.metric);
        entitlements.iter().filter(stands).copied().collect()
    };
    let (seats, cores) = (valid(&[Metric::Device, Metric::User]), valid(&[Metric::Core]));
    let sites = valid(&[Metric::Site]);
    let fits = |line: &Entitlement, install: &Install| line.covers(&install.name, &install.version);
    let (of_site, others): (Vec<&Install>, Vec<&Install>) =
        installs.iter().partition(|install| sites.iter().any(|site| fits(site, install)));
    let (by_seats, left) = give_seats(&others, &seats);
    let by_cores = give_cores(&left, &cores);
    let entitled = seats.iter().map(|line| line.quantity).sum();
    let covered = count(&of_site) + by_seats + by_cores;
    let product = catalogue.product(id);

    ProductBalance {
        product: id.to_owned(),
        name: product
            .map_or_else(|| Words { vi: id.to_owned(), en: id.to_owned() }, |product| product.name.clone()),
        class: product.map_or(LicenceClass::Unknown, |product| product.class),
        installed: count(installs),
        entitled,
        entitled_cores: cores.iter().map(|line| line.quantity).sum(),
        site: !sites.is_empty(),
        covered,
        over: count(installs) - covered,
        unused: entitled - by_seats,
        expired: units(Standing::Expired),
        not_yet: units(Standing::NotYet),
        next_end: valid(&Metric::ALL).iter().filter_map(|line| line.end).min(),
    }
}

/// Machines that the same lines would cover.
struct Alike<'a> {
    lines: Vec<usize>,
    machines: VecDeque<&'a Install>,
}

/// Gives units to as many machines as possible; says how many, and which machines are left.
///
/// A largest flow from groups of like machines through lines: a unit moves to another machine where that lets one
/// more be covered.
fn give_seats<'a>(installs: &[&'a Install], lines: &[&Entitlement]) -> (u64, Vec<&'a Install>) {
    let mut groups: BTreeMap<Vec<usize>, VecDeque<&Install>> = BTreeMap::new();
    for install in installs {
        let covering =
            lines.iter().enumerate().filter(|(_, line)| line.covers(&install.name, &install.version));
        groups.entry(covering.map(|(at, _)| at).collect()).or_default().push_back(install);
    }
    let mut groups: Vec<Alike<'_>> =
        groups.into_iter().map(|(lines, machines)| Alike { lines, machines }).collect();
    let mut free: Vec<u64> = lines.iter().map(|line| line.quantity).collect();
    let mut given = vec![vec![0_u64; lines.len()]; groups.len()];
    let mut covered = 0;
    for start in 0..groups.len() {
        while !groups[start].machines.is_empty() {
            let Some(path) = way(start, &groups, &free, &given) else { break };
            // As many at once as the way carries.
            let moved = path.iter().filter_map(|(line, from)| from.map(|from| given[from][*line]));
            let end = path.last().map_or(0, |(line, _)| free[*line]);
            let most = moved.chain([end, count_of(&groups[start].machines)]).min().unwrap_or(0);
            let mut taker = start;
            for (line, from) in &path {
                given[taker][*line] += most;
                match from {
                    Some(from) => {
                        given[*from][*line] -= most;
                        taker = *from;
                    }
                    None => free[*line] -= most,
                }
            }
            groups[start].machines.drain(..usize::try_from(most).unwrap_or(usize::MAX));
            covered += most;
        }
    }

    (covered, groups.into_iter().flat_map(|group| group.machines).collect())
}

fn count_of(machines: &VecDeque<&Install>) -> u64 {
    u64::try_from(machines.len()).unwrap_or(u64::MAX)
}

/// A way from a group to a line with a free unit: lines to take from, each with the group that gives it up; the last
/// has a free unit.
fn way(
    start: usize,
    groups: &[Alike<'_>],
    free: &[u64],
    given: &[Vec<u64>],
) -> Option<Vec<(usize, Option<usize>)>> {
    // For each line, the group that reached it; for each group, the line that it would give up.
    let (mut reached, mut gives) = (vec![None; free.len()], vec![None; groups.len()]);
    let mut queue = VecDeque::from([start]);
    while let Some(group) = queue.pop_front() {
        for line in &groups[group].lines {
            if reached[*line].is_some() {
                continue;
            }
            reached[*line] = Some(group);
            if free[*line] > 0 {
                let (mut path, mut line, mut from) = (Vec::new(), *line, None);
                loop {
                    path.push((line, from));
                    let group = reached[line]?;
                    if group == start {
                        path.reverse();
                        return Some(path);
                    }
                    from = Some(group);
                    line = gives[group]?;
                }
            }
            for (other, held) in given.iter().enumerate() {
                if other != start && gives[other].is_none() && held[*line] > 0 {
                    gives[other] = Some(*line);
                    queue.push_back(other);
                }
            }
        }
    }

    None
}

/// Covers machines by cores, those with few first; a line that fits fewer versions or editions is used first.
fn give_cores(installs: &[&Install], lines: &[&Entitlement]) -> u64 {
    let mut installs: Vec<(u32, &&Install)> =
        installs.iter().filter_map(|install| Some((install.cores?, install))).collect();
    installs.sort_unstable();
    let mut lines: Vec<(bool, bool, u64, &&Entitlement)> = lines
        .iter()
        .map(|line| (line.edition.is_none(), line.version_max.is_none(), line.quantity, line))
        .collect();
    lines.sort_unstable();
    let mut covered = 0;
    for (cores, install) in installs {
        let fitting = lines.iter_mut().find(|(_, _, left, line)| {
            *left >= u64::from(cores) && line.covers(&install.name, &install.version)
        });
        if let Some((_, _, left, _)) = fitting {
            *left -= u64::from(cores);
            covered += 1;
        }
    }

    covered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn today() -> Date {
        "2026-11-22".parse().unwrap()
    }

    fn install(name: &str, version: &str, cores: Option<u32>) -> Install {
        Install {
            product: "microsoft.office".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            cores,
        }
    }

    fn line(metric: Metric, quantity: u64) -> Entitlement {
        Entitlement {
            product: "microsoft.office".to_owned(),
            edition: None,
            version_max: None,
            metric,
            quantity,
            start: None,
            end: None,
            contract: String::new(),
            note: String::new(),
        }
    }

    fn balance(installs: &[Install], lines: &[Entitlement]) -> ProductBalance {
        Balance::of(installs, lines, &Catalogue::embedded(), today()).products.remove(0)
    }

    fn offices(count: usize) -> Vec<Install> {
        vec![install("Microsoft Office Standard 2016", "16.0", None); count]
    }

    #[test]
    fn a_hundred_and_twenty_of_a_hundred_are_twenty_over() {
        let line = balance(&offices(120), &[line(Metric::Device, 60), line(Metric::User, 40)]);

        assert_eq!(
            (line.installed, line.entitled, line.covered, line.over, line.unused),
            (120, 100, 100, 20, 0)
        );
    }

    #[test]
    fn what_ended_or_has_not_begun_covers_nothing_and_is_told() {
        let mut ended = line(Metric::Device, 30);
        ended.end = Some("2026-11-21".parse().unwrap());
        let mut last_day = line(Metric::Device, 2);
        last_day.end = Some(today());
        let mut later = line(Metric::Device, 7);
        later.start = Some("2026-11-23".parse().unwrap());

        let line = balance(&offices(10), &[ended, last_day, later]);

        assert_eq!((line.entitled, line.over, line.expired, line.not_yet), (2, 8, 30, 7));
        assert_eq!(line.next_end, Some(today()));
    }

    #[test]
    fn units_that_nobody_uses_are_unused_even_beside_uncovered_machines() {
        let mut plus = line(Metric::Device, 5);
        plus.edition = Some("Professional Plus".to_owned());

        let line = balance(&offices(3), &[plus]);

        assert_eq!((line.over, line.unused), (3, 5));
    }

    #[test]
    fn a_unit_moves_to_where_one_more_machine_is_covered() {
        let mut old = line(Metric::Device, 1);
        old.version_max = Some("14".to_owned());
        let any = line(Metric::Device, 1);
        let installs = [install("Office", "14.0", None), install("Office", "16.0", None)];

        for lines in [[old.clone(), any.clone()], [any, old]] {
            assert_eq!(balance(&installs, &lines).over, 0);
        }
    }

    #[test]
    fn cores_cover_small_machines_first_and_never_a_machine_that_does_not_tell_them() {
        let installs =
            [install("SQL", "1", Some(16)), install("SQL", "1", Some(4)), install("SQL", "1", None)];

        let line = balance(&installs, &[line(Metric::Core, 18)]);

        assert_eq!((line.covered, line.over, line.entitled, line.entitled_cores), (1, 2, 0, 18));
    }

    #[test]
    fn a_site_covers_all() {
        let line = balance(&offices(500), &[line(Metric::Site, 1)]);

        assert!(line.site);
        assert_eq!((line.over, line.unused), (0, 0));
    }

    #[test]
    fn a_right_of_one_agency_does_not_cover_another() {
        let catalogue = Catalogue::embedded();
        let rich = Balance::of(&offices(1), &[line(Metric::Device, 9)], &catalogue, today());
        let poor = Balance::of(&offices(4), &[], &catalogue, today());

        let both = Balance::together(&[rich, poor], &catalogue);

        assert_eq!((both.installed, both.over, both.products[0].unused), (5, 4, 8));
        assert_eq!(both.over_per_mille(), Some(800));
    }

    #[test]
    fn every_field_of_the_event_is_declared() {
        let mut ends = line(Metric::Device, 1);
        ends.end = Some("2026-12-01".parse().unwrap());
        let declared = crate::fields::category(crate::fields::LICENCE_BALANCE).unwrap();

        let event = balance(&offices(2), &[ends]).event(today());

        assert_eq!(event.get("days_left"), Some(&9.into()));
        assert_eq!(event.len(), declared.fields.len());
        for name in event.keys() {
            assert!(declared.field(name).is_some(), "{name}");
        }
    }

    #[test]
    fn nothing_installed_gives_no_rate() {
        let none = Balance::of(&[], &[], &Catalogue::embedded(), today());

        assert_eq!(none.over_per_mille(), None);
        assert!(none.products.is_empty());
    }

    /// All ways of giving each machine a line or none; few machines only.
    fn best(installs: &[Install], lines: &[Entitlement], left: &mut Vec<u64>) -> u64 {
        let Some((first, others)) = installs.split_first() else { return 0 };
        let mut most = best(others, lines, left);
        for at in 0..lines.len() {
            if left[at] > 0 && lines[at].covers(&first.name, &first.version) {
                left[at] -= 1;
                most = most.max(1 + best(others, lines, left));
                left[at] += 1;
            }
        }

        most
    }

    proptest! {
        #[test]
        fn no_other_way_of_giving_units_covers_more(
            machines in prop::collection::vec((0..3_u8, 1..4_u8), 0..6),
            lines in prop::collection::vec((0..4_u8, 0..4_u8, 0..3_u64), 0..4),
        ) {
            let edition = |number: u8| format!("Edition{number}");
            let installs: Vec<Install> = machines
                .into_iter()
                .map(|(of, version)| install(&edition(of), &version.to_string(), None))
                .collect();
            let lines: Vec<Entitlement> = lines
                .into_iter()
                .map(|(of, version, quantity)| Entitlement {
                    edition: (of < 3).then(|| edition(of)),
                    version_max: (version > 0).then(|| version.to_string()),
                    ..line(Metric::Device, quantity)
                })
                .collect();
            let given: u64 = lines.iter().map(|line| line.quantity).sum();

            let (covered, left) =
                give_seats(&installs.iter().collect::<Vec<_>>(), &lines.iter().collect::<Vec<_>>());

            let mut units = lines.iter().map(|line| line.quantity).collect();
            prop_assert_eq!(covered, best(&installs, &lines, &mut units));
            prop_assert_eq!(covered + count(&left), count(&installs));
            prop_assert!(covered <= given);
        }
    }
}

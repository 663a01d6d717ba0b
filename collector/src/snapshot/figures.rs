//! Numbers for clauses, measured on hosts. Each says over how many it was counted and how many are unknown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::Package;
use vonggac_rules::balance::{self, Balance, Install};
use vonggac_rules::entitlement::{Entitlement, day_of};
use vonggac_rules::share::{Machine, OpenSource};
use vonggac_rules::software::{ClassCounts, SoftwareState};
use vonggac_rules::support::SupportState;

use super::book::Book;
use super::facts::{Evidence, Facts};
use super::inventory::Fold;

/// One number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The number.
    pub value: u64,
    /// Of how many; `None` where it is no part of a whole.
    pub of: Option<u64>,
    /// How many could not be told and are in neither.
    pub unknown: u64,
    /// Always `measured`: figures that are imported or stated will say so.
    pub source: &'static str,
}

fn figure(name: impl Into<String>, value: u64, of: u64, unknown: u64) -> Figure {
    Figure { name: name.into(), value, of: Some(of), unknown, source: "measured" }
}

/// Figures by the theme of the clauses that they speak to.
#[derive(Debug)]
pub struct Figures {
    by_theme: BTreeMap<&'static str, Vec<Figure>>,
}

impl Figures {
    /// Works them out.
    #[must_use]
    pub fn of(facts: &Facts, book: &Book) -> Self {
        let software = software(facts, book);
        let patches = patches(facts);
        let support = support(facts, book);
        let machines = machines(facts, book);
        let oss = [open_source(facts, &software), clients(&machines, book)].concat();
        let licences = [licences(facts, &software), vec![balance(facts, &machines, book)]].concat();
        let by_theme = BTreeMap::from([
            ("oss", oss),
            ("copyright", licences),
            ("inventory", support.clone()),
            ("security", [patches.clone(), support.clone()].concat()),
            ("critical", [patches.clone(), support].concat()),
            ("datacentre", patches),
        ]);

        Self { by_theme }
    }

    /// Those that speak to a theme.
    #[must_use]
    pub fn about(&self, theme: &str) -> Vec<Figure> {
        self.by_theme.get(theme).cloned().unwrap_or_default()
    }
}

fn count<T>(items: impl IntoIterator<Item = T>) -> u64 {
    items.into_iter().fold(0, |count, _| count + 1)
}

/// The packages of a host, from its evidence.
#[must_use]
pub fn packages(facts: &Facts, inventory: &[Evidence]) -> Option<Vec<Package>> {
    let mut fold = Fold::default();
    for evidence in inventory {
        let observation = Observation::decode(facts.observations.get(&evidence.observation)?).ok()?;
        fold.take(observation, ());
    }

    fold.finish().map(|(packages, _)| packages)
}

/// The newest observation of a kind that a host has, read.
fn newest(facts: &Facts, host: &super::facts::Host, kind: &str) -> Option<Kind> {
    let bytes = facts.observations.get(&host.newest.get(kind)?.observation)?;

    Observation::decode(bytes).ok().map(|observation| observation.kind)
}

fn software(facts: &Facts, book: &Book) -> BTreeMap<HostId, SoftwareState> {
    let today = day_of(facts.as_of);
    let entitled: BTreeMap<&str, BTreeSet<String>> = facts
        .agencies
        .iter()
        .map(|agency| (agency.id.as_str(), balance::entitled(&ledger(facts, &agency.id), today)))
        .collect();
    let none = BTreeSet::new();
    facts
        .hosts
        .iter()
        .filter_map(|host| {
            let packages = packages(facts, &host.inventory)?;
            let entitled = entitled.get(host.agency.as_str()).unwrap_or(&none);
            Some((host.id, SoftwareState::of(&packages, &book.catalogue, entitled)))
        })
        .collect()
}

/// The lines of an agency's ledger.
fn ledger(facts: &Facts, agency: &str) -> Vec<Entitlement> {
    let own = facts.entitlements.iter().filter(|line| line.agency == agency);

    own.map(|line| line.entitlement.clone()).collect()
}

fn machines(facts: &Facts, book: &Book) -> BTreeMap<HostId, Machine> {
    let machine = |host: &super::facts::Host| {
        let described = newest(facts, host, "host_described")
            .and_then(|kind| if let Kind::HostDescribed(described) = kind { Some(described) } else { None });
        let packages = packages(facts, &host.inventory);
        (host.id, Machine::of(described.as_ref(), packages.as_ref(), &book.catalogue))
    };

    facts.hosts.iter().map(machine).collect()
}

/// Installations that no entitlement of their agency covers, among those that need one.
fn balance(facts: &Facts, machines: &BTreeMap<HostId, Machine>, book: &Book) -> Figure {
    let balances: Vec<Balance> = facts
        .agencies
        .iter()
        .map(|agency| {
            let here = facts.hosts.iter().filter(|host| host.agency == agency.id);
            let machines = here.filter_map(|host| machines.get(&host.id));
            let installs: Vec<Install> = machines.flat_map(Machine::installs).cloned().collect();
            Balance::of(&installs, &ledger(facts, &agency.id), &book.catalogue, day_of(facts.as_of))
        })
        .collect();
    let sum = Balance::together(&balances, &book.catalogue);
    let unmeasured = count(machines.values().filter(|machine| machine.software.is_none()));

    figure("installations_without_recorded_entitlement", sum.over, sum.installed, unmeasured)
}

/// Client machines with each tool: any product of it, and one that is open source by its licence.
fn clients(machines: &BTreeMap<HostId, Machine>, book: &Book) -> Vec<Figure> {
    let unmeasured =
        machines.values().filter(|machine| machine.role == Role::Workstation && machine.software.is_none());
    let unmeasured = count(unmeasured);
    let tools = OpenSource::of(machines.values(), &book.catalogue).tools;

    tools
        .iter()
        .flat_map(|tool| {
            let name = &tool.tool;
            [
                figure(format!("clients_with_{name}"), tool.clients, tool.of, unmeasured),
                figure(
                    format!("clients_with_{name}_open_source_by_licence"),
                    tool.clients_by_licence,
                    tool.of,
                    unmeasured,
                ),
            ]
        })
        .collect()
}

fn open_source(facts: &Facts, software: &BTreeMap<HostId, SoftwareState>) -> Vec<Figure> {
    let unmeasured = count(&facts.hosts).saturating_sub(count(software));
    let mut counts = ClassCounts::default();
    let mut wide = 0;
    let mut tools: BTreeMap<&str, u64> = BTreeMap::new();
    for state in software.values() {
        counts.add(&state.packages);
        wide += state.wide.open;
        for tool in &state.tools {
            *tools.entry(&tool.tool).or_default() += u64::from(tool.present);
        }
    }
    let strict = counts.strict();
    let mut figures = vec![
        figure("open_source_packages_by_licence", strict.open, strict.of, strict.unknown),
        figure("open_source_packages_by_licence_or_plan_list", wide, strict.of, strict.unknown),
    ];
    figures.extend(
        tools
            .into_iter()
            .map(|(tool, hosts)| figure(format!("hosts_with_{tool}"), hosts, count(software), unmeasured)),
    );

    figures
}

fn licences(facts: &Facts, software: &BTreeMap<HostId, SoftwareState>) -> Vec<Figure> {
    let unmeasured = count(&facts.hosts).saturating_sub(count(software));
    let hosts = |has: fn(&SoftwareState) -> bool| count(software.values().filter(|state| has(state)));
    let without = hosts(|state| state.without_entitlement().next().is_some());
    let activators = hosts(|state| state.activators().next().is_some());

    vec![
        figure("hosts_with_software_without_recorded_entitlement", without, count(software), unmeasured),
        figure("hosts_with_activators", activators, count(software), unmeasured),
    ]
}

fn patches(facts: &Facts) -> Vec<Figure> {
    let (mut late, mut told, mut reboots, mut reboots_told) = (0, 0, 0, 0);
    for host in &facts.hosts {
        let Some(Kind::PatchState(state)) = newest(facts, host, "patch_state") else { continue };
        if let Some(pending) = state.security_count {
            told += 1;
            late += u64::from(pending > 0);
        }
        if let Some(needed) = state.reboot_needed {
            reboots_told += 1;
            reboots += u64::from(needed);
        }
    }
    let all = count(&facts.hosts);

    vec![
        figure("hosts_with_security_updates_waiting", late, told, all - told),
        figure("hosts_waiting_for_restart", reboots, reboots_told, all - reboots_told),
    ]
}

fn support(facts: &Facts, book: &Book) -> Vec<Figure> {
    let (mut past, mut known) = (0, 0);
    for host in &facts.hosts {
        let Some(Kind::HostDescribed(described)) = newest(facts, host, "host_described") else { continue };
        let Some(end) = book.support.of_host(&described) else { continue };
        known += 1;
        let state = end.state_at(facts.as_of);
        past += u64::from(matches!(state, SupportState::Past { .. } | SupportState::PaidOnly { .. }));
    }
    let all = count(&facts.hosts);

    vec![
        Figure { name: "hosts".to_owned(), value: all, of: None, unknown: 0, source: "measured" },
        figure("hosts_past_free_support", past, known, all - known),
    ]
}

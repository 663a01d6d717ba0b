//! Open source on the machines of an agency or a province, strict and wide, and what would change it.
//!
//! The strict count goes by the product's own licence; the wide one adds what a plan's list names. The two stand side
//! by side, and what is only in the wide one is marked. A tool is counted once for a client machine, whichever of
//! its products is there; machines whose software is not known are in neither count and are told beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vonggac_protocol::host::{HostDescribed, Role};
use vonggac_protocol::package::Package;

use crate::balance::{Balance, Install};
use crate::catalogue::{Catalogue, LicenceClass, Product};
use crate::software::{ClassCounts, Share, SoftwareState};
use crate::words::Words;

/// What is counted of one machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// What it is for.
    pub role: Role,
    /// Whether its system is open source, where that is known.
    pub open_system: Option<bool>,
    /// Its packages; `None` where no inventory ever arrived.
    pub software: Option<Software>,
}

/// What is counted of a machine's packages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Software {
    /// Packages by class.
    pub packages: ClassCounts,
    /// Packages that only the wide count has.
    pub named_more: u64,
    /// Products, each once; parts of systems and of other products left out.
    pub installs: Vec<Install>,
    /// Activators found.
    pub activators: u64,
}

/// A tool on client machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ToolShare {
    /// The tool, such as `firefox`.
    pub tool: String,
    /// Client machines that have any product of it: the wide count.
    pub clients: u64,
    /// Client machines that have a product of it that is open source by its licence: the strict count.
    pub clients_by_licence: u64,
    /// Client machines whose software is known.
    pub of: u64,
    /// Clauses that name it.
    pub named_by: Vec<String>,
    /// Whether any product of it is open source by its licence; if none is, it is in the wide count only.
    pub open_by_licence: bool,
}

/// A product on client machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProductShare {
    /// Its id in the catalogue.
    pub product: String,
    /// Name.
    pub name: Words,
    /// What its licence asks for.
    pub class: LicenceClass,
    /// Whether a plan's list names it.
    pub named: bool,
    /// Client machines that have it.
    pub clients: u64,
    /// Client machines whose software is known.
    pub of: u64,
}

/// Open source on a set of machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OpenSource {
    /// Machines.
    pub machines: u64,
    /// Of these, machines whose software is not known.
    pub unmeasured: u64,
    /// Packages that are open source by licence.
    pub strict: Share,
    /// Packages that are open source by licence or named by a plan's list.
    pub wide: Share,
    /// Machines with an open-source system, among those whose system is known.
    pub systems: Share,
    /// The same, servers only.
    pub server_systems: Share,
    /// Tools that plans name and kinds of tools that the catalogue knows, by word.
    pub tools: Vec<ToolShare>,
    /// Products that are open source or named, and found on a client; named ones always.
    pub products: Vec<ProductShare>,
}

impl Machine {
    /// Counts one machine.
    #[must_use]
    pub fn of<'a>(
        described: Option<&HostDescribed>,
        packages: Option<impl IntoIterator<Item = &'a Package>>,
        catalogue: &Catalogue,
    ) -> Self {
        let cores = described.map(|described| described.processors).filter(|cores| *cores > 0);
        let software = packages.map(|packages| {
            let state = SoftwareState::of(packages, catalogue, &BTreeSet::new());
            Software::of(&state, cores)
        });
        let open_system = described.and_then(|described| match described.os_family.as_str() {
            "linux" => Some(true),
            "windows" => Some(false),
            _ => None,
        });

        Self { role: described.map_or(Role::Unknown, |described| described.role), open_system, software }
    }

    /// What it has installed, for the balance.
    pub fn installs(&self) -> impl Iterator<Item = &Install> {
        self.software.iter().flat_map(|software| &software.installs)
    }
}

impl Software {
    fn of(state: &SoftwareState, cores: Option<u32>) -> Self {
        let counted = |class| !matches!(class, LicenceClass::OsComponent | LicenceClass::Activator);
        let installs = state.products.iter().filter(|found| counted(found.class)).map(|found| Install {
            product: found.id.clone(),
            name: found.package.clone(),
            version: found.version.clone(),
            cores,
        });

        Self {
            packages: state.packages,
            named_more: state.wide.open - state.strict.open,
            installs: installs.collect(),
            activators: u64::try_from(state.activators().count()).unwrap_or(u64::MAX),
        }
    }

    fn has(&self, product: &str) -> bool {
        self.installs.iter().any(|install| install.product == product)
    }
}

fn count<T>(items: impl IntoIterator<Item = T>) -> u64 {
    items.into_iter().fold(0, |count, _| count + 1)
}

impl OpenSource {
    /// Counts machines.
    #[must_use]
    pub fn of<'a>(machines: impl IntoIterator<Item = &'a Machine>, catalogue: &Catalogue) -> Self {
        let machines: Vec<&Machine> = machines.into_iter().collect();
        let known = || machines.iter().filter_map(|machine| machine.software.as_ref());
        let mut packages = ClassCounts::default();
        known().for_each(|software| packages.add(&software.packages));
        let strict = packages.strict();
        let named_more: u64 = known().map(|software| software.named_more).sum();
        let clients: Vec<&Software> = machines
            .iter()
            .filter(|machine| machine.role == Role::Workstation)
            .filter_map(|machine| machine.software.as_ref())
            .collect();
        let servers = machines.iter().filter(|machine| machine.role == Role::Server);

        Self {
            machines: count(&machines),
            unmeasured: count(&machines) - count(known()),
            strict,
            wide: Share { open: strict.open + named_more, ..strict },
            systems: systems(machines.iter().copied()),
            server_systems: systems(servers.copied()),
            tools: tools(&clients, catalogue),
            products: products(&clients, catalogue),
        }
    }

    /// The tool of this word.
    #[must_use]
    pub fn tool(&self, tool: &str) -> Option<&ToolShare> {
        self.tools.iter().find(|line| line.tool == tool)
    }
}

fn systems<'a>(machines: impl Iterator<Item = &'a Machine>) -> Share {
    let mut share = Share { open: 0, of: 0, unknown: 0 };
    for machine in machines {
        match machine.open_system {
            Some(open) => {
                share.of += 1;
                share.open += u64::from(open);
            }
            None => share.unknown += 1,
        }
    }

    share
}

fn tools(clients: &[&Software], catalogue: &Catalogue) -> Vec<ToolShare> {
    let mut by_tool: BTreeMap<&str, Vec<&Product>> = BTreeMap::new();
    for product in catalogue.products() {
        if let Some(tool) = &product.tool {
            by_tool.entry(tool).or_default().push(product);
        }
    }
    let with = |products: &[&Product], open_only: bool| {
        count(clients.iter().filter(|software| {
            products
                .iter()
                .filter(|product| !open_only || product.class == LicenceClass::OpenSource)
                .any(|product| software.has(&product.id))
        }))
    };

    by_tool
        .into_iter()
        .map(|(tool, products)| {
            let named_by: BTreeSet<&String> = products.iter().flat_map(|product| &product.named_by).collect();
            ToolShare {
                tool: tool.to_owned(),
                clients: with(&products, false),
                clients_by_licence: with(&products, true),
                of: count(clients),
                named_by: named_by.into_iter().cloned().collect(),
                open_by_licence: products.iter().any(|product| product.class == LicenceClass::OpenSource),
            }
        })
        .collect()
}

fn products(clients: &[&Software], catalogue: &Catalogue) -> Vec<ProductShare> {
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for install in clients.iter().flat_map(|software| &software.installs) {
        *found.entry(&install.product).or_default() += 1;
    }

    catalogue
        .products()
        .filter_map(|product| {
            let here = found.get(product.id.as_str()).copied().unwrap_or(0);
            let named = !product.named_by.is_empty();
            let shown = named || (product.class == LicenceClass::OpenSource && here > 0);
            shown.then(|| ProductShare {
                product: product.id.clone(),
                name: product.name.clone(),
                class: product.class,
                named,
                clients: here,
                of: count(clients),
            })
        })
        .collect()
}

/// A change to think through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// A tool is installed on so many of the clients that lack it; `None`: all of them.
    Install {
        /// The tool's product.
        product: &'a Product,
        /// How many.
        count: Option<u64>,
    },
    /// So many installations of one product give way to another.
    Replace {
        /// What goes.
        from: &'a Product,
        /// What comes.
        to: &'a Product,
        /// How many.
        count: u64,
    },
}

/// What a change would come to: an estimate, from counts alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Estimate {
    /// How many machines would change; less than asked where there are not so many.
    pub machines: u64,
    /// Client machines with the tool or product that comes, before and after.
    pub clients: (u64, u64),
    /// Client machines whose software is known.
    pub clients_of: u64,
    /// Open source by licence, before and after.
    pub strict: (Share, Share),
    /// By licence or plan's list, before and after.
    pub wide: (Share, Share),
    /// Installations that no entitlement covers, before and after.
    pub over: (u64, u64),
    /// Installations that need an entitlement, before and after.
    pub installed: (u64, u64),
}

impl Estimate {
    /// Thinks a change through. Installations without an entitlement are taken to go first.
    #[must_use]
    pub fn of(change: &Change<'_>, open: &OpenSource, balance: &Balance, machines: &[&Machine]) -> Self {
        let comes = match change {
            Change::Install { product, .. } => product,
            Change::Replace { to, .. } => to,
        };
        let known = |client: bool| {
            machines
                .iter()
                .filter(move |machine| !client || machine.role == Role::Workstation)
                .filter_map(|machine| machine.software.as_ref())
        };
        let clients_of = count(known(true));
        let with = count(known(true).filter(|software| software.has(&comes.id)));
        let (machines, newly, goes) = match change {
            Change::Install { count: wanted, .. } => {
                let count = wanted.unwrap_or(u64::MAX).min(clients_of - with);
                (count, count, None)
            }
            Change::Replace { from, count: wanted, .. } => {
                let changing = |client| known(client).filter(|software| software.has(&from.id));
                let count_of = count(changing(false)).min(*wanted);
                // Machines that have both lose one and gain none; those that gain are taken first.
                let gaining = count(changing(true).filter(|software| !software.has(&comes.id)));
                (count_of, gaining.min(count_of), Some(*from))
            }
        };
        let over = balance.over - goes.map_or(0, |from| over_of(balance, from).min(machines));
        let needing = goes.filter(|from| from.entitlement).map_or(0, |_| machines);
        let needed = if comes.entitlement { newly } else { 0 };

        Self {
            machines,
            clients: (with, with + newly),
            clients_of,
            strict: (open.strict, after(open.strict, goes, machines, comes, newly, is_strict)),
            wide: (open.wide, after(open.wide, goes, machines, comes, newly, is_wide)),
            over: (balance.over, over + needed),
            installed: (balance.installed, balance.installed - needing + needed),
        }
    }
}

fn over_of(balance: &Balance, product: &Product) -> u64 {
    if product.entitlement { balance.product(&product.id).map_or(0, |line| line.over) } else { 0 }
}

fn is_strict(product: &Product) -> bool {
    product.class == LicenceClass::OpenSource
}

fn is_wide(product: &Product) -> bool {
    is_strict(product) || !product.named_by.is_empty()
}

/// A share after some packages, one a machine, went and others came.
fn after(
    share: Share,
    goes: Option<&Product>,
    gone: u64,
    comes: &Product,
    come: u64,
    counts: fn(&Product) -> bool,
) -> Share {
    let known =
        |product: &Product| !matches!(product.class, LicenceClass::OsComponent | LicenceClass::Unknown);
    let mut share = share;
    if let Some(goes) = goes.filter(|goes| known(goes)) {
        share.of = share.of.saturating_sub(gone);
        share.open = share.open.saturating_sub(if counts(goes) { gone } else { 0 });
    }
    if known(comes) {
        share.of += come;
        share.open += if counts(comes) { come } else { 0 };
    }

    share
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::package::{LicenceBasis, Manager};

    use super::*;
    use crate::entitlement::{Entitlement, Metric};

    fn windows(name: &str) -> Package {
        Package {
            manager: Manager::WindowsUninstall,
            name: name.to_owned(),
            architecture: String::new(),
            version: "1".to_owned(),
            source: None,
            source_version: None,
            section: None,
            vendor: None,
            licence: None,
            licence_basis: LicenceBasis::Unknown,
            installed_at: None,
            in_repository: None,
            origin: None,
            automatic: None,
            module: None,
            place: None,
            copies: None,
            install_source: None,
            users: None,
        }
    }

    fn client(names: &[&str]) -> Machine {
        let packages: Vec<Package> = names.iter().map(|name| windows(name)).collect();
        let mut machine = Machine::of(None, Some(&packages), &Catalogue::embedded());
        machine.role = Role::Workstation;
        machine.open_system = Some(false);

        machine
    }

    fn open(machines: &[Machine]) -> OpenSource {
        OpenSource::of(machines, &Catalogue::embedded())
    }

    #[test]
    fn chrome_is_in_the_wide_count_only_and_machines_without_inventory_in_none() {
        let mut unknown = client(&[]);
        unknown.software = None;
        let machines = [
            client(&["Google Chrome", "Mozilla Firefox (x64 vi)"]),
            client(&["Google Chrome", "LibreOffice 24.8"]),
            client(&["Mozilla Firefox (x64 vi)", "7-Zip 24.08 (x64)"]),
            unknown,
        ];

        let open = open(&machines);

        let chrome = open.tool("chrome").unwrap();
        assert_eq!((chrome.clients, chrome.clients_by_licence, chrome.of), (2, 0, 3));
        assert!(!chrome.open_by_licence);
        let firefox = open.tool("firefox").unwrap();
        assert_eq!((firefox.clients, firefox.clients_by_licence), (2, 2));
        assert_eq!((open.strict, open.wide.open), (Share { open: 4, of: 6, unknown: 0 }, 6));
        assert_eq!((open.machines, open.unmeasured), (4, 1));
        assert!(open.products.iter().any(|line| line.product == "7-zip" && line.clients == 1));
    }

    #[test]
    fn a_server_is_no_client_and_an_unknown_system_no_share() {
        let mut server = client(&["Google Chrome"]);
        (server.role, server.open_system) = (Role::Server, None);

        let open = open(&[server, client(&[])]);

        assert_eq!(open.tool("chrome").unwrap().clients, 0);
        assert_eq!(open.server_systems, Share { open: 0, of: 0, unknown: 1 });
        assert_eq!(open.systems, Share { open: 0, of: 1, unknown: 1 });
    }

    #[test]
    fn replacing_fifteen_of_the_twenty_without_a_right_leaves_five() {
        let catalogue = Catalogue::embedded();
        let machines = vec![client(&["Microsoft Office Standard 2016"]); 120];
        let installs: Vec<Install> = machines.iter().flat_map(Machine::installs).cloned().collect();
        let ledger = [Entitlement {
            product: "microsoft.office".to_owned(),
            edition: None,
            version_max: None,
            metric: Metric::Device,
            quantity: 100,
            start: None,
            end: None,
            contract: String::new(),
            note: String::new(),
        }];
        let balance = Balance::of(&installs, &ledger, &catalogue, "2026-11-22".parse().unwrap());
        let product = |id: &str| catalogue.product(id).unwrap();
        let (from, to) = (product("microsoft.office"), product("libreoffice"));
        let all: Vec<&Machine> = machines.iter().collect();

        let estimate =
            Estimate::of(&Change::Replace { from, to, count: 15 }, &open(&machines), &balance, &all);
        let too_many =
            Estimate::of(&Change::Replace { from, to, count: 500 }, &open(&machines), &balance, &all);

        assert_eq!((estimate.over, estimate.installed), ((20, 5), (120, 105)));
        assert_eq!((estimate.strict.0.open, estimate.strict.1), (0, Share { open: 15, of: 120, unknown: 0 }));
        assert_eq!(estimate.clients, (0, 15));
        assert_eq!((too_many.machines, too_many.over, too_many.installed), (120, (20, 0), (120, 0)));
    }

    #[test]
    fn installing_a_tool_where_it_is_missing_brings_it_to_every_client() {
        let catalogue = Catalogue::embedded();
        let machines = [client(&["Mozilla Firefox 128"]), client(&["WinRAR 7.0"]), client(&[])];
        let all: Vec<&Machine> = machines.iter().collect();
        let product = catalogue.product("mozilla.firefox").unwrap();
        let none = Balance::of(&[], &[], &catalogue, "2026-11-22".parse().unwrap());
        let open = open(&machines);

        let whole = Estimate::of(&Change::Install { product, count: None }, &open, &none, &all);
        let one = Estimate::of(&Change::Install { product, count: Some(1) }, &open, &none, &all);

        assert_eq!((whole.machines, whole.clients, whole.clients_of), (2, (1, 3), 3));
        assert_eq!((whole.strict.0, whole.strict.1.open), (Share { open: 1, of: 2, unknown: 0 }, 3));
        assert_eq!(one.clients, (1, 2));
    }
}

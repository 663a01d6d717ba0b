//! Several tellings of one program as one package; pure.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::appx::App;
use super::entry::Entry;
use crate::sensor::packages::database::Found;

/// Programs with their products, views and users joined, and Appx packages.
///
/// - A product of Windows Installer and the Uninstall key of its very code, of the same user, are one program.
/// - Keys of one name in both views are one program if name and version are equal and they do not lie in two places.
/// - What several users have is one package with a count; what the machine has is the machine's.
pub(super) fn packages(uninstall: Vec<Entry>, products: Vec<Entry>, apps: Vec<App>) -> Found {
    let mut packages: BTreeMap<_, Told> = BTreeMap::new();
    for entry in one_view(with_products(uninstall, products)) {
        let user = entry.user.clone();
        let Some((package, is_hidden)) = package(entry) else { continue };
        Told::add(&mut packages, package, user.into_iter().collect(), Some(is_hidden));
    }
    for app in apps {
        let (users, package) = app_package(app);
        Told::add(&mut packages, package, users, None);
    }

    Found { packages: packages.into_values().map(Told::into_package).collect(), skipped: 0 }
}

fn with_products(mut uninstall: Vec<Entry>, products: Vec<Entry>) -> Vec<Entry> {
    let mut products: BTreeMap<_, _> = products
        .into_iter()
        .map(|product| ((product.user.clone(), product.key.clone()), (product, false)))
        .collect();
    for entry in &mut uninstall {
        if let Some((product, is_met)) = products.get_mut(&(entry.user.clone(), entry.key.clone())) {
            entry.complete(product);
            *is_met = true;
        }
    }
    let alone = products.into_values().filter(|(_, is_met)| !is_met);
    uninstall.extend(alone.map(|(product, _)| Entry { is_hidden: true, ..product }));

    uninstall
}

/// Of two keys of one name in the two views, for one program, that of the wider view.
fn one_view(entries: Vec<Entry>) -> Vec<Entry> {
    let what = |entry: &Entry| (entry.key.to_lowercase(), entry.name.clone(), entry.version.clone());
    let is_narrow = |entry: &Entry| entry.user.is_none() && entry.architecture == "x86";
    let mut wide: BTreeMap<_, Vec<Option<String>>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.user.is_none() && !is_narrow(entry)) {
        wide.entry(what(entry)).or_default().push(entry.place.clone());
    }
    let is_told_already = |entry: &Entry| {
        let here = wide.get(&what(entry)).into_iter().flatten();
        here.into_iter().any(|place| place.is_none() || entry.place.is_none() || *place == entry.place)
    };

    entries.into_iter().filter(|entry| !is_narrow(entry) || !is_told_already(entry)).collect()
}

/// A package, and of whom it is told.
struct Told {
    package: Package,
    users: BTreeSet<String>,
    is_machines: bool,
    /// Whether every telling of it is hidden; `None` where nothing is said of that.
    is_hidden: Option<bool>,
}

impl Told {
    fn add(
        all: &mut BTreeMap<(Manager, String, String, String), Self>,
        package: Package,
        users: BTreeSet<String>,
        is_hidden: Option<bool>,
    ) {
        let key =
            (package.manager, package.name.clone(), package.architecture.clone(), package.version.clone());
        let is_machines = users.is_empty();
        let Some(told) = all.get_mut(&key) else {
            all.insert(key, Self { package, users, is_machines, is_hidden });
            return;
        };
        told.users.extend(users);
        told.is_machines |= is_machines;
        told.is_hidden = told.is_hidden.and_then(|before| Some(before && is_hidden?));
        let lesser = |one: Option<String>, other: Option<String>| one.into_iter().chain(other).min();
        told.package.vendor = lesser(told.package.vendor.take(), package.vendor);
        told.package.install_source = lesser(told.package.install_source.take(), package.install_source);
        told.package.installed_at = told.package.installed_at.into_iter().chain(package.installed_at).min();
    }

    fn into_package(self) -> Package {
        let users = (!self.is_machines).then(|| u32::try_from(self.users.len()).unwrap_or(u32::MAX));

        Package { users, automatic: self.is_hidden, ..self.package }
    }
}

fn package(entry: Entry) -> Option<(Package, bool)> {
    let Entry { architecture, name, version, vendor, installed_at, source, is_hidden, .. } = entry;
    let package = Package {
        manager: Manager::WindowsUninstall,
        name: name?,
        architecture,
        version: version.unwrap_or_default(),
        vendor,
        installed_at,
        install_source: source,
        ..nothing(Manager::WindowsUninstall)
    };

    Some((package, is_hidden))
}

fn app_package(app: App) -> (BTreeSet<String>, Package) {
    let App { name, version, architecture, vendor, installed_at, users } = app;
    let package =
        Package { name, architecture, version, vendor, installed_at, ..nothing(Manager::WindowsAppx) };

    (users, package)
}

fn nothing(manager: Manager) -> Package {
    Package {
        manager,
        name: String::new(),
        architecture: String::new(),
        version: String::new(),
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

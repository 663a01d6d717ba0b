//! Which version dnf would install in place of an installed one; pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rpm_version::rpm_evr_compare as compare;
use vonggac_protocol::package::Package;
use vonggac_protocol::patch::PendingUpdate;
use vonggac_protocol::time::Timestamp;

use super::lists::{Lists, Offer};

/// The updates of all installed packages: of several versions of one (kernels) the newest counts.
pub(super) fn pending(installed: &[&Package], lists: &Lists, now: Timestamp) -> Vec<PendingUpdate> {
    let mut newest: BTreeMap<(&str, &str), &Package> = BTreeMap::new();
    for package in installed {
        let place = newest.entry((&package.name, &package.architecture)).or_insert(package);
        if compare(&package.version, &place.version) == Ordering::Greater {
            *place = package;
        }
    }

    newest.values().filter_map(|package| update(package, lists, now)).collect()
}

fn update(package: &Package, lists: &Lists, now: Timestamp) -> Option<PendingUpdate> {
    let newer = |version: &str| compare(version, &package.version) == Ordering::Greater;
    let offer = lists
        .offers
        .get(&package.name)?
        .iter()
        .filter(|offer| fits(&offer.architecture, package) && newer(&offer.version))
        .filter(|offer| is_of_stream(offer, package, lists))
        .max_by(|a, b| compare(&a.version, &b.version).then_with(|| b.repository.cmp(&a.repository)))?;
    let by = |(architecture, version): &(String, String)| {
        fits(architecture, package) && newer(version) && compare(version, &offer.version) != Ordering::Greater
    };

    Some(PendingUpdate {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        installed: package.version.clone(),
        candidate: offer.version.clone(),
        security: lists.security.get(&package.name).is_some_and(|packages| packages.iter().any(by)),
        origin: offer.repository.clone(),
        first_seen: now,
    })
}

/// A package may become one for all architectures, and back.
fn fits(architecture: &str, package: &Package) -> bool {
    architecture == package.architecture || architecture == "noarch" || package.architecture == "noarch"
}

/// A package of a module follows its own stream only, and one of none follows none.
fn is_of_stream(offer: &Offer, package: &Package, lists: &Lists) -> bool {
    let streams = lists.streams.get(&(package.name.clone(), offer.version.clone()));
    match &package.module {
        Some(module) => streams.is_some_and(|streams| streams.contains(module)),
        None => streams.is_none() && !offer.version.contains(".module"),
    }
}

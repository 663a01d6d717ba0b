//! Licences of a host's software, counted by the rules' own catalogue; what is not known stays not known.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_protocol::package::Package;
use vonggac_rules::software::SoftwareState;

pub(super) use crate::desk::licences::class;
use crate::entitlements::survey::CATALOGUE;

/// Licences listed by name.
const FREQUENT: usize = 12;

/// How the licences of a host's software stand.
pub(super) struct Licences {
    pub(super) all: u64,
    pub(super) state: SoftwareState,
    /// Classes that any package has, and how many.
    pub(super) classes: Vec<(&'static str, u64)>,
    /// How the classes are known, and of how many.
    pub(super) bases: Vec<(&'static str, u64)>,
    /// The most frequent licences.
    pub(super) frequent: Vec<(String, u64)>,
}

/// Counts them; `entitled` are the products that the host's agency may use today.
pub(super) fn count(packages: &[Package], entitled: &BTreeSet<String>) -> Licences {
    let (mut bases, mut names) = (BTreeMap::new(), BTreeMap::new());
    for package in packages {
        *bases.entry(class(package).1).or_insert(0) += 1;
        if let Some(licence) = &package.licence {
            *names.entry(licence.clone()).or_insert(0) += 1;
        }
    }
    let state = SoftwareState::of(packages, &CATALOGUE, entitled);
    let counts = state.packages;
    let mut classes = vec![
        ("open_source", counts.open_source),
        ("free_of_charge", counts.free_of_charge),
        ("commercial", counts.commercial),
        ("trial", counts.trial),
        ("os_component", counts.os_component),
        ("activator", counts.activator),
        ("unknown", counts.unknown),
    ];
    classes.retain(|(_, count)| *count > 0);
    let mut frequent: Vec<(String, u64)> = names.into_iter().collect();
    frequent.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    frequent.truncate(FREQUENT);
    let all = u64::try_from(packages.len()).unwrap_or(0);

    Licences { all, state, classes, bases: bases.into_iter().collect(), frequent }
}

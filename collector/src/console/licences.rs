//! Licences of a host's software, counted; what is not known stays not known.

use std::collections::BTreeMap;

use vonggac_protocol::package::{LicenceBasis, Package};

/// How the licences of a host's software stand.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Licences {
    pub(super) all: u64,
    /// Licence known, and the package is in no section kept apart for not being free.
    pub(super) open: u64,
    /// From a `non-free` section.
    pub(super) restricted: u64,
    /// Licence not known.
    pub(super) unknown: u64,
    /// How the licence is known, and of how many.
    pub(super) bases: Vec<(&'static str, u64)>,
    /// The most frequent licences.
    pub(super) frequent: Vec<(String, u64)>,
}

/// Licences listed by name.
const FREQUENT: usize = 12;

/// The class of one package.
pub(super) fn class(package: &Package) -> &'static str {
    let restricted = package.section.as_deref().is_some_and(|section| section.starts_with("non-free"));
    match (restricted, &package.licence) {
        (true, _) => "restricted",
        (false, Some(_)) => "open",
        (false, None) => "unknown",
    }
}

/// The word of a basis.
pub(super) fn basis(basis: LicenceBasis) -> &'static str {
    match basis {
        LicenceBasis::Unknown => "unknown",
        LicenceBasis::CopyrightFile => "copyright_file",
        LicenceBasis::CommonLicence => "common_licence",
        LicenceBasis::RpmTag => "rpm_tag",
        LicenceBasis::Catalogue => "catalogue",
    }
}

/// Counts them.
pub(super) fn count(packages: &[Package]) -> Licences {
    let mut licences = Licences::default();
    let (mut bases, mut names) = (BTreeMap::new(), BTreeMap::new());
    for package in packages {
        licences.all += 1;
        match class(package) {
            "restricted" => licences.restricted += 1,
            "open" => licences.open += 1,
            _ => licences.unknown += 1,
        }
        *bases.entry(basis(package.licence_basis)).or_insert(0) += 1;
        if let Some(licence) = &package.licence {
            *names.entry(licence.clone()).or_insert(0) += 1;
        }
    }
    licences.bases = bases.into_iter().collect();
    licences.frequent = names.into_iter().collect();
    licences.frequent.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    licences.frequent.truncate(FREQUENT);

    licences
}

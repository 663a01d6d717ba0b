//! What is noted of a package besides what its own database says: facts of archives, lists and histories; pure.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_protocol::package::{Package, PackageKey};

/// What is noted of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Whether a list offers its name; `None` if there are no lists.
    pub offered: Option<bool>,
    /// Where this version comes from, as [`Package::origin`] writes it.
    pub origin: Option<String>,
    /// Whether it was installed because another needed it.
    pub automatic: Option<bool>,
}

/// What is noted, by package.
pub type Marks = BTreeMap<PackageKey, Mark>;

/// Sets what is noted of every package.
///
/// A list holds the newest versions only, so the archive of an installed version is forgotten by apt as soon as there
/// is an update: what `before` (the inventory told last) had for the very same version then still stands.
#[must_use]
pub fn mark(
    packages: BTreeSet<Package>,
    marks: &Marks,
    before: Option<&BTreeSet<Package>>,
) -> BTreeSet<Package> {
    let told = |package: &Package| Some((package.key(), package.origin.clone()?));
    let former: BTreeMap<PackageKey, String> = before.into_iter().flatten().filter_map(told).collect();
    let one = |mut package: Package| {
        let key = package.key();
        let mark = marks.get(&key).cloned().unwrap_or_default();
        package.in_repository = mark.offered;
        package.origin = match mark.origin {
            Some(origin) if is_exact(&origin) => Some(origin),
            // One presumption is as good as the next: it is not told anew with every list.
            other => former.get(&key).filter(|it| is_exact(it) || other.is_some()).cloned().or(other),
        };
        package.automatic = mark.automatic.or(package.automatic);
        package
    };

    packages.into_iter().map(one).collect()
}

/// Whether a list held exactly the version, not only a newer one.
fn is_exact(origin: &str) -> bool {
    !origin.starts_with('<')
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::package::{LicenceBasis, Manager};

    use super::*;

    fn package(version: &str) -> Package {
        Package {
            manager: Manager::Dpkg,
            name: "openssl".to_owned(),
            architecture: "amd64".to_owned(),
            version: version.to_owned(),
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

    fn marked(version: &str, origin: Option<&str>, before: Option<&BTreeSet<Package>>) -> BTreeSet<Package> {
        let installed = package(version);
        let mark = Mark { offered: Some(true), origin: origin.map(str::to_owned), automatic: Some(false) };

        super::mark([installed.clone()].into(), &[(installed.key(), mark)].into(), before)
    }

    fn origin(packages: &BTreeSet<Package>) -> Option<&str> {
        packages.first().and_then(|package| package.origin.as_deref())
    }

    #[test]
    fn a_version_keeps_its_archive_after_a_newer_one_took_its_place_in_the_list() {
        let first = marked("1", Some("Debian/bookworm-security"), None);

        let later = marked("1", Some("<Debian/bookworm"), Some(&first));
        let gone = marked("1", None, Some(&later));

        assert_eq!(origin(&later), Some("Debian/bookworm-security"));
        assert_eq!(origin(&gone), Some("Debian/bookworm-security"));
    }

    #[test]
    fn another_version_inherits_nothing() {
        let first = marked("1", Some("Debian/bookworm"), None);

        assert_eq!(origin(&marked("1+local", None, Some(&first))), None);
    }

    #[test]
    fn a_presumption_is_not_kept_as_if_it_were_known() {
        let first = marked("1", Some("<Debian/bookworm"), None);

        assert_eq!(origin(&marked("1", None, Some(&first))), None);
    }
}

//! Where an installed package comes from, as far as it can be told: only what the distribution itself built is judged
//! by the distribution's advisories. Everything else is unknown, and is counted as that.

use vonggac_protocol::package::Package;

use crate::book::Stream;
use crate::ecosystem::Ecosystem;

/// Where a package comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The distribution, as far as can be told.
    Distribution,
    /// A newer version built for an older release: its advisories are not those of the release.
    Backports,
    /// Somebody else: a vendor that is not the distribution, a personal archive.
    Other,
    /// No archive that the machine knows offers a package of this name.
    Unlisted,
}

/// Where this package comes from.
///
/// On rpm systems the vendor's tag decides. dpkg keeps no such thing: marks in the version and the machine's own lists
/// are all there is, so an archive of somebody else that uses the distribution's names is not recognised.
#[must_use]
pub fn origin(package: &Package, ecosystem: &Ecosystem) -> Origin {
    let vendor = package.vendor.as_deref().unwrap_or_default();
    let of = |name: &str| if vendor.contains(name) { Origin::Distribution } else { Origin::Other };
    match ecosystem {
        Ecosystem::AlmaLinux(_) => of("AlmaLinux"),
        Ecosystem::RockyLinux(_) => of("Rocky"),
        Ecosystem::RedHat(_) => of("Red Hat"),
        Ecosystem::Debian(_) | Ecosystem::Ubuntu(..) => {
            // `1.2-3~bpo12+1`, `1.2-3~ubuntu22.04.1~ppa1`: what the policies of both archives ask for.
            if package.version.contains("~bpo") {
                Origin::Backports
            } else if package.version.contains("ppa") {
                Origin::Other
            } else if package.in_repository == Some(false) {
                Origin::Unlisted
            } else {
                Origin::Distribution
            }
        }
        Ecosystem::Alpine(..)
        | Ecosystem::Windows(_)
        | Ecosystem::Npm
        | Ecosystem::PyPI
        | Ecosystem::CratesIo
        | Ecosystem::Go => Origin::Distribution,
    }
}

/// What is known of the module that a package is part of: that it is of one stands in its release, of which does not.
#[must_use]
pub fn stream(package: &Package) -> Stream<'static> {
    if package.version.contains(".module_el") || package.version.contains(".module+el") {
        Stream::Untold
    } else {
        Stream::None
    }
}

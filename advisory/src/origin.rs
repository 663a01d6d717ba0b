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
    /// Somebody else: a vendor that is not the distribution, a personal archive, another release of the distribution.
    Other,
    /// No archive that the machine knows offers a package of this name.
    Unlisted,
    /// The archives that the machine knows offer the name, and neither this version nor one that can have followed on it.
    Local,
    /// No feed known here speaks of what this manager brings: Java archives, snaps, another system's packages.
    Elsewhere,
}

/// Codenames of Debian's releases.
const DEBIAN: [(u16, &str); 8] = [
    (8, "jessie"),
    (9, "stretch"),
    (10, "buster"),
    (11, "bullseye"),
    (12, "bookworm"),
    (13, "trixie"),
    (14, "forky"),
    (15, "duke"),
];

/// Codenames of Ubuntu's releases.
const UBUNTU: [((u16, u8), &str); 10] = [
    ((14, 4), "trusty"),
    ((16, 4), "xenial"),
    ((18, 4), "bionic"),
    ((20, 4), "focal"),
    ((22, 4), "jammy"),
    ((24, 4), "noble"),
    ((24, 10), "oracular"),
    ((25, 4), "plucky"),
    ((25, 10), "questing"),
    ((26, 4), "resolute"),
];

/// Codenames under which nothing is released.
const UNRELEASED: [&str; 5] = ["sid", "unstable", "testing", "experimental", "rc-buggy"];

/// Whether a machine's inventory tells origins at all: agents before this field, and machines without lists, do not.
pub fn tells_origins<'p>(packages: impl IntoIterator<Item = &'p Package>) -> bool {
    packages.into_iter().any(|package| package.origin.is_some())
}

/// Where this package comes from; `told` is what [`tells_origins`] says of its machine.
///
/// On rpm systems the vendor's tag decides. On Debian and Ubuntu it is the archive that the machine names: whoever calls
/// his archive by the distribution's name is believed. Where no archives are told, marks in the version decide.
#[must_use]
pub fn origin(package: &Package, ecosystem: &Ecosystem, told: bool) -> Origin {
    let vendor = package.vendor.as_deref().unwrap_or_default();
    let of = |name: &str| if vendor.contains(name) { Origin::Distribution } else { Origin::Other };
    match ecosystem {
        Ecosystem::AlmaLinux(_) => of("AlmaLinux"),
        Ecosystem::RockyLinux(_) => of("Rocky"),
        Ecosystem::RedHat(_) => of("Red Hat"),
        Ecosystem::Debian(_) | Ecosystem::Ubuntu(..) => of_dpkg(package, ecosystem, told),
        Ecosystem::Alpine(..)
        | Ecosystem::Windows(_)
        | Ecosystem::Npm
        | Ecosystem::PyPI
        | Ecosystem::CratesIo
        | Ecosystem::Go => Origin::Distribution,
    }
}

fn of_dpkg(package: &Package, ecosystem: &Ecosystem, told: bool) -> Origin {
    // `1.2-3~bpo12+1`, `1.2-3~ubuntu22.04.1~ppa1`: what the policies of both archives ask for.
    if package.version.contains("~bpo") {
        return Origin::Backports;
    }
    match &package.origin {
        Some(archive) => of_archive(archive.strip_prefix('<').unwrap_or(archive), ecosystem),
        None if package.version.contains("ppa") => Origin::Other,
        None if package.in_repository == Some(false) => Origin::Unlisted,
        None if told => Origin::Local,
        None => Origin::Distribution,
    }
}

/// What an archive is to this release, by its publisher and part: `Debian/bookworm-security`.
fn of_archive(archive: &str, ecosystem: &Ecosystem) -> Origin {
    let (publisher, part) = archive.split_once('/').unwrap_or((archive, ""));
    let (publishers, codename): (&[&str], _) = match ecosystem {
        Ecosystem::Debian(release) => (
            &["Debian", "Debian Backports"],
            DEBIAN.iter().find(|(number, _)| number == release).map(|(_, name)| *name),
        ),
        Ecosystem::Ubuntu(year, month, _) => (
            &["Ubuntu", "UbuntuESM", "UbuntuESMApps"],
            UBUNTU.iter().find(|(number, _)| *number == (*year, *month)).map(|(_, name)| *name),
        ),
        Ecosystem::AlmaLinux(_)
        | Ecosystem::RockyLinux(_)
        | Ecosystem::RedHat(_)
        | Ecosystem::Alpine(..)
        | Ecosystem::Windows(_)
        | Ecosystem::Npm
        | Ecosystem::PyPI
        | Ecosystem::CratesIo
        | Ecosystem::Go => return Origin::Other,
    };
    if !publishers.contains(&publisher) {
        return Origin::Other;
    }
    if part.contains("-backports") {
        return Origin::Backports;
    }
    // `bookworm-security`, and `bookworm/updates` of old, are bookworm's; packages of another release have fixes at
    // other versions.
    let release = part.split(['-', '/']).next().unwrap_or_default();
    let other = |known: &str| known == release && codename != Some(release);
    let mut known = DEBIAN.iter().map(|(_, name)| *name).chain(UBUNTU.iter().map(|(_, name)| *name));
    if UNRELEASED.contains(&release) || known.any(other) { Origin::Other } else { Origin::Distribution }
}

/// What is known of the module that a package is part of: where the agent does not name it, that it is of one stands in
/// its release, of which does not.
#[must_use]
pub fn stream(package: &Package) -> Stream<'_> {
    if let Some(module) = &package.module {
        Stream::Named(module)
    } else if package.version.contains(".module_el") || package.version.contains(".module+el") {
        Stream::Untold
    } else {
        Stream::None
    }
}

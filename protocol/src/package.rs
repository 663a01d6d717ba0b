//! Installed software, as the package manager's own database has it.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::time::Timestamp;

/// Whose database a package was read from.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// Debian's `/var/lib/dpkg/status`.
    #[n(0)]
    Dpkg,
    /// The RPM database.
    #[n(1)]
    Rpm,
    /// The Uninstall keys of the Windows registry.
    #[n(2)]
    WindowsUninstall,
    /// Appx and MSIX packages.
    #[n(3)]
    WindowsAppx,
    /// Alpine's `/lib/apk/db/installed`.
    #[n(4)]
    Apk,
    /// Metadata of Python wheels and eggs, outside any package manager's own.
    #[n(5)]
    Python,
    /// `package.json` of modules in `node_modules`, outside any package manager's own.
    #[n(6)]
    Npm,
    /// Java archives, by `pom.properties`, their manifest or their name, outside any package manager's own.
    #[n(7)]
    Jar,
    /// `/var/lib/snapd/state.json`.
    #[n(8)]
    Snap,
    /// `/var/lib/flatpak`.
    #[n(9)]
    Flatpak,
}

impl Manager {
    /// Every one of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Dpkg,
        Self::Rpm,
        Self::WindowsUninstall,
        Self::WindowsAppx,
        Self::Apk,
        Self::Python,
        Self::Npm,
        Self::Jar,
        Self::Snap,
        Self::Flatpak,
    ];

    /// Whether its packages are parts of programs in one language, found under declared roots, not software that the
    /// system manages. They are judged and listed, and counted apart from the open-source share.
    #[must_use]
    pub const fn is_language(self) -> bool {
        matches!(self, Self::Python | Self::Npm | Self::Jar)
    }
}

/// How the licence of a package is known.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum LicenceBasis {
    /// Not known; `licence` is `None`.
    #[n(0)]
    Unknown,
    /// The `Files: *` paragraph of a machine-readable Debian copyright file.
    #[n(1)]
    CopyrightFile,
    /// A free-text copyright file: a reference to `/usr/share/common-licenses`, or the sentences of a known licence.
    #[n(2)]
    CommonLicence,
    /// The licence tag of an RPM package.
    #[n(3)]
    RpmTag,
    /// A catalogue entry (set by the collector, never by an agent).
    #[n(4)]
    Catalogue,
    /// What the package's own metadata says: apk, wheels, `package.json`, manifests, snaps.
    #[n(5)]
    Metadata,
}

/// One installed package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Package {
    /// Whose database.
    #[n(0)]
    pub manager: Manager,
    /// Name.
    #[n(1)]
    pub name: String,
    /// Architecture; empty where the manager has none.
    #[n(2)]
    pub architecture: String,
    /// Version as the manager writes it, epoch included.
    #[n(3)]
    pub version: String,
    /// Source package, where it differs from the name.
    #[n(4)]
    pub source: Option<String>,
    /// Version of the source package, where it differs from the version.
    #[n(5)]
    pub source_version: Option<String>,
    /// Archive section or group, such as `non-free/libs`.
    #[n(6)]
    pub section: Option<String>,
    /// Vendor or maintainer's organisation, as written; no personal mail addresses.
    #[n(7)]
    pub vendor: Option<String>,
    /// Licence as an SPDX expression; `None` is unknown.
    #[n(8)]
    pub licence: Option<String>,
    /// How the licence is known.
    #[n(9)]
    pub licence_basis: LicenceBasis,
    /// When it was installed, where the manager knows.
    #[n(10)]
    pub installed_at: Option<Timestamp>,
    /// Whether a repository known to this machine offers it; `None` where there are no lists to ask.
    #[n(11)]
    pub in_repository: Option<bool>,
    /// The archive whose list holds exactly this version, such as `Debian/bookworm-security`; with `<` before it, an
    /// archive that offers a newer version of the very package, so that this one is probably its former offer. On rpm
    /// systems the repository that it was installed from. `None`: no archive that the machine knows, or not told.
    #[n(12)]
    pub origin: Option<String>,
    /// Whether it was installed because another needed it (`true`) or was asked for (`false`); `None` if not told. On
    /// Windows, whether the system's own list of programs hides it.
    #[n(13)]
    pub automatic: Option<bool>,
    /// Module and stream of a modular rpm package, such as `nodejs:18`.
    #[n(14)]
    pub module: Option<String>,
    /// The declared root under which a package of a language lies; of several the first. `None` for what a manager keeps.
    #[n(15)]
    pub place: Option<String>,
    /// How often this very version lies under the declared roots; `None` is once.
    #[n(16)]
    pub copies: Option<u32>,
    /// Windows: the folder that it was installed from, as the installer wrote it; the name of a user's folder is `*`, and of
    /// an address only its host is told.
    #[n(17)]
    pub install_source: Option<String>,
    /// Windows: for how many users of the machine it was installed; `None` is for the machine as a whole.
    #[n(18)]
    pub users: Option<u32>,
}

/// What tells two installed packages apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct PackageKey {
    /// Whose database.
    #[n(0)]
    pub manager: Manager,
    /// Name.
    #[n(1)]
    pub name: String,
    /// Architecture.
    #[n(2)]
    pub architecture: String,
    /// Version: a kernel may be installed twice.
    #[n(3)]
    pub version: String,
}

impl Package {
    /// What tells it apart.
    #[must_use]
    pub fn key(&self) -> PackageKey {
        PackageKey {
            manager: self.manager,
            name: self.name.clone(),
            architecture: self.architecture.clone(),
            version: self.version.clone(),
        }
    }
}

/// The digest of an inventory: over the CBOR of its packages in their own order.
#[must_use]
pub fn inventory_digest(packages: &std::collections::BTreeSet<Package>) -> Digest {
    let mut bytes = Vec::new();
    for package in packages {
        minicbor::encode(package, &mut bytes).expect("a Vec takes any number of bytes");
    }

    Digest::of(&bytes)
}

/// A part of a whole inventory; it counts when all parts of one digest are there.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PackagesListed {
    /// [`inventory_digest`] of the whole.
    #[n(0)]
    pub digest: Digest,
    /// This part, from 0.
    #[n(1)]
    pub part: u32,
    /// How many parts there are, at most [`INVENTORY_PARTS_MAX`](crate::limits::INVENTORY_PARTS_MAX).
    #[n(2)]
    pub parts: u32,
    /// Its packages, in order.
    #[n(3)]
    pub packages: Vec<Package>,
}

/// What changed between two inventories.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PackagesChanged {
    /// Digest of the inventory before.
    #[n(0)]
    pub before: Digest,
    /// Digest of the inventory after.
    #[n(1)]
    pub after: Digest,
    /// Installed, or changed: the new entry.
    #[n(2)]
    pub added: Vec<Package>,
    /// Removed, or changed: what the old entry was.
    #[n(3)]
    pub removed: Vec<PackageKey>,
}

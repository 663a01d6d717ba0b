//! Which databases a host has, and what they hold together.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use vonggac_protocol::limits::{INVENTORY_PART_PACKAGES_MAX, INVENTORY_PARTS_MAX};
use vonggac_protocol::package::Package;

use super::windows::{self, UserSoftware};
use super::{apk, bundles, dpkg, rpm};
use crate::os::paths;
use crate::registry::OfThisMachine;

/// How often a database that changes while it is read is read anew before we give up until the next pass.
const ATTEMPTS_MAX: u32 = 5;

/// Packages of one host; more than one inventory could carry is no real database.
pub(super) const PACKAGES_MAX: usize = INVENTORY_PART_PACKAGES_MAX * 32;
const _: () =
    assert!(INVENTORY_PARTS_MAX >= 64, "half of the parts are room for parts cut short by their bytes");

/// Why a database of packages could not be read; the words name nothing of the host.
#[derive(Debug, thiserror::Error)]
pub enum ReadPackagesError {
    /// None of the databases that we know is there.
    #[error("no package database of a kind this program reads was found")]
    NoDatabase,
    /// The system refused.
    #[error("the {database} database cannot be read: {reason}")]
    Unreadable {
        /// `dpkg`, `rpm`, `apk`, `snap`, `flatpak` or `registry`.
        database: &'static str,
        /// What the system said.
        reason: io::ErrorKind,
    },
    /// It is not what it should be.
    #[error("the {database} database is damaged: {what}")]
    Damaged {
        /// `dpkg`, `rpm`, `apk`, `snap`, `flatpak` or `registry`.
        database: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A package manager kept writing.
    #[error("the {0} database kept changing while it was read")]
    Changing(&'static str),
    /// More packages than any real host has.
    #[error("more than {PACKAGES_MAX} packages")]
    TooMany,
}

impl ReadPackagesError {
    /// Whether the next try may well succeed: a package manager is at work.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Changing(_) | Self::Unreadable { reason: io::ErrorKind::ResourceBusy, .. } => true,
            Self::NoDatabase | Self::Unreadable { .. } | Self::Damaged { .. } | Self::TooMany => false,
        }
    }

    pub(super) fn unreadable(database: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Unreadable { database, reason: error.kind() }
    }
}

/// What is installed.
#[derive(Debug, Default)]
pub struct Inventory {
    /// All packages of all databases that could be read.
    pub packages: BTreeSet<Package>,
    /// Entries that could not be understood and are left out.
    pub skipped: u64,
    /// Databases that are there and could not be read.
    pub unread: Vec<ReadPackagesError>,
}

/// A cheap sign of whether the databases have changed: paths with their time and size.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<(PathBuf, Option<SystemTime>, u64)>);

impl Stamp {
    /// The stamp of these files, absent ones left out.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let entry = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok()?;
            Some((path, metadata.modified().ok(), metadata.len()))
        };

        Self(paths.into_iter().filter_map(entry).collect())
    }

    /// The stamp of keys of the registry: when they were written.
    pub(super) fn of_keys(keys: Vec<(PathBuf, Option<SystemTime>, u64)>) -> Self {
        Self(keys)
    }
}

/// Where databases that are files are looked for: nowhere on a system that has none of its own, where anybody could lay
/// them.
pub(crate) fn files_root(root: &Path) -> Option<&Path> {
    (paths::PACKAGES_VOUCH || !windows::is_own(root)).then_some(root)
}

/// The stamp of all package databases under this root.
#[must_use]
pub fn stamp(root: &Path) -> Stamp {
    let paths = |root| DATABASES.iter().flat_map(move |(_, files, _)| files(root));
    let mut stamp = Stamp::of(files_root(root).into_iter().flat_map(paths));
    if windows::is_own(root) {
        stamp.0.extend(windows::stamp(&OfThisMachine).0);
    }

    stamp
}

/// Reads what is installed on the system whose files are under `root` (`/` outside tests).
///
/// # Errors
/// If no database is there, or none of those that are there could be read.
pub fn read(root: &Path) -> Result<Inventory, ReadPackagesError> {
    read_with(root, &mut UserSoftware::default())
}

/// The same, with what is remembered of users of Windows who are not signed in.
///
/// # Errors
/// As for [`read`].
pub fn read_with(root: &Path, users: &mut UserSoftware) -> Result<Inventory, ReadPackagesError> {
    let mut inventory = Inventory::default();
    let mut seen = false;
    let read_all = |root| {
        DATABASES.map(|(name, files, read_one)| steady(name, || Stamp::of(files(root)), || read_one(root)))
    };
    let files = files_root(root).into_iter().flat_map(read_all);
    let registry = windows::is_own(root).then(|| {
        steady("registry", || windows::stamp(&OfThisMachine), || windows::read(&OfThisMachine, users))
    });
    for read in files.chain(registry) {
        match read {
            Ok(None) => {}
            Ok(Some(found)) => {
                seen = true;
                inventory.packages.extend(found.packages);
                inventory.skipped += found.skipped;
            }
            Err(error) => inventory.unread.push(error),
        }
    }
    if inventory.packages.len() > PACKAGES_MAX {
        return Err(ReadPackagesError::TooMany);
    }
    if !seen {
        return Err(inventory.unread.pop().unwrap_or(ReadPackagesError::NoDatabase));
    }

    Ok(inventory)
}

/// Whose change means that a database changed.
type Files = fn(&Path) -> Vec<PathBuf>;

/// One database; `None` if it is not there.
type ReadOne = fn(&Path) -> Result<Option<Found>, ReadPackagesError>;

/// Every database that is known, by its name.
const DATABASES: [(&str, Files, ReadOne); 5] = [
    ("dpkg", dpkg::files, dpkg::read),
    ("rpm", rpm::files, rpm::read),
    ("apk", apk::files, apk::read),
    ("snap", bundles::snap_files, bundles::snaps),
    ("flatpak", bundles::flatpak_files, bundles::flatpaks),
];

/// What one database holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) packages: BTreeSet<Package>,
    pub(super) skipped: u64,
}

/// Reads until nothing has changed meanwhile: a package manager may be at work.
fn steady<T>(
    database: &'static str,
    stamp: impl Fn() -> Stamp,
    mut read: impl FnMut() -> Result<T, ReadPackagesError>,
) -> Result<T, ReadPackagesError> {
    let mut last = Err(ReadPackagesError::Changing(database));
    for _ in 0..ATTEMPTS_MAX {
        let before = stamp();
        let found = read();
        if stamp() == before {
            return found;
        }
        last = found.and(Err(ReadPackagesError::Changing(database)));
    }

    last
}

/// A text from a database as it may leave the host: UTF-8, not empty, of bounded length, without control characters.
pub(crate) fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let sound = !text.is_empty() && text.len() <= TEXT_MAX && !text.chars().any(char::is_control);

    sound.then(|| text.to_owned())
}

/// The name in `name <address>`; nothing where there is only an address.
pub(crate) fn organisation(maintainer: &str) -> Option<String> {
    let name = maintainer.split('<').next().unwrap_or_default();
    let name = name.trim().trim_matches('"');

    if name.contains('@') { None } else { plain(name) }
}

/// Bytes of any one text of a package; names and versions of real packages stay far below.
const TEXT_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_database_that_changes_while_it_is_read_is_read_again() {
        let reads = Cell::new(0_u64);
        let stamp = || Stamp(vec![(PathBuf::new(), None, reads.get().min(2))]);

        let found = steady("dpkg", stamp, || {
            reads.set(reads.get() + 1);
            Ok(reads.get())
        });

        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn a_database_that_never_rests_is_given_up() {
        let reads = Cell::new(0_u64);
        let stamp = || Stamp(vec![(PathBuf::new(), None, reads.get())]);

        let found: Result<(), _> = steady("rpm", stamp, || {
            reads.set(reads.get() + 1);
            Ok(())
        });

        assert!(matches!(found, Err(ReadPackagesError::Changing("rpm"))));
        assert_eq!(reads.get(), u64::from(ATTEMPTS_MAX));
    }

    #[test]
    fn a_host_without_databases_says_so() {
        let root = tempfile::tempdir().unwrap();

        assert!(matches!(read(root.path()), Err(ReadPackagesError::NoDatabase)));
    }
}

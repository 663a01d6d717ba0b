//! rpm's database in its three forms: SQLite (Fedora, RHEL 9 and later and their kin), ndb (SUSE), and Berkeley DB (RHEL 8
//! and earlier). While rpm holds its lock nothing is read: the next reading tells.

mod bdb;
mod header;
mod ndb;
mod sqlite;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{LicenceBasis, Manager, Package};
use vonggac_protocol::time::Timestamp;

use crate::os::locks;

use super::database::{Found, PACKAGES_MAX, ReadPackagesError, organisation, plain};
pub(crate) use sqlite::open as open_sqlite;

use header::{Header, Source, Tag};

/// Where rpm keeps its database, by age of the convention.
const FOLDERS: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];

/// The files whose change means that the database changed.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let names = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"];

    FOLDERS.iter().flat_map(|folder| names.map(|name| root.join(folder).join(name))).collect()
}

/// Reads the database; `None` if there is none.
pub(super) fn read(root: &Path) -> Result<Option<Found>, ReadPackagesError> {
    // One folder is often a link to the other, so the first that has a database is the one.
    for folder in FOLDERS {
        let folder = root.join(folder);
        // rpm's own lock, for all three forms; where there is none, none is held.
        if matches!(locks::holder(&folder.join(".rpm.lock")), Ok(Some(_))) {
            return Err(ReadPackagesError::Unreadable { database: "rpm", reason: ErrorKind::ResourceBusy });
        }
        if folder.join("rpmdb.sqlite").is_file() {
            return sqlite::read(&folder.join("rpmdb.sqlite")).map(Some);
        }
        if folder.join("Packages.db").is_file() {
            return ndb::read(&folder.join("Packages.db")).map(Some);
        }
        if folder.join("Packages").is_file() {
            return bdb::read(&folder.join("Packages")).map(Some);
        }
    }

    Ok(None)
}

impl Found {
    /// Takes the header of one package, or counts it as skipped.
    fn take_header<S: Source + ?Sized>(&mut self, source: &S) -> Result<(), ReadPackagesError> {
        match Header::read(source).as_ref().map_or(Entry::Unreadable, entry) {
            Entry::Package(package) => {
                self.packages.insert(*package);
            }
            Entry::Key => {}
            Entry::Unreadable => self.skipped += 1,
        }
        if self.packages.len() > PACKAGES_MAX {
            return Err(ReadPackagesError::TooMany);
        }

        Ok(())
    }
}

/// The package of one header, as both databases keep it; `None` if it is none or contradicts itself.
#[must_use]
pub fn package_of_header(bytes: &[u8]) -> Option<Package> {
    match entry(&Header::read(bytes)?) {
        Entry::Package(package) => Some(*package),
        Entry::Key | Entry::Unreadable => None,
    }
}

enum Entry {
    Package(Box<Package>),
    /// A public key that rpm keeps as if it were a package; no software.
    Key,
    Unreadable,
}

fn entry(header: &Header) -> Entry {
    let text = |tag| header.text(tag).as_deref().and_then(plain);
    let word = |tag| text(tag).filter(|text| !text.contains(char::is_whitespace));
    let (Some(name), Some(version), Some(release)) =
        (word(Tag::Name), word(Tag::Version), word(Tag::Release))
    else {
        return Entry::Unreadable;
    };
    if name == "gpg-pubkey" {
        return Entry::Key;
    }
    let own = format!("{version}-{release}");
    let (source, source_version) = match text(Tag::SourceRpm).as_deref().and_then(source) {
        Some((source, version)) => (Some(source), Some(version)),
        None => (None, None),
    };

    Entry::Package(Box::new(Package {
        manager: Manager::Rpm,
        source: source.filter(|source| *source != name),
        source_version: source_version.filter(|version| *version != own),
        name,
        architecture: word(Tag::Architecture).unwrap_or_default(),
        version: header.number(Tag::Epoch).map_or_else(|| own.clone(), |epoch| format!("{epoch}:{own}")),
        section: text(Tag::Group).filter(|group| group != "Unspecified"),
        vendor: text(Tag::Vendor).and_then(|text| organisation(&text)),
        // As written; `licences::mark` makes an expression of it.
        licence: text(Tag::Licence),
        licence_basis: if text(Tag::Licence).is_some() {
            LicenceBasis::RpmTag
        } else {
            LicenceBasis::Unknown
        },
        installed_at: header.number(Tag::InstallTime).map(|secs| Timestamp(i64::from(secs) * 1_000)),
        in_repository: None,
        origin: None,
        automatic: None,
        module: text(Tag::Modularity).as_deref().and_then(stream),
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }))
}

/// `nodejs:18` of `nodejs:18:8080020230915:e7ba6a2b`, as modular packages are labelled.
fn stream(label: &str) -> Option<String> {
    let mut parts = label.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);

    plain(&format!("{name}:{stream}"))
        .filter(|it| !name.is_empty() && !stream.is_empty() && !it.contains(char::is_whitespace))
}

/// Name and version of `name-version-release.src.rpm`.
fn source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;

    Some((plain(name)?, plain(&format!("{version}-{release}"))?))
}

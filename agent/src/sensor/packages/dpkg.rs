//! dpkg's database: `status`, the journal `updates/`, and `status.d/` of images without dpkg.
//!
//! A package counts as installed while its files are whole on the disk: the states `installed`, `triggers-awaited`,
//! `triggers-pending`, and also `unpacked` and `half-configured` (its programs are there and run, only its setup did not
//! end). `half-installed`, `config-files` and `not-installed` do not count.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{LicenceBasis, Manager, Package};
use vonggac_protocol::time::Timestamp;

use super::database::{Found, PACKAGES_MAX, ReadPackagesError, organisation, plain};
use crate::sensor::deb822::{Paragraph, Reader};

const FIELDS: [&str; 7] = ["Package", "Status", "Version", "Architecture", "Source", "Section", "Maintainer"];
const PACKAGE: usize = 0;
const STATUS: usize = 1;
const VERSION: usize = 2;
const ARCHITECTURE: usize = 3;
const SOURCE: usize = 4;
const SECTION: usize = 5;
const MAINTAINER: usize = 6;

/// Files of `status.d/` and `updates/` that are looked at.
const FILES_MAX: usize = 20_000;

/// Bytes of a status file; the largest real ones have about 10 MiB.
const STATUS_BYTES_MAX: u64 = 256 * 1024 * 1024;

fn folder(root: &Path) -> PathBuf {
    root.join("var/lib/dpkg")
}

/// The files whose change means that the database changed.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    ["status", "status.d", "updates"].map(|name| folder(root).join(name)).into()
}

/// Reads the database; `None` if there is none.
pub(super) fn read(root: &Path) -> Result<Option<Found>, ReadPackagesError> {
    let mut found = Entries::default();
    let status = folder(root).join("status");
    let whole = found.read_file(&status, Status::Required)?;
    for path in sorted_files(&folder(root).join("updates"), |name| name.bytes().all(|b| b.is_ascii_digit()))?
    {
        // An entry of the journal that vanished meanwhile was merged into `status`; the stamp makes us read again.
        found.read_file(&path, Status::Required)?;
    }
    let images = sorted_files(&folder(root).join("status.d"), |name| !name.ends_with(".md5sums"))?;
    for path in &images {
        found.read_file(path, Status::Assumed)?;
    }
    if !whole && images.is_empty() {
        return Ok(None);
    }

    let info = folder(root).join("info");
    let dated = |mut package: Package| {
        package.installed_at = installed_at(&info, &package);
        package
    };
    let packages = found.installed.into_values().flatten().map(dated).collect();
    Ok(Some(Found { packages, skipped: found.skipped }))
}

/// Whether a paragraph must say that its package is installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Required,
    Assumed,
}

/// What was read so far; a later paragraph about the same package takes the place of an earlier one.
#[derive(Default)]
struct Entries {
    installed: BTreeMap<(String, String), Option<Package>>,
    skipped: u64,
}

impl Entries {
    /// Reads one file in pieces; `false` if it is not there.
    fn read_file(&mut self, path: &Path, status: Status) -> Result<bool, ReadPackagesError> {
        let unreadable = ReadPackagesError::unreadable("dpkg");
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(unreadable(error)),
        };
        let mut file = file.take(STATUS_BYTES_MAX);
        let mut reader = Reader::new(FIELDS);
        let mut piece = vec![0; 32 * 1024];
        loop {
            let length = file.read(&mut piece).map_err(&unreadable)?;
            if length == 0 {
                break;
            }
            reader.feed(&piece[..length], &mut |paragraph| self.take(paragraph, status));
            if self.installed.len() > PACKAGES_MAX {
                return Err(ReadPackagesError::TooMany);
            }
        }
        reader.finish(&mut |paragraph| self.take(paragraph, status));

        Ok(true)
    }

    fn take(&mut self, paragraph: &Paragraph<7>, status: Status) {
        let state = match (paragraph.text(STATUS), status) {
            (Some(text), _) => text.split_ascii_whitespace().nth(2),
            (None, Status::Assumed) => Some("installed"),
            (None, Status::Required) => None,
        };
        let here = match state {
            Some("installed" | "triggers-awaited" | "triggers-pending" | "unpacked" | "half-configured") => {
                true
            }
            Some("half-installed" | "config-files" | "not-installed") => false,
            Some(_) | None => {
                self.skipped += 1;
                return;
            }
        };
        match (package(paragraph), here) {
            (Some(package), _) => {
                let key = (package.name.clone(), package.architecture.clone());
                self.installed.insert(key, here.then_some(package));
            }
            (None, true) => self.skipped += 1,
            // What is not installed often has no version: nothing is lost.
            (None, false) => {}
        }
    }
}

fn package(paragraph: &Paragraph<7>) -> Option<Package> {
    if paragraph.is_spoilt() {
        return None;
    }
    let text = |at| paragraph.text(at).and_then(plain);
    let word = |at| text(at).filter(|text| !text.contains(|c: char| c.is_whitespace() || c == '/'));
    let (name, version) = (word(PACKAGE)?, word(VERSION)?);
    let (source, source_version) = source(text(SOURCE).as_deref());

    Some(Package {
        manager: Manager::Dpkg,
        source: source.filter(|source| *source != name),
        source_version: source_version.filter(|source| *source != version),
        name,
        architecture: if paragraph.has(ARCHITECTURE) { word(ARCHITECTURE)? } else { String::new() },
        version,
        section: text(SECTION),
        vendor: text(MAINTAINER).and_then(|text| organisation(&text)),
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
    })
}

/// `name (version)`, as the field `Source` has it.
fn source(text: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(text) = text else {
        return (None, None);
    };
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let version = rest.split_once(')').map(|(version, _)| version);

    (plain(name), version.and_then(plain))
}

/// dpkg writes the list of a package's files when it unpacks it.
fn installed_at(info: &Path, package: &Package) -> Option<Timestamp> {
    let shared = info.join(format!("{}.list", package.name));
    let own = || info.join(format!("{}:{}.list", package.name, package.architecture));
    let metadata = std::fs::symlink_metadata(shared).or_else(|_| std::fs::symlink_metadata(own())).ok()?;

    crate::sensor::moment(metadata.modified().ok()?)
}

/// The plain files of a folder whose names pass, in order; none if there is no such folder.
fn sorted_files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, ReadPackagesError> {
    let unreadable = ReadPackagesError::unreadable("dpkg");
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(&unreadable)?;
        let plain_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if plain_file && entry.file_name().to_str().is_some_and(&wanted) {
            paths.push(entry.path());
        }
        if paths.len() > FILES_MAX {
            return Err(ReadPackagesError::TooMany);
        }
    }
    paths.sort();

    Ok(paths)
}

/// The architecture that dpkg itself was installed for: the native one; `None` where dpkg is not installed.
#[must_use]
pub fn native_architecture<'p>(packages: impl IntoIterator<Item = &'p Package>) -> Option<&'p str> {
    let is_dpkg = |package: &&Package| package.manager == Manager::Dpkg && package.name == "dpkg";

    packages.into_iter().find(is_dpkg).map(|package| package.architecture.as_str())
}

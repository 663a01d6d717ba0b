//! One pass over all packages, and what is remembered for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::{copyright, expression};

/// Bytes of a copyright file that are read; what stands beyond them is not known. The paragraph of all files is near the start.
const COPYRIGHT_BYTES_MAX: u64 = 256 * 1024;

/// What is known of files that were read already; one for the life of the process.
#[derive(Debug, Default)]
pub struct Cache {
    files: BTreeMap<PathBuf, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    modified: Option<SystemTime>,
    bytes: u64,
    licence: Option<(String, LicenceBasis)>,
    /// Whether the last pass came by here; what it did not is forgotten.
    met: bool,
}

impl Cache {
    /// How many files are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing is remembered yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// The packages with their licences, as far as they are known.
#[must_use]
pub fn mark(root: &Path, packages: BTreeSet<Package>, cache: &mut Cache) -> BTreeSet<Package> {
    let documents = std::fs::canonicalize(root.join("usr/share/doc")).ok();
    let mut buffer = Vec::new();
    let mut mark = |mut package: Package| {
        let known = match (package.manager, &documents) {
            (Manager::Dpkg, Some(documents)) => of_documents(documents, &package.name, cache, &mut buffer),
            (Manager::Rpm, _) => package
                .licence
                .take()
                .and_then(|written| expression::spdx(&written))
                .map(|licence| (licence, LicenceBasis::RpmTag)),
            (Manager::Apk | Manager::Python | Manager::Npm | Manager::Jar | Manager::Snap, _) => package
                .licence
                .take()
                .and_then(|written| expression::spdx(&written))
                .map(|licence| (licence, LicenceBasis::Metadata)),
            (Manager::Dpkg, None)
            | (Manager::WindowsUninstall | Manager::WindowsAppx | Manager::Flatpak, _) => None,
        };
        (package.licence, package.licence_basis) = match known {
            Some((licence, basis)) => (Some(licence), basis),
            None => (None, LicenceBasis::Unknown),
        };
        package
    };
    let marked = packages.into_iter().map(&mut mark).collect();
    cache.files.retain(|_, known| std::mem::take(&mut known.met));

    marked
}

/// The licence in `NAME/copyright`. Links are followed, but never out of the folder of documents.
fn of_documents(
    documents: &Path,
    name: &str,
    cache: &mut Cache,
    buffer: &mut Vec<u8>,
) -> Option<(String, LicenceBasis)> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return None;
    }
    let path = std::fs::canonicalize(documents.join(name).join("copyright")).ok()?;
    if !path.starts_with(documents) {
        return None;
    }
    let metadata = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
    let (modified, bytes) = (metadata.modified().ok(), metadata.len());
    if let Some(known) = cache.files.get_mut(&path).filter(|k| k.modified == modified && k.bytes == bytes) {
        known.met = true;
        return known.licence.clone();
    }
    buffer.clear();
    File::open(&path).ok()?.take(COPYRIGHT_BYTES_MAX).read_to_end(buffer).ok()?;
    let licence = copyright::licence(buffer);
    cache.files.insert(path, Known { modified, bytes, licence: licence.clone(), met: true });

    licence
}

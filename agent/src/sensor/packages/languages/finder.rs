//! What is found under all declared roots, and what is remembered for the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::owned::Owned;
use super::walk::{Allowance, Cut, Node, Walk};
use crate::clock;
use crate::os::mounts::Mounts;
use crate::sensor::files::bounds::Bounds;
use crate::sensor::packages::rpm;

/// Names of directories that one reading looks at; a web server's uploads alone may be millions.
const ENTRIES_MAX: usize = 1_000_000;

/// Directories that one reading looks into; each is remembered with some hundred bytes.
const DIRECTORIES_MAX: usize = 60_000;

/// How long one reading may take: on a slow disk the next one begins with what this one remembered.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Packages of languages that one host tells.
const PACKAGES_MAX: usize = 20_000;

/// Where to look, and where never to.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    /// Folders, absolute paths of the system.
    pub declared: Vec<PathBuf>,
    /// Paths that are out of bounds.
    pub excluded: Vec<PathBuf>,
}

/// What is installed of languages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Languages {
    /// All packages that were found, each version once.
    pub packages: BTreeSet<Package>,
    /// Files of metadata that could not be understood.
    pub skipped: u64,
    /// Why not all was looked at; the words name nothing of the host.
    pub problem: Option<&'static str>,
}

/// Looks under the roots; one for the life of the process, because it remembers what it saw.
#[derive(Debug, Default)]
pub struct Finder {
    roots: BTreeMap<PathBuf, Node>,
    owned: Owned,
    last: Option<Languages>,
}

/// What is told of one version.
struct Version {
    /// Licence as written.
    licence: Option<Box<str>>,
    /// The first root.
    place: String,
    copies: u32,
}

/// By manager, name and version.
type Versions = BTreeMap<(Manager, Box<str>, Box<str>), Version>;

impl Finder {
    /// What lies under the roots now, on the system whose files are under `root` (`/` outside tests). Blocks.
    pub fn find(&mut self, root: &Path, roots: &Roots) -> Languages {
        let bounds = Bounds::of_paths(roots.excluded.iter().cloned());
        let mut declared: BTreeSet<&Path> = roots.declared.iter().map(PathBuf::as_path).collect();
        if rpm::files(root).iter().any(|file| file.is_file()) {
            // Which files rpm brought is not read, and what lies under /usr is rpm's; what is not goes to /usr/local.
            declared.retain(|path| !path.starts_with("/usr") || path.starts_with("/usr/local"));
        }
        let mut apart: Vec<PathBuf> = declared.iter().map(|path| under(root, path)).collect();
        apart.extend(elsewhere());
        self.owned.renew(root);
        self.roots.retain(|path, _| declared.contains(path.as_path()));
        let mut allowance = Allowance {
            entries: ENTRIES_MAX,
            directories: DIRECTORIES_MAX,
            until: clock::instant() + TIME_MAX,
            cut: None,
        };
        let (mut versions, mut skipped, mut many) = (Versions::new(), 0, false);
        for path in declared {
            let node = self.roots.entry(path.to_owned()).or_default();
            let mut walk = Walk {
                bounds: &bounds,
                owned: &self.owned,
                root,
                apart: &apart,
                allowance: &mut allowance,
                damaged: 0,
                buffer: Vec::new(),
            };
            let place = path.to_string_lossy();
            walk.root(&under(root, path), node, &mut |item| {
                if versions.len() >= PACKAGES_MAX {
                    many = true;
                    return;
                }
                let key = (item.manager, item.name.clone(), item.version.clone());
                versions
                    .entry(key)
                    .and_modify(|version| {
                        version.copies = version.copies.saturating_add(1);
                        if version.licence.is_none() {
                            version.licence.clone_from(&item.licence);
                        }
                    })
                    .or_insert_with(|| Version {
                        licence: item.licence.clone(),
                        place: place.clone().into_owned(),
                        copies: 1,
                    });
            });
            skipped += walk.damaged;
        }
        let found = Languages {
            packages: versions
                .into_iter()
                .map(|((manager, name, version), told)| package(manager, name, version, told))
                .collect(),
            skipped,
            problem: problem(allowance.cut, many),
        };

        self.keep(found, allowance.cut)
    }

    /// What there was no time for is still taken to be there.
    fn keep(&mut self, found: Languages, cut: Option<Cut>) -> Languages {
        let found = match (&self.last, cut) {
            (Some(last), Some(Cut::Time)) => Languages { problem: found.problem, ..last.clone() },
            (Some(_) | None, _) => found,
        };
        self.last = Some(found.clone());

        found
    }
}

fn problem(cut: Option<Cut>, many: bool) -> Option<&'static str> {
    match (cut, many) {
        (Some(Cut::Size), _) => Some("more folders under the declared roots than are looked at"),
        (Some(Cut::Time), _) => Some("the declared roots could not be looked through in the time allowed"),
        (None, true) => Some("more packages of languages under the declared roots than are told"),
        (None, false) => None,
    }
}

/// Where other machines' file systems stand, and what holds no files: never walked into, only named as roots.
fn elsewhere() -> Vec<PathBuf> {
    let mounts = Mounts::open().and_then(|mut mounts| mounts.list()).unwrap_or_default();

    mounts.into_iter().filter(|it| it.is_remote() || !it.holds_files()).map(|it| it.point).collect()
}

fn under(root: &Path, path: &Path) -> PathBuf {
    let relative: PathBuf = path.components().skip(1).collect();

    root.join(relative)
}

fn package(manager: Manager, name: Box<str>, version: Box<str>, told: Version) -> Package {
    let Version { licence, place, copies } = told;

    Package {
        manager,
        name: name.into_string(),
        architecture: String::new(),
        version: version.into_string(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence_basis: if licence.is_some() { LicenceBasis::Metadata } else { LicenceBasis::Unknown },
        licence: licence.map(String::from),
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: Some(place),
        copies: (copies > 1).then_some(copies),
        install_source: None,
        users: None,
    }
}

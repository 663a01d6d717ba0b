//! Snaps and flatpaks of the whole system. Those of single persons lie in their homes and are not looked at.
//!
//! snapd keeps in `state.json` which revision of a snap is current; what version that is stands in the snap itself, where it is
//! mounted. Flatpak keeps a folder a deployed commit, and a link `active` to the one in use; no version is told, so the branch
//! and the beginning of the commit stand for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::database::{Found, ReadPackagesError, plain};
use crate::os::file::Dir;

/// Bytes of snapd's state; it holds the tasks of weeks too.
const STATE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of a snap's or a flatpak's own description that are read.
const DESCRIPTION_BYTES_MAX: u64 = 256 * 1024;

/// Snaps, or names in one folder of flatpak, that are looked at.
const NAMES_MAX: usize = 5_000;

/// Where snaps are mounted.
const SNAPS: [&str; 2] = ["snap", "var/lib/snapd/snap"];

const STATE: &str = "var/lib/snapd/state.json";
const FLATPAK: &str = "var/lib/flatpak";

#[derive(Deserialize)]
struct State {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    snaps: BTreeMap<String, Snap>,
}

#[derive(Deserialize)]
struct Snap {
    current: Option<String>,
}

/// The files whose change means that snaps changed.
pub(super) fn snap_files(root: &Path) -> Vec<PathBuf> {
    vec![root.join(STATE)]
}

/// Reads the snaps; `None` if there is no snapd.
pub(super) fn snaps(root: &Path) -> Result<Option<Found>, ReadPackagesError> {
    let file = match File::open(root.join(STATE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadPackagesError::unreadable("snap")(error)),
    };
    let state: State = serde_json::from_reader(BufReader::new(file.take(STATE_BYTES_MAX))).map_err(|_| {
        ReadPackagesError::Damaged { database: "snap", what: "its state is not what snapd writes" }
    })?;
    let mut found = Found::default();
    for (name, snap) in state.data.map(|data| data.snaps).unwrap_or_default().into_iter().take(NAMES_MAX) {
        match snap.current.and_then(|revision| one_snap(root, &name, &revision)) {
            Some(package) => drop(found.packages.insert(package)),
            None => found.skipped += 1,
        }
    }

    Ok(Some(found))
}

fn one_snap(root: &Path, name: &str, revision: &str) -> Option<Package> {
    let is_plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !is_plain(name) || !is_plain(revision) {
        return None;
    }
    let text = SNAPS.iter().find_map(|snaps| {
        let folder = Dir::open(&root.join(snaps).join(name).join(revision).join("meta")).ok()?;
        text(&folder, "snap.yaml")
    });
    let value = |key: &str| {
        let line = text.as_deref()?.lines().find_map(|line| line.strip_prefix(key))?;
        plain(line.trim().trim_matches(['\'', '"']))
    };
    let licence = value("license:");

    Some(Package {
        licence_basis: if licence.is_some() { LicenceBasis::Metadata } else { LicenceBasis::Unknown },
        licence,
        // Not mounted, and so not running: only the revision is known.
        ..package(
            Manager::Snap,
            name,
            "",
            value("version:").unwrap_or_else(|| format!("revision-{revision}")),
        )
    })
}

/// The files whose change means that flatpaks changed.
pub(super) fn flatpak_files(root: &Path) -> Vec<PathBuf> {
    [".changed", "app", "runtime"].map(|name| root.join(FLATPAK).join(name)).into()
}

/// Reads the flatpaks; `None` if there is no flatpak.
pub(super) fn flatpaks(root: &Path) -> Result<Option<Found>, ReadPackagesError> {
    let mut found = Found::default();
    let mut any = false;
    for kind in ["app", "runtime"] {
        let Ok(dir) = Dir::open(&root.join(FLATPAK).join(kind)) else { continue };
        any = true;
        for name in names(&dir)? {
            let Ok(of_name) = dir.open_child(OsStr::new(&name)) else { continue };
            for architecture in names(&of_name)? {
                // `current` is a link, and so no folder.
                let Ok(branches) = of_name.open_child(OsStr::new(&architecture)) else { continue };
                for branch in names(&branches)? {
                    let Ok(deployed) = branches.open_child(OsStr::new(&branch)) else { continue };
                    let Ok(active) = deployed.read_link(OsStr::new("active")) else { continue };
                    match commit(&deployed, &active) {
                        Some(commit) => {
                            let version = format!("{branch}@{commit}");
                            found.packages.insert(package(Manager::Flatpak, &name, &architecture, version));
                        }
                        None => found.skipped += 1,
                    }
                }
            }
        }
    }

    Ok(any.then_some(found))
}

/// The beginning of the name of the commit in use, if it is one and is there.
fn commit(deployed: &Dir, active: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(active).ok()?;
    let is_commit = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let folder = deployed.open_child(OsStr::new(name)).ok().filter(|_| is_commit)?;
    let metadata = text(&folder, "metadata")?;
    let is_one = metadata.lines().any(|line| matches!(line.trim(), "[Application]" | "[Runtime]"));

    name.get(..12).filter(|_| is_one).map(str::to_owned)
}

/// The names in a folder that may be told.
fn names(dir: &Dir) -> Result<Vec<String>, ReadPackagesError> {
    let names = dir.names().map_err(ReadPackagesError::unreadable("flatpak"))?;

    Ok(names.into_iter().filter_map(|name| plain(name.to_str()?)).take(NAMES_MAX).collect())
}

fn text(folder: &Dir, name: &str) -> Option<String> {
    let mut text = String::new();
    folder.open_file(OsStr::new(name)).ok()?.take(DESCRIPTION_BYTES_MAX).read_to_string(&mut text).ok()?;

    Some(text)
}

fn package(manager: Manager, name: &str, architecture: &str, version: String) -> Package {
    Package {
        manager,
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version,
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

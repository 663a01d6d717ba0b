//! Repositories that are on, and their cached lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use vonggac_protocol::package::Package;
use vonggac_protocol::time::Timestamp;

use super::xml::{Piece, Xml};
use crate::sensor::patches::lists::{file_names, small_text};

/// Where dnf keeps its caches, by its age.
const CACHES: [&str; 2] = ["var/cache/dnf", "var/cache/libdnf5"];

/// Bytes of one file of repositories.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of an index of lists; real ones have a few KiB.
const INDEX_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Caches that are looked at.
const CACHES_MAX: usize = 1_000;

/// The cached lists of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cache {
    pub(super) id: String,
    pub(super) folder: PathBuf,
}

/// What an index says: the list of each kind.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) lists: BTreeMap<String, PathBuf>,
    /// When it was made.
    pub(super) dated: Option<Timestamp>,
    /// When it was fetched.
    pub(super) fetched: Option<Timestamp>,
}

/// The caches of all repositories that are on: of several of one repository the newest.
pub(super) fn caches(root: &Path) -> Vec<Cache> {
    let on = enabled(root);
    let mut newest: BTreeMap<String, (SystemTime, PathBuf)> = BTreeMap::new();
    for folder in CACHES.map(|folder| root.join(folder)) {
        for entry in fs::read_dir(folder).into_iter().flatten().take(CACHES_MAX).flatten() {
            let Some(name) = entry.file_name().into_string().ok() else { continue };
            // `baseos-522ed8e2b2f761ff`
            let Some((id, hash)) = name.rsplit_once('-') else { continue };
            let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_hash || !on.iter().any(|known| known == id) {
                continue;
            }
            let index = entry.path().join("repodata/repomd.xml");
            let Ok(made) = fs::metadata(index).and_then(|it| it.modified()) else { continue };
            if newest.get(id).is_none_or(|(before, _)| *before < made) {
                newest.insert(id.to_owned(), (made, entry.path()));
            }
        }
    }

    newest.into_iter().map(|(id, (_, folder))| Cache { id, folder }).collect()
}

/// Names of the repositories that are on.
fn enabled(root: &Path) -> Vec<String> {
    let folder = root.join("etc/yum.repos.d");
    let mut on = Vec::new();
    for name in file_names(&folder).into_iter().filter(|name| name.ends_with(".repo")) {
        let text = small_text(&folder.join(name), FILE_BYTES_MAX).unwrap_or_default();
        for (id, settings) in sections(&text) {
            let off =
                |value: &String| matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "false" | "off");
            if !settings.get("enabled").is_some_and(off) {
                on.push(id);
            }
        }
    }

    on
}

/// Whether the configuration names packages that dnf shall not see.
pub(super) fn leaves_out(root: &Path) -> bool {
    let text = small_text(&root.join("etc/dnf/dnf.conf"), FILE_BYTES_MAX).unwrap_or_default();
    let names = ["exclude", "excludepkgs", "includepkgs"];
    let versions = root.join("etc/dnf/plugins/versionlock.list");
    let locked = small_text(&versions, FILE_BYTES_MAX).unwrap_or_default();

    sections(&text).iter().any(|(_, settings)| names.iter().any(|name| settings.contains_key(*name)))
        || locked.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Whether dnf installs updates by itself: its timer is on, and either is the one that always installs or is told to.
pub(in crate::sensor::patches) fn automatic(root: &Path, packages: &BTreeSet<Package>) -> bool {
    if !packages
        .iter()
        .any(|package| package.name.starts_with("dnf-automatic") || package.name == "dnf5-plugin-automatic")
    {
        return false;
    }
    let wants = root.join("etc/systemd/system/timers.target.wants");
    // A link to a unit of the system; where it leads is not looked at.
    let on = |timer: &str| fs::symlink_metadata(wants.join(timer)).is_ok();
    let applies = || {
        let text = small_text(&root.join("etc/dnf/automatic.conf"), FILE_BYTES_MAX).unwrap_or_default();
        let is_yes =
            |value: &String| matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on");
        sections(&text).iter().any(|(_, settings)| settings.get("apply_updates").is_some_and(is_yes))
    };

    on("dnf-automatic-install.timer")
        || ((on("dnf-automatic.timer") || on("dnf5-automatic.timer")) && applies())
}

/// `[name]` and `key = value` lines under it.
fn sections(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut sections: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.to_owned(), BTreeMap::new()));
        } else if let (Some((key, value)), Some((_, settings))) =
            (trimmed.split_once('='), sections.last_mut())
            && !line.starts_with(['#', ' ', '\t'])
        {
            settings.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }

    sections
}

/// The index of a cache; `None` if it is none.
pub(super) fn index(cache: &Cache) -> Option<Index> {
    let path = cache.folder.join("repodata/repomd.xml");
    let text = small_text(&path, INDEX_BYTES_MAX)?;
    let fetched = fs::metadata(&path).ok()?.modified().ok().and_then(crate::sensor::moment);
    let mut index = parse(&cache.folder, &text)?;
    index.fetched = fetched;
    // A revision may be any text; most are the second in which the lists were made.
    index.dated = index.dated.filter(|at| at.0 > 0).or(fetched);

    Some(index)
}

fn parse(folder: &Path, text: &str) -> Option<Index> {
    let mut bytes = text.as_bytes();
    let mut xml = Xml::new(&mut bytes);
    let (mut index, mut kind) = (Index::default(), None);
    loop {
        match xml.next().ok()? {
            Piece::Open(element) if element.name == "data" => {
                kind = element.attribute("type").map(str::to_owned);
            }
            Piece::Open(element) if element.name == "location" => {
                let file = element.attribute("href").and_then(|href| href.rsplit('/').next());
                // The name only, in the folder of this cache: an index leads nowhere else.
                if let (Some(kind), Some(file)) =
                    (&kind, file.filter(|file| !file.is_empty() && *file != ".."))
                {
                    index.lists.insert(kind.clone(), folder.join("repodata").join(file));
                }
            }
            Piece::Text(text) if xml.is_inside("revision") => {
                let secs = text.parse::<i64>().ok().and_then(|secs| secs.checked_mul(1_000));
                index.dated = secs.map(Timestamp);
            }
            Piece::End => return Some(index),
            Piece::Open(_) | Piece::Close | Piece::Text(_) => {}
        }
    }
}

//! What is never looked at. Exclusions win over everything: the machine's administrator decides, nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use vonggac_protocol::file::FileKind;

use super::key::{Key, upwards};
use super::settings::FilesSettings;
use crate::os::file::Dir;
use crate::os::mounts::Mounts;
use crate::os::paths;
use crate::os::{Mount, Stat};

/// The excluded paths, as written and as they are once links on the way to them are resolved.
#[derive(Clone, Debug, Default)]
pub(in crate::sensor) struct Bounds {
    /// In the form in which the system compares names: whoever writes one in other letters means the same.
    keys: BTreeSet<Key>,
    /// The same as written and as they are.
    known: BTreeSet<Key>,
    /// Excluded regular files by file system and number: another hard link to one is out of bounds too.
    files: BTreeSet<(u64, u64)>,
    /// Excluded directories by file system and number, and where they stand: seen through a bind mount they are out of
    /// bounds too. What is beneath them is not known by number: finding out would mean opening them, so a hard link
    /// made elsewhere to a file in an excluded folder is a file like any other.
    dirs: BTreeMap<(u64, u64), PathBuf>,
}

impl Bounds {
    pub(super) fn of(settings: &FilesSettings) -> Self {
        Self::of_paths(settings.excluded.iter().chain(&settings.own).cloned())
    }

    /// The bounds that these paths make, and those that are never looked at.
    pub(in crate::sensor) fn of_paths(excluded: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut bounds = Self::default();
        let never = paths::never_watched().iter().map(PathBuf::from);
        // Where the mounts cannot be listed there are none to follow.
        let mounts = Mounts::open().and_then(|mut mounts| mounts.list()).unwrap_or_default();
        for path in excluded.into_iter().chain(never) {
            let resolved = resolve(&path);
            bounds.keys.extend(elsewhere(&resolved, &mounts).iter().map(|path| folded(path)));
            let known = stat(&resolved).filter(|stat| stat.inode != 0);
            if let Some(stat) = known.filter(|stat| stat.kind == FileKind::File) {
                bounds.files.insert((stat.device, stat.inode));
            }
            if let Some(stat) = known.filter(|stat| stat.kind == FileKind::Directory) {
                bounds.dirs.insert((stat.device, stat.inode), resolved.clone());
            }
            bounds.keys.insert(folded(&path));
            bounds.keys.insert(folded(&resolved));
            bounds.known.insert(Key::of(&path));
            bounds.known.insert(Key::of(&resolved));
        }

        bounds
    }

    /// Whether this path may be looked at.
    pub(super) fn allow(&self, key: &Key) -> bool {
        self.allow_bytes(key.as_bytes())
    }

    /// As [`allow`](Self::allow), for an absolute path.
    pub(in crate::sensor) fn allow_path(&self, path: &Path) -> bool {
        self.allow(&Key::of(path))
    }

    /// As [`allow`](Self::allow), for the bytes of a key.
    pub(super) fn allow_bytes(&self, key: &[u8]) -> bool {
        !upwards(&paths::folded(key)).any(|above| self.keys.contains(above))
    }

    /// Whether anything beneath this directory is out of bounds by its path.
    pub(super) fn reach_into(&self, dir: &[u8]) -> bool {
        let (first, end) = Key::from_stored(paths::folded(dir).into_owned()).beneath();

        self.keys.range(first..end).next().is_some()
    }

    /// Whether what stands there may be opened: a hard link to an excluded file may not, nor an excluded directory
    /// mounted elsewhere.
    pub(in crate::sensor) fn allow_file(&self, found: &Stat) -> bool {
        let identity = (found.device, found.inode);
        if found.kind != FileKind::Directory {
            return !self.files.contains(&identity);
        }

        // Numbers are given anew: a directory counts only while the excluded one bears that number.
        self.dirs
            .get(&identity)
            .is_none_or(|path| stat(path).is_none_or(|now| (now.device, now.inode) != identity))
    }

    /// Whether the target of the link at `path` may be named.
    pub(super) fn allow_target(&self, path: &Path, target: Vec<u8>) -> bool {
        let Some(target) = paths::from_bytes(target) else {
            return false;
        };
        let full = path.parent().map(|parent| parent.join(&target)).unwrap_or(target);

        self.allow(&Key::of(&full)) && self.allow(&Key::of(&without_detours(&full)))
    }

    /// Every excluded key, to forget what an earlier run may have known of it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.known.iter()
    }
}

fn folded(path: &Path) -> Key {
    Key::from_stored(paths::folded(Key::of(path).as_bytes()).into_owned())
}

/// The other paths under which the same place is mounted.
fn elsewhere(path: &Path, mounts: &[Mount]) -> Vec<PathBuf> {
    let mut standing: Vec<&Mount> = mounts.iter().filter(|mount| path.starts_with(&mount.point)).collect();
    standing.sort_by_key(|mount| mount.point.as_os_str().len());
    let Some(own) = standing.last() else { return Vec::new() };
    let Ok(beneath) = path.strip_prefix(&own.point) else { return Vec::new() };
    let inside = join(&own.part, beneath);

    mounts
        .iter()
        .filter(|other| other.device == own.device && other.id != own.id)
        .filter_map(|other| match inside.strip_prefix(&other.part) {
            Ok(beneath) => Some(join(&other.point, beneath)),
            Err(_) => other.part.starts_with(&inside).then(|| other.point.clone()),
        })
        .collect()
}

/// Joins without a slash at the end where nothing is added.
fn join(above: &Path, beneath: &Path) -> PathBuf {
    if beneath.as_os_str().is_empty() { above.to_owned() } else { above.join(beneath) }
}

/// The path with the links on its existing part resolved.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let mut existing = path.to_owned();
    let mut rest: Vec<OsString> = Vec::new();
    loop {
        if let Ok(mut resolved) = paths::canonical(&existing) {
            resolved.extend(rest.iter().rev());
            return resolved;
        }
        let Some(name) = existing.file_name().map(OsString::from) else {
            return path.to_owned();
        };
        rest.push(name);
        existing.pop();
    }
}

fn without_detours(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                straight.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => straight.push(component),
        }
    }

    straight
}

fn stat(path: &Path) -> Option<Stat> {
    Dir::open(path.parent()?).ok()?.stat(path.file_name()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_under_every_path_that_it_is_mounted_at() {
        let mount = |id, device: &str, part: &str, point: &str| Mount {
            id,
            parent: 1,
            point: point.into(),
            part: part.into(),
            device: device.to_owned(),
            kind: "ext4".to_owned(),
        };
        let mounts = [
            mount(1, "8:1", "/", "/"),
            mount(2, "8:1", "/srv/secret", "/web/a"),
            mount(3, "8:1", "/srv/secret/deep", "/web/b"),
            mount(4, "8:1", "/srv", "/web/c"),
            mount(5, "8:1", "/srv/other", "/web/d"),
            mount(6, "8:2", "/srv/secret", "/web/e"),
        ];

        let found = elsewhere(Path::new("/srv/secret"), &mounts);

        assert_eq!(found, [Path::new("/web/a"), Path::new("/web/b"), Path::new("/web/c/secret")]);
        assert!(elsewhere(Path::new("/srv/none"), &mounts[..2]).is_empty());
    }
}

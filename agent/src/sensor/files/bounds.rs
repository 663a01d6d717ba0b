//! What is never looked at. Exclusions win over everything: the machine's administrator decides, nobody else.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use vonggac_protocol::file::FileKind;

use super::key::{Key, upwards};
use super::settings::FilesSettings;
use crate::os::Stat;
use crate::os::file::Dir;
use crate::os::paths;

/// The excluded paths, as written and as they are once links on the way to them are resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    keys: BTreeSet<Key>,
    /// Excluded regular files by file system and number: another hard link to one is out of bounds too.
    files: BTreeSet<(u64, u64)>,
}

impl Bounds {
    pub(super) fn of(settings: &FilesSettings) -> Self {
        let mut bounds = Self::default();
        let never = paths::never_watched().iter().map(PathBuf::from);
        for path in settings.excluded.iter().chain(&settings.own).cloned().chain(never) {
            let resolved = resolve(&path);
            if let Some(stat) = stat(&resolved)
                && stat.kind == FileKind::File
                && stat.inode != 0
            {
                bounds.files.insert((stat.device, stat.inode));
            }
            bounds.keys.insert(Key::of(&path));
            bounds.keys.insert(Key::of(&resolved));
        }

        bounds
    }

    /// Whether this path may be looked at.
    pub(super) fn allow(&self, key: &Key) -> bool {
        self.allow_bytes(key.as_bytes())
    }

    /// As [`allow`](Self::allow), for the bytes of a key.
    pub(super) fn allow_bytes(&self, key: &[u8]) -> bool {
        !upwards(key).any(|above| self.keys.contains(above))
    }

    /// Whether anything beneath this directory is out of bounds by its path.
    pub(super) fn reach_into(&self, dir: &[u8]) -> bool {
        let (first, end) = Key::from_stored(dir.to_vec()).beneath();

        self.keys.range(first..end).next().is_some()
    }

    /// Whether what stands there may be opened: a hard link to an excluded file may not.
    pub(super) fn allow_file(&self, stat: &Stat) -> bool {
        self.files.is_empty() || !self.files.contains(&(stat.device, stat.inode))
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
        self.keys.iter()
    }
}

/// The path with the links on its existing part resolved.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let mut existing = path.to_owned();
    let mut rest: Vec<OsString> = Vec::new();
    loop {
        if let Ok(mut resolved) = std::fs::canonicalize(&existing) {
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

//! Paths in the order of a walk.

use std::path::{Path, PathBuf};

use vonggac_protocol::path::HostPath;

use crate::os::paths;

/// The raw bytes of an absolute path with every separator written as the byte 0, which no path contains. Their order is
/// the order of a walk that lists each directory sorted: a directory, then all that is in it, then its next sibling.
/// The root of the file system is the empty key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key(Vec<u8>);

const SEPARATOR: u8 = 0;

impl Key {
    pub(super) fn of(path: &Path) -> Self {
        let mut bytes = paths::to_bytes(path);
        for byte in &mut bytes {
            if *byte == paths::SEPARATOR {
                *byte = SEPARATOR;
            }
        }
        while bytes.last() == Some(&SEPARATOR) {
            bytes.pop();
        }

        Self(bytes)
    }

    /// Of a path as it is told.
    pub(super) fn of_host_path(path: &HostPath) -> Self {
        let bytes = path.to_bytes();

        match paths::from_bytes(bytes.clone()) {
            Some(path) => Self::of(&path),
            None => Self(bytes),
        }
    }

    pub(super) fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn path_bytes(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return vec![paths::SEPARATOR];
        }

        self.0.iter().map(|&byte| if byte == SEPARATOR { paths::SEPARATOR } else { byte }).collect()
    }

    /// The path it was made of; `None` only for stored bytes that are no path of this system.
    pub(super) fn path(&self) -> Option<PathBuf> {
        paths::from_bytes(self.path_bytes())
    }

    pub(super) fn host_path(&self) -> HostPath {
        HostPath::from_bytes(&self.path_bytes())
    }

    /// Everything beneath it lies in `first..end`; it itself does not.
    pub(super) fn beneath(&self) -> (Self, Self) {
        let with = |last: u8| {
            let mut bytes = self.0.clone();
            bytes.push(last);
            Self(bytes)
        };

        (with(SEPARATOR), with(SEPARATOR + 1))
    }

    /// The first key behind it.
    pub(super) fn successor(&self) -> Self {
        let mut bytes = self.0.clone();
        bytes.push(0);

        Self(bytes)
    }

    /// Whether it is `other` or lies beneath it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0
            .strip_prefix(other.0.as_slice())
            .is_some_and(|rest| matches!(rest.first(), None | Some(&SEPARATOR)))
    }

    /// Itself and every directory above it, the nearest first.
    pub(super) fn upwards(&self) -> impl Iterator<Item = &[u8]> {
        upwards(&self.0)
    }
}

/// As [`Key::upwards`], for the bytes of a key.
pub(super) fn upwards(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = std::iter::once(key.len())
        .chain(key.iter().enumerate().rev().filter(|(_, byte)| **byte == SEPARATOR).map(|(at, _)| at));

    ends.map(|end| &key[..end])
}

impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_right_before_what_is_in_it() {
        let mut keys: Vec<Key> =
            ["/a-b", "/a/c", "/a", "/a.b/x", "/a/c/d", "/b"].map(|p| Key::of(Path::new(p))).into();

        keys.sort();

        let paths: Vec<PathBuf> = keys.iter().filter_map(Key::path).collect();
        assert_eq!(paths, ["/a", "/a/c", "/a/c/d", "/a-b", "/a.b/x", "/b"].map(PathBuf::from));
    }

    #[test]
    fn beneath_means_in_the_directory_and_not_beside_it() {
        let dir = Key::of(Path::new("/srv/www"));
        let (first, end) = dir.beneath();
        let inside = Key::of(Path::new("/srv/www/a"));
        let beside = Key::of(Path::new("/srv/www-old/a"));

        assert!((&first..&end).contains(&&inside) && inside.is_within(&dir));
        assert!(!(&first..&end).contains(&&beside) && !beside.is_within(&dir));
        assert!(!(&first..&end).contains(&&dir) && dir.is_within(&dir));
        assert!(inside.is_within(&Key::of(Path::new("/"))));
    }

    #[test]
    fn upwards_ends_at_the_root_of_the_file_system() {
        let key = Key::of(Path::new("/a/b"));

        let found: Vec<&[u8]> = key.upwards().collect();

        assert_eq!(found, [b"\0a\0b".as_slice(), b"\0a", b""]);
    }
}

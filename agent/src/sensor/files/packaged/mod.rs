//! What the package manager's own database says of a path.
//!
//! | module | subject |
//! |---|---|
//! | `index` | who owns a path, on disk |
//! | `dpkg` | reading dpkg's records into the index |
//! | `verdict` | whether a path is as its package brought it; pure |
//!
//! dpkg records MD5. It recognises here what a package brought; it is never evidence, that is SHA-256. Whoever can write
//! to the database can also make it agree with a changed file, so the database itself is watched
//! (docs/decisions/0018).

mod dpkg;
mod index;
mod verdict;

use std::path::PathBuf;

use anyhow::Result;

pub(super) use self::index::{Md5, Owner};
pub(super) use self::verdict::judge;

use self::index::Index;
use super::key::Key;
use super::settings::FilesSettings;

/// Directories of `/` beneath which packages put files.
const GROUNDS: [&[u8]; 11] =
    [b"bin", b"boot", b"etc", b"lib", b"lib32", b"lib64", b"libx32", b"opt", b"sbin", b"usr", b"var"];

/// The database of one system.
#[derive(Debug)]
pub(super) struct Packaged {
    root: PathBuf,
    root_key: Key,
    index_path: PathBuf,
    index: Option<Index>,
    /// The last attempt failed; said once.
    is_failing: bool,
}

impl Packaged {
    pub(super) fn new(settings: &FilesSettings) -> Self {
        Self {
            root_key: Key::of(&settings.package_root),
            root: settings.package_root.clone(),
            index_path: settings.baseline_path.with_file_name("packaged.db"),
            index: None,
            is_failing: false,
        }
    }

    /// Who owns a path; nobody where the database cannot be read, which is logged and no reason to stop.
    pub(super) fn owners(&mut self, key: &Key) -> Vec<Owner> {
        let Some(path) = self.relative(key) else { return Vec::new() };
        let found = self.refresh().and_then(|()| match &self.index {
            Some(index) => index.owners(&path),
            None => Ok(Vec::new()),
        });

        self.or_nothing(found)
    }

    /// Reads the package manager's database anew if it changed.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let Some(stamp) = dpkg::stamp(&self.root) else { return Ok(()) };
        let index = match &mut self.index {
            Some(index) => index,
            none => none.insert(Index::open(&self.index_path)?),
        };
        if index.stamp()?.as_ref() != Some(&stamp) {
            dpkg::read(index, &self.root, &stamp)?;
        }

        Ok(())
    }

    /// The path as the package manager knows it, if packages put files there.
    fn relative(&self, key: &Key) -> Option<Vec<u8>> {
        let rest =
            key.is_within(&self.root_key).then(|| &key.as_bytes()[self.root_key.as_bytes().len()..])?;
        let first = rest.get(1..)?.split(|byte| *byte == 0).next()?;

        GROUNDS
            .contains(&first)
            .then(|| rest.iter().map(|&byte| if byte == 0 { b'/' } else { byte }).collect())
    }

    fn or_nothing<T: Default>(&mut self, found: Result<T>) -> T {
        match found {
            Ok(found) => {
                self.is_failing = false;
                found
            }
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(error = %format!("{error:#}"), "Package database could not be read");
                }
                self.is_failing = true;
                self.index = None;
                T::default()
            }
        }
    }
}

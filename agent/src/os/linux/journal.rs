//! The change journal of a volume. Not available: no file system of Linux keeps one that we could read.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use crate::ntfs::usn::{Journal, Page};

/// A volume whose journal can be read; never there.
#[derive(Debug)]
pub struct Volume(Infallible);

impl Volume {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always.
    pub fn of(_path: &Path) -> io::Result<(u64, Self)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn journal(&self) -> io::Result<Journal> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn read(&self, _journal: &Journal, _from: i64) -> io::Result<Page> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn directory(&self, _number: u128) -> io::Result<PathBuf> {
        match self.0 {}
    }
}

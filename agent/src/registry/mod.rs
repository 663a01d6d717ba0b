//! The registry of Windows as sensors read it: through a face that the system, or a tree in memory, stands behind.
//!
//! | file | subject |
//! |---|---|
//! | [`value`] | what the bytes of a value say: texts, numbers, days, packed identifiers; pure |
//! | [`tree`] | a registry in memory, read from the text of an export: what tests and fuzz targets read |
//!
//! Names and texts that hold halves of surrogate pairs are shown with U+FFFD; a key with such a name is read all the same.

pub mod tree;
pub mod value;

use std::ffi::{OsStr, OsString};
use std::io;
use std::time::SystemTime;

use crate::os::{RegistryRoot, RegistryValue, RegistryView, registry};

/// A registry.
pub trait Registry {
    /// The key at this path.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none, `Unsupported` where there is no registry; if the system refuses.
    fn open(&self, root: RegistryRoot, path: &str, view: RegistryView) -> io::Result<Box<dyn Branch + '_>>;
}

/// An open key.
pub trait Branch {
    /// The names of the keys below.
    ///
    /// # Errors
    /// If the system refuses.
    fn subkeys(&self) -> io::Result<Vec<OsString>>;

    /// A key below.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none; if the system refuses.
    fn subkey(&self, name: &OsStr) -> io::Result<Box<dyn Branch + '_>>;

    /// A value; `None` if there is no such name.
    ///
    /// # Errors
    /// If the system refuses.
    fn value(&self, name: &str) -> io::Result<Option<RegistryValue>>;

    /// When the key was written last.
    ///
    /// # Errors
    /// If the system refuses.
    fn written_at(&self) -> io::Result<SystemTime>;
}

/// The registry of this machine; there is none but on Windows.
#[derive(Clone, Copy, Debug)]
pub struct OfThisMachine;

impl Registry for OfThisMachine {
    fn open(&self, root: RegistryRoot, path: &str, view: RegistryView) -> io::Result<Box<dyn Branch + '_>> {
        Ok(Box::new(registry::Key::open(root, path, view)?))
    }
}

impl Branch for registry::Key {
    fn subkeys(&self) -> io::Result<Vec<OsString>> {
        Self::subkeys(self)
    }

    fn subkey(&self, name: &OsStr) -> io::Result<Box<dyn Branch + '_>> {
        Ok(Box::new(Self::subkey(self, name)?))
    }

    fn value(&self, name: &str) -> io::Result<Option<RegistryValue>> {
        Self::value(self, OsStr::new(name))
    }

    fn written_at(&self) -> io::Result<SystemTime> {
        Self::written_at(self)
    }
}

/// A key, or `None` where there is none: neither the key nor a registry.
///
/// # Errors
/// If the system refuses.
pub fn open_if_there<'r>(
    registry: &'r dyn Registry,
    root: RegistryRoot,
    path: &str,
    view: RegistryView,
) -> io::Result<Option<Box<dyn Branch + 'r>>> {
    match registry.open(root, path, view) {
        Ok(branch) => Ok(Some(branch)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The text of a value; `None` if it is not there, cannot be read, is no text or holds nothing.
#[must_use]
pub fn text(branch: &dyn Branch, name: &str) -> Option<String> {
    value::text(&branch.value(name).ok()??)
}

/// The number of a value; `None` if it is not there, cannot be read or is no number.
#[must_use]
pub fn number(branch: &dyn Branch, name: &str) -> Option<u64> {
    value::number(&branch.value(name).ok()??)
}

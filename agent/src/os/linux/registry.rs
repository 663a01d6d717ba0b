//! The registry of Windows. This system has none.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::time::{Duration, SystemTime};

use crate::os::{RegistryRoot, RegistryValue, RegistryView};

/// A key that is open for reading; never there.
#[derive(Debug)]
pub struct Key(Infallible);

impl Key {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always, of kind `Unsupported`.
    pub fn open(_root: RegistryRoot, _path: &str, _view: RegistryView) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn subkey(&self, _name: &OsStr) -> io::Result<Self> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn subkeys(&self) -> io::Result<Vec<OsString>> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn values(&self) -> io::Result<Vec<(OsString, RegistryValue)>> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn value(&self, _name: &OsStr) -> io::Result<Option<RegistryValue>> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn written_at(&self) -> io::Result<SystemTime> {
        match self.0 {}
    }
}

/// Notices of changes of keys; never there.
#[derive(Debug)]
pub struct Watch(Infallible);

impl Watch {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always, of kind `Unsupported`.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn add(&mut self, _key: Key, _is_deep: bool) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn wait(&self, _at_most: Duration) -> io::Result<Option<usize>> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn waker(&self) -> io::Result<Waker> {
        match self.0 {}
    }
}

/// Ends a wait; never there.
#[derive(Debug)]
pub struct Waker(Infallible);

impl Waker {
    /// Cannot be reached.
    pub fn wake(&self) {
        match self.0 {}
    }
}

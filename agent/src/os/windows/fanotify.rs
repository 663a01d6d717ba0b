//! Notices of whole file systems. Not available: the change journal of Windows would be its counterpart, and names no
//! process.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mounts::Mounts;

/// A file or directory as the kernel names it; never there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Handle(Infallible);

impl Handle {
    /// Cannot be reached.
    #[must_use]
    pub fn file_system(&self) -> FileSystemId {
        match self.0 {}
    }
}

/// How file systems are told apart; never there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileSystemId(Infallible);

/// What happened to a name; never there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct What(Infallible);

impl What {
    /// Cannot be reached.
    #[must_use]
    pub fn is_directory(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_move(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_arrival(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_removal(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_change(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_written(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_run(self) -> bool {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn is_notice(self) -> bool {
        match self.0 {}
    }
}

/// What is asked of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Every change of a name, and programs that are run.
    Changes,
    /// Programs that are run, only.
    Programs,
}

/// One notice; never there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Raw<'a> {
    /// The queue ran over.
    Overflow,
    /// Something happened to a name in a directory.
    Named {
        /// What.
        what: What,
        /// Process that did it.
        process: u32,
        /// The directory.
        dir: &'a Handle,
        /// The name.
        name: &'a OsStr,
        /// What stands there.
        target: Option<&'a Handle>,
    },
}

/// Wakes nobody.
#[derive(Debug)]
pub struct Waker(());

impl Waker {
    /// Makes one for nobody.
    ///
    /// # Errors
    /// Never.
    pub fn new() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Wakes nobody.
    pub fn wake(&self) {}
}

/// Never there.
#[derive(Debug)]
pub struct FileSystemWatch(Infallible);

impl FileSystemWatch {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn backlog(&self) -> io::Result<Backlog> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn mark(&self, _path: &Path, _wish: Wish) -> io::Result<()> {
        match self.0 {}
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn read(&mut self, _take: &mut dyn FnMut(Raw<'_>)) -> io::Result<bool> {
        match self.0 {}
    }
}

/// What waits in a queue; never there.
#[derive(Debug)]
pub struct Backlog(Infallible);

impl Backlog {
    /// Cannot be reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.0 {}
    }
}

/// Says that there is nothing to wait for.
///
/// # Errors
/// Always.
pub fn wait(
    _watch: Option<&FileSystemWatch>,
    _mounts: &Mounts,
    _waker: &Waker,
    _at_most: Option<Duration>,
) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never.
#[must_use]
pub fn resolve(_handle: &Handle, _mount: &Path) -> Option<PathBuf> {
    None
}

/// Never.
#[must_use]
pub fn handle_of(_path: &Path) -> Option<(Handle, u64)> {
    None
}

/// Never.
#[must_use]
pub fn file_system_of(_path: &Path) -> Option<FileSystemId> {
    None
}

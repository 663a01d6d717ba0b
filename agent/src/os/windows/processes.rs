//! What processes do. Not available: Windows tells this through event tracing, which nothing here reads yet.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

/// Something a process did; never there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessEvent {
    /// When, by [`steady_ns`].
    pub at_ns: u64,
    /// Which process.
    pub process: u32,
    /// What.
    pub deed: Deed,
}

/// What a process did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It came to be, as a copy of another.
    Forked {
        /// The other.
        parent: u32,
    },
    /// It runs another program.
    Ran,
    /// It acts as this user.
    BecameUser(u32),
    /// One of its threads acts as another user than the rest of it.
    IsSeveralUsers,
    /// It ended.
    Ended,
}

/// What a look at the queue gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// There may be more.
    Some,
    /// There is nothing at this moment.
    Nothing,
    /// Events were lost.
    Lost,
}

/// Never there.
#[derive(Debug)]
pub struct ProcessEvents(Infallible);

impl ProcessEvents {
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
    pub fn read(&mut self, _take: &mut dyn FnMut(ProcessEvent)) -> io::Result<Taken> {
        match self.0 {}
    }
}

/// Always the beginning: there is nothing to compare it with.
#[must_use]
pub fn steady_ns() -> u64 {
    0
}

/// None.
#[must_use]
pub fn all() -> Vec<u32> {
    Vec::new()
}

/// Not said.
#[must_use]
pub fn program(_process: u32) -> Option<PathBuf> {
    None
}

/// Not said.
#[must_use]
pub fn user(_process: u32) -> Option<u32> {
    None
}

/// Not said.
#[must_use]
pub fn session(_process: u32) -> Option<u32> {
    None
}

//! Who holds a record lock on a file: not available on this system, whose package managers are not read yet.

use std::io;
use std::path::{Path, PathBuf};

/// The process that holds a lock on this file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its number; `None` if it is of another machine or container.
    pub process: Option<u32>,
    /// Its program, if the system shows it.
    pub program: Option<PathBuf>,
}

/// Who holds a lock on it; `None` if nobody does.
///
/// # Errors
/// Always: not available on this system.
pub fn holder(_: &Path) -> io::Result<Option<Holder>> {
    Err(io::ErrorKind::Unsupported.into())
}

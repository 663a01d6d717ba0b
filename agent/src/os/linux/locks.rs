//! Who holds a record lock on a file (`fcntl(2)`), without waiting and without taking it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Flock, FlockType, fcntl_getlk};

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
/// If the file is not there or out of reach.
pub fn holder(path: &Path) -> io::Result<Option<Holder>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let held = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?;

    Ok(held.map(|lock| {
        let process = lock.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        let program = process.and_then(|number| std::fs::read_link(format!("/proc/{number}/exe")).ok());
        Holder { process, program }
    }))
}

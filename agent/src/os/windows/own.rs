//! What our own process uses.

use std::io;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::os::OwnUse;

/// What our own process uses at this moment.
///
/// # Errors
/// If the system does not say.
pub fn used() -> io::Result<OwnUse> {
    let unknown = || io::Error::from(io::ErrorKind::NotFound);
    let own = sysinfo::get_current_pid().map_err(|_| unknown())?;
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, what);
    let process = system.process(own).ok_or_else(unknown)?;

    Ok(OwnUse { memory_bytes: process.memory(), processor_ms: process.accumulated_cpu_time() })
}

/// No safe library gives a thread's processor time on this system: time goes by instead, so that a scan rests more
/// than it must.
#[must_use]
pub fn thread_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(crate::clock::instant);

    START.elapsed()
}

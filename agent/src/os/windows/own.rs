//! What our own process uses.

#![expect(unsafe_code, reason = "no safe library gives a thread's processor time")]

use std::io;
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Threading::{GetCurrentThread, GetThreadTimes};

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

/// Processor time that the calling thread has used so far.
#[must_use]
pub fn thread_time() -> Duration {
    let nothing = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let [mut begun, mut ended, mut system, mut user] = [nothing; 4];
    // SAFETY: the handle stands for the calling thread and need not be closed; the four times outlive the call.
    unsafe {
        GetThreadTimes(GetCurrentThread(), &raw mut begun, &raw mut ended, &raw mut system, &raw mut user);
    }
    // Counts of 100 nanoseconds; nothing at all if the system did not say.
    let ticks = |time: FILETIME| (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);

    Duration::from_nanos(ticks(system).saturating_add(ticks(user)).saturating_mul(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_this_process_some_memory() {
        let before = thread_time();
        let until = crate::clock::instant() + Duration::from_millis(200);
        while crate::clock::instant() < until {
            std::hint::spin_loop();
        }

        assert!(thread_time() > before);
        assert!(used().unwrap().memory_bytes > 100_000);
    }
}

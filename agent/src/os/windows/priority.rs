//! Stepping behind everybody else.
#![expect(unsafe_code, reason = "no safe library sets the priority of a thread")]

use windows_sys::Win32::System::Threading::{
    GetCurrentThread, SetThreadPriority, THREAD_MODE_BACKGROUND_BEGIN, THREAD_PRIORITY_IDLE,
};

use crate::os::Protection;

/// Gives the calling thread the lowest priority for processor, disk and memory; where the system knows no background, for
/// the processor alone.
pub fn lower_this_thread() -> Protection {
    // SAFETY: the handle stands for the calling thread and need not be closed; both calls take integers.
    let background = unsafe { SetThreadPriority(GetCurrentThread(), THREAD_MODE_BACKGROUND_BEGIN) };
    if background != 0 {
        return Protection::InForce;
    }
    // SAFETY: as above.
    let idle = unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_IDLE) };

    if idle == 0 { Protection::NotAvailable } else { Protection::InForce }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_steps_behind_the_others() {
        let lowered = std::thread::spawn(lower_this_thread);

        assert_eq!(lowered.join().unwrap(), Protection::InForce);
    }
}

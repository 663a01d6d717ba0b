//! Stepping behind everybody else.
#![expect(unsafe_code, reason = "no safe library sets the disk priority of a thread")]

use std::ffi::c_int;

use crate::os::Protection;

/// `IOPRIO_WHO_PROCESS` of ioprio_set(2): one thread.
const ONE_THREAD: c_int = 1;

/// `IOPRIO_CLASS_IDLE`, in its place above the level: the disk serves us when nobody else wants it.
const IDLE: c_int = 3 << 13;

/// Gives the calling thread the lowest processor priority and the idle class of the disk, where the disk's scheduler
/// knows classes (bfq does; `none` and mq-deadline of older kernels do not).
pub fn lower_this_thread() -> Protection {
    // Linux keeps the value per thread, and "nobody named" is the calling thread.
    let processor = rustix::process::setpriority_process(None, 19).is_ok();
    // SAFETY: ioprio_set(2) takes three integers and touches no memory of ours; 0 is the calling thread.
    let disk = unsafe { libc::syscall(libc::SYS_ioprio_set, ONE_THREAD, 0, IDLE) } == 0;
    if processor && disk { Protection::InForce } else { Protection::NotAvailable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_steps_behind_the_others_alone() {
        let read = || {
            // SAFETY: ioprio_get(2) takes two integers and touches no memory of ours; 0 is the calling thread.
            let disk = unsafe { libc::syscall(libc::SYS_ioprio_get, ONE_THREAD, 0) };
            (rustix::process::getpriority_process(None).unwrap(), disk)
        };
        let before = read();

        let lowered = std::thread::spawn(move || {
            assert_eq!(lower_this_thread(), Protection::InForce);
            read()
        });

        assert_eq!(lowered.join().unwrap(), (19, i64::from(IDLE)));
        assert_eq!(read(), before);
    }
}

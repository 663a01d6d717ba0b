//! Stepping behind everybody else.

use crate::os::Protection;

/// Gives the calling thread the lowest processor priority. Disk priority follows from it (best effort, level 7);
/// the idle class would need a system call that no safe library offers, the service file may set it.
pub fn lower_this_thread() -> Protection {
    // Linux keeps the value per thread, and "nobody named" is the calling thread.
    match rustix::process::setpriority_process(None, 19) {
        Ok(()) => Protection::InForce,
        Err(_) => Protection::NotAvailable,
    }
}

//! Stepping behind everybody else.

use crate::os::Protection;

/// Not available here without a binding to the system: changes nothing and says so.
pub fn lower_this_thread() -> Protection {
    Protection::NotAvailable
}

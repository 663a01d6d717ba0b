//! What an installer or an administrator left for us. On Linux nothing: the package starts no service before
//! `vonggac-agent enrol …` was run, and Ansible runs just that.

use std::io;

use crate::os::{LeftBy, LeftString};

/// Whether a service of this system waits for its identity, instead of being started once there is one.
pub const WAITS: bool = false;

/// The enrolment strings that were left, the one to try first in front.
///
/// # Errors
/// Never.
pub fn left_strings() -> io::Result<Vec<LeftString>> {
    Ok(Vec::new())
}

/// Removes a string that has done its work.
///
/// # Errors
/// Never.
pub fn used(_by: LeftBy) -> io::Result<()> {
    Ok(())
}

/// Removes everything that was left for us.
///
/// # Errors
/// Never.
pub fn forget() -> io::Result<()> {
    Ok(())
}

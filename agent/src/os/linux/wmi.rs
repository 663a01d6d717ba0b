//! Management data of Windows. This system has none.

use vonggac_protocol::posture::Unknown;

use crate::os::told::{Instance, not_available};

/// Whether this system has management data at all.
pub const AVAILABLE: bool = false;

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn ask(_namespace: &str, _class: &str, _properties: &[&str]) -> Result<Vec<Instance>, Unknown> {
    Err(not_available())
}

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn ask_where(
    _namespace: &str,
    _class: &str,
    _condition: &str,
    _properties: &[&str],
) -> Result<Vec<Instance>, Unknown> {
    Err(not_available())
}

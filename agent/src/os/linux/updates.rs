//! Windows Update. This system has none; its package managers are read by a sensor.

use vonggac_protocol::posture::Unknown;

use crate::os::told::{AskWhom, PastUpdate, UpdaterAnswer, UpdaterResults, not_available};

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn search(_whom: &AskWhom) -> Result<UpdaterAnswer, Unknown> {
    Err(not_available())
}

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn history() -> Result<Vec<PastUpdate>, Unknown> {
    Err(not_available())
}

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn results() -> Result<UpdaterResults, Unknown> {
    Err(not_available())
}

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn restart_required() -> Result<bool, Unknown> {
    Err(not_available())
}

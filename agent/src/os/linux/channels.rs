//! Channels of the event log of Windows. This system has none.

use vonggac_protocol::posture::Unknown;
use vonggac_protocol::time::Timestamp;

use crate::os::told::not_available;

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn newest(_channel: &str, _event: u32) -> Result<Option<Timestamp>, Unknown> {
    Err(not_available())
}

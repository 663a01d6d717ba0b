//! The parts of the agent that each watch one kind of thing and hand values to `run.rs`. None knows the spool, the
//! link or another sensor.

pub mod activation;
pub mod deb822;
pub mod files;
pub mod health;
pub mod host;
pub mod licences;
pub mod packages;
pub mod patches;
pub mod posture;
pub mod records;
pub(crate) mod within;

use std::time::{SystemTime, UNIX_EPOCH};

use vonggac_protocol::time::Timestamp;

/// A time of the file system as we write moments; `None` outside what 64 bits of milliseconds can say.
pub(crate) fn moment(time: SystemTime) -> Option<Timestamp> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).ok().map(Timestamp),
        Err(before) => i64::try_from(before.duration().as_millis()).ok().map(|millis| Timestamp(-millis)),
    }
}

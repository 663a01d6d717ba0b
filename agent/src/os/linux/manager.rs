//! The service manager's entry for us. On Linux the package brings it: systemd's unit, `systemctl` to use it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::os::{ServiceEntry, ServiceSeen};

/// Whether this program can make its own entry.
pub const AVAILABLE: bool = false;

/// In what [`settle`] returns: our folder is in the hands of another account.
pub const FOLDER: &str = "folder";

/// Makes an entry.
///
/// # Errors
/// Always: the package brings it.
pub fn install(_arguments: &[OsString]) -> io::Result<ServiceEntry> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes the entry.
///
/// # Errors
/// Always: the package removes it.
pub fn uninstall(_program_stays: bool) -> io::Result<Vec<PathBuf>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Starts the service.
///
/// # Errors
/// Always: systemd does that.
pub fn start() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Stops the service.
///
/// # Errors
/// Always: systemd does that.
pub fn stop() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How the service fares.
///
/// # Errors
/// Always: systemd knows that.
pub fn seen() -> io::Result<Option<ServiceSeen>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Brings the entry to how it should be; nothing to do here.
#[must_use]
pub fn settle() -> Vec<(&'static str, i32)> {
    Vec::new()
}

//! Free space.

use std::io;
use std::path::Path;

/// Bytes that we may still write where `path` lies.
///
/// # Errors
/// If the file system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;

    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

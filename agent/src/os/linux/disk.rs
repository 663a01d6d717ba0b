//! Free space, and names that survive a power cut.

use std::io;
use std::path::Path;

/// Makes names that were made in or moved into a folder survive a power cut.
///
/// # Errors
/// As opening or syncing the folder.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Bytes that we may still write where `path` lies.
///
/// # Errors
/// If the file system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;

    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

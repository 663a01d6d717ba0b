//! Free space, room taken in advance, and names that survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// Makes names that were made in or moved into a folder survive a power cut.
///
/// # Errors
/// As opening or syncing the folder.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Moves a file or folder, in place of a file that stands there.
///
/// # Errors
/// If the disk refuses.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes a file.
///
/// # Errors
/// If the disk refuses.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Bytes that we may still write where `path` lies.
///
/// # Errors
/// If the file system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;

    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes a file longer by so many zeros for which the disk has room, from `from` on; says whether this file system can.
///
/// # Errors
/// If there is no room.
pub fn take_room(file: &File, from: u64, bytes: u64) -> io::Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), from, bytes)) {
        Ok(()) => Ok(true),
        // Some file systems cannot, and what is not a regular file cannot.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NODEV | Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

//! Free space, room taken in advance, and names that survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes names that were made in or moved into a folder survive a power cut: NTFS keeps names in its own journal,
/// and a folder cannot be opened as a file.
///
/// # Errors
/// None on this system.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Bytes that we may still write where `path` lies.
///
/// # Errors
/// If no disk carries the path.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disks = sysinfo::Disks::new_with_refreshed_list();
    let carrier = disks
        .list()
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());

    carrier.map(sysinfo::Disk::available_space).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Makes a file longer by zeros for which the disk has room; not available on this system, so files grow as they are
/// written.
///
/// # Errors
/// None on this system.
pub fn take_room(_file: &File, _from: u64, _bytes: u64) -> io::Result<bool> {
    Ok(false)
}

//! Free space.

use std::io;
use std::path::Path;

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

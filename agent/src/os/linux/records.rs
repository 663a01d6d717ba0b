//! Where the system keeps its own records, and how they are opened: plain files only, no link followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::file::Dir;

/// Whether records of this system can be read at all.
pub const AVAILABLE: bool = true;

/// Opens a plain file for reading.
///
/// # Errors
/// If it is missing, no plain file, behind a link or out of reach.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name: &OsStr = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let file = Dir::open(folder)?.open_file(name)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }

    Ok(file)
}

/// Reads from a place of a file; nothing moves.
///
/// # Errors
/// As the system.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(buffer, at)
}

/// What stays with a file over renames.
///
/// # Errors
/// As the system.
pub fn number_of(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.ino())
}

/// What stays with the file at a path over renames; nothing is opened.
///
/// # Errors
/// As the system.
pub fn number_at(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.ino())
}

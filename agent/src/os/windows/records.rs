//! The system's own records: not available here yet. Windows keeps them in its event log, which is not read.

use std::fs::File;
use std::io;
use std::path::Path;

/// Whether records of this system can be read at all.
pub const AVAILABLE: bool = false;

/// Opens a plain file for reading.
///
/// # Errors
/// Always: not available.
pub fn open_plain(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads from a place of a file.
///
/// # Errors
/// Always: not available.
pub fn read_at(_file: &File, _buffer: &mut [u8], _at: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What stays with a file over renames.
///
/// # Errors
/// Always: not available.
pub fn number_of(_file: &File) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What stays with the file at a path over renames.
///
/// # Errors
/// Always: not available.
pub fn number_at(_path: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

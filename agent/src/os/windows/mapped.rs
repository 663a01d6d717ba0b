//! Which processes run code of files that are no longer on the disk: not read here yet.

use std::io;
use std::path::Path;

use crate::os::MappedSeen;

/// Windows does not let files be replaced while they run.
///
/// # Errors
/// Always: it is not read here yet.
pub fn deleted_code(_is_excluded: &dyn Fn(&Path) -> bool) -> io::Result<MappedSeen> {
    Err(io::ErrorKind::Unsupported.into())
}

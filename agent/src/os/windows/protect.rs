//! Keeping a file to its owner. Access lists need more than std: nothing is protected here yet, and says so.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::os::Protection;

/// Makes a new file; who may read it follows from its folder.
///
/// # Errors
/// If it exists already or cannot be made.
pub fn create_private(path: &Path) -> io::Result<(File, Protection)> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;

    Ok((file, Protection::NotAvailable))
}

/// Makes a directory, and those above it; who may enter follows from the folder above.
///
/// # Errors
/// If it cannot be made.
pub fn create_private_dir(path: &Path) -> io::Result<Protection> {
    std::fs::create_dir_all(path)?;

    Ok(Protection::NotAvailable)
}

/// Changes nothing and says so.
///
/// # Errors
/// If the file is missing.
pub fn restrict_to_owner(path: &Path) -> io::Result<Protection> {
    std::fs::symlink_metadata(path)?;

    Ok(Protection::NotAvailable)
}

/// Cannot be told here: `None`.
///
/// # Errors
/// If the file is missing.
pub fn is_only_owners(path: &Path) -> io::Result<Option<bool>> {
    std::fs::symlink_metadata(path)?;

    Ok(None)
}

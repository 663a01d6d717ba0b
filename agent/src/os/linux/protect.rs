//! Keeping a file to its owner.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::os::Protection;

/// Makes a new file that only its owner may read and write; it never exists with wider rights.
///
/// # Errors
/// If it exists already (a link counts as existing) or cannot be made.
pub fn create_private(path: &Path) -> io::Result<(File, Protection)> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;

    Ok((file, Protection::InForce))
}

/// Makes a directory, and those above it, that only its owner may enter; one that exists is narrowed.
///
/// # Errors
/// If it cannot be made or narrowed.
pub fn create_private_dir(path: &Path) -> io::Result<Protection> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;

    restrict_to_owner(path)
}

/// Takes every right to a file or directory from everybody but its owner.
///
/// # Errors
/// If it is missing or not ours.
pub fn restrict_to_owner(path: &Path) -> io::Result<Protection> {
    let mode = std::fs::symlink_metadata(path)?.mode() & 0o700;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;

    Ok(Protection::InForce)
}

/// Whether nobody but its owner has any right to it; `None` where this cannot be told.
///
/// # Errors
/// If it is missing or out of reach.
pub fn is_only_owners(path: &Path) -> io::Result<Option<bool>> {
    Ok(Some(std::fs::symlink_metadata(path)?.mode() & 0o077 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_its_owners_from_the_start_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");

        let (_file, protection) = create_private(&path).unwrap();

        assert_eq!(protection, Protection::InForce);
        assert_eq!(is_only_owners(&path).unwrap(), Some(true));
        assert!(create_private(&path).is_err());
    }

    #[test]
    fn a_file_open_to_others_is_seen_and_narrowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(is_only_owners(&path).unwrap(), Some(false));

        let protection = restrict_to_owner(&path).unwrap();

        assert_eq!(protection, Protection::InForce);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}

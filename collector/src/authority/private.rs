//! Files that only we may read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};

/// Makes a folder that only we may enter.
///
/// # Errors
/// If it cannot be made.
pub fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make the folder {}", dir.display()))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("close the folder {} to others", dir.display()))?;

    Ok(())
}

/// Writes a new file that only we may read.
///
/// # Errors
/// If it is there already or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("make the file {}", path.display()))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {}", path.display()))?;

    Ok(())
}

/// Reads a file that only we may read.
///
/// # Errors
/// If it cannot be read, or others may read it too.
pub fn read_private(path: &Path) -> anyhow::Result<String> {
    let mode =
        fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("others may read {}: its mode is {:03o}, expected 600", path.display(), mode & 0o777);
    }

    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Writes a file whole, for us alone: beside its place, then moved there; what stood stays until then.
///
/// # Errors
/// If it cannot be written.
pub(super) fn replace_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", beside.display()));
        }
        Ok(()) | Err(_) => {}
    }
    write_private(&beside, content)?;
    fs::rename(&beside, path).with_context(|| format!("put {} in its place", path.display()))?;

    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes names that were made in, moved into or removed from a folder survive a power cut.
///
/// # Errors
/// As opening or syncing the folder.
pub(super) fn sync_dir(dir: &Path) -> anyhow::Result<()> {
    fs::File::open(dir)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("keep the folder {}", dir.display()))
}

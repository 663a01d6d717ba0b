//! Small files of the state folder, written whole or not at all, for nobody else's eyes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use crate::os::disk::{self, sync_dir};
use crate::os::protect;
use crate::print::Message;

/// Writes a file whole: beside its place, then moved there; what stood stays until then.
///
/// # Errors
/// If the disk refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    remove_file(&unfinished)?;
    write_new(&unfinished, bytes)?;
    disk::rename(&unfinished, path)?;

    path.parent().map_or(Ok(()), sync_dir)
}

/// Like [`write_whole`], for a view that is written anew all the time: does not wait for the disk, since after a power
/// cut nobody needs the last one.
///
/// # Errors
/// If the disk refuses.
pub fn write_view(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    remove_file(&unfinished)?;
    let (mut file, _protection) = protect::create_private(&unfinished)?;
    file.write_all(bytes)?;

    disk::rename(&unfinished, path)
}

/// Writes a file that is not there yet, and waits for the disk.
///
/// # Errors
/// If it is there, or the disk refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut file, _protection) = protect::create_private(path)?;
    file.write_all(bytes)?;

    file.sync_all()
}

/// Opens a file to write at its end; begins it if it is not there.
///
/// # Errors
/// As opening it.
pub fn append(path: &Path) -> io::Result<File> {
    if !path.exists() {
        let (_file, _protection) = protect::create_private(path)?;
    }

    fs::OpenOptions::new().append(true).open(path)
}

/// Opens a file to be locked or written anywhere; begins it if it is not there.
///
/// # Errors
/// As opening it.
pub fn open(path: &Path) -> io::Result<File> {
    if !path.exists() {
        let (_file, _protection) = protect::create_private(path)?;
    }

    fs::OpenOptions::new().read(true).write(true).open(path)
}

/// Makes this process the only one that works in a state folder, until the file is dropped.
///
/// # Errors
/// With a [`Message`]: if another process works there, or the folder cannot be written.
pub fn lock(state_dir: &Path) -> Result<File, Message> {
    let unwritable =
        |error: io::Error| Message::new("state-unwritable").with("path", state_dir.display()).because(error);
    let _protection = protect::create_private_dir(state_dir).map_err(unwritable)?;
    let file = open(&state_dir.join("lock")).map_err(unwritable)?;
    match lock_patiently(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Message::new("state-in-use").with("path", state_dir.display())),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

/// Whether a process works in a state folder.
#[must_use]
pub fn is_locked(state_dir: &Path) -> bool {
    is_held(&state_dir.join("lock"))
}

/// Whether a process holds the lock that this file is.
#[must_use]
pub fn is_held(path: &Path) -> bool {
    let file = File::open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether something of the size of a few observations can be written in a state folder now.
///
/// # Errors
/// If it cannot.
pub fn probe(state_dir: &Path) -> io::Result<()> {
    let path = state_dir.join("probe");
    remove_file(&path)?;
    let written = write_new(&path, &[0; 16 * 1024]);
    remove_file(&path)?;

    written
}

/// Removes a file, if it is there.
///
/// # Errors
/// If the disk refuses.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match disk::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Locks a file, waiting a second for one that has just been let go: a process that ends, or a child between its fork
/// and its program, still holds what the parent held.
///
/// # Errors
/// If somebody else holds it for longer, or the system refuses.
pub fn lock_patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..40 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            decided => return decided,
        }
        #[expect(clippy::disallowed_methods, reason = "the system tells nobody when a lock is let go")]
        std::thread::sleep(std::time::Duration::from_millis(25));
    }

    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");

        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_ne!(protect::is_only_owners(&path).unwrap(), Some(false));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

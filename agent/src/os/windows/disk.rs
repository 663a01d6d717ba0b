//! Free space, room taken in advance, and names that survive a power cut.

#![expect(unsafe_code, reason = "std tells of no free space")]

use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

/// How often something that is in somebody's hands is tried again, and how long after the time before: two seconds in all.
const ATTEMPTS: u32 = 80;
const AGAIN_AFTER: Duration = Duration::from_millis(25);

/// Makes names that were made in or moved into a folder survive a power cut: NTFS keeps names in its own journal,
/// and a folder cannot be opened as a file.
///
/// # Errors
/// None on this system.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Moves a file or folder, in place of a file that stands there. What another program has open at this moment is waited for:
/// scanners look into every file that was just written, and not all of them let it be moved meanwhile.
///
/// # Errors
/// If the disk refuses, or somebody has it open for longer.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| std::fs::rename(from, to))
}

/// Removes a file, with the same patience.
///
/// # Errors
/// If the disk refuses, or somebody has it open for longer.
pub fn remove_file(path: &Path) -> io::Result<()> {
    patiently(|| std::fs::remove_file(path))
}

fn patiently(act: impl Fn() -> io::Result<()>) -> io::Result<()> {
    // The first is also said while what was removed before is still open somewhere.
    let in_hands = [ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION];
    for _ in 0..ATTEMPTS {
        match act() {
            Err(error)
                if error.raw_os_error().is_some_and(|code| in_hands.contains(&code.cast_unsigned())) => {}
            done => return done,
        }
        #[expect(clippy::disallowed_methods, reason = "the system tells nobody when a file is closed")]
        std::thread::sleep(AGAIN_AFTER);
    }

    act()
}

/// Bytes that we may still write where `path` lies.
///
/// # Errors
/// If the system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    // The folder of a file; the call wants folders.
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let name: Vec<u16> = std::path::absolute(folder)?.as_os_str().encode_wide().chain([0]).collect();
    let mut free = 0;
    // SAFETY: the name ends with a zero and outlives the call; the two numbers that are not wanted may be left out.
    let done = unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &raw mut free, null_mut(), null_mut()) };

    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(free) }
}

/// Makes a file longer by zeros for which the disk has room; not available on this system, so files grow as they are
/// written.
///
/// # Errors
/// None on this system.
pub fn take_room(_file: &File, _from: u64, _bytes: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_open_is_moved_and_removed_once_it_is_let_go() {
        use std::os::windows::fs::OpenOptionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("new"), dir.path().join("stands"));
        let hold = |path: &Path| {
            std::fs::write(path, "x").unwrap();
            let alone = std::fs::OpenOptions::new().read(true).share_mode(0).open(path).unwrap();
            assert!(std::fs::remove_file(path).is_err(), "the system lets go of what is open");
            std::thread::spawn(move || {
                #[expect(clippy::disallowed_methods, reason = "another program takes its time")]
                std::thread::sleep(Duration::from_millis(200));
                drop(alone);
            })
        };

        std::fs::write(&to, "before").unwrap();
        let scanner = hold(&from);
        rename(&from, &to).unwrap();
        scanner.join().unwrap();
        let scanner = hold(&to);
        remove_file(&to).unwrap();
        scanner.join().unwrap();

        assert!(!from.exists() && !to.exists());
    }

    #[test]
    fn this_disk_has_some_room_for_a_folder_and_for_a_file_in_it() {
        let dir = tempfile::tempdir().unwrap();

        assert!(free_bytes(dir.path()).unwrap() > 0);
        assert!(free_bytes(&dir.path().join("not there")).unwrap() > 0);
    }
}

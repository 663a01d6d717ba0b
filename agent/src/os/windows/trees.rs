//! Notices of whole trees (`ReadDirectoryChangesW`): one thread for each, which waits for the system and for its end.
//!
//! The system keeps what happens between two reads in a buffer of its own; when that runs over it says so, and so do we:
//! nothing is lost without a word. A root that was swapped for another is noticed by looking at it now and then.
#![expect(unsafe_code, reason = "no safe library tells that the system's buffer ran over")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use windows_sys::Win32::Foundation::{
    ERROR_IO_PENDING, ERROR_NOTIFY_ENUM_DIR, WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent, WaitForMultipleObjects};

use super::file::{Dir, is_absence};
use crate::ntfs::notices::{self, Deed};
use crate::os::TreeNotice;

/// Whether this system has such notices.
pub const AVAILABLE: bool = true;

/// Trees watched at once, each by a thread of its own; the default list comes to some twenty.
const TREES_MAX: usize = 256;

/// The most that a network hands on; enough for some hundred notices between two reads.
const BUFFER_BYTES: usize = 64 * 1024;

/// How often it is looked whether the path still leads to the same folder.
const LOOK_EVERY_MS: u32 = 5_000;

/// A watch that fails again and again within a moment is given up.
const FAULTS_MAX: u32 = 3;

const EVERYTHING: u32 = fs::FILE_NOTIFY_CHANGE_FILE_NAME
    | fs::FILE_NOTIFY_CHANGE_DIR_NAME
    | fs::FILE_NOTIFY_CHANGE_ATTRIBUTES
    | fs::FILE_NOTIFY_CHANGE_SIZE
    | fs::FILE_NOTIFY_CHANGE_LAST_WRITE
    | fs::FILE_NOTIFY_CHANGE_CREATION
    | fs::FILE_NOTIFY_CHANGE_SECURITY;

type Take = Arc<dyn Fn(TreeNotice) + Send + Sync>;

/// All watched trees. Dropping it ends the notices.
pub struct Trees {
    take: Take,
    trees: BTreeMap<PathBuf, Tree>,
}

impl std::fmt::Debug for Trees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trees").field("count", &self.trees.len()).finish_non_exhaustive()
    }
}

struct Tree {
    stop: Arc<OwnedHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Trees {
    /// Watches nothing yet; `take` is called from other threads and must not wait.
    ///
    /// # Errors
    /// Never on this system.
    pub fn open(take: Arc<dyn Fn(TreeNotice) + Send + Sync>) -> io::Result<Self> {
        Ok(Self { take, trees: BTreeMap::new() })
    }

    /// Watches a folder and all beneath it, unless that is so already. When it returns, nothing more is missed.
    ///
    /// # Errors
    /// If it is not there, of kind `QuotaExceeded` if there are too many, or if the system refuses.
    pub fn add(&mut self, dir: &Path) -> io::Result<()> {
        self.trees.retain(|_, tree| tree.thread.as_ref().is_some_and(|thread| !thread.is_finished()));
        if self.trees.keys().any(|known| dir.starts_with(known)) {
            return Ok(());
        }
        if self.trees.len() >= TREES_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let (stop, path, take) = (Arc::new(event(true)?), dir.to_owned(), Arc::clone(&self.take));
        let (begun_in, begun) = sync_channel(1);
        let watching = {
            let stop = Arc::clone(&stop);
            move || watch(&path, &stop, &take, &begun_in)
        };
        let thread = std::thread::Builder::new().name("files-tree".to_owned()).spawn(watching)?;
        begun.recv().map_err(|_| io::Error::other("the watch of a tree ended at once"))??;
        self.trees.insert(dir.to_owned(), Tree { stop, thread: Some(thread) });

        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: the event is open as long as we are.
        unsafe { SetEvent(self.stop.as_raw_handle()) };
        if let Some(thread) = self.thread.take() {
            // One that panicked has told it already.
            drop(thread.join());
        }
    }
}

fn event(is_manual: bool) -> io::Result<OwnedHandle> {
    // SAFETY: no name and no attributes are given.
    let handle = unsafe { CreateEventW(null(), i32::from(is_manual), 0, null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }

    // SAFETY: it was just made and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// What a wait ended with.
enum Woken {
    /// So many bytes are in the buffer; none: it ran over.
    Notices(usize),
    /// Nothing for a while.
    Quiet,
    Stop,
}

/// A read under way. The system writes into both boxes until it has ended.
struct Reading {
    dir: OwnedHandle,
    identity: (u64, u64),
    done: OwnedHandle,
    buffer: Box<[u64]>,
    overlapped: Box<OVERLAPPED>,
    is_pending: bool,
}

impl Reading {
    fn open(path: &Path) -> io::Result<Self> {
        let dir = Dir::open(path)?;
        let stat = dir.own_stat()?;

        Ok(Self {
            dir: dir.to_be_watched()?,
            identity: (stat.device, stat.inode),
            done: event(false)?,
            buffer: vec![0; BUFFER_BYTES / 8].into_boxed_slice(),
            overlapped: Box::default(),
            is_pending: false,
        })
    }

    /// Asks for the next notices.
    fn begin(&mut self) -> io::Result<()> {
        *self.overlapped = OVERLAPPED { hEvent: self.done.as_raw_handle(), ..OVERLAPPED::default() };
        let bytes_max = u32::try_from(BUFFER_BYTES).unwrap_or(0);
        // SAFETY: buffer and structure are boxes of ours, left alone until the read has ended: `wait` and `drop` see to
        // that. The handle was opened for overlapped work.
        let asked = unsafe {
            fs::ReadDirectoryChangesW(
                self.dir.as_raw_handle(),
                self.buffer.as_mut_ptr().cast(),
                bytes_max,
                1,
                EVERYTHING,
                null_mut(),
                &raw mut *self.overlapped,
                None,
            )
        };
        if asked == 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(ERROR_IO_PENDING.cast_signed()) {
                return Err(error);
            }
        }
        self.is_pending = true;

        Ok(())
    }

    fn wait(&mut self, stop: &OwnedHandle) -> io::Result<Woken> {
        let handles = [self.done.as_raw_handle(), stop.as_raw_handle()];
        // SAFETY: both events are open as long as we are.
        let woken = unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, LOOK_EVERY_MS) };
        match woken {
            WAIT_OBJECT_0 => {}
            WAIT_TIMEOUT => return Ok(Woken::Quiet),
            WAIT_FAILED => return Err(io::Error::last_os_error()),
            _ => return Ok(Woken::Stop),
        }
        self.is_pending = false;
        match self.result() {
            Ok(bytes) => Ok(Woken::Notices(bytes)),
            Err(error) if error.raw_os_error() == Some(ERROR_NOTIFY_ENUM_DIR.cast_signed()) => {
                Ok(Woken::Notices(0))
            }
            Err(error) => Err(error),
        }
    }

    fn result(&self) -> io::Result<usize> {
        let mut bytes = 0;
        // SAFETY: the structure is that of the read of this handle.
        let ended = unsafe {
            GetOverlappedResult(self.dir.as_raw_handle(), &raw const *self.overlapped, &raw mut bytes, 1)
        };
        if ended == 0 {
            return Err(io::Error::last_os_error());
        }

        Ok(usize::try_from(bytes).unwrap_or(0).min(BUFFER_BYTES))
    }

    fn taken(&self, bytes: usize) -> Vec<u8> {
        let mut taken: Vec<u8> =
            self.buffer.iter().take(bytes.div_ceil(8)).flat_map(|word| word.to_le_bytes()).collect();
        taken.truncate(bytes);

        taken
    }

    fn is_same(&self, path: &Path) -> bool {
        let found = Dir::open(path).and_then(|dir| dir.own_stat());

        found.is_ok_and(|stat| (stat.device, stat.inode) == self.identity)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.is_pending {
            // SAFETY: the structure is that of the read of this handle; `result` waits until the system has let go of
            // it and of the buffer.
            unsafe { CancelIoEx(self.dir.as_raw_handle(), &raw const *self.overlapped) };
            drop(self.result());
        }
    }
}

/// Watches until asked to stop or until the folder is gone.
fn watch(path: &Path, stop: &OwnedHandle, take: &Take, begun: &SyncSender<io::Result<()>>) {
    let opened = Reading::open(path).and_then(|mut reading| reading.begin().map(|()| reading));
    let mut reading = match opened {
        Ok(reading) => {
            drop(begun.send(Ok(())));
            reading
        }
        Err(error) => {
            drop(begun.send(Err(error)));
            return;
        }
    };
    let mut faults = 0;
    loop {
        let is_well = match reading.wait(stop) {
            Ok(Woken::Stop) => return,
            Ok(Woken::Quiet) => {
                faults = 0;
                reading.is_same(path)
            }
            Ok(Woken::Notices(bytes)) => {
                // What was read is taken out before the system may write there again.
                let taken = reading.taken(bytes);
                let goes_on = reading.begin().is_ok();
                hand_on(path, &taken, take);
                goes_on
            }
            Err(_) => false,
        };
        if is_well {
            continue;
        }
        drop(reading);
        faults += 1;
        if faults > FAULTS_MAX {
            take(TreeNotice::Failed(path.to_owned()));
            return;
        }
        reading = match Reading::open(path).and_then(|mut reading| reading.begin().map(|()| reading)) {
            Ok(reading) => {
                // Another folder, or the same after a fault: what happened in between is looked for.
                take(TreeNotice::Lost);
                reading
            }
            Err(error) => {
                let told = if is_absence(&error) { TreeNotice::Gone } else { TreeNotice::Failed };
                take(told(path.to_owned()));
                return;
            }
        };
    }
}

fn hand_on(path: &Path, taken: &[u8], take: &Take) {
    let (noticed, is_whole) = notices::parse(taken);
    for one in noticed {
        let at = path.join(OsString::from_wide(&one.name));
        take(match one.deed {
            Deed::Name => TreeNotice::Name(at),
            Deed::Change => TreeNotice::Change(at),
        });
    }
    if !is_whole {
        take(TreeNotice::Lost);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;

    fn watched() -> (tempfile::TempDir, PathBuf, Trees, Receiver<TreeNotice>) {
        let dir = tempfile::tempdir().unwrap();
        let base = crate::os::paths::canonical(dir.path()).unwrap();
        let (told_in, told) = channel();
        let mut trees = Trees::open(Arc::new(move |notice| drop(told_in.send(notice)))).unwrap();
        trees.add(&base).unwrap();

        (dir, base, trees, told)
    }

    fn wait_for(told: &Receiver<TreeNotice>, wanted: impl Fn(&TreeNotice) -> bool) {
        loop {
            let notice = told.recv_timeout(Duration::from_secs(20)).unwrap();
            if wanted(&notice) {
                return;
            }
        }
    }

    #[test]
    fn what_comes_changes_moves_and_goes_deep_in_a_tree_is_noticed() {
        let (_dir, base, mut trees, told) = watched();
        std::fs::create_dir(base.join("trong")).unwrap();
        let (one, two) = (base.join(r"trong\một.txt"), base.join(r"trong\hai.txt"));

        std::fs::write(&one, "a").unwrap();
        wait_for(&told, |notice| *notice == TreeNotice::Name(one.clone()));
        std::fs::write(&one, "ab").unwrap();
        wait_for(&told, |notice| *notice == TreeNotice::Change(one.clone()));
        std::fs::rename(&one, &two).unwrap();
        wait_for(&told, |notice| *notice == TreeNotice::Name(one.clone()));
        wait_for(&told, |notice| *notice == TreeNotice::Name(two.clone()));
        std::fs::remove_file(&two).unwrap();
        wait_for(&told, |notice| *notice == TreeNotice::Name(two.clone()));

        trees.add(&base.join("trong")).unwrap();
        assert_eq!(trees.trees.len(), 1, "it is watched already");
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_watched() {
        let (_dir, base, mut trees, _told) = watched();

        assert!(is_absence(&trees.add(&base.join("không có").with_extension("x")).map_or_else(
            |e| e,
            |()| {
                // Beneath a watched tree everything is watched, there or not.
                io::ErrorKind::NotFound.into()
            }
        )));
        assert!(is_absence(&trees.add(&base.with_extension("x")).unwrap_err()));
    }
}

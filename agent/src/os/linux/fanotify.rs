//! Notices of whole file systems (`fanotify(7)`): which process changed which name in which directory.
//!
//! A notice names its directory by a handle, which [`resolve`] turns into a path. The kernel's queue keeps its own limit
//! (`fs.fanotify.max_queued_events`): what runs over is told as [`Raw::Overflow`], and its memory stays bounded whatever
//! other users of the machine do.
#![expect(unsafe_code, reason = "no safe library offers fanotify with directory handles")]

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, Mode, OFlags};

use super::file::Dir;
use super::mounts::Mounts;

/// Bytes taken from the kernel at once: some 2,000 notices.
const BUFFER_BYTES: usize = 256 * 1024;

/// Fixed part of a notice, as the kernel writes it.
const METADATA_BYTES: usize = 24;

/// Bytes of a file handle at most (`MAX_HANDLE_SZ`).
const HANDLE_BYTES_MAX: usize = 128;

/// A file or directory as the kernel names it whatever its path: file system, kind of handle, handle.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Handle(Box<[u8]>);

impl Handle {
    /// Number of the file system that it lies on.
    #[must_use]
    pub fn file_system(&self) -> FileSystemId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.0[..8]);

        FileSystemId(id)
    }
}

/// How the kernel tells file systems apart in handles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileSystemId([u8; 8]);

/// What happened to a name; several of them at once, for the kernel joins notices of one process on one name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct What(u64);

impl What {
    fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    /// Whether the name stands for a directory.
    #[must_use]
    pub fn is_directory(self) -> bool {
        self.has(libc::FAN_ONDIR)
    }

    /// A file came or went under its name as it was, or the name of a directory moved.
    #[must_use]
    pub fn is_move(self) -> bool {
        self.has(libc::FAN_MOVED_FROM | libc::FAN_MOVED_TO)
    }

    /// What stood there came from elsewhere.
    #[must_use]
    pub fn is_arrival(self) -> bool {
        self.has(libc::FAN_MOVED_TO)
    }

    /// The name went.
    #[must_use]
    pub fn is_removal(self) -> bool {
        self.has(libc::FAN_DELETE | libc::FAN_MOVED_FROM)
    }

    /// Anything but a mere closing: whoever did this changed something.
    #[must_use]
    pub fn is_change(self) -> bool {
        self.has(CHANGES & !libc::FAN_CLOSE_WRITE & !libc::FAN_ONDIR)
    }

    /// Content or metadata of what stands there changed, not only the name.
    #[must_use]
    pub fn is_written(self) -> bool {
        self.has(libc::FAN_MODIFY | libc::FAN_ATTRIB | libc::FAN_CLOSE_WRITE | libc::FAN_CREATE)
    }

    /// It was opened to be run.
    #[must_use]
    pub fn is_run(self) -> bool {
        self.has(libc::FAN_OPEN_EXEC)
    }

    /// Whether anything of a watched file may differ.
    #[must_use]
    pub fn is_notice(self) -> bool {
        self.has(CHANGES & !libc::FAN_ONDIR)
    }
}

const CHANGES: u64 = libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_MOVED_FROM
    | libc::FAN_MOVED_TO
    | libc::FAN_MODIFY
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_ATTRIB
    | libc::FAN_ONDIR;

/// What is asked of a file system. Reading and opening are never asked for: our own scan makes no notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Every change of a name, and programs that are run.
    Changes,
    /// Programs that are run, only.
    Programs,
}

/// One notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Raw<'a> {
    /// The kernel's queue ran over; notices are missing from here on.
    Overflow,
    /// Something happened to a name in a directory.
    Named {
        /// What.
        what: What,
        /// Process that did it; 0 if it is of another process namespace.
        process: u32,
        /// The directory.
        dir: &'a Handle,
        /// The name; `.` for the directory itself.
        name: &'a OsStr,
        /// What stands there, where the kernel says.
        target: Option<&'a Handle>,
    },
}

/// Wakes a thread that waits in [`wait`].
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// Makes one.
    ///
    /// # Errors
    /// If the process may open no more files.
    pub fn new() -> io::Result<Self> {
        Ok(Self(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes.
    pub fn wake(&self) {
        // The only failure is a counter that is full, and then it wakes anyway.
        match rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// A group of marks on file systems, and the queue of what happens there.
#[derive(Debug)]
pub struct FileSystemWatch {
    group: OwnedFd,
    buffer: Vec<u8>,
}

impl FileSystemWatch {
    /// Opens a group without any mark.
    ///
    /// # Errors
    /// Without the right (`CAP_SYS_ADMIN`), or if the kernel is older than 5.17.
    pub fn open() -> io::Result<Self> {
        let flags = libc::FAN_CLASS_NOTIF
            | libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_REPORT_DFID_NAME_TARGET;
        let events = u32::try_from(libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE).unwrap_or(0);
        // SAFETY: takes two numbers and returns a descriptor or -1; no memory is shared.
        let group = unsafe { libc::fanotify_init(flags, events) };
        if group < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let group = unsafe { OwnedFd::from_raw_fd(group) };

        Ok(Self { group, buffer: vec![0; BUFFER_BYTES] })
    }

    /// The queue as another thread may look at it.
    ///
    /// # Errors
    /// If the process may open no more files.
    pub fn backlog(&self) -> io::Result<Backlog> {
        Ok(Backlog(self.group.try_clone()?))
    }

    /// Marks the file system that holds `path`.
    ///
    /// # Errors
    /// If the file system cannot be watched this way (`EOPNOTSUPP`, `EXDEV`, `ENODEV`, …) or the right is missing.
    pub fn mark(&self, path: &Path, wish: Wish) -> io::Result<()> {
        let mask = match wish {
            Wish::Changes => CHANGES | libc::FAN_OPEN_EXEC,
            Wish::Programs => libc::FAN_OPEN_EXEC,
        };
        let path = CString::new(path.as_os_str().as_bytes())?;
        let flags = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
        // SAFETY: the path is a string that ends in a zero byte and lives until the call returns.
        let done = unsafe {
            libc::fanotify_mark(self.group.as_raw_fd(), flags, mask, libc::AT_FDCWD, path.as_ptr())
        };

        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Hands out what the kernel has at hand, at most one buffer of it; says whether there was anything.
    ///
    /// # Errors
    /// If the queue cannot be read, or is of a form that we do not know.
    pub fn read(&mut self, take: &mut dyn FnMut(Raw<'_>)) -> io::Result<bool> {
        let length = match rustix::io::read(&self.group, self.buffer.as_mut_slice()) {
            Ok(length) => length,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut rest = &self.buffer[..length];
        while !rest.is_empty() {
            let unknown = || io::Error::new(io::ErrorKind::InvalidData, "a notice of unknown form");
            let (notice, behind) = split(rest).ok_or_else(unknown)?;
            if let Some(info) = parse(notice) {
                info.hand_to(take);
            }
            rest = behind;
        }

        Ok(length > 0)
    }
}

/// What waits in a group's queue, seen from another thread.
#[derive(Debug)]
pub struct Backlog(OwnedFd);

impl Backlog {
    /// Whether nothing waits there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        rustix::io::ioctl_fionread(&self.0).unwrap_or(0) == 0
    }
}

/// Waits for notices, for a change of the mounts, for the waker or for this long; says whether the mounts changed.
///
/// # Errors
/// If the kernel cannot wait on them.
pub fn wait(
    watch: Option<&FileSystemWatch>,
    mounts: &Mounts,
    waker: &Waker,
    at_most: Option<Duration>,
) -> io::Result<bool> {
    let timeout = at_most.and_then(|wait| Timespec::try_from(wait).ok());
    let mut polled =
        vec![PollFd::from_borrowed_fd(mounts.as_fd(), PollFlags::PRI), PollFd::new(&waker.0, PollFlags::IN)];
    polled.extend(watch.map(|watch| PollFd::new(&watch.group, PollFlags::IN)));
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut count = [0; 8];
    // An empty counter is no failure.
    match rustix::io::read(&waker.0, &mut count) {
        Ok(_) | Err(_) => {}
    }

    Ok(polled[0].revents().intersects(PollFlags::PRI | PollFlags::ERR))
}

/// The first notice and the bytes behind it; `None` if the bytes are of no form that we know.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(number(bytes, 0)?).ok()?;
    let is_known = *bytes.get(4)? == libc::FANOTIFY_METADATA_VERSION && length >= METADATA_BYTES;

    is_known.then(|| bytes.split_at_checked(length)).flatten()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A notice taken apart.
struct Parsed<'a> {
    what: u64,
    process: u32,
    dir: Option<(Handle, &'a OsStr)>,
    target: Option<Handle>,
}

impl Parsed<'_> {
    fn hand_to(&self, take: &mut dyn FnMut(Raw<'_>)) {
        if self.what & libc::FAN_Q_OVERFLOW != 0 {
            return take(Raw::Overflow);
        }
        if let Some((dir, name)) = &self.dir {
            let (what, process) = (What(self.what), self.process);
            take(Raw::Named { what, process, dir, name, target: self.target.as_ref() });
        }
    }
}

fn parse(notice: &[u8]) -> Option<Parsed<'_>> {
    let what = u64::from_ne_bytes(notice.get(8..16)?.try_into().ok()?);
    let process = number(notice, 20)?;
    let fixed = usize::from(u16::from_ne_bytes(notice.get(6..8)?.try_into().ok()?));
    let mut parsed = Parsed { what, process, dir: None, target: None };
    let mut rest = notice.get(fixed..)?;
    while let Some(length) = rest.get(2..4).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes) {
        let Some((record, behind)) = rest.split_at_checked(usize::from(length)).filter(|_| length > 0) else {
            break;
        };
        match (record[0], handle(record)) {
            (libc::FAN_EVENT_INFO_TYPE_DFID_NAME, Some((dir, name))) => {
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                parsed.dir = Some((dir, OsStr::from_bytes(name)));
            }
            (libc::FAN_EVENT_INFO_TYPE_DFID, Some((dir, _))) => {
                parsed.dir = Some((dir, OsStr::from_bytes(b".")));
            }
            (libc::FAN_EVENT_INFO_TYPE_FID, Some((target, _))) => parsed.target = Some(target),
            _ => {}
        }
        rest = behind;
    }

    Some(parsed)
}

/// The handle in a record, and what follows it: header (4), file system (8), length (4), kind (4), handle.
fn handle(record: &[u8]) -> Option<(Handle, &[u8])> {
    let length = usize::try_from(number(record, 12)?).ok()?;
    let (head, behind) = record.get(4..)?.split_at_checked(16 + length)?;
    let mut bytes = Vec::with_capacity(12 + length);
    bytes.extend_from_slice(&head[..8]);
    bytes.extend_from_slice(&head[12..]);

    Some((Handle(bytes.into_boxed_slice()), behind))
}

/// A file handle as the kernel wants it: length, kind, bytes.
#[repr(C, align(8))]
struct KernelHandle {
    length: u32,
    kind: i32,
    bytes: [u8; HANDLE_BYTES_MAX],
}

/// The path at which a directory can be seen through the mount at `mount`; `None` if it cannot, because it is gone, of
/// another part of the file system, or covered by another mount. No descriptor stays open: it would keep people from
/// unmounting.
#[must_use]
pub fn resolve(handle: &Handle, mount: &Path) -> Option<PathBuf> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mount = rustix::fs::open(mount, flags, Mode::empty()).ok()?;
    let (kind, bytes) = handle.0.get(8..)?.split_first_chunk::<4>()?;
    let mut wanted = KernelHandle {
        length: u32::try_from(bytes.len()).ok()?,
        kind: i32::from_ne_bytes(*kind),
        bytes: [0; HANDLE_BYTES_MAX],
    };
    wanted.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // SAFETY: the handle is laid out as the kernel reads it, no longer than it says, and lives until the call returns.
    let opened =
        unsafe { libc::syscall(libc::SYS_open_by_handle_at, mount.as_raw_fd(), &raw const wanted, flags) };
    let opened = i32::try_from(opened).ok().filter(|opened| *opened >= 0)?;
    // SAFETY: the descriptor is new and nobody else's.
    let opened = unsafe { OwnedFd::from_raw_fd(opened) };
    let path = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).ok()?;
    // What the kernel calls it is only a path to us if the same directory stands there.
    let (found, meant) =
        (rustix::fs::lstat(&path).ok()?, rustix::fs::statat(&opened, "", AtFlags::EMPTY_PATH).ok()?);

    (found.st_ino == meant.st_ino && found.st_dev == meant.st_dev).then_some(path)
}

/// How the kernel names what stands at a path now, and its number; links are not followed.
#[must_use]
pub fn handle_of(path: &Path) -> Option<(Handle, u64)> {
    let opened = Dir::open(path.parent()?).ok()?.open_name(path.file_name()?).ok()?;
    let mut found =
        KernelHandle { length: u32::try_from(HANDLE_BYTES_MAX).ok()?, kind: 0, bytes: [0; HANDLE_BYTES_MAX] };
    let mut mount: i32 = 0;
    // SAFETY: the kernel writes at most the length that the handle says it has room for, and one number.
    let done = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            opened.as_raw_fd(),
            c"".as_ptr(),
            &raw mut found,
            &raw mut mount,
            libc::AT_EMPTY_PATH,
        )
    };
    if done != 0 {
        return None;
    }
    let mut bytes = file_system_id(opened.as_fd())?.0.to_vec();
    bytes.extend_from_slice(&found.kind.to_ne_bytes());
    bytes.extend_from_slice(found.bytes.get(..usize::try_from(found.length).ok()?)?);
    let stat = rustix::fs::statat(&opened, "", AtFlags::EMPTY_PATH).ok()?;

    Some((Handle(bytes.into_boxed_slice()), stat.st_ino))
}

/// How the kernel names the file system that holds `path`.
#[must_use]
pub fn file_system_of(path: &Path) -> Option<FileSystemId> {
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;

    file_system_id(opened.as_fd())
}

fn file_system_id(opened: BorrowedFd<'_>) -> Option<FileSystemId> {
    let number = rustix::fs::fstatvfs(opened).ok()?.f_fsid;
    // Two numbers of 32 bits, the first in the low half.
    let (low, high) = (u32::try_from(number & 0xffff_ffff).ok()?, u32::try_from(number >> 32).ok()?);
    let mut id = [0; 8];
    id[..4].copy_from_slice(&low.to_ne_bytes());
    id[4..].copy_from_slice(&high.to_ne_bytes());

    Some(FileSystemId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_notice_are_refused_and_never_read_beyond_their_end() {
        let mut notice = vec![0; METADATA_BYTES];
        notice[..4].copy_from_slice(&24_u32.to_ne_bytes());
        notice[4] = libc::FANOTIFY_METADATA_VERSION;
        notice[6..8].copy_from_slice(&24_u16.to_ne_bytes());

        assert!(split(&notice).is_some() && parse(&notice).is_some());
        for length in 0..METADATA_BYTES {
            assert!(split(&notice[..length]).is_none());
        }
        notice[..4].copy_from_slice(&25_u32.to_ne_bytes());
        assert!(split(&notice).is_none());
        notice.extend_from_slice(&[2, 0, 255, 255]);
        assert!(parse(&notice).unwrap().dir.is_none());
    }

    #[test]
    fn a_file_is_named_alike_by_a_notice_and_by_its_path() {
        let Ok(mut watch) = FileSystemWatch::open() else {
            tracing::warn!("skipped: no right to watch file systems");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        // A kernel may give somebody without rights a queue, and nothing to put into it.
        if watch.mark(dir.path(), Wish::Changes).is_err() && !rustix::process::geteuid().is_root() {
            tracing::warn!("skipped: no right to watch file systems");
            return;
        }
        let path = dir.path().canonicalize().unwrap().join("a");
        std::fs::write(&path, "x").unwrap();

        let mut found = None;
        let own = std::process::id();
        let mut take = |raw: Raw<'_>| {
            if let Raw::Named { what, process, dir, name, target } = raw
                && process == own
                && name == "a"
                && what.is_written()
            {
                found = Some((resolve(dir, Path::new("/")), target.cloned(), dir.file_system()));
            }
        };
        while watch.read(&mut take).unwrap() {}

        let (resolved, target, system) = found.expect("a notice of the file");
        let (handle, inode) = handle_of(&path).unwrap();
        assert_eq!(target, Some(handle));
        assert_eq!(system, file_system_of(&path).unwrap());
        assert_eq!(inode, std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap()));
        assert!(resolved.is_none_or(|resolved| resolved == path.parent().unwrap()));
    }
}

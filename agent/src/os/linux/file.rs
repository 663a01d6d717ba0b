//! Looking at files without following links and without waiting on them.
//!
//! Every path is walked without following any link on the way, in one step where the kernel can (`openat2`), else
//! component by component: a directory swapped for a link leads nowhere. Pipes and devices are never opened.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileKind;

use crate::os::{APPEND_ONLY, IMMUTABLE, Stat};

/// An open directory; everything in it is reached from here by single names.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const WALK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

const LIST: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::DIRECTORY)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// What the kernel hands out of a directory at once.
const LIST_BYTES: usize = 32 * 1024;

/// The names in a directory, sorted by their bytes.
#[derive(Debug, Default)]
pub struct Listing {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    spans: Vec<(u32, u32)>,
}

impl Listing {
    fn push(&mut self, name: &[u8]) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let place = |at: usize| u32::try_from(at).map_err(|_| io::ErrorKind::OutOfMemory);
        self.spans.push((place(start)?, place(self.bytes.len())?));

        Ok(())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.spans.sort_unstable_by(|a, b| piece(bytes, *a).cmp(piece(bytes, *b)));
    }

    /// The name at this place; `None` behind the last.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<&OsStr> {
        self.spans.get(at).map(|span| OsStr::from_bytes(piece(&self.bytes, *span)))
    }
}

fn piece(bytes: &[u8], (start, end): (u32, u32)) -> &[u8] {
    let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);

    bytes.get(place(start)..place(end)).unwrap_or_default()
}

impl Dir {
    /// Opens the directory at an absolute path that contains no link.
    ///
    /// # Errors
    /// If any component is missing, a link, no directory or out of reach.
    pub fn open(path: &Path) -> io::Result<Self> {
        let is_plain =
            |component: Component<'_>| matches!(component, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(is_plain) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // The kernel goes the whole way in one step and refuses every link on it.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // Before Linux 5.6, in front of a filter that does not know it, or longer than one call takes.
            Err(Errno::NOSYS | Errno::PERM | Errno::NAMETOOLONG) => Self::open_step_by_step(path),
            opened => Ok(Self(opened?)),
        }
    }

    fn open_step_by_step(path: &Path) -> io::Result<Self> {
        let mut at = rustix::fs::open("/", WALK, Mode::empty())?;
        for component in path.components() {
            if let Component::Normal(name) = component {
                at = rustix::fs::openat(&at, name, WALK, Mode::empty())?;
            }
        }

        Ok(Self(at))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, WALK, Mode::empty())?))
    }

    /// Opens a directory in this one to list it; the access time stays alone where it may.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child_to_list(&self, name: &OsStr) -> io::Result<Self> {
        let opened = match rustix::fs::openat(&self.0, name, LIST | OFlags::NOATIME, Mode::empty()) {
            // Only the owner of a directory may leave its access time alone.
            Err(Errno::PERM) => rustix::fs::openat(&self.0, name, LIST, Mode::empty())?,
            other => other?,
        };

        Ok(Self(opened))
    }

    /// All names in it, sorted by their bytes, in one piece of memory. It must be open
    /// [to be listed](Self::open_child_to_list); `buffer` is room that can be used again.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn list(&self, buffer: &mut Vec<u8>) -> io::Result<Listing> {
        buffer.reserve(LIST_BYTES);
        let mut listing = Listing::default();
        let mut entries = RawDir::new(&self.0, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                listing.push(name)?;
            }
        }
        listing.sort();

        Ok(listing)
    }

    /// Hands on the names in it, in no order, with what the system says they are without looking at each, until `each`
    /// wants no more. It must be open [to be listed](Self::open_child_to_list); `buffer` is room that can be used again.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn visit(
        &self,
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(&OsStr, Option<FileKind>) -> bool,
    ) -> io::Result<()> {
        buffer.reserve(LIST_BYTES);
        let mut entries = RawDir::new(&self.0, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let kind = match entry.file_type() {
                FileType::RegularFile => Some(FileKind::File),
                FileType::Directory => Some(FileKind::Directory),
                FileType::Symlink => Some(FileKind::Link),
                FileType::Unknown => None,
                FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice => {
                    Some(FileKind::Other)
                }
            };
            if name != b"." && name != b".." && !each(OsStr::from_bytes(name), kind) {
                break;
            }
        }

        Ok(())
    }

    /// Digest over the sorted extended attributes of the directory itself; `None` if there are none. It must be open
    /// [to be listed](Self::open_child_to_list).
    #[must_use]
    pub fn own_attributes(&self) -> Option<Digest> {
        attributes(&self.0)
    }

    /// All names in it, sorted by their bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        for entry in rustix::fs::Dir::new(rustix::fs::openat(&self.0, ".", flags, Mode::empty())?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        names.sort_unstable();

        Ok(names)
    }

    /// Metadata of a name in it.
    ///
    /// # Errors
    /// If there is no such name, or it is out of reach.
    pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        look(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// If it is out of reach.
    pub fn own_stat(&self) -> io::Result<Stat> {
        look(&self.0, OsStr::new(""), AtFlags::EMPTY_PATH)
    }

    /// Whether a name in it is written so: always, for this system tells cases apart.
    ///
    /// # Errors
    /// None on this system.
    pub fn is_spelled(&self, _name: &OsStr) -> io::Result<bool> {
        Ok(true)
    }

    /// Opens a file in it for reading; never waits, never follows a link, leaves the access time alone where it may.
    ///
    /// # Errors
    /// If it is missing, a link or out of reach.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(&self.0, name, flags | OFlags::NOATIME, Mode::empty()) {
            // Only the owner of a file may leave its access time alone.
            Err(Errno::PERM) => rustix::fs::openat(&self.0, name, flags, Mode::empty())?,
            other => other?,
        };

        Ok(opened.into())
    }

    /// Takes hold of a name in it without opening what stands there; a link is held itself.
    ///
    /// # Errors
    /// If it is missing or out of reach.
    pub(super) fn open_name(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;

        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?)
    }

    /// Where a link in it points, as written.
    ///
    /// # Errors
    /// If it is no link or out of reach.
    pub fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// Digest over the sorted extended attributes of a directory in it; `None` if there are none.
    #[must_use]
    pub fn child_attributes(&self, name: &OsStr) -> Option<Digest> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let child = rustix::fs::openat(&self.0, name, flags, Mode::empty()).ok()?;

        attributes(child)
    }
}

/// Metadata of an open file.
///
/// # Errors
/// If it cannot be had.
pub fn stat_open(file: &File) -> io::Result<Stat> {
    look(file, OsStr::new(""), AtFlags::EMPTY_PATH)
}

/// Digest over the sorted extended attributes of an open file; `None` if there are none.
#[must_use]
pub fn attributes_open(file: &File) -> Option<Digest> {
    attributes(file)
}

/// Longest list or value of attributes that Linux allows.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// Most files have no attributes, and most others have short lists.
const ATTRIBUTE_BYTES_FEW: usize = 256;

fn attributes(file: impl AsFd) -> Option<Digest> {
    let mut few = [0; ATTRIBUTE_BYTES_FEW];
    let mut many = Vec::new();
    let list = match rustix::fs::flistxattr(&file, few.as_mut_slice()) {
        Ok(0) => return None,
        Ok(size) => few.get(..size)?,
        Err(Errno::RANGE) => {
            many.resize(ATTRIBUTE_BYTES_MAX, 0);
            let size = rustix::fs::flistxattr(&file, many.as_mut_slice()).ok()?;
            many.get(..size)?
        }
        Err(_) => return None,
    };

    let mut names: Vec<&[u8]> = list.split(|&byte| byte == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let mut hasher = Sha256::new();
    let mut value = vec![0; ATTRIBUTE_BYTES_MAX];
    for name in names {
        let length = rustix::fs::fgetxattr(&file, OsStr::from_bytes(name), value.as_mut_slice()).unwrap_or(0);
        hasher.update(u64::try_from(name.len()).unwrap_or(0).to_le_bytes());
        hasher.update(name);
        hasher.update(u64::try_from(length).unwrap_or(0).to_le_bytes());
        hasher.update(&value[..length]);
    }

    Some(Digest(hasher.finalize().into()))
}

/// Whether an error means that what was looked for does not stand at the path, be it nothing or something else.
#[must_use]
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// What is asked of the kernel.
const MASK: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::MODE)
    .union(StatxFlags::UID)
    .union(StatxFlags::GID)
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::MTIME)
    .union(StatxFlags::CTIME);

fn look(at: impl AsFd, name: &OsStr, flags: AtFlags) -> io::Result<Stat> {
    match rustix::fs::statx(&at, name, flags, MASK) {
        Ok(found) => Ok(convert(&found)),
        // Before Linux 4.11, or in a container that forbids it: the same without flags.
        Err(Errno::NOSYS) => Ok(convert_old(&rustix::fs::statat(&at, name, flags)?)),
        Err(error) => Err(error.into()),
    }
}

fn nanoseconds(seconds: i64, fraction: u64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::try_from(fraction).unwrap_or(0))
}

fn kind(mode: u32) -> FileKind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => FileKind::Other,
    }
}

fn convert(found: &Statx) -> Stat {
    let kind = kind(u32::from(found.stx_mode));
    let flag = |attribute, flag| if found.stx_attributes.contains(attribute) { flag } else { 0 };

    Stat {
        kind,
        size: if kind == FileKind::File { found.stx_size } else { 0 },
        mode: u32::from(found.stx_mode) & 0o7777,
        user: found.stx_uid,
        group: found.stx_gid,
        modified_ns: nanoseconds(found.stx_mtime.tv_sec, u64::from(found.stx_mtime.tv_nsec)),
        changed_ns: nanoseconds(found.stx_ctime.tv_sec, u64::from(found.stx_ctime.tv_nsec)),
        inode: found.stx_ino,
        device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
        flags: flag(StatxAttributes::IMMUTABLE, IMMUTABLE) | flag(StatxAttributes::APPEND, APPEND_ONLY),
    }
}

fn convert_old(stat: &rustix::fs::Stat) -> Stat {
    let kind = kind(stat.st_mode);
    let size = if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };

    Stat {
        kind,
        size,
        mode: stat.st_mode & 0o7777,
        user: stat.st_uid,
        group: stat.st_gid,
        modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        inode: stat.st_ino,
        device: stat.st_dev,
        flags: 0,
    }
}

/// Makes a link to a directory, for tests; says on the error output where it cannot.
///
/// # Errors
/// If the system, or the rights of who tests, do not allow it.
#[cfg(test)]
pub(crate) fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_in_the_order_of_their_bytes_however_many_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut names: Vec<String> =
            (0..3_000).map(|number| format!("{number}-{}", "x".repeat(20))).collect();
        names.push("Hoà Bình".to_owned());
        names.sort();
        for name in &names {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let path = dir.path().canonicalize().unwrap();
        let parent = Dir::open(path.parent().unwrap()).unwrap();
        let opened = parent.open_child_to_list(path.file_name().unwrap()).unwrap();

        let listing = opened.list(&mut Vec::new()).unwrap();

        let found: Vec<&OsStr> = (0..).map_while(|at| listing.name(at)).collect();
        assert_eq!(found, names.iter().map(OsStr::new).collect::<Vec<_>>());
    }

    #[test]
    fn both_ways_of_opening_a_directory_agree() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("a/b")).unwrap();
        std::fs::write(base.join("a/file"), "x").unwrap();
        std::os::unix::fs::symlink("a", base.join("link")).unwrap();

        for (path, is_there) in
            [("a/b", true), ("a", true), ("a/file", false), ("link", false), ("link/b", false), ("no", false)]
        {
            let path = base.join(path);
            let (at_once, in_steps) = (Dir::open(&path), Dir::open_step_by_step(&path));
            assert_eq!((at_once.is_ok(), in_steps.is_ok()), (is_there, is_there), "{path:?}");
            if let (Err(one), Err(other)) = (at_once, in_steps) {
                assert!(is_absence(&one) && is_absence(&other), "{one} {other}");
            }
        }
        assert!(Dir::open(Path::new("relative")).is_err() && Dir::open(&base.join("a/../a")).is_err());
    }
}

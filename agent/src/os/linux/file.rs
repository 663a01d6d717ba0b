//! Looking at files without following links and without waiting on them.
//!
//! Every path is walked component by component from the root, each opened with `O_NOFOLLOW`: a directory swapped
//! for a link leads nowhere. Pipes and devices are never opened.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileKind;

use crate::os::Stat;

/// An open directory; everything in it is reached from here by single names.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const WALK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the directory at an absolute path that contains no link.
    ///
    /// # Errors
    /// If any component is missing, a link, no directory or out of reach.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut at = rustix::fs::open("/", WALK, Mode::empty())?;
        for component in path.components() {
            match component {
                Component::RootDir => {}
                Component::Normal(name) => at = rustix::fs::openat(&at, name, WALK, Mode::empty())?,
                Component::Prefix(_) | Component::CurDir | Component::ParentDir => {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
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
        Ok(convert(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// If it is out of reach.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::statat(&self.0, "", AtFlags::EMPTY_PATH)?))
    }

    /// Opens a file in it for reading; never waits, never follows a link, leaves the access time alone where it may.
    ///
    /// # Errors
    /// If it is missing, a link or out of reach.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(&self.0, name, flags | OFlags::NOATIME, Mode::empty()) {
            // Only the owner of a file may leave its access time alone.
            Err(rustix::io::Errno::PERM) => rustix::fs::openat(&self.0, name, flags, Mode::empty())?,
            other => other?,
        };

        Ok(opened.into())
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
    Ok(convert(&rustix::fs::fstat(file)?))
}

/// Digest over the sorted extended attributes of an open file; `None` if there are none.
#[must_use]
pub fn attributes_open(file: &File) -> Option<Digest> {
    attributes(file)
}

/// Longest list or value of attributes that Linux allows.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

fn attributes(file: impl AsFd) -> Option<Digest> {
    let mut size = rustix::fs::flistxattr_query(&file).ok()?;
    if size == 0 {
        return None;
    }
    let mut list = vec![0; ATTRIBUTE_BYTES_MAX];
    size = rustix::fs::flistxattr(&file, list.as_mut_slice()).ok()?;
    list.truncate(size);

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
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn convert(stat: &rustix::fs::Stat) -> Stat {
    let nanoseconds = |seconds: i64, fraction: u64| {
        seconds.saturating_mul(1_000_000_000).saturating_add(i64::try_from(fraction).unwrap_or(0))
    };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => FileKind::Other,
    };
    let size = match kind {
        FileKind::File => u64::try_from(stat.st_size).unwrap_or(0),
        FileKind::Directory | FileKind::Link | FileKind::Other => 0,
    };

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
    }
}

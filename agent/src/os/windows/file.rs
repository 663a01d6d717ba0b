//! Looking at files without following links. Plain std: a path is opened by name, so a directory swapped for a
//! junction between two calls is not excluded here as it is on Linux (docs/limits.md).

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileKind;

use crate::os::Stat;

/// A directory; everything in it is reached from here by single names.
#[derive(Debug)]
pub struct Dir(PathBuf);

/// The names in a directory, sorted.
#[derive(Debug, Default)]
pub struct Listing(Vec<OsString>);

impl Listing {
    /// The name at this place; `None` behind the last.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<&OsStr> {
        self.0.get(at).map(OsString::as_os_str)
    }
}

impl Dir {
    /// Opens the directory at an absolute path that contains no link.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::symlink_metadata(path)?;
        if !metadata.is_dir() || metadata.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }

        Ok(Self(path.to_owned()))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child(&self, name: &OsStr) -> io::Result<Self> {
        Self::open(&self.0.join(name))
    }

    /// Opens a directory in this one to list it.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child_to_list(&self, name: &OsStr) -> io::Result<Self> {
        self.open_child(name)
    }

    /// All names in it, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn list(&self, _buffer: &mut Vec<u8>) -> io::Result<Listing> {
        self.names().map(Listing)
    }

    /// Hands on the names in it, in no order, until `each` wants no more. What they are is not told here.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn visit(
        &self,
        _buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(&OsStr, Option<FileKind>) -> bool,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            if !each(&entry?.file_name(), None) {
                break;
            }
        }

        Ok(())
    }

    /// Access lists are not read on this system yet: `None`.
    #[must_use]
    pub fn own_attributes(&self) -> Option<Digest> {
        None
    }

    /// All names in it, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            names.push(entry?.file_name());
        }
        names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));

        Ok(names)
    }

    /// Metadata of a name in it.
    ///
    /// # Errors
    /// If there is no such name, or it is out of reach.
    pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(convert(&std::fs::symlink_metadata(self.0.join(name))?))
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// If it is out of reach.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Ok(convert(&std::fs::symlink_metadata(&self.0)?))
    }

    /// Opens a file in it for reading.
    ///
    /// # Errors
    /// If it is missing, a link or out of reach.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let path = self.0.join(name);
        if std::fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::ErrorKind::InvalidInput.into());
        }

        File::open(path)
    }

    /// Where a link in it points, as written.
    ///
    /// # Errors
    /// If it is no link or out of reach.
    pub fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(std::fs::read_link(self.0.join(name))?.to_string_lossy().into_owned().into_bytes())
    }

    /// Access lists are not read on this system yet: `None`.
    #[must_use]
    pub fn child_attributes(&self, _name: &OsStr) -> Option<Digest> {
        None
    }
}

/// Metadata of an open file.
///
/// # Errors
/// If it cannot be had.
pub fn stat_open(file: &File) -> io::Result<Stat> {
    Ok(convert(&file.metadata()?))
}

/// Access lists are not read on this system yet: `None`.
#[must_use]
pub fn attributes_open(_file: &File) -> Option<Digest> {
    None
}

/// Whether an error means that what was looked for does not stand at the path, be it nothing or something else.
#[must_use]
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn convert(metadata: &Metadata) -> Stat {
    let kind = if metadata.is_symlink() {
        FileKind::Link
    } else if metadata.is_dir() {
        FileKind::Directory
    } else if metadata.is_file() {
        FileKind::File
    } else {
        FileKind::Other
    };
    let modified_ns = metadata
        .modified()
        .ok()
        .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0);
    let size = if metadata.is_file() { metadata.len() } else { 0 };

    Stat {
        kind,
        size,
        mode: 0,
        user: 0,
        group: 0,
        modified_ns,
        changed_ns: modified_ns,
        inode: 0,
        device: 0,
        flags: 0,
    }
}

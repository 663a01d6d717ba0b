//! The state of one path: metadata, digest, never content. Links are not followed, pipes and devices not opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::bounds::Bounds;
use super::compare::{Entry, Mark, moment};
use super::packaged::Md5;
use crate::clock;
use crate::os::Stat;
use crate::os::file::{self, Dir, is_absence};
use crate::os::owner::Names;

/// A file that changes while it is read is read again this often; then it is told without a digest, and the notices of
/// those changes bring us back to it.
const ATTEMPTS_MAX: u32 = 3;

const CHUNK_BYTES: usize = 64 * 1024;

/// Older kernels stamp changes in ticks of up to 10 ms: a file measured this soon after its last change may change
/// again under the same stamp, so a scan must not trust its mark.
const TICK_MS: i64 = 20;

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Measured {
    /// Nothing.
    Gone,
    /// Something that we must not look at.
    OutOfBounds,
    /// This.
    Found(Entry),
}

/// Measures paths, one after the other.
pub(super) struct Measurer {
    bounds: Arc<Bounds>,
    names: Names,
    hash_bytes_max: u64,
    chunk: Vec<u8>,
    md5: AlsoMd5,
}

/// Whether the next file is also hashed as its package manager does, and what came of it.
enum AlsoMd5 {
    Unwanted,
    Wanted,
    Read(Md5),
}

/// One attempt at a file.
enum Attempt {
    Done(Measured),
    /// It changed meanwhile; this is what can be said of it without its content.
    Unsteady(Stat),
}

impl Measurer {
    pub(super) fn new(bounds: Arc<Bounds>, hash_bytes_max: u64) -> Self {
        Self { bounds, names: Names::new(), hash_bytes_max, chunk: Vec::new(), md5: AlsoMd5::Unwanted }
    }

    /// Reads the lists of users and groups again if they changed.
    pub(super) fn refresh_names(&mut self) {
        self.names.refresh();
    }

    /// Whether the content of a file of this size is looked at.
    pub(super) fn hashes(&self, size: u64) -> bool {
        size <= self.hash_bytes_max
    }

    /// The state of a directory that is open to be listed.
    pub(super) fn directory(&self, stat: &Stat, dir: &Dir) -> Entry {
        self.entry(stat, None, None, dir.own_attributes(), Trust::Stamp(clock::now()))
    }

    /// Measures a path that its caller found within bounds.
    ///
    /// # Errors
    /// If it is out of reach, which says nothing about whether it is there.
    pub(super) fn at_path(&mut self, path: &Path) -> io::Result<Measured> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match Dir::open(parent) {
            Ok(dir) => self.in_dir(&dir, name, path),
            Err(error) if is_absence(&error) => Ok(Measured::Gone),
            Err(error) => Err(error),
        }
    }

    /// As [`at_path`](Self::at_path), and the MD5 of the content from the same reading if it is wanted and was read.
    ///
    /// # Errors
    /// As [`at_path`](Self::at_path).
    pub(super) fn at_path_with_md5(
        &mut self,
        path: &Path,
        is_wanted: bool,
    ) -> io::Result<(Measured, Option<Md5>)> {
        self.md5 = if is_wanted { AlsoMd5::Wanted } else { AlsoMd5::Unwanted };
        let measured = self.at_path(path);
        let md5 = match std::mem::replace(&mut self.md5, AlsoMd5::Unwanted) {
            AlsoMd5::Read(md5) => Some(md5),
            AlsoMd5::Wanted | AlsoMd5::Unwanted => None,
        };
        let measured = measured?;
        // A file that never stood still has neither digest.
        let is_read = matches!(&measured, Measured::Found(entry) if entry.state.digest.is_some());

        Ok((measured, md5.filter(|_| is_read)))
    }

    /// Measures a name in an open directory.
    ///
    /// # Errors
    /// As [`at_path`](Self::at_path).
    pub(super) fn in_dir(&mut self, dir: &Dir, name: &OsStr, path: &Path) -> io::Result<Measured> {
        self.in_dir_watching(dir, name, path, &mut || {})
    }

    /// `between` is called between reading a file and making sure that it stayed the same.
    pub(super) fn in_dir_watching(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        path: &Path,
        between: &mut dyn FnMut(),
    ) -> io::Result<Measured> {
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(dir, name, path, between) {
                Ok(Attempt::Done(measured)) => return Ok(measured),
                Ok(Attempt::Unsteady(stat)) => last = Some(stat),
                Err(error) if is_absence(&error) => return Ok(Measured::Gone),
                Err(error) => return Err(error),
            }
        }
        let stat = last.ok_or(io::ErrorKind::InvalidData)?;

        Ok(Measured::Found(self.entry(&stat, None, None, None, Trust::None)))
    }

    fn attempt(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        path: &Path,
        between: &mut dyn FnMut(),
    ) -> io::Result<Attempt> {
        let stat = dir.stat(name)?;
        if !dir.is_spelled(name)? {
            return Ok(Attempt::Done(Measured::Gone));
        }
        if !self.bounds.allow_file(&stat) {
            return Ok(Attempt::Done(Measured::OutOfBounds));
        }
        let entry = match stat.kind {
            FileKind::File => return self.attempt_file(dir, name, &stat, between),
            FileKind::Directory => {
                self.entry(&stat, None, None, dir.child_attributes(name), Trust::Stamp(clock::now()))
            }
            FileKind::Link => {
                let target = dir.read_link(name)?;
                let target =
                    self.bounds.allow_target(path, target.clone()).then(|| HostPath::from_bytes(&target));
                self.entry(&stat, None, target, None, Trust::Stamp(clock::now()))
            }
            FileKind::Other => self.entry(&stat, None, None, None, Trust::Stamp(clock::now())),
        };

        Ok(Attempt::Done(Measured::Found(entry)))
    }

    fn attempt_file(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        stat: &Stat,
        between: &mut dyn FnMut(),
    ) -> io::Result<Attempt> {
        let now = clock::now();
        let file = match dir.open_file(name) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => return Err(error),
            // It is there and may not be read: told without its content.
            Err(_) => {
                let entry = self.entry(stat, None, None, None, Trust::Stamp(now));
                return Ok(Attempt::Done(Measured::Found(entry)));
            }
        };
        let opened = file::stat_open(&file)?;
        if opened.kind != FileKind::File || opened.inode != stat.inode || opened.device != stat.device {
            return Ok(Attempt::Unsteady(*stat));
        }
        let digest = if self.hashes(opened.size) { self.hash(&file, opened.size)? } else { None };
        let attributes = file::attributes_open(&file);
        between();
        let (read, named) = (file::stat_open(&file)?, dir.stat(name)?);
        if read != opened || named != opened {
            return Ok(Attempt::Unsteady(named));
        }
        let entry = self.entry(&opened, digest, None, attributes, Trust::Stamp(now));

        Ok(Attempt::Done(Measured::Found(entry)))
    }

    /// The digest of `size` bytes; `None` if the file could not be read. One that grows meanwhile is noticed by its
    /// caller and not read without end here.
    fn hash(&mut self, file: &File, size: u64) -> io::Result<Option<Digest>> {
        let mut hasher = Sha256::new();
        self.chunk.resize(CHUNK_BYTES, 0);
        let mut md5 = (!matches!(self.md5, AlsoMd5::Unwanted)).then(md5::Md5::new);
        let mut rest = file.take(size);
        loop {
            match rest.read(&mut self.chunk) {
                Ok(0) => break,
                Ok(length) => {
                    hasher.update(&self.chunk[..length]);
                    if let Some(md5) = &mut md5 {
                        md5.update(&self.chunk[..length]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(None),
            }
        }
        if let Some(md5) = md5 {
            self.md5 = AlsoMd5::Read(md5.finalize().into());
        }

        Ok(Some(Digest(hasher.finalize().into())))
    }

    pub(super) fn entry(
        &self,
        stat: &Stat,
        digest: Option<Digest>,
        link_target: Option<HostPath>,
        attributes: Option<Digest>,
        trust: Trust,
    ) -> Entry {
        let changed = moment(stat.changed_ns);
        let trusted = match trust {
            Trust::Stamp(now) => now.0.saturating_sub(changed.0) > TICK_MS,
            Trust::None => false,
        };

        Entry {
            state: FileState {
                kind: stat.kind,
                size: stat.size,
                digest,
                mode: if stat.kind == FileKind::Link { 0 } else { stat.mode },
                owner: self.names.user(stat.user),
                group: self.names.group(stat.group),
                modified: moment(stat.modified_ns),
                changed,
                link_target,
                attributes,
                flags: Some(stat.flags).filter(|flags| *flags != 0),
            },
            mark: Mark {
                modified_ns: stat.modified_ns,
                changed_ns: if trusted { stat.changed_ns } else { UNTRUSTED_NS },
                inode: stat.inode,
            },
        }
    }
}

/// A change time that no file has, so that the next scan measures the path again.
const UNTRUSTED_NS: i64 = i64::MIN;

/// Whether a later scan may take equal stamps for an equal file.
pub(super) enum Trust {
    /// If they are old enough at this moment.
    Stamp(Timestamp),
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurer() -> Measurer {
        Measurer::new(Arc::new(Bounds::default()), 1 << 20)
    }

    fn ground() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("a");
        std::fs::write(&path, "first").unwrap();

        (dir, path)
    }

    fn measure_while(path: &Path, meanwhile: &mut dyn FnMut()) -> Entry {
        let parent = Dir::open(path.parent().unwrap()).unwrap();
        let name = path.file_name().unwrap();
        match measurer().in_dir_watching(&parent, name, path, meanwhile).unwrap() {
            Measured::Found(entry) => entry,
            Measured::Gone | Measured::OutOfBounds => panic!("the file is there"),
        }
    }

    #[test]
    fn a_file_replaced_while_it_is_read_is_read_again() {
        let (_dir, path) = ground();
        let mut replacements = 1;

        let entry = measure_while(&path, &mut || {
            if replacements > 0 {
                replacements -= 1;
                std::fs::write(path.with_extension("new"), "other").unwrap();
                std::fs::rename(path.with_extension("new"), &path).unwrap();
            }
        });

        assert_eq!(entry.state.digest, Some(Digest::of(b"other")));
    }

    #[test]
    fn a_file_written_in_place_under_its_old_time_while_it_is_read_is_read_again() {
        let (_dir, path) = ground();
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut writes = 1;

        let entry = measure_while(&path, &mut || {
            if writes > 0 {
                writes -= 1;
                std::fs::write(&path, "wrote").unwrap();
                File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            }
        });

        assert_eq!(entry.state.digest, Some(Digest::of(b"wrote")));
    }

    #[test]
    fn a_file_that_never_stands_still_is_told_without_a_digest_and_not_for_ever() {
        let (_dir, path) = ground();
        let mut attempts = 0;

        let entry = measure_while(&path, &mut || {
            attempts += 1;
            std::fs::write(&path, "x".repeat(attempts)).unwrap();
        });

        assert_eq!((attempts, entry.state.digest), (3, None));
        assert_eq!(entry.mark.changed_ns, UNTRUSTED_NS, "a scan measures it again");
    }

    #[test]
    fn a_directory_on_the_way_that_became_a_link_leads_nowhere() {
        let (dir, path) = ground();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("d")).unwrap();
        std::fs::rename(&path, base.join("d/a")).unwrap();
        if file::make_link(Path::new("d"), &base.join("l")).is_err() {
            return;
        }

        assert!(matches!(measurer().at_path(&base.join("d/a")).unwrap(), Measured::Found(_)));
        assert_eq!(measurer().at_path(&base.join("l/a")).unwrap(), Measured::Gone);
    }
}

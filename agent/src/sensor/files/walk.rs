//! Names and their metadata, directory by directory, in the order of the baseline. Knows nothing of baselines.
//!
//! Everything is reached from open directories by single names, so that a directory swapped for a link leads nowhere.
//! A tree may be of any depth: only so many directories stay open, and one that was closed is opened again component by
//! component and must still be the same.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use vonggac_protocol::file::FileKind;

use super::bounds::Bounds;
use super::key::Key;
use super::roots::Roots;
use crate::os::Stat;
use crate::os::file::{Dir, Listing, is_absence};
use crate::os::paths;

/// Directories open at once; far below what any system allows a process, and deeper than most trees.
const OPEN_MAX: usize = 64;

/// What a walk comes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Met {
    /// Something with this metadata.
    Path(Stat),
    /// Something that cannot be looked at, or a directory just met that cannot be listed.
    OutOfReach,
}

/// A walk under way.
pub(super) struct Walk {
    bounds: Arc<Bounds>,
    roots: Arc<Roots>,
    root: Key,
    /// Holds the root; the first to be looked into.
    start: Option<Arc<Dir>>,
    frames: Vec<Frame>,
    /// What was met last.
    met: Option<Place>,
    key: Vec<u8>,
    /// The directory met last could not be listed.
    is_closed: bool,
    buffer: Vec<u8>,
}

/// Where a name was met.
struct Place {
    dir: Arc<Dir>,
    /// Where the name begins in the key.
    name: usize,
    /// It is a directory, opened for what comes next.
    is_opened: bool,
}

/// A directory being walked.
struct Frame {
    dir: Option<Arc<Dir>>,
    identity: (u64, u64),
    listing: Listing,
    next: usize,
    key_bytes: usize,
    /// Nothing beneath it is out of bounds or belongs to another root.
    is_free: bool,
}

impl Walk {
    /// From a root that is within bounds.
    pub(super) fn new(bounds: Arc<Bounds>, roots: Arc<Roots>, root: &Key) -> Self {
        Self {
            bounds,
            roots,
            root: root.clone(),
            start: None,
            frames: Vec::new(),
            met: None,
            key: Vec::new(),
            is_closed: false,
            buffer: Vec::new(),
        }
    }

    /// Opens what holds the root; `false` if it is not there.
    ///
    /// # Errors
    /// If it is out of reach.
    pub(super) fn begin(&mut self) -> io::Result<bool> {
        let Some(path) = self.root.path() else { return Ok(false) };
        match Dir::open(path.parent().unwrap_or(&path)) {
            Ok(dir) => self.start = Some(Arc::new(dir)),
            Err(error) if is_absence(&error) => return Ok(false),
            Err(error) => return Err(error),
        }

        Ok(true)
    }

    /// What comes next; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Met> {
        if std::mem::take(&mut self.is_closed) {
            return Some(Met::OutOfReach);
        }
        if let Some(dir) = self.start.take() {
            let root = self.root.as_bytes();
            let name = root.iter().rposition(|byte| *byte == 0).map_or(root.len(), |at| at + 1);
            self.key.clear();
            self.key.extend_from_slice(root);
            if let Some(met) = self.look(&dir, name, false) {
                return Some(met);
            }
        }
        while let Some(frame) = self.frames.last_mut() {
            let Some(name) = frame.listing.name(frame.next) else {
                self.frames.pop();
                continue;
            };
            self.key.truncate(frame.key_bytes);
            self.key.push(0);
            let at = self.key.len();
            self.key.extend_from_slice(name.as_encoded_bytes());
            frame.next += 1;
            let is_free = frame.is_free;
            if !is_free && !self.is_ours() {
                continue;
            }
            let Some(dir) = self.dir() else { continue };
            if let Some(met) = self.look(&dir, at, is_free) {
                return Some(met);
            }
        }

        None
    }

    /// The key of what was met last.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The directory and the name of what was met last.
    pub(super) fn place(&self) -> Option<(&Arc<Dir>, &OsStr)> {
        let met = self.met.as_ref()?;

        Some((&met.dir, name_at(&self.key, met.name)?))
    }

    /// The directory met last, opened.
    pub(super) fn opened(&self) -> Option<&Dir> {
        let is_opened = self.met.as_ref().is_some_and(|met| met.is_opened);

        self.frames.last().filter(|_| is_opened).and_then(|frame| frame.dir.as_deref())
    }

    /// The metadata of a name; a directory is opened.
    fn look(&mut self, dir: &Arc<Dir>, at: usize, is_free: bool) -> Option<Met> {
        let name = name_at(&self.key, at)?;
        let stat = match dir.stat(name) {
            Ok(stat) => stat,
            Err(error) if is_absence(&error) => return None,
            Err(_) => {
                self.met = None;
                return Some(Met::OutOfReach);
            }
        };
        if !self.bounds.allow_file(&stat) {
            return None;
        }
        let mut is_opened = false;
        if stat.kind == FileKind::Directory {
            match dir.open_child_to_list(name).and_then(|dir| Ok((dir.list(&mut self.buffer)?, dir))) {
                Ok((listing, opened)) => {
                    is_opened = true;
                    self.descend(opened, listing, &stat, is_free);
                }
                Err(error) => self.is_closed = !is_absence(&error),
            }
        }
        self.met = Some(Place { dir: Arc::clone(dir), name: at, is_opened });

        Some(Met::Path(stat))
    }

    fn descend(&mut self, dir: Dir, listing: Listing, stat: &Stat, is_free: bool) {
        let is_free = is_free || !(self.bounds.reach_into(&self.key) || self.roots.reach_into(&self.key));
        if let Some(far) = self.frames.len().checked_sub(OPEN_MAX).and_then(|at| self.frames.get_mut(at)) {
            far.dir = None;
        }
        self.frames.push(Frame {
            dir: Some(Arc::new(dir)),
            identity: (stat.device, stat.inode),
            listing,
            next: 0,
            key_bytes: self.key.len(),
            is_free,
        });
    }

    /// The directory whose names come next, opened again if it was closed; `None` if it is not what it was.
    fn dir(&mut self) -> Option<Arc<Dir>> {
        let frame = self.frames.last_mut()?;
        if frame.dir.is_none() {
            let key = Key::from_stored(self.key.get(..frame.key_bytes)?.to_vec());
            frame.dir = reopen(&key.path()?, frame.identity).map(Arc::new);
        }

        frame.dir.clone()
    }

    /// Whether what was met is within bounds, and this root is the one it counts for.
    fn is_ours(&self) -> bool {
        self.bounds.allow_bytes(&self.key) && self.roots.owner(&self.key) == Some(&self.root)
    }
}

/// The name that ends a key; the root of the file system has none.
fn name_at(key: &[u8], at: usize) -> Option<&OsStr> {
    let name = paths::name(key.get(at..)?)?;

    Some(if name.is_empty() { OsStr::new(".") } else { name })
}

/// A directory that was open before; only if it is still the same.
fn reopen(path: &Path, identity: (u64, u64)) -> Option<Dir> {
    let dir = Dir::open(path).and_then(|dir| dir.open_child_to_list(OsStr::new("."))).ok()?;
    let stat = dir.own_stat().ok()?;

    ((stat.device, stat.inode) == identity).then_some(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(root: &Path) -> Vec<String> {
        let key = Key::of(root);
        let roots = Arc::new(Roots::one(root.to_owned(), vonggac_protocol::file::Area::Data));
        let mut walk = Walk::new(Arc::new(Bounds::default()), roots, &key);
        let mut found = Vec::new();
        assert!(walk.begin().unwrap());
        while let Some(met) = walk.next() {
            let Met::Path(stat) = met else { panic!("all of it can be reached") };
            let (dir, name) = walk.place().unwrap();
            assert_eq!(dir.stat(name).unwrap().inode, stat.inode, "name and directory belong together");
            let path = Key::from_stored(walk.key().to_vec()).path().unwrap();
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }

        found
    }

    #[test]
    fn names_come_in_the_order_of_their_keys() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for name in ["a", "a/c", "a/c/d", "b"] {
            std::fs::create_dir(base.join(name)).unwrap();
        }
        for name in ["a-b", "a/c/x", "a.txt", "a/b", "b/a"] {
            std::fs::write(base.join(name), "").unwrap();
        }

        let found = walked(&base);

        assert_eq!(found, ["", "a", "a/b", "a/c", "a/c/d", "a/c/x", "a-b", "a.txt", "b", "b/a"]);
    }

    #[test]
    fn a_tree_deeper_than_the_directories_we_keep_open_is_walked_whole() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let depth = 4 * OPEN_MAX;
        let mut path = base.clone();
        for _ in 0..depth {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("e"), "").unwrap();
        }

        assert_eq!(walked(&base).len(), 2 * depth + 1);
    }

    #[test]
    fn a_directory_swapped_for_a_link_while_it_was_closed_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("d")).unwrap();
        let stat = Dir::open(&base.join("d")).unwrap().own_stat().unwrap();
        let identity = (stat.device, stat.inode);
        assert!(reopen(&base.join("d"), identity).is_some());

        std::fs::rename(base.join("d"), base.join("e")).unwrap();
        if crate::os::file::make_link(Path::new("e"), &base.join("d")).is_err() {
            return;
        }

        assert!(reopen(&base.join("d"), identity).is_none());
    }
}

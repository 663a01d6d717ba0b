//! Directories that come: their watches, and what was in them before the watch stood.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow};
use vonggac_protocol::file::{FileKind, WatchLossReason};

use super::claims::Claim;
use super::key::Key;
use super::ledger::{Stopped, lock};
use super::watch::Watched;
use super::watchman::Watchman;
use crate::clock;
use crate::os::file::Dir;

/// Which names are touched while watches are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Touching {
    All,
    /// Those that are not touched already: their quiet time is not prolonged.
    New,
    Nothing,
}

impl Watchman {
    /// Sets watches on a root; all of it is listed by its scan.
    pub(super) fn watch_root(&mut self, path: &Path) -> Result<()> {
        if is_directory(path) {
            return self.watch_uncovered(path);
        }
        // A single file is watched through its directory: editors put new files in its place.
        if let Some(parent) = path.parent()
            && self.watch.add(parent) == Watched::Limit
        {
            self.give_up_watching(path)?;
        }

        Ok(())
    }

    /// Sets watches on those parts of a root whose file systems are not watched whole.
    pub(super) fn watch_uncovered(&mut self, path: &Path) -> Result<()> {
        let key = Key::of(path);
        let points: Vec<PathBuf> =
            self.watch.survey.of(&key).map(|holding| holding.mount.point.clone()).collect();
        if !self.watch.covers(path) {
            self.walk_directories(path, Touching::Nothing, None)?;
        }
        for point in points {
            if Key::of(&point).is_within(&key) && point != path && !self.watch.covers(&point) {
                self.walk_directories(&point, Touching::Nothing, None)?;
            }
        }

        Ok(())
    }

    /// A directory came: watches it and all beneath it, and touches every name in it, for whatever was there before the
    /// watch stood gave no notice.
    pub(super) fn enlist(&mut self, dir: &Path, mover: Option<&Claim>) -> Result<()> {
        self.walk_directories(dir, Touching::All, mover)
    }

    pub(super) fn walk_directories(
        &mut self,
        dir: &Path,
        touching: Touching,
        mover: Option<&Claim>,
    ) -> Result<()> {
        if touching == Touching::Nothing && self.watch.covers_trees() {
            return match self.watch.add(dir) {
                Watched::Limit => self.give_up_watching(dir),
                Watched::Yes | Watched::Gone => Ok(()),
            };
        }
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            if self.watch.add(&dir) == Watched::Limit {
                return self.give_up_watching(&dir);
            }
            for (path, is_dir) in self.list(&dir) {
                match touching {
                    Touching::All => self.touch(&path, mover.cloned()),
                    Touching::New if !self.settle.holds(&path) => self.touch(&path, None),
                    Touching::New | Touching::Nothing => {}
                }
                if is_dir {
                    dirs.push(path);
                }
            }
            if self.shared.is_stopping() {
                return Err(anyhow!(Stopped));
            }
        }

        Ok(())
    }

    /// As [`enlist`](Self::enlist) for one directory that a scan met, touching only what nobody knows.
    pub(super) fn enlist_unknown(&mut self, dir: &Path) -> Result<()> {
        if self.watch.add(dir) == Watched::Limit {
            return self.give_up_watching(dir);
        }
        for (path, _) in self.list(dir) {
            if !lock(&self.ledger).knows(&Key::of(&path))? {
                self.touch(&path, None);
            }
        }

        Ok(())
    }

    /// What is in a directory and within bounds, and whether each is a directory.
    pub(super) fn list(&self, dir: &Path) -> Vec<(PathBuf, bool)> {
        let Ok(opened) = Dir::open(dir) else { return Vec::new() };
        let names = opened.names().unwrap_or_default();
        let paths = names.into_iter().filter_map(|name| {
            let path = dir.join(&name);
            self.is_watched(&path).then(|| {
                let stat = opened.stat(&name).ok().filter(|stat| self.bounds.allow_file(stat));
                (path, stat.is_some_and(|stat| stat.kind == FileKind::Directory))
            })
        });

        paths.collect()
    }

    /// The system allows no more watches: the root is scanned every so often instead, and the collector is told.
    pub(super) fn give_up_watching(&mut self, path: &Path) -> Result<()> {
        let Some((root, _)) = self.roots.find(&Key::of(path)) else { return Ok(()) };
        if self.plans.unwatched.insert(root.clone(), clock::instant()).is_none() {
            self.counters.losses.fetch_add(1, Ordering::AcqRel);
            let now = clock::now();
            lock(&self.ledger).tell_lost(
                vec![root.host_path()],
                WatchLossReason::WatchLimit,
                now,
                None,
                now,
            )?;
        }

        Ok(())
    }
}

pub(super) fn is_directory(path: &Path) -> bool {
    Dir::open(path).is_ok()
}

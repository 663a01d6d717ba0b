//! The last confirmed state of every path, on disk; never held in memory whole, and of any number of paths.
//!
//! SQLite with a write-ahead log and `synchronous = NORMAL`: after a power cut the file is sound and at worst some of
//! the last confirmations are forgotten, so those observations are made again. Paths are packed into blocks of a page
//! each, in the order of a walk (`docs/decisions/0015`). A damaged block is let go of, an unreadable file put aside and
//! kept; both are told, and neither stops the agent.
//!
//! | module | subject |
//! |---|---|
//! | `block` | the bytes of one block; pure |
//! | `merge` | changes on their way into blocks; pure |
//! | `blocks` | blocks in the database |
//! | `names` | names of owners and groups by number |
//! | `entry` | entries as the sensor has them, and as a block keeps them |
//! | `rows` | the baseline as a stream |
//! | `sums` | sums over a root |
//! | `moments` | which roots are taken, when, by whom; how far a task came |
//! | `check` | reading all of it once, mending what is damaged |
//! | `form` | the file: made, opened, brought from an older form |

mod block;
mod blocks;
mod check;
mod entry;
mod form;
mod merge;
mod moments;
mod names;
mod rows;
mod sums;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use vonggac_protocol::file::FileKind;

use super::compare::{Entry, Mark};
use super::key::Key;
use block::{BODY_BYTES, Place};
pub use block::{reread, sealed};
use blocks::Blocks;
use form::Damage;
use merge::{Change, Known, merge, retain};
pub(super) use moments::Taking;
use names::Names;
pub(super) use rows::Rows;

/// A block this small after something was removed is joined with the one behind it, if that leaves room in it.
const CRUMB_BYTES: usize = BODY_BYTES / 3;

/// What a scan compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Glance {
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) mark: Mark,
}

/// How a baseline was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Opened {
    /// As it was left, or new.
    Sound,
    /// Some of it was damaged and is to be measured anew.
    Mended,
    /// It could not be read at all; it was put aside there.
    PutAside(PathBuf),
}

impl Opened {
    /// What is to be said of it, if anything.
    pub(super) fn first_word(&self) -> Option<&'static str> {
        match self {
            Self::Sound => None,
            Self::Mended => Some(
                "part of the baseline was damaged; what it held is measured anew, so changes made there since the last \
                 start cannot be told",
            ),
            Self::PutAside(_) => Some(
                "the baseline could not be read; it was put aside and everything is measured anew, so changes made \
                 since the last start cannot be told",
            ),
        }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Baseline {
    db: Connection,
    names: Names,
    paths: u64,
    /// Rises with every change, for streams that are under way.
    generation: u64,
}

impl Baseline {
    /// Opens it, making it if it is not there, and reads all of it once.
    pub(super) fn open(path: &Path) -> Result<(Self, Opened)> {
        form::open(path, Damage::Mended)
    }

    /// As [`open`](Self::open), but a damaged one is put aside whole: for whoever asks what differs, and must not hear
    /// that nothing does because it was forgotten. The path: there it lies.
    pub(super) fn open_whole(path: &Path) -> Result<(Self, Option<PathBuf>)> {
        Ok(match form::open(path, Damage::PutAside)? {
            (baseline, Opened::PutAside(aside)) => (baseline, Some(aside)),
            (baseline, Opened::Sound | Opened::Mended) => (baseline, None),
        })
    }

    /// Opens one to compare with: nothing is changed, and paths are not counted. Damage is found where it is.
    pub(super) fn open_to_compare(path: &Path) -> Result<Self> {
        form::open_to_compare(path)
    }

    fn over(db: Connection) -> Result<Self> {
        let names = Names::load(&db)?;

        Ok(Self { db, names, paths: 0, generation: 0 })
    }

    fn blocks(&self) -> Blocks<'_> {
        Blocks(&self.db)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE").context("begin a change of the baseline")
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.db.execute_batch("COMMIT").context("commit a change of the baseline")
    }

    /// Does all of it or nothing; as part of the change under way, if there is one.
    fn change<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.generation += 1;
        if !self.db.is_autocommit() {
            return work(self);
        }
        let paths = self.paths;
        self.begin()?;
        match work(self) {
            Ok(done) => {
                self.commit()?;
                Ok(done)
            }
            Err(error) => {
                self.db.execute_batch("ROLLBACK").context("take a change of the baseline back")?;
                self.paths = paths;
                self.names = Names::load(&self.db)?;
                Err(error)
            }
        }
    }

    pub(super) fn find(&self, key: &Key) -> Result<Option<Entry>> {
        let key = key.as_bytes();
        let mut body = Vec::new();
        if !self.blocks().around(key, &mut body)? {
            return Ok(None);
        }
        let mut place = Place::new();
        while let Some(fields) = place.next(&body)? {
            if place.key() >= key {
                return if place.key() == key {
                    Ok(Some(entry::entry(&self.names, &fields)?))
                } else {
                    Ok(None)
                };
            }
        }

        Ok(None)
    }

    /// Keeps a state; whether the path is new.
    pub(super) fn put(&mut self, key: &Key, entry: &Entry) -> Result<bool> {
        Ok(self.apply(&[(key, Some(entry))], Known::Replaced)? == 1)
    }

    /// Keeps these states, in the order of their keys, in one go; how many of the paths are new.
    pub(super) fn put_many(&mut self, sorted: &[(Key, Entry)]) -> Result<u64> {
        let changes: Vec<_> = sorted.iter().map(|(key, entry)| (key, Some(entry))).collect();

        Ok(self.apply(&changes, Known::Replaced)?.unsigned_abs())
    }

    /// As [`put_many`](Self::put_many), but a path that is kept already stays as it is.
    pub(super) fn put_new(&mut self, sorted: &[(Key, Entry)]) -> Result<u64> {
        let changes: Vec<_> = sorted.iter().map(|(key, entry)| (key, Some(entry))).collect();

        Ok(self.apply(&changes, Known::Stays)?.unsigned_abs())
    }

    /// Forgets a path; whether it was there.
    #[cfg(test)]
    pub(super) fn remove(&mut self, key: &Key) -> Result<bool> {
        Ok(self.apply(&[(key, None)], Known::Replaced)? == -1)
    }

    /// Keeps or forgets, in the order of the keys, in one go; by how many paths the baseline grew.
    pub(super) fn put_or_remove(&mut self, sorted: &[(&Key, Option<&Entry>)]) -> Result<i64> {
        self.apply(sorted, Known::Replaced)
    }

    fn apply(&mut self, sorted: &[(&Key, Option<&Entry>)], known: Known) -> Result<i64> {
        ensure!(sorted.is_sorted_by(|(a, _), (b, _)| a < b), "changes of the baseline are out of order");
        let before = self.paths;
        self.change(|baseline| {
            let mut changes = Vec::with_capacity(sorted.len());
            for (key, entry) in sorted {
                let fields = match entry {
                    Some(entry) => Some(entry::fields(&baseline.db, &mut baseline.names, entry)?),
                    None => None,
                };
                changes.push((key.as_bytes(), fields));
            }
            let mut rest = changes.as_slice();
            while !rest.is_empty() {
                rest = baseline.apply_to_one_block(rest, known)?;
            }
            Ok(())
        })?;

        Ok(self.paths.cast_signed() - before.cast_signed())
    }

    /// Applies what belongs to the block of the first change; the rest is returned.
    fn apply_to_one_block<'c, 'a>(
        &mut self,
        changes: &'c [Change<'a>],
        known: Known,
    ) -> Result<&'c [Change<'a>]> {
        let Some((key, _)) = changes.first() else { return Ok(changes) };
        let mut old = Vec::from_iter(self.blocks().kept_around(key)?);
        let next = match old.first() {
            Some(kept) => self.blocks().first_after(&kept.first)?,
            None => None,
        };
        let count =
            next.map_or(changes.len(), |next| changes.partition_point(|(key, _)| *key < next.as_slice()));
        let (these, rest) = changes.split_at(count);
        let bodies: Vec<&[u8]> = old.iter().map(|kept| kept.body.as_slice()).collect();
        let mut merged = merge(&bodies, these, known)?;
        if let ([packed], [kept], 1..) = (merged.blocks.as_slice(), old.as_slice(), merged.removed)
            && packed.body.len() < CRUMB_BYTES
            && let Some(behind) = self.blocks().kept_after(&kept.first)?
            && packed.body.len() + behind.body.len() < BODY_BYTES - CRUMB_BYTES / 2
        {
            merged = merge(&[&kept.body, &behind.body], these, known)?;
            old.push(behind);
        }
        self.blocks().replace(&old, &merged.blocks)?;
        self.paths = (self.paths + merged.added).saturating_sub(merged.removed);

        Ok(rest)
    }

    /// Empties the write-ahead log, which may still hold what was forgotten.
    pub(super) fn wipe_log(&self) -> Result<()> {
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .context("empty the log of the baseline")
    }

    /// Forgets a path and all beneath it, without a word: it went out of bounds or is no longer watched.
    pub(super) fn forget_tree(&mut self, key: &Key) -> Result<()> {
        let end = key.beneath().1;
        self.change(|baseline| {
            let mut next = baseline.blocks().kept_around(key.as_bytes())?;
            while let Some(kept) = next.filter(|kept| kept.first.as_slice() < end.as_bytes()) {
                let left = retain(&kept.body, |own| own < key.as_bytes() || own >= end.as_bytes())?;
                baseline.blocks().replace(std::slice::from_ref(&kept), &left.blocks)?;
                baseline.paths = baseline.paths.saturating_sub(left.removed);
                next = baseline.blocks().kept_after(&kept.first)?;
            }
            baseline.db.execute("DELETE FROM root WHERE key = ?1", [key.as_bytes()])?;
            Ok(())
        })
    }

    /// Up to `limit` paths in `first..end`, in order.
    pub(super) fn glances(&self, first: &Key, end: &Key, limit: usize) -> Result<Vec<(Key, Glance)>> {
        let mut rows = Rows::of(first, end);
        let mut found = Vec::new();
        while found.len() < limit && rows.fill(self)? {
            if let Some((key, glance)) = rows.peek() {
                found.push((Key::from_stored(key.to_vec()), glance));
            }
            rows.pop()?;
        }

        Ok(found)
    }

    /// The path itself, if it is kept.
    pub(super) fn glance(&self, key: &Key) -> Result<Option<(Key, Glance)>> {
        Ok(self.glances(key, &key.successor(), 1)?.pop())
    }

    /// How many paths are kept.
    pub(super) fn count(&self) -> Result<u64> {
        Ok(self.paths)
    }
}

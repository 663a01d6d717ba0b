//! Where a scan stands: the walk beside the baseline, what is the same, what is suspected, what has to be read.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic;

use anyhow::{Result, anyhow};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileKind;

use super::baseline::{Glance, Rows};
use super::compare::Mark;
use super::crew::Hand;
use super::key::Key;
use super::ledger::{Stopped, lock};
use super::measure::{Measured, Measurer};
use super::scan::{Found, Shift};
use super::walk::{Met, Walk};
use crate::os::Stat;
use crate::os::file::Dir;

/// Paths between two looks at the clock.
const PATHS_AT_ONCE: u32 = 256;

/// A file to be read.
pub(super) struct Wanted {
    pub(super) dir: Arc<Dir>,
    pub(super) name: OsString,
    pub(super) key: Key,
    pub(super) stat: Stat,
    /// What its content is to be compared with; `None`: it is new.
    pub(super) recorded: Option<Digest>,
}

/// Where a scan stands. One thread at a time moves it on.
pub(super) struct Front<'a> {
    shift: &'a Shift<'a>,
    walk: Walk,
    rows: Rows,
    /// No rows are left.
    is_past_rows: bool,
    is_begun: bool,
    measurer: Measurer,
    /// Found by one thread for another.
    held: Option<Wanted>,
    paths: u32,
}

impl<'a> Front<'a> {
    pub(super) fn new(shift: &'a Shift<'a>) -> Self {
        let scanner = shift.scanner;
        let root = &shift.order.root;

        Self {
            shift,
            walk: Walk::new(Arc::clone(&scanner.bounds), Arc::clone(&scanner.roots), root),
            rows: Rows::of_root(root),
            is_past_rows: false,
            is_begun: false,
            measurer: Measurer::new(Arc::clone(&scanner.bounds), scanner.hash_bytes_max),
            held: None,
            paths: 0,
        }
    }

    /// Gives a file back, for another thread.
    pub(super) fn hold(&mut self, wanted: Wanted) {
        self.held = Some(wanted);
    }

    /// Walks on to the next file that has to be read; `None` at the end.
    pub(super) fn next(&mut self, hand: &Hand<'_>) -> Result<Option<Wanted>> {
        if let Some(wanted) = self.held.take() {
            return Ok(Some(wanted));
        }
        if !self.is_begun {
            self.is_begun = true;
            if self.walk.begin().is_err() {
                self.step_over(&self.shift.order.root.clone())?;
            }
        }
        loop {
            let Some(met) = self.walk.next() else {
                self.count();
                self.pass_rest()?;
                return Ok(None);
            };
            self.paths += 1;
            if self.paths >= PATHS_AT_ONCE {
                self.count();
                hand.breathe();
            }
            if self.shift.is_over() {
                return Err(anyhow!(Stopped));
            }
            match met {
                Met::OutOfReach => self.step_over(&Key::from_stored(self.walk.key().to_vec()))?,
                Met::Path(stat) => {
                    if let Some(wanted) = self.compare(stat)? {
                        return Ok(Some(wanted));
                    }
                }
            }
        }
    }

    fn count(&mut self) {
        let paths = u64::from(std::mem::take(&mut self.paths));
        self.shift.scanner.progress.paths.fetch_add(paths, atomic::Ordering::AcqRel);
    }

    fn compare(&mut self, stat: Stat) -> Result<Option<Wanted>> {
        match self.row()? {
            Some((glance, recorded)) if is_same(&glance, &stat) => {
                let recorded = recorded.filter(|_| stat.kind == FileKind::File);
                let recorded = self.shift.is_again(self.walk.key(), recorded);
                Ok(recorded.and_then(|recorded| self.wanted(stat, Some(recorded))))
            }
            None if self.shift.order.is_first => {
                if stat.kind == FileKind::File && self.measurer.hashes(stat.size) {
                    return Ok(self.wanted(stat, None));
                }
                self.measure(&stat)?;
                Ok(None)
            }
            Some(_) | None => {
                self.shift.say(Found::Suspect(self.key()))?;
                Ok(None)
            }
        }
    }

    fn key(&self) -> Key {
        Key::from_stored(self.walk.key().to_vec())
    }

    fn wanted(&self, stat: Stat, recorded: Option<Digest>) -> Option<Wanted> {
        let (dir, name) = self.walk.place()?;

        Some(Wanted { dir: Arc::clone(dir), name: name.to_owned(), key: self.key(), stat, recorded })
    }

    /// Measures what need not be read.
    fn measure(&mut self, stat: &Stat) -> Result<()> {
        let key = self.key();
        if let (FileKind::Directory, Some(dir)) = (stat.kind, self.walk.opened()) {
            return self.shift.keep(key, self.measurer.directory(stat, dir));
        }
        let (Some((dir, name)), Some(path)) = (self.walk.place(), key.path()) else { return Ok(()) };
        match self.measurer.in_dir(dir, name, &path) {
            Ok(Measured::Found(entry)) => self.shift.keep(key, entry)?,
            Ok(Measured::Gone | Measured::OutOfBounds) => {}
            Err(_) => {
                self.shift.out_of_reach.fetch_add(1, atomic::Ordering::AcqRel);
            }
        }

        Ok(())
    }

    /// What the baseline has of the path just met. Rows before it, which the walk did not meet, are suspected to be gone.
    fn row(&mut self) -> Result<Option<(Glance, Option<Digest>)>> {
        while !self.is_past_rows {
            let Some((key, glance)) = self.rows.peek() else {
                self.fill()?;
                continue;
            };
            match key.cmp(self.walk.key()) {
                Ordering::Less => self.pass_row()?,
                Ordering::Equal => {
                    let digest = self.rows.digest();
                    self.rows.pop()?;
                    return Ok(Some((glance, digest)));
                }
                Ordering::Greater => break,
            }
        }

        Ok(None)
    }

    fn fill(&mut self) -> Result<()> {
        self.is_past_rows = !self.rows.fill(lock(&self.shift.scanner.ledger).baseline())?;

        Ok(())
    }

    /// The next row was not met. What belongs to another root is not ours to say anything of.
    fn pass_row(&mut self) -> Result<()> {
        let Some((key, _)) = self.rows.peek() else { return Ok(()) };
        let roots = &self.shift.scanner.roots;
        if let Some(other) = roots.owner(key).filter(|owner| **owner != self.shift.order.root) {
            return self.rows.skip_to(&other.beneath().1);
        }
        let gone = Key::from_stored(key.to_vec());
        self.rows.pop()?;

        self.shift.say(Found::Suspect(gone))
    }

    fn pass_rest(&mut self) -> Result<()> {
        while !self.is_past_rows {
            if self.rows.peek().is_some() {
                self.pass_row()?;
            } else {
                self.fill()?;
            }
        }

        Ok(())
    }

    /// Nothing can be said of what is beneath.
    fn step_over(&mut self, key: &Key) -> Result<()> {
        self.shift.out_of_reach.fetch_add(1, atomic::Ordering::AcqRel);
        loop {
            if self.rows.peek().is_none() && !self.is_past_rows {
                self.fill()?;
            }
            match self.rows.peek() {
                Some((row, _)) if row < key.as_bytes() => self.pass_row()?,
                Some(_) | None => break,
            }
        }

        self.rows.skip_to(&key.beneath().1)
    }
}

fn is_same(glance: &Glance, stat: &Stat) -> bool {
    let mark = Mark { modified_ns: stat.modified_ns, changed_ns: stat.changed_ns, inode: stat.inode };

    *glance == Glance { kind: stat.kind, size: stat.size, mark }
}

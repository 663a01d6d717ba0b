//! Comparing what counts with the baseline, and telling what differs. Spool before baseline, as for files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use vonggac_protocol::file::{Area, BaselineTaken, FileKind, FileState};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::super::compare::{Entry, Mark};
use super::super::key::Key;
use super::super::ledger::{Circumstance, Ledger, Place};
use super::key_of;
use super::read::{Found, Hive, Part, all};
use crate::clock;

/// Known values in memory at once.
const PAGE: usize = 256;

/// What the loop has of it.
pub(in crate::sensor::files) struct Autostart {
    hive: Box<dyn Hive + Send>,
    is_due: Arc<AtomicBool>,
    is_first: bool,
}

impl Autostart {
    /// Reads through this; due at once, and whenever the flag is raised.
    pub(in crate::sensor::files) fn new(hive: Box<dyn Hive + Send>, is_due: Arc<AtomicBool>) -> Self {
        is_due.store(true, Ordering::Release);

        Self { hive, is_due, is_first: true }
    }

    /// Whether a look is due; the loop must then call [`look`](Self::look).
    pub(in crate::sensor::files) fn is_due(&self) -> bool {
        self.is_due.load(Ordering::Acquire)
    }

    /// A look is due.
    #[cfg(test)]
    pub(super) fn look_is_due(&self) {
        self.is_due.store(true, Ordering::Release);
    }

    /// Reads everything and tells what differs. `before`: up to when the run before told everything; `quiet`: since when
    /// nothing waited.
    pub(in crate::sensor::files) fn look(
        &mut self,
        ledger: &mut Ledger,
        before: Option<Timestamp>,
        quiet: Timestamp,
    ) -> Result<()> {
        // Before it is read: what changes meanwhile is due again.
        self.is_due.store(false, Ordering::Release);
        let at = clock::now();
        let how = if self.is_first {
            Circumstance { at, watched_from: Some(at), not_before: before, actor: None }
        } else {
            Circumstance { at, watched_from: None, not_before: Some(quiet), actor: None }
        };
        for (name, part) in all(self.hive.as_ref()) {
            compare(ledger, &name, &part, &how)?;
        }
        self.is_first = false;

        Ok(())
    }
}

/// One root: recorded when it is met first, compared from then on.
fn compare(ledger: &mut Ledger, name: &str, part: &Part, how: &Circumstance) -> Result<()> {
    let root = key_of(name.as_bytes());
    if !ledger.baseline().is_taken(&root)? {
        return record(ledger, &root, part, how.at);
    }
    let place = Place { root: &root, area: Area::Persistence, is_new: false };
    for (path, found) in &part.values {
        let key = key_of(path);
        let known = ledger.known(&key)?.and_then(|entry| entry.state.digest);
        if known != Some(found.digest) {
            ledger.file(&key, &place, Some(entry(found)), None, how)?;
        }
    }
    let unread: Vec<Key> = part.unread.iter().map(|path| key_of(path)).collect();
    let values: std::collections::BTreeSet<Key> = part.values.keys().map(|path| key_of(path)).collect();
    let (mut next, end) = root.beneath();
    loop {
        let keys = ledger.known_keys(&next, &end, PAGE)?;
        let Some(last) = keys.last() else { return Ok(()) };
        next = last.successor();
        for key in &keys {
            if !values.contains(key) && !unread.iter().any(|above| key.is_within(above)) {
                ledger.file(key, &place, None, None, how)?;
            }
        }
    }
}

fn record(ledger: &mut Ledger, root: &Key, part: &Part, at: Timestamp) -> Result<()> {
    let began = clock::instant();
    let mut bytes = 0;
    for (path, found) in &part.values {
        bytes += found.bytes;
        ledger.absorb(&key_of(path), &entry(found))?;
    }
    let sums = ledger.baseline().sums(root, u64::MAX, &|_| true)?;
    let unreadable = u64::try_from(part.unread.len()).unwrap_or(u64::MAX);
    let taken = BaselineTaken {
        root: root.host_path(),
        area: Area::Persistence,
        paths: sums.paths,
        bytes,
        digest: sums.digest,
        unreadable,
        took_ms: u64::try_from(clock::instant().duration_since(began).as_millis()).unwrap_or(u64::MAX),
        by: None,
        reason: None,
        previous: None,
    };

    ledger.tell_taken(root, at, taken)
}

/// A value in the form of a file: its data are its content. When it was written is told where it changed; every value of
/// a key would seem to change with one otherwise.
fn entry(found: &Found) -> Entry {
    let nanoseconds = found.written.0.saturating_mul(1_000_000);

    Entry {
        state: FileState {
            kind: FileKind::File,
            size: found.bytes,
            digest: Some(found.digest),
            mode: 0,
            owner: String::new(),
            group: String::new(),
            modified: found.written,
            changed: found.written,
            link_target: None::<HostPath>,
            attributes: None,
            flags: None,
        },
        mark: Mark { modified_ns: nanoseconds, changed_ns: nanoseconds, inode: 1 },
    }
}

//! The baseline as a stream: one block in memory at a time, and nothing allocated for an entry.

use anyhow::Result;
use vonggac_protocol::digest::Digest;

use super::super::key::Key;
use super::block::Place;
use super::{Baseline, Glance};

/// What is kept in a span of keys, in order. It owns a copy of one block, so that nothing is locked while it is read:
/// what changes meanwhile within that block is not seen, what changes behind it is.
///
/// ```text
/// let mut rows = Rows::of_root(&root);
/// while rows.fill(lock(ledger).baseline())? {          // looks at the baseline only when a block is used up
///     while let Some((key, glance)) = rows.peek() { ..; rows.pop()?; }
/// }
/// ```
#[derive(Debug)]
pub(in super::super) struct Rows {
    body: Vec<u8>,
    place: Place,
    glance: Option<Glance>,
    digest: Option<[u8; 32]>,
    /// Keys before it are over. Only looked at when a block is read.
    next: Vec<u8>,
    end: Vec<u8>,
    /// The generation of the baseline under which the block in hand was read: unchanged, the next block follows it.
    follows: Option<u64>,
    is_drained: bool,
}

impl Rows {
    /// Over `first..end`.
    pub(in super::super) fn of(first: &Key, end: &Key) -> Self {
        Self {
            body: Vec::new(),
            place: Place::new(),
            glance: None,
            digest: None,
            next: first.as_bytes().to_vec(),
            end: end.as_bytes().to_vec(),
            follows: None,
            is_drained: first >= end,
        }
    }

    /// Over a root: itself and all beneath it.
    pub(in super::super) fn of_root(root: &Key) -> Self {
        Self::of(root, &root.beneath().1)
    }

    /// Makes sure that [`peek`](Self::peek) has something to say; `false` at the end.
    pub(in super::super) fn fill(&mut self, baseline: &Baseline) -> Result<bool> {
        while self.glance.is_none() && !self.is_drained {
            let found = if self.follows == Some(baseline.generation()) {
                baseline.blocks().after(self.place.key(), &mut self.body)?
            } else {
                baseline.blocks().around(&self.next, &mut self.body)?
            };
            if !found {
                self.is_drained = true;
                break;
            }
            self.place.rewind();
            self.follows = Some(baseline.generation());
            self.seek()?;
        }

        Ok(self.glance.is_some())
    }

    /// The next entry, if it is at hand; if not, [`fill`](Self::fill) knows whether there is one.
    pub(in super::super) fn peek(&self) -> Option<(&[u8], Glance)> {
        self.glance.map(|glance| (self.place.key(), glance))
    }

    /// The digest of the entry that [`peek`](Self::peek) gives.
    pub(in super::super) fn digest(&self) -> Option<Digest> {
        self.digest.filter(|_| self.glance.is_some()).map(Digest)
    }

    /// Steps behind the entry that [`peek`](Self::peek) gives.
    pub(in super::super) fn pop(&mut self) -> Result<()> {
        if self.glance.take().is_some() && !self.step()? {
            self.next.clear();
            self.next.extend_from_slice(self.place.key());
            self.next.push(0);
        }

        Ok(())
    }

    /// Steps to the first entry that is not before this key; call [`fill`](Self::fill) before the next look.
    pub(in super::super) fn skip_to(&mut self, key: &Key) -> Result<()> {
        let key = key.as_bytes();
        if self.glance.is_some() && self.place.key() >= key || self.glance.is_none() && *self.next >= *key {
            return Ok(());
        }
        self.next.clear();
        self.next.extend_from_slice(key);
        if self.glance.take().is_some() {
            self.seek()?;
        }
        if self.glance.is_none() {
            // It may lie far away.
            self.follows = None;
        }

        Ok(())
    }

    /// To the first entry of this block that is not before `next`.
    fn seek(&mut self) -> Result<()> {
        while self.step()? {
            if self.place.key() >= self.next.as_slice() {
                return Ok(());
            }
            self.glance = None;
        }

        Ok(())
    }

    /// To the next entry of this block; `false` if there is none before the end.
    fn step(&mut self) -> Result<bool> {
        let fields = self.place.next(&self.body)?;
        self.digest = fields.and_then(|fields| fields.digest.copied());
        self.glance = fields.map(|fields| Glance { kind: fields.kind, size: fields.size, mark: fields.mark });
        if self.glance.is_some() && self.place.key() >= self.end.as_slice() {
            self.glance = None;
            self.is_drained = true;
        }

        Ok(self.glance.is_some())
    }
}

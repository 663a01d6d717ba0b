//! Changes on their way into blocks. Pure.

use super::block::{BODY_BYTES, Damaged, Fields, Packed, Packer, Place};

/// A change of one path: its new state, or that it is gone.
pub(super) type Change<'a> = (&'a [u8], Option<Fields<'a>>);

/// What a merge came to.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) blocks: Vec<Packed>,
    pub(super) added: u64,
    pub(super) removed: u64,
}

/// How a change meets what is kept of its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// The change counts.
    Replaced,
    /// What is kept counts.
    Stays,
}

/// Merges changes into the entries of these bodies, both in key order.
///
/// Blocks are filled to the brim, so that a first scan, which only appends, leaves full ones. One new entry in a full
/// block would leave a full one and a crumb, and so would the next: then both are made half full.
pub(super) fn merge(bodies: &[&[u8]], changes: &[Change<'_>], known: Known) -> Result<Merged, Damaged> {
    let filled = pack(bodies, changes, known, BODY_BYTES)?;
    let ends_new = changes.last().is_some_and(|(key, fields)| fields.is_some() && filled.last == *key);
    if filled.merged.blocks.len() == 2 && !ends_new {
        let bytes: usize = filled.merged.blocks.iter().map(|packed| packed.body.len()).sum();
        let halves = pack(bodies, changes, known, (bytes / 2 + bytes / 16).min(BODY_BYTES))?;
        if halves.merged.blocks.len() == 2 {
            return Ok(halves.merged);
        }
    }

    Ok(filled.merged)
}

struct Filled {
    merged: Merged,
    last: Vec<u8>,
}

fn pack(bodies: &[&[u8]], changes: &[Change<'_>], known: Known, limit: usize) -> Result<Filled, Damaged> {
    let mut packer = Packer::new(limit);
    let mut changes = changes.iter().peekable();
    let (mut added, mut removed) = (0, 0);
    for body in bodies {
        let mut place = Place::new();
        while let Some(fields) = place.next(body)? {
            let key = place.key();
            while let Some((new, state)) = changes.next_if(|(new, _)| *new < key) {
                if let Some(state) = state {
                    packer.push(new, state);
                    added += 1;
                }
            }
            match changes.next_if(|(new, _)| *new == key) {
                Some((_, Some(state))) if known == Known::Replaced => packer.push(key, state),
                Some((_, None)) => removed += 1,
                Some((_, Some(_))) | None => packer.push(key, &fields),
            }
        }
    }
    for (new, state) in changes {
        if let Some(state) = state {
            packer.push(new, state);
            added += 1;
        }
    }
    let last = packer.last().to_vec();

    Ok(Filled { merged: Merged { blocks: packer.finish(), added, removed }, last })
}

/// The entries of a body that are to stay.
pub(super) fn retain(body: &[u8], stays: impl Fn(&[u8]) -> bool) -> Result<Merged, Damaged> {
    let mut packer = Packer::new(BODY_BYTES);
    let mut place = Place::new();
    let mut removed = 0;
    while let Some(fields) = place.next(body)? {
        if stays(place.key()) {
            packer.push(place.key(), &fields);
        } else {
            removed += 1;
        }
    }

    Ok(Merged { blocks: packer.finish(), added: 0, removed })
}

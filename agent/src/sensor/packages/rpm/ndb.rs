//! `Packages.db` of rpm's ndb: pages of slots, each naming a blob of 16-byte blocks; all numbers little-endian.
//!
//! Layout after rpm's `lib/backend/ndb/rpmpkg.c`: a head of 32 bytes (`RpmP`, version, generation, number of slot pages,
//! next package, and reserved words); slots of 16 bytes (`Slot`, package, block, blocks) from byte 32 to the end of the slot
//! pages; a blob is a head of 16 bytes (`BlbS`, package, generation, length), the header, padding, and a tail of 12 bytes.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::header::Source;
use crate::sensor::packages::database::{Found, PACKAGES_MAX, ReadPackagesError};

const HEAD_BYTES: usize = 32;
const PAGE_BYTES: usize = 4096;
const SLOT_BYTES: usize = 16;
const BLOCK_BYTES: u64 = 16;
const BLOB_HEAD_BYTES: usize = 16;

/// Slot pages; far more than [`PACKAGES_MAX`] packages need.
const SLOT_PAGES_MAX: usize = 2 * PACKAGES_MAX * SLOT_BYTES / PAGE_BYTES;

/// Bytes of one header that are read; rpm's own limit is higher, no real package comes near.
const BLOB_BYTES_MAX: usize = 64 * 1024 * 1024;

fn damaged(what: &'static str) -> ReadPackagesError {
    ReadPackagesError::Damaged { database: "rpm", what }
}

pub(super) fn read(path: &Path) -> Result<Found, ReadPackagesError> {
    let unreadable = ReadPackagesError::unreadable("rpm");
    let mut file = File::open(path).map_err(&unreadable)?;
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head).map_err(|_| damaged("its head is cut short"))?;
    if !head.starts_with(b"RpmP") || word(&head, 4) != Some(0) {
        return Err(damaged("its head is not that of ndb"));
    }
    let pages = word(&head, 12).and_then(|pages| usize::try_from(pages).ok()).unwrap_or(usize::MAX);
    if pages == 0 || pages > SLOT_PAGES_MAX {
        return Err(damaged("its number of slot pages"));
    }
    let mut slots = vec![0; pages * PAGE_BYTES - HEAD_BYTES];
    file.read_exact(&mut slots).map_err(|_| damaged("its slots are cut short"))?;

    let mut found = Found::default();
    for slot in slots.chunks_exact(SLOT_BYTES) {
        let package = word(slot, 4).unwrap_or(0);
        if !slot.starts_with(b"Slot") || package == 0 {
            continue;
        }
        match blob(&mut file, package, word(slot, 8).unwrap_or(0)) {
            Some(blob) => found.take_header(&Held(blob))?,
            None => found.skipped += 1,
        }
    }

    Ok(found)
}

/// The header at this block, if it says that it is this package's.
fn blob(file: &mut File, package: u32, block: u32) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(u64::from(block) * BLOCK_BYTES)).ok()?;
    let mut head = [0; BLOB_HEAD_BYTES];
    file.read_exact(&mut head).ok()?;
    let length = usize::try_from(word(&head, 12)?).ok().filter(|length| *length <= BLOB_BYTES_MAX)?;
    if !head.starts_with(b"BlbS") || word(&head, 4)? != package {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(u64::try_from(length).ok()?).read_to_end(&mut bytes).ok()?;

    (bytes.len() == length).then_some(bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

struct Held(Vec<u8>);

impl Source for Held {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn fill(&self, at: usize, buffer: &mut [u8]) -> Option<()> {
        self.0.as_slice().fill(at, buffer)
    }
}

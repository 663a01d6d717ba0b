//! `Packages` of rpm before 4.16: a hash database of Berkeley DB. Read page by page in the order of the file, because every
//! pair is wanted and none is looked up; numbers are of the byte order of the machine that made it.
//!
//! Layout after Berkeley DB's `dbinc/db_page.h`: pages of one size, the first of which is the head (bytes 12 magic, 16 version,
//! 20 page size, 24 encryption, 26 flags, 32 last page). A page begins with 26 bytes (8 own number, 16 next page, 20 entries,
//! 22 offset, 25 kind). A hash page goes on with an offset of two bytes for each entry, keys and values by turns; entries lie from
//! the end of the page towards its beginning, each with a byte that says how it is kept. A value that is too large for a page is told
//! by page and length, and lies in a chain of overflow pages.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::sensor::packages::database::{Found, ReadPackagesError};

const HASH_MAGIC: u32 = 0x0006_1561;
const HEAD_BYTES: usize = 72;
const PAGE_HEAD_BYTES: usize = 26;
const PAGE_BYTES: [u32; 8] = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536];

/// Flag of a database whose pages carry checksums, and so lie otherwise.
const CHECKSUMS: u8 = 1;

const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

const HERE: u8 = 1;
const ELSEWHERE: u8 = 3;

/// Bytes of one header that are read; rpm's own limit is higher, no real package comes near.
const VALUE_BYTES_MAX: u32 = 64 * 1024 * 1024;

fn damaged(what: &'static str) -> ReadPackagesError {
    ReadPackagesError::Damaged { database: "rpm", what }
}

pub(super) fn read(path: &Path) -> Result<Found, ReadPackagesError> {
    let file = File::open(path).map_err(ReadPackagesError::unreadable("rpm"))?;
    let mut database = Database::open(file)?;
    let mut found = Found::default();
    // Pages without an entry follow a few that are full: one page is held at a time.
    let mut page = vec![0; database.page_bytes];
    for number in 1..=database.last {
        database.page(number, &mut page)?;
        let kind = page.get(25).copied().unwrap_or_default();
        if kind != HASH && kind != HASH_UNSORTED {
            continue;
        }
        if database.word(&page, 8) != Some(number) {
            // A page of the hash that was never written is empty.
            if page.iter().all(|byte| *byte == 0) {
                continue;
            }
            return Err(damaged("a page that says it is another"));
        }
        database.pairs(&page, &mut found)?;
    }

    Ok(found)
}

struct Database {
    file: File,
    swapped: bool,
    page_bytes: usize,
    last: u32,
    /// Bytes of values that may still be read: no two headers share a page.
    left: u64,
}

impl Database {
    fn open(mut file: File) -> Result<Self, ReadPackagesError> {
        let unreadable = ReadPackagesError::unreadable("rpm");
        let bytes = file.metadata().map_err(&unreadable)?.len();
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).map_err(|_| damaged("its head is cut short"))?;
        let magic = head.get(12..16).and_then(|four| four.first_chunk()).copied().unwrap_or_default();
        let swapped = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (HASH_MAGIC, _) => false,
            (_, HASH_MAGIC) => true,
            _ => return Err(damaged("its head is not that of a hash of Berkeley DB")),
        };
        let mut database = Self { file, swapped, page_bytes: 0, last: 0, left: bytes };
        let version = database.word(&head, 16).unwrap_or_default();
        let size = database.word(&head, 20).filter(|size| PAGE_BYTES.contains(size));
        let (Some(size), 7..=10) = (size, version) else {
            return Err(damaged("the version or the page size in its head"));
        };
        if head.get(24) != Some(&0) || head.get(26).is_none_or(|flags| flags & CHECKSUMS != 0) {
            return Err(damaged("it is encrypted or has checksums, which rpm's databases have not"));
        }
        database.last = database.word(&head, 32).unwrap_or(u32::MAX);
        if (u64::from(database.last) + 1) * u64::from(size) > bytes {
            return Err(damaged("it is shorter than its head says"));
        }
        database.page_bytes = usize::try_from(size).map_err(|_| damaged("the page size in its head"))?;

        Ok(database)
    }

    fn page(&mut self, number: u32, page: &mut [u8]) -> Result<(), ReadPackagesError> {
        let place = u64::from(number) * u64::try_from(self.page_bytes).unwrap_or(u64::MAX);
        self.file.seek(SeekFrom::Start(place)).map_err(ReadPackagesError::unreadable("rpm"))?;

        self.file.read_exact(page).map_err(|_| damaged("it ends within a page"))
    }

    /// The values of one page of the hash.
    fn pairs(&mut self, page: &[u8], found: &mut Found) -> Result<(), ReadPackagesError> {
        let entries = usize::from(self.half(page, 20).unwrap_or_default());
        if entries % 2 != 0 || PAGE_HEAD_BYTES + entries * 2 > page.len() {
            return Err(damaged("a page with more entries than it has room for"));
        }
        let mut end = page.len();
        let mut key_is_zero = false;
        for at in 0..entries {
            let start = usize::from(self.half(page, PAGE_HEAD_BYTES + at * 2).unwrap_or_default());
            let entry = page.get(start..end).filter(|_| start >= PAGE_HEAD_BYTES + entries * 2);
            let Some((kind, content)) = entry.and_then(<[u8]>::split_first) else {
                return Err(damaged("an entry that lies outside its page"));
            };
            end = start;
            if at % 2 == 0 {
                // Package 0 is none: rpm keeps the highest number there.
                key_is_zero = content.iter().all(|byte| *byte == 0);
                continue;
            }
            if key_is_zero {
                continue;
            }
            match *kind {
                HERE => found.take_header(content)?,
                ELSEWHERE => match self.chain(content)? {
                    Some(value) => found.take_header(value.as_slice())?,
                    None => found.skipped += 1,
                },
                _ => found.skipped += 1,
            }
        }

        Ok(())
    }

    /// The value that lies in a chain of pages; `None` if the chain is not as long as the entry says.
    fn chain(&mut self, entry: &[u8]) -> Result<Option<Vec<u8>>, ReadPackagesError> {
        let (Some(mut number), Some(length)) = (self.word(entry, 3), self.word(entry, 7)) else {
            return Ok(None);
        };
        self.left =
            self.left.checked_sub(u64::from(length)).ok_or_else(|| damaged("values that share pages"))?;
        let length = usize::try_from(length.min(VALUE_BYTES_MAX + 1)).unwrap_or(usize::MAX);
        if length > usize::try_from(VALUE_BYTES_MAX).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let mut value = Vec::new();
        let mut page = vec![0; self.page_bytes];
        while value.len() < length {
            if number == 0 || number > self.last {
                return Ok(None);
            }
            self.page(number, &mut page)?;
            let held = usize::from(self.half(&page, 22).unwrap_or_default());
            let content = page.get(PAGE_HEAD_BYTES..PAGE_HEAD_BYTES + held);
            let is_sound = page.get(25) == Some(&OVERFLOW) && self.word(&page, 8) == Some(number);
            // Each page brings something, so a chain that leads back to itself ends as well.
            let Some(content) = content.filter(|content| is_sound && !content.is_empty()) else {
                return Ok(None);
            };
            value.extend_from_slice(content);
            number = self.word(&page, 16).unwrap_or_default();
        }

        Ok((value.len() == length && number == 0).then_some(value))
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let word: [u8; 4] = *bytes.get(at..)?.first_chunk()?;

        Some(if self.swapped { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    }

    fn half(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let half: [u8; 2] = *bytes.get(at..)?.first_chunk()?;

        Some(if self.swapped { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) })
    }
}

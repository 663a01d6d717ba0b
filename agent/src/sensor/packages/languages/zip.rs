//! The central directory of a zip archive, and small texts in it. Read from the end, in pieces: an archive of any
//! size takes the same memory. By hand, because the crate `zip` keeps every entry of an archive, and an archive of
//! Java has tens of thousands.
//!
//! Layout after PKWARE's APPNOTE 6.3: the end record (22 bytes and a comment) names the directory; with ZIP64 a record of 56 bytes
//! does, which a locator of 20 bytes just before the end record points to. Each entry has 46 bytes, name, extra fields, comment.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};

/// Entries of one archive that are looked at.
const ENTRIES_MAX: u64 = 200_000;

/// Bytes of a directory that are looked at.
const DIRECTORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

const END_BYTES: u64 = 22;
const COMMENT_BYTES_MAX: u64 = 65_535;
const LOCATOR_BYTES: usize = 20;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// What of a directory is held at once; the longest name, extra fields and comment fit in three times 64 KiB.
const WINDOW_BYTES: usize = 32 * 1024;

/// Bytes that can be read in places.
pub(super) trait Bytes {
    fn length(&self) -> u64;

    /// Fills `buffer` from `at`; `None` if there are not so many or they cannot be read.
    fn fill(&self, at: u64, buffer: &mut [u8]) -> Option<()>;
}

/// What is held in memory.
pub(super) struct Held<'a>(pub(super) &'a [u8]);

impl Bytes for Held<'_> {
    fn length(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> Option<()> {
        let at = usize::try_from(at).ok()?;
        buffer.copy_from_slice(self.0.get(at..at.checked_add(buffer.len())?)?);

        Some(())
    }
}

/// An open file.
pub(super) struct Opened {
    file: RefCell<File>,
    length: u64,
}

impl Opened {
    pub(super) fn of(file: File, length: u64) -> Self {
        Self { file: RefCell::new(file), length }
    }
}

impl Bytes for Opened {
    fn length(&self) -> u64 {
        self.length
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> Option<()> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(at)).ok()?;

        file.read_exact(buffer).ok()
    }
}

/// A part of other bytes, such as an archive that lies unpacked in another.
pub(super) struct Part<'a> {
    of: &'a dyn Bytes,
    start: u64,
    length: u64,
}

impl Bytes for Part<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> Option<()> {
        let end = at.checked_add(u64::try_from(buffer.len()).ok()?)?;
        if end > self.length {
            return None;
        }

        self.of.fill(self.start.checked_add(at)?, buffer)
    }
}

/// How an entry is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Method {
    Stored,
    Deflated,
}

/// An entry that was wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    method: Method,
    packed: u64,
    unpacked: u64,
    local: u64,
}

/// An archive.
pub(super) struct Archive<'a> {
    bytes: &'a dyn Bytes,
    start: u64,
    length: u64,
    count: u64,
    /// What stands before the archive's first byte: a program that unpacks it.
    before: u64,
}

impl<'a> Archive<'a> {
    /// Finds the directory; `None` if these bytes are no archive, or one that contradicts itself.
    pub(super) fn open(bytes: &'a dyn Bytes) -> Option<Self> {
        let length = bytes.length();
        let tail_length = length.min(END_BYTES + COMMENT_BYTES_MAX);
        // Few archives have a comment: the last kilobyte is enough for most.
        [tail_length.min(1_024), tail_length].into_iter().find_map(|tail_length| {
            let mut tail = vec![0; usize::try_from(tail_length).ok()?];
            bytes.fill(length - tail_length, &mut tail)?;
            let at = tail.windows(4).rposition(|four| four == b"PK\x05\x06")?;
            let end = tail.get(at..).filter(|end| end.len() >= 22)?;
            let end_at = length - tail_length + u64::try_from(at).ok()?;

            Self::by_end(bytes, end, end_at)
        })
    }

    fn by_end(bytes: &'a dyn Bytes, end: &[u8], end_at: u64) -> Option<Self> {
        let (mut count, mut length, mut start) =
            (u64::from(half(end, 10)?), u64::from(word(end, 12)?), u64::from(word(end, 16)?));
        let mut directory_end = end_at;
        if count == 0xFFFF || length == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
            let mut locator = [0; LOCATOR_BYTES];
            let locator_at = end_at.checked_sub(20)?;
            bytes.fill(locator_at, &mut locator)?;
            if locator.starts_with(b"PK\x06\x07") {
                let mut record = [0; 56];
                directory_end = long(&locator, 8)?;
                bytes.fill(directory_end, &mut record)?;
                if !record.starts_with(b"PK\x06\x06") {
                    return None;
                }
                (count, length, start) = (long(&record, 32)?, long(&record, 40)?, long(&record, 48)?);
            }
        }
        // Offsets count from the archive's own first byte.
        let before = directory_end.checked_sub(length)?.checked_sub(start)?;
        if count > ENTRIES_MAX || length > DIRECTORY_BYTES_MAX {
            return None;
        }

        Some(Self { bytes, start: before + start, length, count, before })
    }

    /// Calls `each` with every entry that `wanted` takes by its name, in the order of the directory; `None` if the directory
    /// contradicts itself.
    pub(super) fn entries(&self, wanted: impl Fn(&str) -> bool, mut each: impl FnMut(Entry)) -> Option<()> {
        let end = self.start.checked_add(self.length)?;
        let mut window = Window { bytes: self.bytes, from: self.start, end, held: Vec::new(), used: 0 };
        for _ in 0..self.count {
            let head: [u8; ENTRY_BYTES] = window.take(ENTRY_BYTES)?.try_into().ok()?;
            if !head.starts_with(b"PK\x01\x02") {
                return None;
            }
            let sizes = [28, 30, 32].map(|at| half(&head, at).map_or(0, usize::from));
            let rest = window.take(sizes.iter().sum())?;
            let (name, rest) = rest.split_at_checked(sizes[0])?;
            let extra = rest.get(..sizes[1])?;
            let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted(name)) else { continue };
            if let Some(entry) = entry(&head, name, extra) {
                each(entry);
            }
        }

        Some(())
    }

    /// Where the bytes of an entry lie.
    fn place(&self, entry: &Entry) -> Option<u64> {
        let mut head = [0; LOCAL_BYTES];
        let local = self.before.checked_add(entry.local)?;
        self.bytes.fill(local, &mut head)?;
        if !head.starts_with(b"PK\x03\x04") {
            return None;
        }

        local.checked_add(30 + u64::from(half(&head, 26)?) + u64::from(half(&head, 28)?))
    }

    /// The content of an entry of at most `most` bytes; `None` if it has more, is damaged or packed in another way.
    pub(super) fn content(&self, entry: &Entry, most: u64) -> Option<Vec<u8>> {
        if entry.unpacked > most || entry.packed > most.saturating_add(1_024) {
            return None;
        }
        let mut packed = vec![0; usize::try_from(entry.packed).ok()?];
        self.bytes.fill(self.place(entry)?, &mut packed)?;
        if entry.method == Method::Stored {
            return (entry.packed == entry.unpacked).then_some(packed);
        }
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(packed.as_slice()).take(most).read_to_end(&mut content).ok()?;

        Some(content)
    }

    /// The bytes of an entry that lies there unpacked.
    pub(super) fn stored(&self, entry: &Entry) -> Option<Part<'a>> {
        let is_stored = entry.method == Method::Stored && entry.packed == entry.unpacked;

        is_stored.then_some(Part { of: self.bytes, start: self.place(entry)?, length: entry.packed })
    }
}

/// Sizes and place of an entry; `None` for one that is encrypted, or packed in a way that is not read.
fn entry(head: &[u8], name: &str, extra: &[u8]) -> Option<Entry> {
    let method = match (half(head, 8)? & 1, half(head, 10)?) {
        (0, 0) => Method::Stored,
        (0, 8) => Method::Deflated,
        _ => return None,
    };
    let [packed, unpacked, local] = [word(head, 20)?, word(head, 24)?, word(head, 42)?];
    let mut large = large(extra);
    // What does not fit into four bytes stands in the extra field, in this order.
    let mut wide = |short: u32| {
        if short != u32::MAX {
            return Some(u64::from(short));
        }
        let (first, rest) = large.split_first_chunk::<8>()?;
        large = rest;
        Some(u64::from_le_bytes(*first))
    };
    let (unpacked, packed, local) = (wide(unpacked)?, wide(packed)?, wide(local)?);

    Some(Entry { name: name.to_owned(), method, packed, unpacked, local })
}

/// The extra field of ZIP64; empty if there is none.
fn large(mut extra: &[u8]) -> &[u8] {
    while let (Some(kind), Some(length)) = (half(extra, 0), half(extra, 2)) {
        let Some((field, rest)) = extra.split_at_checked(4 + usize::from(length)) else { break };
        if kind == 1 {
            return field.get(4..).unwrap_or_default();
        }
        extra = rest;
    }

    &[]
}

/// A piece of the directory, filled again as it is used up.
struct Window<'a> {
    bytes: &'a dyn Bytes,
    from: u64,
    end: u64,
    held: Vec<u8>,
    used: usize,
}

impl Window<'_> {
    fn take(&mut self, length: usize) -> Option<&[u8]> {
        if self.held.len() - self.used < length {
            self.held.drain(..self.used);
            self.used = 0;
            while self.held.len() < length {
                let room = usize::try_from(self.end.checked_sub(self.from)?).unwrap_or(usize::MAX);
                let more = room.min(WINDOW_BYTES);
                if more == 0 {
                    return None;
                }
                let old = self.held.len();
                self.held.resize(old + more, 0);
                self.bytes.fill(self.from, self.held.get_mut(old..)?)?;
                self.from += u64::try_from(more).ok()?;
            }
        }
        let taken = self.used..self.used + length;
        self.used += length;

        self.held.get(taken)
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|found| u16::from_le_bytes(*found))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|found| u32::from_le_bytes(*found))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|found| u64::from_le_bytes(*found))
}

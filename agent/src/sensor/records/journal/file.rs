//! One journal file, read front to back as systemd's document of the format describes it: header, chain of entry arrays,
//! entries, data. Indexes are not used, nothing is mapped, and every length a file can choose is bounded.

use std::collections::HashMap;

use super::unpack::{Packing, unpack};

/// The first bytes of every journal file.
const SIGNATURE: &[u8; 8] = b"LPKSHHRH";
/// Bytes of the header that we read; files since 2012 have at least these.
const HEADER_BYTES: usize = 208;
/// Bytes before the content of every object.
const OBJECT_HEADER: u64 = 16;
/// Bytes of an entry before its items.
const ENTRY_HEAD: u64 = 64;
/// Items of one entry that are looked at; systemd writes about 25 and refuses more than 1,024.
const ITEMS_MAX: u64 = 1_024;
/// Bytes of one field that are kept; messages of programs we ask for are far below.
pub(in crate::sensor::records) const FIELD_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a packed field that are read to unpack its beginning.
const PACKED_BYTES_MAX: u64 = 64 * 1024;
/// Arrays of one chain; each is larger than the one before until they reach 4 MiB.
const ARRAYS_MAX: usize = 65_536;
/// Places of data whose meaning is remembered; beyond it all are forgotten and read again.
const REMEMBERED_MAX: usize = 2_048;
/// Bytes read at once where fields begin.
const PEEK: usize = 320;

const OBJECT_DATA: u8 = 1;
const OBJECT_ENTRY: u8 = 3;
const OBJECT_ENTRY_ARRAY: u8 = 6;

/// Set for forms that a reader must know: xz, lz4, keyed hashes, zstd, compact.
const KNOWN_FORMS: u32 = 0b1_1111;
const COMPACT: u32 = 1 << 4;

/// What bytes are read from: a file, or a slice in tests.
pub trait ReadAt {
    /// Fills `buffer` from `offset` on; gives how much there was.
    ///
    /// # Errors
    /// As the system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize>;
}

impl ReadAt for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);

        Ok(length)
    }
}

/// Why a journal file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadJournalError {
    /// The system refuses.
    #[error("a journal file cannot be read")]
    Read(#[source] std::io::Error),
    /// Not a journal file.
    #[error("a journal file has another signature")]
    Signature,
    /// Written in a form that came after this program.
    #[error("a journal file has a form that this program does not know")]
    Form,
    /// An object is not where or what another says.
    #[error("a journal file contradicts itself: {0}")]
    Broken(&'static str),
}

/// What the header says now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The file, over renames.
    pub file: u128,
    /// The numbering that its entries belong to.
    pub numbering: u128,
    /// Whether its writer has closed it for good.
    pub archived: bool,
    /// Entries in it.
    pub entries: u64,
    /// Number of its first entry; 0: none.
    pub head: u64,
    /// Number of its last entry; 0: none.
    pub tail: u64,
    /// When its first entry was written, microseconds.
    pub head_at: u64,
    /// When its last entry was written, microseconds.
    pub tail_at: u64,
    /// Where its first entry array stands.
    arrays: u64,
    compact: bool,
}

/// The fields that are read of an entry; all others are passed over without being kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// The text.
    Message,
    /// What the text is an instance of.
    MessageId,
    /// The name that the program gave itself.
    Identifier,
    /// The program's name, by the kernel.
    Comm,
    /// The program's path, by the kernel.
    Exe,
    /// Whose process it was, by the kernel.
    Uid,
    /// The process, by the kernel.
    Pid,
    /// How it came to the journal.
    Transport,
    /// The unit that the service manager speaks of.
    Unit,
    /// What it did to the unit.
    JobType,
    /// How that ended.
    JobResult,
    /// Why a unit failed.
    UnitResult,
}

const FIELDS: [(&[u8], Field); 12] = [
    (b"MESSAGE", Field::Message),
    (b"MESSAGE_ID", Field::MessageId),
    (b"SYSLOG_IDENTIFIER", Field::Identifier),
    (b"_COMM", Field::Comm),
    (b"_EXE", Field::Exe),
    (b"_UID", Field::Uid),
    (b"_PID", Field::Pid),
    (b"_TRANSPORT", Field::Transport),
    (b"UNIT", Field::Unit),
    (b"JOB_TYPE", Field::JobType),
    (b"JOB_RESULT", Field::JobResult),
    (b"UNIT_RESULT", Field::UnitResult),
];

/// One entry: its place, its times, and those of its fields that we know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// When, microseconds since 1970.
    pub realtime: u64,
    /// When, microseconds since the machine started.
    pub monotonic: u64,
    /// Which start of the machine.
    pub boot: u128,
    /// A digest over its content; the same in a copy.
    pub content: u64,
    /// What it says.
    pub fields: Vec<(Field, String)>,
}

impl Entry {
    /// The first value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_str())
    }
}

/// Where reading goes on.
#[derive(Clone, Copy, Debug)]
struct Spot {
    array: u64,
    item: u64,
}

/// A file and how far it was read.
#[derive(Debug)]
pub struct JournalFile<R> {
    bytes: R,
    spot: Option<Spot>,
    /// The number of the last entry that was given out or passed over.
    read: u64,
    /// What stands at places that many entries point to. `None`: nothing of ours.
    remembered: HashMap<u64, Option<(Field, String)>>,
}

impl<R: ReadAt> JournalFile<R> {
    /// Begins before the first entry.
    pub fn new(bytes: R) -> Self {
        Self { bytes, spot: None, read: 0, remembered: HashMap::new() }
    }

    /// Reads the header as it is now.
    ///
    /// # Errors
    /// If it is not that of a journal file that we know.
    pub fn header(&self) -> Result<Header, ReadJournalError> {
        let mut bytes = [0; HEADER_BYTES];
        self.exact(&mut bytes, 0)?;
        if &bytes[..8] != SIGNATURE {
            return Err(ReadJournalError::Signature);
        }
        let forms = u32_at(&bytes, 12);
        if forms & !KNOWN_FORMS != 0 {
            return Err(ReadJournalError::Form);
        }

        Ok(Header {
            file: u128_at(&bytes, 24),
            numbering: u128_at(&bytes, 72),
            archived: bytes[16] == 2,
            entries: u64_at(&bytes, 152),
            tail: u64_at(&bytes, 160),
            head: u64_at(&bytes, 168),
            arrays: u64_at(&bytes, 176),
            head_at: u64_at(&bytes, 184),
            tail_at: u64_at(&bytes, 192),
            compact: forms & COMPACT != 0,
        })
    }

    /// The number of the last entry given out or passed over; 0: none.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The bytes themselves.
    #[must_use]
    pub fn bytes(&self) -> &R {
        &self.bytes
    }

    /// Goes on after the entry of this number.
    ///
    /// # Errors
    /// If the file cannot be read or contradicts itself.
    pub fn seek_after(&mut self, number: u64, header: &Header) -> Result<(), ReadJournalError> {
        self.read = number;
        let mut array = header.arrays;
        for _ in 0..ARRAYS_MAX {
            let Some((items, next)) = self.array(header, array)? else {
                self.spot = None;
                return Ok(());
            };
            let last = self.item(header, array, items - 1)?;
            if next == 0 || last == 0 || self.number(last)? > number {
                let item = self.position(number, header, array, items)?;
                self.spot = Some(Spot { array, item });
                return Ok(());
            }
            array = forward(array, next)?;
        }

        Err(ReadJournalError::Broken("a chain of arrays without end"))
    }

    /// How many items of an array have at most this number; its items grow until the first empty one.
    fn position(
        &self,
        number: u64,
        header: &Header,
        array: u64,
        items: u64,
    ) -> Result<u64, ReadJournalError> {
        let (mut from, mut until) = (0, items);
        while from < until {
            let middle = from + (until - from) / 2;
            let at = self.item(header, array, middle)?;
            if at != 0 && self.number(at)? <= number {
                from = middle + 1;
            } else {
                until = middle;
            }
        }

        Ok(from)
    }

    /// The next entry; `None` while there is none. What does not concern us has no fields.
    ///
    /// # Errors
    /// If the file cannot be read or contradicts itself.
    pub fn next(&mut self, header: &Header) -> Result<Option<Entry>, ReadJournalError> {
        let Some(at) = self.next_offset(header)? else { return Ok(None) };
        let entry = self.entry(header, at)?;
        if entry.number <= self.read {
            return Err(ReadJournalError::Broken("numbers that do not grow"));
        }
        self.read = entry.number;

        Ok(Some(entry))
    }

    /// How many entries have numbers between these two, both left out.
    ///
    /// # Errors
    /// If the file cannot be read or contradicts itself.
    pub fn count_between(&self, after: u64, before: u64, header: &Header) -> Result<u64, ReadJournalError> {
        if header.tail <= after || header.head >= before {
            return Ok(0);
        }
        let upto = |number: u64| self.count_upto(number, header);

        Ok(upto(before.saturating_sub(1))?.saturating_sub(upto(after)?))
    }

    /// How many entries have a number of at most this.
    fn count_upto(&self, number: u64, header: &Header) -> Result<u64, ReadJournalError> {
        let (mut array, mut counted) = (header.arrays, 0_u64);
        for _ in 0..ARRAYS_MAX {
            let Some((items, next)) = self.array(header, array)? else { return Ok(counted) };
            let last = self.item(header, array, items - 1)?;
            if next == 0 || last == 0 || self.number(last)? > number {
                return Ok(counted.saturating_add(self.position(number, header, array, items)?));
            }
            counted = counted.saturating_add(items);
            array = forward(array, next)?;
        }

        Err(ReadJournalError::Broken("a chain of arrays without end"))
    }

    fn next_offset(&mut self, header: &Header) -> Result<Option<u64>, ReadJournalError> {
        let mut spot = match self.spot {
            Some(spot) => spot,
            None if header.arrays == 0 => return Ok(None),
            None => Spot { array: header.arrays, item: 0 },
        };
        let Some((items, next)) = self.array(header, spot.array)? else { return Ok(None) };
        if spot.item >= items {
            if next == 0 {
                self.spot = Some(spot);
                return Ok(None);
            }
            spot = Spot { array: forward(spot.array, next)?, item: 0 };
        }
        let at = self.item(header, spot.array, spot.item)?;
        self.spot = Some(spot);
        if at == 0 {
            return Ok(None);
        }
        self.spot = Some(Spot { item: spot.item + 1, ..spot });

        Ok(Some(at))
    }

    /// How many items fit into the array at `at`, and where the next one is.
    fn array(&self, header: &Header, at: u64) -> Result<Option<(u64, u64)>, ReadJournalError> {
        if at == 0 {
            return Ok(None);
        }
        let mut head = [0; 24];
        self.exact(&mut head, at)?;
        let size = object(&head, OBJECT_ENTRY_ARRAY)?;
        let bytes =
            size.checked_sub(24).filter(|bytes| *bytes >= 8).ok_or(ReadJournalError::Broken("an array"))?;

        Ok(Some((bytes / if header.compact { 4 } else { 8 }, u64_at(&head, 16))))
    }

    fn item(&self, header: &Header, array: u64, item: u64) -> Result<u64, ReadJournalError> {
        let broken = ReadJournalError::Broken("a place beyond 64 bits");
        let width = if header.compact { 4 } else { 8 };
        let at =
            item.checked_mul(width).and_then(|it| it.checked_add(array)?.checked_add(24)).ok_or(broken)?;
        let mut bytes = [0; 8];
        self.exact(if header.compact { &mut bytes[..4] } else { &mut bytes }, at)?;

        Ok(u64::from_le_bytes(bytes))
    }

    fn number(&self, at: u64) -> Result<u64, ReadJournalError> {
        let mut head = [0; 24];
        self.exact(&mut head, at)?;
        object(&head, OBJECT_ENTRY)?;

        Ok(u64_at(&head, 16))
    }

    fn entry(&mut self, header: &Header, at: u64) -> Result<Entry, ReadJournalError> {
        let mut head = [0; 64];
        self.exact(&mut head, at)?;
        let size = object(&head, OBJECT_ENTRY)?;
        let width = if header.compact { 4 } else { 16 };
        let items = size.checked_sub(ENTRY_HEAD).ok_or(ReadJournalError::Broken("an entry"))? / width;
        let bytes = usize::try_from(items.min(ITEMS_MAX) * width).unwrap_or(0);
        let mut places = vec![0; bytes];
        self.exact(&mut places, at.saturating_add(ENTRY_HEAD))?;
        let mut fields = Vec::new();
        for place in places.chunks_exact(usize::try_from(width).unwrap_or(16)) {
            let place = if header.compact { u64::from(u32_at(place, 0)) } else { u64_at(place, 0) };
            if let Some(found) = self.field(header, place)? {
                fields.push(found);
            }
        }

        Ok(Entry {
            number: u64_at(&head, 16),
            realtime: u64_at(&head, 24),
            monotonic: u64_at(&head, 32),
            boot: u128_at(&head, 40),
            content: u64_at(&head, 56),
            fields,
        })
    }

    /// The field at a place, if it is one of ours.
    fn field(&mut self, header: &Header, at: u64) -> Result<Option<(Field, String)>, ReadJournalError> {
        if let Some(known) = self.remembered.get(&at) {
            return Ok(known.clone());
        }
        let found = self.read_field(header, at)?;
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        // Long ones stand in one entry only.
        if found.as_ref().is_none_or(|(name, value)| *name != Field::Message && value.len() <= 64) {
            self.remembered.insert(at, found.clone());
        }

        Ok(found)
    }

    fn read_field(&self, header: &Header, at: u64) -> Result<Option<(Field, String)>, ReadJournalError> {
        let skipped = if header.compact { 72 } else { 64 };
        let mut peek = [0; PEEK];
        let there = self.bytes.read_at(&mut peek, at).map_err(ReadJournalError::Read)?;
        let peek = &peek[..there];
        if there <= skipped {
            return Err(ReadJournalError::Broken("a field beyond the end"));
        }
        let size = object(peek, OBJECT_DATA)?;
        let length = size
            .checked_sub(u64::try_from(skipped).unwrap_or(64))
            .ok_or(ReadJournalError::Broken("a field"))?;
        let packing = Packing::of_flags(peek[1]).ok_or(ReadJournalError::Form)?;
        let payload = &peek[skipped..];
        let is_ours = packing != Packing::None || named(payload).is_some();
        if !is_ours {
            return Ok(None);
        }
        let whole = match packing {
            Packing::None => length.min(u64::try_from(FIELD_BYTES_MAX).unwrap_or(0)),
            Packing::Xz | Packing::Lz4 | Packing::Zstd => length.min(PACKED_BYTES_MAX),
        };
        let mut bytes = vec![0; usize::try_from(whole).unwrap_or(0)];
        let from = at.saturating_add(u64::try_from(skipped).unwrap_or(64));
        let there = self.bytes.read_at(&mut bytes, from).map_err(ReadJournalError::Read)?;
        bytes.truncate(there);
        // What cannot be unpacked is lost alone: the entry's other fields still tell.
        let Some(bytes) = unpack(packing, bytes, FIELD_BYTES_MAX) else { return Ok(None) };

        Ok(named(&bytes).map(|(field, value)| (field, String::from_utf8_lossy(value).into_owned())))
    }

    fn exact(&self, buffer: &mut [u8], at: u64) -> Result<(), ReadJournalError> {
        let there = self.bytes.read_at(buffer, at).map_err(ReadJournalError::Read)?;
        if there < buffer.len() {
            return Err(ReadJournalError::Broken("it ends too early"));
        }

        Ok(())
    }
}

/// Arrays only point forward: a file that points back would be read for ever.
fn forward(from: u64, to: u64) -> Result<u64, ReadJournalError> {
    if to > from { Ok(to) } else { Err(ReadJournalError::Broken("an array that points back")) }
}

/// The field and its value, if it is one of ours.
fn named(payload: &[u8]) -> Option<(Field, &[u8])> {
    let (name, value) = split(payload)?;

    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| (*field, value))
}

fn split(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = payload.iter().take(64).position(|byte| *byte == b'=')?;

    Some((&payload[..at], &payload[at + 1..]))
}

/// The size of an object that must be of this type.
fn object(head: &[u8], kind: u8) -> Result<u64, ReadJournalError> {
    if head.len() < 16 || head[0] != kind {
        return Err(ReadJournalError::Broken("an object of another type"));
    }
    let size = u64_at(head, 8);
    if size < OBJECT_HEADER {
        return Err(ReadJournalError::Broken("an object without a size"));
    }

    Ok(size)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());

    part.map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());

    part.map_or(0, u64::from_le_bytes)
}

fn u128_at(bytes: &[u8], at: usize) -> u128 {
    let part = bytes.get(at..at + 16).and_then(|part| part.try_into().ok());

    part.map_or(0, u128::from_be_bytes)
}

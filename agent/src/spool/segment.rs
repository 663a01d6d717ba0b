//! The bytes of one segment file. Pure: what is read from the disk is handed in whole.
//!
//! All numbers are big-endian. Every checksum of a piece is seeded with the checksum of its segment's header, so a
//! piece of another epoch, lane or file, or one that a file name on the watched machine imitates, does not fit.
//!
//! Two forms: a file of form 1 holds plain records, one of form 2 holds [blocks](super::block) of records, packed
//! together, and room that was taken in advance. Form 2 is written, both are read.

use vonggac_protocol::id::{Epoch, Lane, Seq};

use super::block::{self, BLOCK_RECORDS_MAX, BlockHeader};
use super::record::RecordHeader;

/// First bytes of every segment.
pub const MAGIC: [u8; 4] = *b"VGSP";

/// Bytes before the first piece.
pub const HEADER_BYTES: usize = 28;

/// Bytes of a piece before its content; the same in both forms.
pub const PIECE_HEADER_BYTES: usize = 28;

/// How a segment holds its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// One after another, as they are.
    Records,
    /// Packed in blocks; the file may end in zeros, which are room for more.
    Blocks,
}

impl Form {
    /// As the header of the file says.
    #[must_use]
    pub fn version(self) -> u16 {
        match self {
            Self::Records => 1,
            Self::Blocks => 2,
        }
    }

    /// How many records a piece may hold.
    fn records_max(self) -> u64 {
        match self {
            Self::Records => 1,
            Self::Blocks => u64::from(BLOCK_RECORDS_MAX),
        }
    }
}

/// Which file a segment is; its header says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Life of the spool.
    pub epoch: Epoch,
    /// The queue.
    pub lane: Lane,
    /// Place of the first record.
    pub first: Seq,
    /// How it holds them.
    pub form: Form,
    seed: u32,
}

/// A record, or a block of them, that was found whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Place of its first record.
    pub first: Seq,
    /// The place after its last.
    pub end: Seq,
    /// Where its header begins in the file.
    pub offset: usize,
    /// Bytes of header and content.
    pub bytes: usize,
}

/// How a segment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// With its last whole piece.
    Clean,
    /// With the beginning of a write that never finished; nothing of it was ever confirmed to anybody.
    Torn,
    /// With bytes that may have been a confirmed record.
    Damaged,
}

/// Everything that a segment holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// Whether the header is as it should be; the pieces do not depend on it.
    pub header_fits: bool,
    /// The whole pieces, in order.
    pub pieces: Vec<Piece>,
    /// Whether anything between them is damaged.
    pub damaged_inside: bool,
    /// How it ends.
    pub tail: Tail,
    /// Where the last whole piece ends.
    pub good_end: usize,
    /// Where what was written ends; beyond it is room.
    pub written: usize,
    /// The first place that nothing in this segment can have used.
    pub next: Seq,
}

/// The header of a piece that fits its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Head {
    Record(RecordHeader),
    Block(BlockHeader),
}

impl Head {
    fn first(&self) -> Seq {
        match self {
            Self::Record(header) => header.seq,
            Self::Block(header) => header.first,
        }
    }

    pub(super) fn end(&self) -> Seq {
        match self {
            Self::Record(header) => header.seq.next(),
            Self::Block(header) => header.end(),
        }
    }

    pub(super) fn length(&self) -> usize {
        match self {
            Self::Record(header) => header.length,
            Self::Block(header) => header.length,
        }
    }
}

impl Identity {
    /// The segment of this epoch and lane that begins at this place, as it is written today.
    #[must_use]
    pub fn new(epoch: Epoch, lane: Lane, first: Seq) -> Self {
        Self::of_form(Form::Blocks, epoch, lane, first)
    }

    /// The same of any form.
    #[must_use]
    pub fn of_form(form: Form, epoch: Epoch, lane: Lane, first: Seq) -> Self {
        let mut identity = Self { epoch, lane, first, form, seed: 0 };
        identity.seed = crc32fast::hash(&identity.header_content());

        identity
    }

    /// The header of the file.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..HEADER_BYTES - 4].copy_from_slice(&self.header_content());
        bytes[HEADER_BYTES - 4..].copy_from_slice(&self.seed.to_be_bytes());

        bytes
    }

    fn header_content(&self) -> [u8; HEADER_BYTES - 4] {
        let mut bytes = [0; HEADER_BYTES - 4];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&self.form.version().to_be_bytes());
        bytes[6] = self.lane.code();
        bytes[8..16].copy_from_slice(&self.epoch.0.to_be_bytes());
        bytes[16..].copy_from_slice(&self.first.0.to_be_bytes());

        bytes
    }

    /// What a header says, if it is whole and of a version that we know.
    #[must_use]
    pub fn of_header(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let lane = Lane::from_code(header[6])?;
        let (epoch, first) = (Epoch(u64_at(header, 8)?), Seq(u64_at(header, 16)?));

        [Form::Blocks, Form::Records]
            .map(|form| Self::of_form(form, epoch, lane, first))
            .into_iter()
            .find(|identity| identity.header() == *header)
    }

    /// The same file in the form that its bytes are in: as its header says or, if that is damaged, in the form in which
    /// more can be read.
    #[must_use]
    pub fn in_form_of(self, bytes: &[u8]) -> Self {
        let [blocks, records] =
            [Form::Blocks, Form::Records].map(|form| Self::of_form(form, self.epoch, self.lane, self.first));
        match Self::of_header(bytes) {
            Some(found) if found == blocks || found == records => found,
            Some(_) | None => {
                let count = |identity: &Self| identity.scan(bytes).pieces.len();
                if count(&records) > count(&blocks) { records } else { blocks }
            }
        }
    }

    /// The header of a piece at the beginning of `bytes`.
    pub(super) fn head(&self, bytes: &[u8]) -> Option<Head> {
        let header = bytes.first_chunk::<PIECE_HEADER_BYTES>()?;
        if u32_at(header, 24)? != self.sum(&header[..24]) {
            return None;
        }
        match self.form {
            Form::Records => RecordHeader::decode(header).map(Head::Record),
            Form::Blocks => BlockHeader::decode(header).map(Head::Block),
        }
    }

    /// Whether this is the content that the header announced, and can be read.
    fn holds(&self, head: &Head, content: &[u8]) -> bool {
        match head {
            Head::Record(header) => self.sum(content) == header.payload_sum,
            Head::Block(header) => {
                self.sum(content) == header.content_sum && block::unpack(header, content).is_some()
            }
        }
    }

    /// Reads a whole file, passing over what is damaged.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Scan {
        let begin = HEADER_BYTES.min(bytes.len());
        // A block never ends in a zero, so zeros at the end are room, or what a torn write did not reach.
        let written = match self.form {
            Form::Records => bytes.len(),
            Form::Blocks => bytes.iter().rposition(|&byte| byte != 0).map_or(begin, |at| begin.max(at + 1)),
        };
        let bytes = &bytes[..written];
        let mut scan = Scan {
            header_fits: Self::of_header(bytes) == Some(*self),
            pieces: Vec::new(),
            damaged_inside: false,
            tail: Tail::Clean,
            good_end: begin,
            written,
            next: self.first,
        };
        let mut at = begin;
        let mut pending_damage = false;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let Some(head) = self.head(rest).filter(|head| head.first() >= scan.next) else {
                match self.find_piece(rest, scan.next) {
                    Some(distance) => {
                        pending_damage = true;
                        at += distance;
                        continue;
                    }
                    None => return scan.ended_by(rest, pending_damage, self.form),
                }
            };
            let Some(content) = rest.get(PIECE_HEADER_BYTES..PIECE_HEADER_BYTES + head.length()) else {
                scan.tail = if pending_damage { Tail::Damaged } else { Tail::Torn };
                return scan;
            };
            let (offset, bytes) = (at, PIECE_HEADER_BYTES + content.len());
            at += bytes;
            if self.holds(&head, content) {
                scan.damaged_inside |= pending_damage;
                pending_damage = false;
                scan.good_end = at;
                scan.pieces.push(Piece { first: head.first(), end: head.end(), offset, bytes });
            } else {
                pending_damage = true;
            }
            scan.next = head.end();
        }
        if pending_damage {
            scan.tail = Tail::Damaged;
        }

        scan
    }

    /// How far ahead the next piece's header is that fits and can follow.
    fn find_piece(&self, rest: &[u8], next: Seq) -> Option<usize> {
        // A place further ahead than the bytes can have held is not of this file.
        let reach = next.0.saturating_add(places_in(rest.len(), self.form));

        (1..rest.len().saturating_sub(PIECE_HEADER_BYTES - 1)).find(|&at| {
            self.head(&rest[at..]).is_some_and(|head| head.first() >= next && head.first().0 <= reach)
        })
    }

    pub(super) fn sum(&self, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.seed);
        hasher.update(bytes);

        hasher.finalize()
    }
}

impl Scan {
    fn ended_by(mut self, rest: &[u8], pending_damage: bool, form: Form) -> Self {
        let torn = rest.len() < PIECE_HEADER_BYTES || rest.iter().all(|&byte| byte == 0);
        if torn && !pending_damage {
            self.tail = Tail::Torn;
            return self;
        }
        self.tail = Tail::Damaged;
        if !torn {
            // So many places may have been used and confirmed at most; none of them may be used again.
            self.next = Seq(self.next.0.saturating_add(places_in(rest.len(), form)));
        }

        self
    }
}

/// The most places that so many bytes of a file can have held.
#[must_use]
pub fn places_in(bytes: usize, form: Form) -> u64 {
    u64::try_from(bytes / PIECE_HEADER_BYTES).unwrap_or(u64::MAX).saturating_mul(form.records_max())
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

//! The bytes of one segment file. Pure: what is read from the disk is handed in whole.
//!
//! All numbers are big-endian. Every checksum of a record is seeded with the checksum of its segment's header, so a
//! record of another epoch, lane or file, or one that a file name on the watched machine imitates, does not fit.

use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

/// First bytes of every segment.
pub const MAGIC: [u8; 4] = *b"VGSP";

/// Version of this format.
pub const VERSION: u16 = 1;

/// Bytes before the first record.
pub const HEADER_BYTES: usize = 28;

/// Bytes of a record before its payload.
pub const RECORD_HEADER_BYTES: usize = 28;

/// Which file a segment is; its header says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Life of the spool.
    pub epoch: Epoch,
    /// The queue.
    pub lane: Lane,
    /// Place of the first record.
    pub first: Seq,
    seed: u32,
}

/// A record that was found whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its place.
    pub seq: Seq,
    /// When it was observed.
    pub at: Timestamp,
    /// Where its header begins in the file.
    pub offset: usize,
    /// Bytes of its payload.
    pub length: usize,
}

/// How a segment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// With its last whole record.
    Clean,
    /// With the beginning of a write that never finished; nothing of it was ever confirmed to anybody.
    Torn,
    /// With bytes that may have been a confirmed record.
    Damaged,
}

/// Everything that a segment holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// Whether the header is as it should be; the records do not depend on it.
    pub header_fits: bool,
    /// The whole records, in order.
    pub records: Vec<Found>,
    /// Whether anything between them is damaged.
    pub damaged_inside: bool,
    /// How it ends.
    pub tail: Tail,
    /// Where the last whole record ends.
    pub good_end: usize,
    /// The first place that nothing in this segment can have used.
    pub next: Seq,
}

impl Identity {
    /// The segment of this epoch and lane that begins at this place.
    #[must_use]
    pub fn new(epoch: Epoch, lane: Lane, first: Seq) -> Self {
        let mut identity = Self { epoch, lane, first, seed: 0 };
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
        bytes[4..6].copy_from_slice(&VERSION.to_be_bytes());
        bytes[6] = self.lane.code();
        bytes[8..16].copy_from_slice(&self.epoch.0.to_be_bytes());
        bytes[16..].copy_from_slice(&self.first.0.to_be_bytes());

        bytes
    }

    /// What a header says, if it is whole and of this version.
    #[must_use]
    pub fn of_header(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let lane = Lane::from_code(header[6])?;
        let found = Self::new(Epoch(u64_at(header, 8)?), lane, Seq(u64_at(header, 16)?));

        (found.header() == *header).then_some(found)
    }

    /// Adds a record to what will be written.
    pub fn encode_record(&self, seq: Seq, at: Timestamp, payload: &[u8], into: &mut Vec<u8>) {
        let length = u32::try_from(payload.len()).expect("the caller keeps within OBSERVATION_BYTES_MAX");
        let begin = into.len();
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(&seq.0.to_be_bytes());
        into.extend_from_slice(&at.0.to_be_bytes());
        into.extend_from_slice(&self.sum(payload).to_be_bytes());
        into.extend_from_slice(&self.sum(&into[begin..]).to_be_bytes());
        into.extend_from_slice(payload);
    }

    /// The record header at the beginning of `bytes`: place, moment, payload's length and checksum.
    #[must_use]
    pub fn decode_record_header(&self, bytes: &[u8]) -> Option<RecordHeader> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let length = usize::try_from(u32_at(header, 0)?).ok()?;
        let fits = u32_at(header, 24)? == self.sum(&header[..24]) && length <= OBSERVATION_BYTES_MAX;
        let at = Timestamp(i64::from_be_bytes(header.get(12..20)?.try_into().ok()?));

        fits.then_some(RecordHeader {
            seq: Seq(u64_at(header, 4)?),
            at,
            length,
            payload_sum: u32_at(header, 20)?,
        })
    }

    /// Whether this is the payload that a record header announced.
    #[must_use]
    pub fn payload_fits(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        payload.len() == header.length && self.sum(payload) == header.payload_sum
    }

    /// Reads a whole file, passing over what is damaged.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Scan {
        let mut scan = Scan {
            header_fits: Self::of_header(bytes) == Some(*self),
            records: Vec::new(),
            damaged_inside: false,
            tail: Tail::Clean,
            good_end: HEADER_BYTES.min(bytes.len()),
            next: self.first,
        };
        let mut at = scan.good_end;
        let mut pending_damage = false;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let Some(header) = self.decode_record_header(rest).filter(|header| header.seq >= scan.next)
            else {
                match self.find_record(rest, scan.next) {
                    Some(distance) => {
                        pending_damage = true;
                        at += distance;
                        continue;
                    }
                    None => return scan.ended_by(rest, pending_damage),
                }
            };
            let Some(payload) = rest.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + header.length) else {
                scan.tail = if pending_damage { Tail::Damaged } else { Tail::Torn };
                return scan;
            };
            let begin = at;
            at += RECORD_HEADER_BYTES + header.length;
            if self.payload_fits(&header, payload) {
                scan.damaged_inside |= pending_damage;
                pending_damage = false;
                scan.good_end = at;
                scan.records.push(Found {
                    seq: header.seq,
                    at: header.at,
                    offset: begin,
                    length: header.length,
                });
            } else {
                pending_damage = true;
            }
            scan.next = header.seq.next();
        }
        if pending_damage {
            scan.tail = Tail::Damaged;
        }

        scan
    }

    /// How far ahead the next record header is that fits and can follow.
    fn find_record(&self, rest: &[u8], next: Seq) -> Option<usize> {
        // A record takes at least its header, so a place further ahead than that is not of this file.
        let reach =
            next.0.saturating_add(u64::try_from(rest.len() / RECORD_HEADER_BYTES).unwrap_or(u64::MAX));

        (1..rest.len().saturating_sub(RECORD_HEADER_BYTES - 1)).find(|&at| {
            self.decode_record_header(&rest[at..])
                .is_some_and(|header| header.seq >= next && header.seq.0 <= reach)
        })
    }

    fn sum(&self, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.seed);
        hasher.update(bytes);

        hasher.finalize()
    }
}

/// A record header that fits its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// Its place.
    pub seq: Seq,
    /// When it was observed.
    pub at: Timestamp,
    /// Bytes of its payload.
    pub length: usize,
    payload_sum: u32,
}

impl Scan {
    fn ended_by(mut self, rest: &[u8], pending_damage: bool) -> Self {
        let torn = rest.len() < RECORD_HEADER_BYTES || rest.iter().all(|&byte| byte == 0);
        if torn && !pending_damage {
            self.tail = Tail::Torn;
            return self;
        }
        self.tail = Tail::Damaged;
        if !torn {
            // So many places may have been used and confirmed at most; none of them may be used again.
            let places = u64::try_from(rest.len() / RECORD_HEADER_BYTES).unwrap_or(u64::MAX);
            self.next = Seq(self.next.0.saturating_add(places));
        }

        self
    }
}

/// Bytes that a payload of this length takes in a file.
#[must_use]
pub fn record_bytes(payload: usize) -> u64 {
    u64::try_from(RECORD_HEADER_BYTES + payload).unwrap_or(u64::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

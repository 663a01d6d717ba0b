//! A piece of form 2: the records of one append, packed together. Pure.
//!
//! Its content is for each record the moment (CBOR integer, milliseconds after that of the record before it, the first
//! after 1970) and the payload (CBOR bytes), packed with zstd and the newest dictionary where that makes it shorter;
//! then the byte [`END`], which is not zero: a block whose last byte is zero never came to its end.

use minicbor::{Decoder, Encoder};
use vonggac_protocol::frame::dictionary::{self, Dictionary};
use vonggac_protocol::id::Seq;
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use super::Record;
use super::segment::{Identity, PIECE_HEADER_BYTES, u16_at, u32_at, u64_at};

/// Last byte of every block.
pub const END: u8 = 0xa5;

/// Records of one block; damage to a block costs all of them.
pub const BLOCK_RECORDS_MAX: u16 = 512;

/// Raw bytes after which a block takes no further record: it is unpacked whole to read one.
const BLOCK_BYTES: usize = 256 * 1024;

/// Raw bytes of a block that holds the longest record: its bytes, their length, its moment.
const RAW_BYTES_MAX: usize = OBSERVATION_BYTES_MAX + 16;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Records packed together, not yet at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Packed {
    pub(super) count: u16,
    raw: usize,
    packing: u8,
    dictionary: u8,
    content: Vec<u8>,
}

impl Packed {
    /// Bytes in the file.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(PIECE_HEADER_BYTES + self.content.len()).unwrap_or(u64::MAX)
    }

    /// Adds the block, whose first record gets this place, to what will be written.
    pub(super) fn seal(&self, identity: &Identity, first: Seq, into: &mut Vec<u8>) {
        let begin = into.len();
        let u32_of = |length: usize| u32::try_from(length).expect("the caller keeps within the limit");
        into.extend_from_slice(&u32_of(self.content.len()).to_be_bytes());
        into.extend_from_slice(&u32_of(self.raw).to_be_bytes());
        into.extend_from_slice(&first.0.to_be_bytes());
        into.extend_from_slice(&self.count.to_be_bytes());
        into.extend_from_slice(&[self.packing, self.dictionary]);
        into.extend_from_slice(&identity.sum(&self.content).to_be_bytes());
        into.extend_from_slice(&identity.sum(&into[begin..]).to_be_bytes());
        into.extend_from_slice(&self.content);
    }
}

/// Packs records, in order, into as few blocks as may be.
pub(super) fn pack<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Packed> {
    let mut blocks = Vec::new();
    let mut open = Open::default();
    for record in records {
        let full = open.raw.len() + record.bytes.len() > BLOCK_BYTES || open.count == BLOCK_RECORDS_MAX;
        if full && open.count > 0 {
            blocks.push(std::mem::take(&mut open).pack());
        }
        open.add(record);
    }
    if open.count > 0 {
        blocks.push(open.pack());
    }

    blocks
}

#[derive(Default)]
struct Open {
    count: u16,
    last: i64,
    raw: Vec<u8>,
}

impl Open {
    fn add(&mut self, record: &Record) {
        let mut encoder = Encoder::new(&mut self.raw);
        encoder
            .i64(record.at.0.wrapping_sub(self.last))
            .and_then(|encoder| encoder.bytes(&record.bytes))
            .expect("a Vec takes any number of bytes");
        self.last = record.at.0;
        self.count += 1;
    }

    fn pack(self) -> Packed {
        let raw = self.raw.len();
        let packed = dictionary::compress(&self.raw, Some(Dictionary::NEWEST));
        let (packing, dictionary, mut content) = if packed.len() < raw {
            (ZSTD, Dictionary::NEWEST.number(), packed)
        } else {
            (PLAIN, 0, self.raw)
        };
        content.push(END);

        Packed { count: self.count, raw, packing, dictionary, content }
    }
}

/// A block's header that fits its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockHeader {
    /// Bytes of its content.
    pub(super) length: usize,
    raw: usize,
    /// Place of its first record.
    pub(super) first: Seq,
    count: u16,
    packing: u8,
    dictionary: u8,
    pub(super) content_sum: u32,
}

impl BlockHeader {
    /// Of bytes that fit their checksum.
    pub(super) fn decode(header: &[u8; PIECE_HEADER_BYTES]) -> Option<Self> {
        let found = Self {
            length: usize::try_from(u32_at(header, 0)?).ok()?,
            raw: usize::try_from(u32_at(header, 4)?).ok()?,
            first: Seq(u64_at(header, 8)?),
            count: u16_at(header, 16)?,
            packing: header[18],
            dictionary: header[19],
            content_sum: u32_at(header, 20)?,
        };
        let fits = (1..=RAW_BYTES_MAX).contains(&found.raw)
            && (2..=found.raw + 1).contains(&found.length)
            && (1..=BLOCK_RECORDS_MAX).contains(&found.count)
            && found.first.0.checked_add(u64::from(found.count)).is_some();

        fits.then_some(found)
    }

    /// The place after its last record.
    pub(super) fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(u64::from(self.count)))
    }
}

/// The records of a block: place, moment, payload; `None` if they are not what the header announced.
pub(super) fn unpack(header: &BlockHeader, content: &[u8]) -> Option<Vec<(Seq, Timestamp, Vec<u8>)>> {
    let (&END, content) = content.split_last()? else { return None };
    let raw = match (header.packing, header.dictionary) {
        (PLAIN, 0) => content.to_vec(),
        (ZSTD, number) => {
            let dictionary = match number {
                0 => None,
                number => Some(Dictionary::of_number(u32::from(number))?),
            };
            dictionary::decompress(content, dictionary, header.raw).ok()?
        }
        (_, _) => return None,
    };
    if raw.len() != header.raw {
        return None;
    }
    let mut decoder = Decoder::new(&raw);
    let (mut seq, mut at) = (header.first, 0_i64);
    let mut records = Vec::with_capacity(usize::from(header.count));
    for _ in 0..header.count {
        at = at.wrapping_add(decoder.i64().ok()?);
        let payload = decoder.bytes().ok().filter(|bytes| bytes.len() <= OBSERVATION_BYTES_MAX)?;
        records.push((seq, Timestamp(at), payload.to_vec()));
        seq = seq.next();
    }

    (decoder.position() == raw.len()).then_some(records)
}

/// For the fuzzer: the records of the block that begins these bytes.
#[must_use]
pub fn reread(identity: &Identity, bytes: &[u8]) -> Option<Vec<Record>> {
    let head = identity.head(bytes)?;
    let content = bytes.get(PIECE_HEADER_BYTES..PIECE_HEADER_BYTES + head.length())?;
    let records = identity.records(&head, content.to_vec())?;

    Some(records.into_iter().map(|(_, at, bytes)| Record { lane: identity.lane, at, bytes }).collect())
}

/// For the fuzzer: these bytes as header (its first twenty) and content of a block, with a length and checksums that
/// fit.
#[must_use]
pub fn sealed(identity: &Identity, bytes: &[u8]) -> Vec<u8> {
    let (head, content) = bytes.split_at(bytes.len().min(20));
    let mut block = head.to_vec();
    block.resize(20, 0);
    block[..4].copy_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    block.extend_from_slice(&identity.sum(content).to_be_bytes());
    block.extend_from_slice(&identity.sum(&block).to_be_bytes());
    block.extend_from_slice(content);

    block
}

/// For the fuzzer: records as the first block of a file; nothing if they need more than one.
#[must_use]
pub fn packed(identity: &Identity, records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let [block] = &pack(records)[..] {
        block.seal(identity, identity.first, &mut bytes);
    }

    bytes
}

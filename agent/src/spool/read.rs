//! Reads the records of one segment one after another.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use vonggac_protocol::id::{Lane, Seq};
use vonggac_protocol::time::Timestamp;

use super::ReadSpoolError;
use super::block;
use super::segment::{HEADER_BYTES, Head, Identity, PIECE_HEADER_BYTES};

/// Where a read stopped; the next one usually goes on there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// First place of the segment.
    pub(super) segment: Seq,
    /// The record that comes next.
    pub(super) seq: Seq,
    /// Where the piece begins that it is in.
    pub(super) offset: u64,
}

/// A record read back.
pub(super) struct Whole {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) payload: Vec<u8>,
    /// Where the piece begins in which the record after it is.
    pub(super) go_on_at: u64,
}

/// One file, from its beginning or from a cursor on.
pub(super) struct SegmentReader {
    identity: Identity,
    file: BufReader<File>,
    /// Where the open block begins, and where the piece after it does.
    offset: u64,
    after: u64,
    end: u64,
    /// What is left of the open block.
    block: VecDeque<(Seq, Timestamp, Vec<u8>)>,
}

impl SegmentReader {
    /// A file whose last record ends at `end`.
    pub(super) fn open(
        path: &Path,
        identity: Identity,
        end: u64,
        cursor: Option<Cursor>,
    ) -> io::Result<Self> {
        let offset = match cursor {
            Some(cursor) => cursor.offset,
            None => u64::try_from(HEADER_BYTES).unwrap_or(0),
        };
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        file.seek(SeekFrom::Start(offset))?;

        Ok(Self { identity, file, offset, after: offset, end, block: VecDeque::new() })
    }

    /// The first record at or after `want`.
    pub(super) fn next(&mut self, want: Seq, lane: Lane) -> Result<Option<Whole>, ReadSpoolError> {
        loop {
            while let Some((seq, at, payload)) = self.block.pop_front() {
                if seq >= want {
                    let go_on_at = if self.block.is_empty() { self.after } else { self.offset };
                    return Ok(Some(Whole { seq, at, payload, go_on_at }));
                }
            }
            if self.after >= self.end {
                return Ok(None);
            }
            self.read_piece(want, lane)?;
        }
    }

    fn read_piece(&mut self, want: Seq, lane: Lane) -> Result<(), ReadSpoolError> {
        let mut header = [0; PIECE_HEADER_BYTES];
        self.file.read_exact(&mut header)?;
        let damaged = ReadSpoolError::Damaged { lane, seq: want };
        let Some(head) = self.identity.head(&header) else { return Err(damaged) };
        let length = u64::try_from(PIECE_HEADER_BYTES + head.length()).unwrap_or(u64::MAX);
        self.offset = self.after;
        self.after += length;
        if head.end() <= want {
            self.file.seek_relative(i64::try_from(head.length()).unwrap_or(i64::MAX))?;
            return Ok(());
        }
        let mut content = vec![0; head.length()];
        self.file.read_exact(&mut content)?;
        let Some(records) = self.identity.records(&head, content) else { return Err(damaged) };
        self.block = records.into();

        Ok(())
    }
}

impl Identity {
    /// The records of a piece; `None` if the content is not what the header announced.
    pub(super) fn records(&self, head: &Head, content: Vec<u8>) -> Option<Vec<(Seq, Timestamp, Vec<u8>)>> {
        match head {
            Head::Record(header) => {
                (self.sum(&content) == header.payload_sum).then(|| vec![(header.seq, header.at, content)])
            }
            Head::Block(header) => {
                (self.sum(&content) == header.content_sum).then(|| block::unpack(header, &content))?
            }
        }
    }
}

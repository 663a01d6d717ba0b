//! A piece of form 1: one record as it is. Read for ever, written by nothing but the test of that.

use vonggac_protocol::id::Seq;
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use super::segment::{PIECE_HEADER_BYTES, u32_at, u64_at};

/// A record's header that fits its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordHeader {
    /// Its place.
    pub(super) seq: Seq,
    /// When it was observed.
    pub(super) at: Timestamp,
    /// Bytes of its payload.
    pub(super) length: usize,
    pub(super) payload_sum: u32,
}

impl RecordHeader {
    /// Of bytes that fit their checksum.
    pub(super) fn decode(header: &[u8; PIECE_HEADER_BYTES]) -> Option<Self> {
        let length = usize::try_from(u32_at(header, 0)?).ok()?;
        let at = Timestamp(i64::from_be_bytes(header.get(12..20)?.try_into().ok()?));
        let seq = Seq(u64_at(header, 4)?);

        (length <= OBSERVATION_BYTES_MAX && seq.0 < u64::MAX).then_some(Self {
            seq,
            at,
            length,
            payload_sum: u32_at(header, 20)?,
        })
    }
}

#[cfg(test)]
pub(super) mod writing {
    use super::super::segment::Identity;
    use super::{Seq, Timestamp};

    /// Adds a record as the version did that released this form.
    pub(in crate::spool) fn encode(
        identity: &Identity,
        seq: Seq,
        at: Timestamp,
        payload: &[u8],
        into: &mut Vec<u8>,
    ) {
        let begin = into.len();
        into.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        into.extend_from_slice(&seq.0.to_be_bytes());
        into.extend_from_slice(&at.0.to_be_bytes());
        into.extend_from_slice(&identity.sum(payload).to_be_bytes());
        into.extend_from_slice(&identity.sum(&into[begin..]).to_be_bytes());
        into.extend_from_slice(payload);
    }
}

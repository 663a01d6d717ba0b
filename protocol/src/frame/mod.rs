//! The bytes on a stream: a length of four bytes (big-endian), then CBOR. `docs/wire.md` gives them one by one.
//!
//! | module | subject |
//! |---|---|
//! | [`dictionary`] | compression with what every message has in common |

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::assignment::Assignment;
use crate::enrolment::{EnrolReply, EnrolRequest};
use crate::hello::{Hello, Refusal, Welcome};
use crate::id::{Epoch, Lane, Seq};
use crate::limits::{BATCH_OBSERVATIONS_MAX, BATCH_RAW_BYTES_MAX, FRAME_BYTES_MAX, OBSERVATION_BYTES_MAX};
use crate::line::Outer;
use crate::machine::StepKept;
use crate::release::{ReleaseOffer, ReleasePiece, ReleaseWanted};
use crate::renewal::{Renew, Renewed};
use crate::time::Timestamp;

pub mod dictionary;

use dictionary::Dictionary;

/// Everything that can be said. Numbers are never reused.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Frame {
    /// Agent to collector, first on the control stream.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Collector to agent, the answer.
    #[n(1)]
    Welcome(#[n(0)] Welcome),
    /// Collector to agent, instead of an answer; the connection ends.
    #[n(2)]
    Refused(#[n(0)] Refusal),
    /// Agent to collector, on the stream of its lane.
    #[n(3)]
    Batch(#[n(0)] Batch),
    /// Collector to agent on the control stream, after its commit.
    #[n(4)]
    Ack(#[n(0)] Ack),
    /// Agent to collector on the control stream: alive.
    #[n(5)]
    Heartbeat(#[n(0)] Heartbeat),
    /// Collector to agent on the control stream: watch this from now on.
    #[n(6)]
    Assign(#[n(0)] Assignment),
    /// Machine to collector on an enrolment connection.
    #[n(7)]
    EnrolRequest(#[n(0)] EnrolRequest),
    /// The answer.
    #[n(8)]
    EnrolReply(#[n(0)] EnrolReply),
    /// Agent to collector on the control stream: no more from me until I come back.
    #[n(9)]
    Goodbye(#[n(0)] Heartbeat),
    /// Agent to collector on the control stream: a new certificate, please.
    #[n(10)]
    Renew(#[n(0)] Renew),
    /// Collector to agent on the control stream, the answer.
    #[n(11)]
    Renewed(#[n(0)] Renewed),
    /// Collector to agent on the control stream: your packets come from elsewhere now. Only to one that asked for it.
    #[n(16)]
    Outer(#[n(0)] Outer),
    /// Agent to collector on the control stream: the step given with the welcome is on its disk.
    #[n(12)]
    StepKept(#[n(0)] StepKept),
    /// Collector to agent on the control stream: a release for it. Only to one that said what it runs on.
    #[n(13)]
    ReleaseOffer(#[n(0)] ReleaseOffer),
    /// Agent to collector on the control stream: a piece of it, please.
    #[n(14)]
    ReleaseWanted(#[n(0)] ReleaseWanted),
    /// Collector to agent on the control stream, the answer.
    #[n(15)]
    ReleasePiece(#[n(0)] ReleasePiece),
}

/// A sign of life.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Heartbeat {
    /// The agent's clock.
    #[n(0)]
    pub now: Timestamp,
}

/// "Everything up to and including `kept` is on my disk."
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Ack {
    /// The epoch it speaks of.
    #[n(0)]
    pub epoch: Epoch,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// How far.
    #[n(2)]
    pub kept: Seq,
    /// Whether what was sent after `kept` was thrown away and must be sent again.
    #[n(3)]
    pub resend: bool,
}

/// Consecutive observations of one lane, compressed (zstd, RFC 8878).
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Batch {
    /// Life of the spool.
    #[n(0)]
    pub epoch: Epoch,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// Place of the first observation.
    #[n(2)]
    pub first: Seq,
    /// How many places just before `first` will never come, because the spool dropped them.
    #[n(3)]
    pub gap_before: u64,
    /// How many observations.
    #[n(4)]
    pub count: u32,
    /// zstd of the CBOR array of byte strings, each one encoded observation.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub packed: Vec<u8>,
    /// Number of the [`Dictionary`] that it was packed with; `None`: with none.
    #[n(6)]
    pub dictionary: Option<u32>,
}

/// Bytes that are not a frame, or not one that we accept.
#[derive(Debug, thiserror::Error)]
pub enum DecodeFrameError {
    /// The length prefix is above the limit.
    #[error("frame of {found} bytes, at most {FRAME_BYTES_MAX} are accepted")]
    TooLong {
        /// Bytes announced.
        found: usize,
    },
    /// Not CBOR of this form.
    #[error("frame cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// Bytes follow the frame.
    #[error("{0} bytes follow the frame")]
    Trailing(usize),
}

/// A batch that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackBatchError {
    /// Packed with a dictionary that was released after this program.
    #[error("batch was packed with dictionary {0}, which is not known here")]
    DictionaryUnknown(u32),
    /// Not zstd, or unfolds beyond [`BATCH_RAW_BYTES_MAX`].
    #[error("batch does not unfold to at most {BATCH_RAW_BYTES_MAX} bytes")]
    Unfold(#[source] std::io::Error),
    /// Not an array of byte strings.
    #[error("batch content cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// Another number of observations than announced, none, or too many.
    #[error(
        "batch announces {announced} observations and holds {found}; 1 to {BATCH_OBSERVATIONS_MAX} are accepted"
    )]
    Count {
        /// As the batch says.
        announced: u32,
        /// As it is.
        found: usize,
    },
    /// An observation is above its limit.
    #[error("observation {at} of the batch has {found} bytes, at most {OBSERVATION_BYTES_MAX} are accepted")]
    ObservationTooLong {
        /// Which, from 0.
        at: usize,
        /// Its bytes.
        found: usize,
    },
}

impl Frame {
    /// The frame with its length prefix.
    ///
    /// # Panics
    /// If it is longer than [`FRAME_BYTES_MAX`]: whoever makes a frame keeps within its own limits.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        minicbor::encode(self, &mut bytes).expect("a Vec takes any number of bytes");
        let length = bytes.len() - 4;
        assert!(length <= FRAME_BYTES_MAX, "a frame keeps within its limit");
        let prefix = u32::try_from(length).expect("the limit is below 4 GiB").to_be_bytes();
        bytes[..4].copy_from_slice(&prefix);

        bytes
    }

    /// How many bytes follow this length prefix.
    ///
    /// # Errors
    /// If they are more than [`FRAME_BYTES_MAX`].
    pub fn length(prefix: [u8; 4]) -> Result<usize, DecodeFrameError> {
        let found = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if found > FRAME_BYTES_MAX {
            return Err(DecodeFrameError::TooLong { found });
        }

        Ok(found)
    }

    /// Reads the bytes that follow a length prefix.
    ///
    /// # Errors
    /// If they are not one whole frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeFrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(DecodeFrameError::TooLong { found: bytes.len() });
        }
        let mut decoder = minicbor::Decoder::new(bytes);
        let frame = decoder.decode().map_err(DecodeFrameError::Malformed)?;
        let trailing = bytes.len() - decoder.position();
        if trailing > 0 {
            return Err(DecodeFrameError::Trailing(trailing));
        }

        Ok(frame)
    }
}

impl Batch {
    /// Packs encoded observations for any collector.
    ///
    /// # Panics
    /// As [`pack_with`](Self::pack_with).
    #[must_use]
    pub fn pack(epoch: Epoch, lane: Lane, first: Seq, gap_before: u64, observations: &[Vec<u8>]) -> Self {
        Self::pack_with(None, epoch, lane, first, gap_before, observations)
    }

    /// Packs encoded observations for a collector that knows the dictionary.
    ///
    /// # Panics
    /// If there are none or more than [`BATCH_OBSERVATIONS_MAX`]: whoever makes a batch counts.
    #[must_use]
    pub fn pack_with(
        dictionary: Option<Dictionary>,
        epoch: Epoch,
        lane: Lane,
        first: Seq,
        gap_before: u64,
        observations: &[Vec<u8>],
    ) -> Self {
        assert!((1..=BATCH_OBSERVATIONS_MAX).contains(&observations.len()), "whoever makes a batch counts");
        let count = u32::try_from(observations.len()).expect("counted above");
        let content: Vec<ByteVec> = observations.iter().cloned().map(ByteVec::from).collect();
        let raw = minicbor::to_vec(&content).expect("a Vec takes any number of bytes");
        let packed = dictionary::compress(&raw, dictionary);
        let dictionary = dictionary.map(|dictionary| u32::from(dictionary.number()));

        Self { epoch, lane, first, gap_before, count, packed, dictionary }
    }

    /// The encoded observations.
    ///
    /// # Errors
    /// If the content is not what the batch announces or is above a limit.
    pub fn unpack(&self) -> Result<Vec<Vec<u8>>, UnpackBatchError> {
        let dictionary = match self.dictionary {
            Some(number) => {
                Some(Dictionary::of_number(number).ok_or(UnpackBatchError::DictionaryUnknown(number))?)
            }
            None => None,
        };
        let raw = dictionary::decompress(&self.packed, dictionary, BATCH_RAW_BYTES_MAX)
            .map_err(UnpackBatchError::Unfold)?;
        let mut decoder = minicbor::Decoder::new(&raw);
        let announced = decoder.array().map_err(UnpackBatchError::Malformed)?;
        let found = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
        let fits = usize::try_from(self.count).is_ok_and(|count| count == found);
        if !fits || !(1..=BATCH_OBSERVATIONS_MAX).contains(&found) {
            return Err(UnpackBatchError::Count { announced: self.count, found });
        }
        let mut observations = Vec::with_capacity(found);
        for at in 0..found {
            let bytes = decoder.bytes().map_err(UnpackBatchError::Malformed)?;
            if bytes.len() > OBSERVATION_BYTES_MAX {
                return Err(UnpackBatchError::ObservationTooLong { at, found: bytes.len() });
            }
            observations.push(bytes.to_vec());
        }

        Ok(observations)
    }
}

#[cfg(test)]
mod tests;

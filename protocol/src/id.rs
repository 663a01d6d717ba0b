//! Names of hosts, agencies, epochs, sequences, lanes and observations.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not the id it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct ParseIdError {
    /// The form that was expected.
    pub expected: &'static str,
    /// The text that was found.
    pub found: String,
}

fn mistaken(expected: &'static str, found: &str) -> ParseIdError {
    ParseIdError { expected, found: found.to_owned() }
}

/// One monitored machine; given by the collector when it enrols. 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct HostId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for HostId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "32 lower-case hexadecimal digits";
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| mistaken(expected, text))?;

        Ok(Self(bytes.try_into().map_err(|_| mistaken(expected, text))?))
    }
}

/// One life of an agent's spool: a new one begins when the old spool is gone. 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Epoch(#[n(0)] pub u64);

impl Epoch {
    /// The epoch under which a collector files what it observed itself, such as silence.
    pub const COLLECTOR: Self = Self(0);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "16 lower-case hexadecimal digits";
        if text.len() != 16 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(mistaken(expected, text));
        }

        u64::from_str_radix(text, 16).map(Self).map_err(|_| mistaken(expected, text))
    }
}

/// The place of an observation in one lane of one epoch; the first is 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Encode, Decode, Serialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Seq(#[n(0)] pub u64);

impl Seq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which queue an observation travels in; each lane has a sequence of its own, so none waits for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// What an incident may hang on; sent first, dropped last.
    #[n(0)]
    Prompt,
    /// Inventories and routine health; sent when the prompt lane is empty, dropped first.
    #[n(1)]
    Bulk,
}

impl Lane {
    /// Both, the more urgent first.
    pub const ALL: [Self; 2] = [Self::Prompt, Self::Bulk];

    /// The word used in folders and ids.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Bulk => "bulk",
        }
    }

    /// The number used on the wire and in the store.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Prompt => 0,
            Self::Bulk => 1,
        }
    }

    /// The lane of a number from the store; `None` if there is no such lane.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.code() == code)
    }
}

/// An organisation that hosts belong to: 1 to 64 of `a-z`, `0-9` and `-`, not starting or ending with `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct AgencyId(#[n(0)] String);

impl AgencyId {
    /// Checks the text.
    ///
    /// # Errors
    /// If it is not of the form that the type states.
    pub fn new(text: &str) -> Result<Self, ParseIdError> {
        let letters = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if text.is_empty() || text.len() > 64 || !letters || text.starts_with('-') || text.ends_with('-') {
            return Err(mistaken("1 to 64 of a-z, 0-9 and -, such as so-tttt", text));
        }

        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'b, C> Decode<'b, C> for AgencyId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.str()?).map_err(minicbor::decode::Error::custom)
    }
}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgencyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// One observation, for ever: `HOST-EPOCH-LANE-SEQ`, such as `00ff…-0123456789abcdef-prompt-17`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservationId {
    /// The host it was seen on.
    pub host: HostId,
    /// The life of the spool it was written to.
    pub epoch: Epoch,
    /// The queue it travelled in.
    pub lane: Lane,
    /// Its place there.
    pub seq: Seq,
}

impl fmt::Display for ObservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.host, self.epoch, self.lane.word(), self.seq)
    }
}

impl FromStr for ObservationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "HOST-EPOCH-LANE-SEQ";
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or_else(|| mistaken(expected, text));
        let (host, epoch, lane, seq) = (part()?, part()?, part()?, part()?);
        let lane = Lane::ALL.into_iter().find(|known| known.word() == lane);
        let id = Self {
            host: host.parse()?,
            epoch: epoch.parse()?,
            lane: lane.ok_or_else(|| mistaken(expected, text))?,
            seq: Seq(seq.parse().map_err(|_| mistaken(expected, text))?),
        };
        if parts.next().is_some() || id.to_string() != text {
            return Err(mistaken(expected, text));
        }

        Ok(id)
    }
}

macro_rules! text_in_serde_and_debug {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text_in_serde_and_debug!(HostId, Epoch, AgencyId, ObservationId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_id_reads_back_from_its_own_text() {
        let id = ObservationId { host: HostId([7; 16]), epoch: Epoch(9), lane: Lane::Bulk, seq: Seq(12) };

        assert_eq!(id.to_string().parse::<ObservationId>().unwrap(), id);
        assert!("x-y-z".parse::<ObservationId>().is_err());
    }

    #[test]
    fn an_agency_id_with_other_letters_is_refused() {
        for wrong in ["", "Sở", "a b", "-a", "a-", "A"] {
            assert!(AgencyId::new(wrong).is_err(), "{wrong:?}");
        }
    }
}

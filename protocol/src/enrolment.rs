//! How a host becomes one of ours: the string a person carries, the request, the answer.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use minicbor::{Decode, Encode};

use crate::digest::Digest;
use crate::hello::Refusal;
use crate::id::{AgencyId, HostId};
use crate::limits::ENROLMENT_STRING_MAX;
use crate::machine::MachineMarks;
use crate::time::Timestamp;

/// A one-time or counted secret that lets a machine ask to be enrolled. Never shown by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Token(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Everything a machine needs to enrol, as one string: `vg1:` and base64url of CBOR followed by its CRC-32.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct EnrolmentString {
    /// `host:port` of the collector; the host may be a name or an address.
    #[n(0)]
    pub address: String,
    /// SHA-256 of the authority's certificate (DER).
    #[n(1)]
    pub pin: Digest,
    /// The agency that the token is bound to.
    #[n(2)]
    pub agency: AgencyId,
    /// The secret.
    #[n(3)]
    pub token: Token,
}

/// The text is not an enrolment string.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseEnrolmentError {
    /// Another prefix.
    #[error("an enrolment string begins with vg1:")]
    Prefix,
    /// Too long to be one.
    #[error("an enrolment string has at most {ENROLMENT_STRING_MAX} characters")]
    TooLong,
    /// Mistyped or cut off.
    #[error("the enrolment string is mistyped or incomplete: its checksum does not fit")]
    Checksum,
    /// The checksum fits but the content does not.
    #[error("the enrolment string was made by another version")]
    Content,
}

impl fmt::Display for EnrolmentString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = minicbor::to_vec(self).expect("a Vec takes any number of bytes");
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());

        write!(f, "vg1:{}", BASE64URL_NOPAD.encode(&bytes))
    }
}

impl FromStr for EnrolmentString {
    type Err = ParseEnrolmentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > ENROLMENT_STRING_MAX {
            return Err(ParseEnrolmentError::TooLong);
        }
        let body = text.strip_prefix("vg1:").ok_or(ParseEnrolmentError::Prefix)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| ParseEnrolmentError::Checksum)?;
        let (content, sum) = bytes.split_last_chunk::<4>().ok_or(ParseEnrolmentError::Checksum)?;
        if crc32fast::hash(content).to_be_bytes() != *sum {
            return Err(ParseEnrolmentError::Checksum);
        }

        minicbor::decode(content).map_err(|_| ParseEnrolmentError::Content)
    }
}

/// What a machine asks.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct EnrolRequest {
    /// [`WIRE_VERSION`](crate::hello::WIRE_VERSION) of the agent.
    #[n(0)]
    pub wire: u16,
    /// The agency that the string named; must be the token's own.
    #[n(1)]
    pub agency: AgencyId,
    /// The secret.
    #[n(2)]
    pub token: Token,
    /// Certificate request (PKCS#10, DER); the key stays on the machine. At most
    /// [`CSR_BYTES_MAX`](crate::limits::CSR_BYTES_MAX).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub request: Vec<u8>,
    /// Name the machine calls itself.
    #[n(4)]
    pub name: String,
    /// Version of the agent's program.
    #[n(5)]
    pub version: String,
    /// What the machine is: one on the list of those never to be enrolled is known by it.
    #[n(7)]
    pub marks: Option<MachineMarks>,
}

/// What the collector answers.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum EnrolReply {
    /// The machine is one of ours.
    #[n(0)]
    Accepted(#[n(0)] Enrolled),
    /// It is not.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

/// The identity of a new host.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Enrolled {
    /// Its name from now on.
    #[n(0)]
    pub host: HostId,
    /// Its agency.
    #[n(1)]
    pub agency: AgencyId,
    /// The agency's name for people.
    #[n(2)]
    pub agency_name: String,
    /// Its certificate (DER).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The authority's certificate (DER); its SHA-256 is the pin.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub authority: Vec<u8>,
    /// The collector's clock.
    #[n(5)]
    pub now: Timestamp,
    /// Whether it may work at once, or waits for a person.
    #[n(6)]
    pub approved: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> EnrolmentString {
        EnrolmentString {
            address: "thu-thap.tinh.gov.vn:4433".to_owned(),
            pin: Digest::of(b"authority"),
            agency: AgencyId::new("so-tttt").unwrap(),
            token: Token([3; 16]),
        }
    }

    #[test]
    fn an_enrolment_string_reads_back() {
        assert_eq!(sample().to_string().parse(), Ok(sample()));
    }

    #[test]
    fn one_mistyped_character_is_noticed() {
        let right = sample().to_string();
        for at in 4..right.len() {
            let mut wrong = right.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            if wrong != right {
                assert_eq!(wrong.parse::<EnrolmentString>(), Err(ParseEnrolmentError::Checksum), "{at}");
            }
        }
    }

    #[test]
    fn the_token_is_not_shown_by_debug() {
        assert!(!format!("{:?}", sample()).contains('3'.to_string().repeat(4).as_str()));
    }
}

//! A release of the agent: one program for one system, with a manifest that the project's release key signs.
//!
//! The collector stores releases and offers them; it cannot make one, and it cannot change the keys that an agent
//! believes: those lie on the machine. The manifest names the digest of every piece, so that a torn or altered piece is
//! thrown away at once, and the digest of the whole. `docs/wire.md` has the frames, `docs/decisions/0047` the reasons.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::frame::dictionary;
use crate::limits::{RELEASE_BYTES_MAX, RELEASE_PIECE_BYTES};
use crate::time::Timestamp;

/// The form of a manifest; another one gets another word.
pub const FORMAT: &str = "vonggac-release/1";

/// A version: up to four numbers with dots between them, such as `0.2.0`; later ones are greater.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version(Vec<u32>);

impl Version {
    /// The version of this text, in its one form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let version = Self(numbers);

        (version.0.len() <= 4 && version.to_string() == text).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();

        f.write_str(&numbers.join("."))
    }
}

/// What a program runs on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// `linux` or `windows`, as Rust names it.
    #[n(0)]
    pub system: String,
    /// `x86_64`, `aarch64`, as Rust names it.
    #[n(1)]
    pub architecture: String,
}

impl Platform {
    /// That of this program.
    #[must_use]
    pub fn own() -> Self {
        Self { system: std::env::consts::OS.to_owned(), architecture: std::env::consts::ARCH.to_owned() }
    }

    /// Whether both words are small letters, digits and `_`.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let is_word = |text: &str| {
            let is_good =
                |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
            (1..=16).contains(&text.len()) && text.bytes().all(is_good)
        };

        is_word(&self.system) && is_word(&self.architecture)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.system, self.architecture)
    }
}

/// What a release says of itself, as JSON text. The signature covers the bytes of that text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Which version of the agent.
    pub version: String,
    /// What it runs on.
    pub platform: Platform,
    /// When it was made.
    pub made_at: Timestamp,
    /// No machine begins with it before.
    pub not_before: Timestamp,
    /// Bytes of the program.
    pub size: u64,
    /// SHA-256 of the program.
    pub sha256: Digest,
    /// SHA-256 of each piece of [`RELEASE_PIECE_BYTES`] bytes, the last one shorter.
    pub pieces: Vec<Digest>,
    /// The public key that signed it, as minisign writes it.
    pub key: String,
}

/// A manifest whose words do not fit each other.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckManifestError {
    /// Another program's.
    #[error("its form is not {FORMAT}")]
    Format,
    /// Not a version, or no name of a system.
    #[error("it names no version or no system")]
    Name,
    /// No bytes, too many, or another number of pieces than they make.
    #[error("its size and its pieces do not fit each other, or it has more than {RELEASE_BYTES_MAX} bytes")]
    Size,
}

impl Manifest {
    /// Its version.
    ///
    /// # Errors
    /// If anything in it does not fit the rest.
    pub fn check(&self) -> Result<Version, CheckManifestError> {
        if self.format != FORMAT {
            return Err(CheckManifestError::Format);
        }
        let version = Version::parse(&self.version).filter(|_| self.platform.is_named());
        let version = version.ok_or(CheckManifestError::Name)?;
        let pieces = self.size.div_ceil(RELEASE_PIECE_BYTES);
        let fits = u64::try_from(self.pieces.len()).is_ok_and(|count| count == pieces);
        if !fits || !(1..=RELEASE_BYTES_MAX).contains(&self.size) {
            return Err(CheckManifestError::Size);
        }

        Ok(version)
    }

    /// Bytes of the piece with this number; `None`: there is none.
    #[must_use]
    pub fn piece_bytes(&self, number: u32) -> Option<u64> {
        let from = u64::from(number).checked_mul(RELEASE_PIECE_BYTES)?;

        self.size.checked_sub(from).filter(|left| *left > 0).map(|left| left.min(RELEASE_PIECE_BYTES))
    }
}

/// Collector to agent: this release is for you. Sent again after each welcome while it holds.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ReleaseOffer {
    /// Number of the order by which it is offered; a machine that went back tries again only under another one.
    #[n(0)]
    pub order: u64,
    /// The manifest's text.
    #[n(1)]
    pub manifest: String,
    /// Its signature in minisign's form.
    #[n(2)]
    pub signature: String,
}

/// Agent to collector: that piece, please.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ReleaseWanted {
    /// SHA-256 of the program.
    #[n(0)]
    pub sha256: Digest,
    /// Which piece, from 0.
    #[n(1)]
    pub piece: u32,
}

/// Collector to agent, the answer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ReleasePiece {
    /// SHA-256 of the program.
    #[n(0)]
    pub sha256: Digest,
    /// Which piece, from 0.
    #[n(1)]
    pub piece: u32,
    /// Its bytes, compressed (zstd); empty: the release is not offered any more.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub packed: Vec<u8>,
}

/// Compresses one piece.
#[must_use]
pub fn pack_piece(raw: &[u8]) -> Vec<u8> {
    dictionary::compress(raw, None)
}

/// The bytes of a compressed piece; never more than a piece has.
///
/// # Errors
/// If they are not zstd, or unfold to more.
pub fn unpack_piece(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let max = usize::try_from(RELEASE_PIECE_BYTES).unwrap_or(usize::MAX);

    dictionary::decompress(packed, None, max)
}

/// What became of an upgrade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeOutcome {
    /// The new version runs and has reported.
    #[n(0)]
    Upgraded,
    /// The new version was tried, and the one before is back.
    #[n(1)]
    Returned,
    /// It was not even tried.
    #[n(2)]
    Refused,
}

/// Why a version was not tried, or did not stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeReason {
    /// Signed by nobody whom this machine believes, or altered.
    #[n(0)]
    Signature,
    /// The manifest or a piece of the program is not what it should be.
    #[n(1)]
    Digest,
    /// For another system.
    #[n(2)]
    Platform,
    /// Not newer than what runs.
    #[n(3)]
    NotNewer,
    /// There is no room on the disk.
    #[n(4)]
    Disk,
    /// The system does not run the program, or it calls itself another version.
    #[n(5)]
    DoesNotRun,
    /// It ended by itself, again and again.
    #[n(6)]
    Crashed,
    /// It did not report to the collector in time.
    #[n(7)]
    Silent,
    /// Its file on the disk was damaged.
    #[n(8)]
    Damaged,
    /// A person of this machine wanted the one before.
    #[n(9)]
    Person,
    /// The package brought a version that is not older.
    #[n(10)]
    Package,
}

impl UpgradeReason {
    /// All of them, for whoever tells them in words.
    pub const ALL: [Self; 11] = [
        Self::Signature,
        Self::Digest,
        Self::Platform,
        Self::NotNewer,
        Self::Disk,
        Self::DoesNotRun,
        Self::Crashed,
        Self::Silent,
        Self::Damaged,
        Self::Person,
        Self::Package,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Digest => "digest",
            Self::Platform => "platform",
            Self::NotNewer => "not_newer",
            Self::Disk => "disk",
            Self::DoesNotRun => "does_not_run",
            Self::Crashed => "crashed",
            Self::Silent => "silent",
            Self::Damaged => "damaged",
            Self::Person => "person",
            Self::Package => "package",
        }
    }
}

/// The agent of a host became another version, came back from one, or would not take one.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct AgentUpgrade {
    /// What became of it.
    #[n(0)]
    pub outcome: UpgradeOutcome,
    /// The version before.
    #[n(1)]
    pub from: String,
    /// The version that was to be.
    #[n(2)]
    pub to: String,
    /// Why not; `None` where it went well.
    #[n(3)]
    pub reason: Option<UpgradeReason>,
    /// Number of the order; `None`: not ordered by the collector.
    #[n(4)]
    pub order: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(size: u64, pieces: usize) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            version: "0.2.0".to_owned(),
            platform: Platform::own(),
            made_at: Timestamp(1),
            not_before: Timestamp(2),
            size,
            sha256: Digest([1; 32]),
            pieces: vec![Digest([2; 32]); pieces],
            key: "RW".to_owned(),
        }
    }

    #[test]
    fn a_manifest_is_used_only_if_its_pieces_make_its_size() {
        let piece = RELEASE_PIECE_BYTES;

        assert!(manifest(1, 1).check().is_ok() && manifest(piece * 2 + 1, 3).check().is_ok());
        for (size, pieces) in [(0, 0), (0, 1), (piece + 1, 1), (piece, 2), (u64::MAX, 1)] {
            assert_eq!(manifest(size, pieces).check(), Err(CheckManifestError::Size), "{size} {pieces}");
        }
        assert_eq!(manifest(piece + 5, 2).piece_bytes(1), Some(5));
        assert_eq!(manifest(piece + 5, 2).piece_bytes(2), None);
        assert_eq!(manifest(piece, 1).piece_bytes(1), None);
        let named = Manifest { version: "../0".to_owned(), ..manifest(1, 1) };
        assert_eq!(named.check(), Err(CheckManifestError::Name));
    }

    #[test]
    fn a_piece_unfolds_to_no_more_than_a_piece() {
        let raw = vec![7; usize::try_from(RELEASE_PIECE_BYTES).unwrap()];

        assert_eq!(unpack_piece(&pack_piece(&raw)).unwrap(), raw);
        assert!(unpack_piece(&pack_piece(&[raw, vec![0]].concat())).is_err());
    }

    #[test]
    fn versions_have_one_form_and_are_ordered_by_their_numbers() {
        assert!(Version::parse("0.9.9").unwrap() < Version::parse("0.10.0").unwrap());
        assert!(Version::parse("2026.9.30").unwrap() < Version::parse("2026.11").unwrap());
        assert!(Version::parse("1").unwrap() < Version::parse("1.0").unwrap());
        for wrong in ["", "1.", "01", "1.2.3.4.5", "v1", "1-2", "-1", "4294967296"] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }
}

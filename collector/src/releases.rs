//! Releases of the agent: one program with a manifest that the project's release key signs, in one file.
//!
//! The file has the form of [`crate::envelope`]. The collector holds it against the keys that it trusts so that nothing
//! useless is offered; what counts is that every agent holds it against its own.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::limits::{RELEASE_BYTES_MAX, RELEASE_MANIFEST_BYTES_MAX, RELEASE_PIECE_BYTES};
use vonggac_protocol::release::{self, FORMAT, Manifest, Platform, Version};
use vonggac_protocol::time::Timestamp;

use crate::envelope::{self, RefuseEnvelopeError, torn};
use crate::snapshot::container::Entry;
use crate::snapshot::key::{RELEASES, SigningKey};

/// Bytes of a release's file: it is read whole.
pub const FILE_BYTES_MAX: u64 = RELEASE_BYTES_MAX + 1024 * 1024;

/// The entry after the manifest and its signature.
const PROGRAM: &str = "program";

/// A release that holds.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The text that is signed.
    pub text: String,
    /// The signature.
    pub signature: String,
    /// Its pieces, compressed.
    pub pieces: Vec<Vec<u8>>,
}

/// What a release is made of.
#[derive(Clone, Debug)]
pub struct Made {
    /// The program.
    pub program: Vec<u8>,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub platform: Platform,
    /// From when it may be used.
    pub not_before: Timestamp,
}

fn pieces_of(program: &[u8]) -> impl Iterator<Item = &[u8]> {
    program.chunks(usize::try_from(RELEASE_PIECE_BYTES).unwrap_or(usize::MAX))
}

/// The release of this program.
///
/// # Errors
/// If the program is none, or it cannot be signed.
pub fn pack(made: Made, key: &SigningKey, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: made.version.to_string(),
        platform: made.platform,
        made_at: now,
        not_before: made.not_before,
        size: u64::try_from(made.program.len())?,
        sha256: Digest::of(&made.program),
        pieces: pieces_of(&made.program).map(Digest::of).collect(),
        key: key.public(),
    };
    manifest.check()?;
    let entries = vec![Entry { name: PROGRAM.to_owned(), bytes: made.program }];

    envelope::seal(FORMAT, &manifest, entries, key, now).context("write the release")
}

/// Opens a release that one of the trusted keys signed.
///
/// # Errors
/// If anything about it does not hold.
pub fn open(bytes: &[u8], trusted: &BTreeSet<String>) -> Result<Opened, RefuseEnvelopeError> {
    let (manifest, entries) = envelope::open::<Manifest>(FORMAT, &RELEASES, bytes, trusted)?;
    manifest.check().map_err(|error| torn(envelope::MANIFEST, &error.to_string()))?;
    let mut entries = entries.into_iter();
    let program = envelope::next(&mut entries, PROGRAM)?;
    let fits = u64::try_from(program.len()).is_ok_and(|size| size == manifest.size);
    if !fits || Digest::of(&program) != manifest.sha256 {
        return Err(torn(PROGRAM, "its digest is not that in the manifest"));
    }
    if !pieces_of(&program).map(Digest::of).eq(manifest.pieces.iter().copied()) {
        return Err(torn(PROGRAM, "its pieces are not those in the manifest"));
    }
    if let Some(more) = entries.next() {
        return Err(torn(&more.name, "not in the manifest"));
    }
    let (text, signature) = envelope::signed_text(bytes)?;
    if text.len() > RELEASE_MANIFEST_BYTES_MAX {
        return Err(torn(envelope::MANIFEST, "longer than any agent reads"));
    }
    let pieces = pieces_of(&program).map(release::pack_piece).collect();

    Ok(Opened { manifest, text, signature, pieces })
}

/// What a program can be seen to run on by its first bytes: ELF and PE for x86-64 and AArch64.
///
/// # Errors
/// If it is neither.
pub fn platform_of(program: &[u8]) -> anyhow::Result<Platform> {
    let at = |place: usize| program.get(place..place.checked_add(2)?).map(|two| [two[0], two[1]]);
    let (system, machine) = if program.starts_with(b"\x7fELF") {
        ("linux", at(18))
    } else if program.starts_with(b"MZ") {
        let place = program.get(0x3c..0x40).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let place =
            place.and_then(|place| usize::try_from(place).ok()).context("a program without a header")?;
        ensure!(
            program.get(place..).is_some_and(|rest| rest.starts_with(b"PE\0\0")),
            "not a Windows program"
        );
        ("windows", place.checked_add(4).and_then(at))
    } else {
        anyhow::bail!("neither a Linux nor a Windows program");
    };
    let architecture = match machine {
        Some([0x3e, 0] | [0x64, 0x86]) => "x86_64",
        Some([0xb7, 0] | [0x64, 0xaa]) => "aarch64",
        Some(_) | None => anyhow::bail!("a program for a processor that is not known here"),
    };

    Ok(Platform { system: system.to_owned(), architecture: architecture.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_345_678);

    fn made(key: &SigningKey) -> Vec<u8> {
        let made = Made {
            program: b"\x7fELF a program".repeat(20_000),
            version: Version::parse("0.2.0").unwrap(),
            platform: Platform { system: "linux".to_owned(), architecture: "x86_64".to_owned() },
            not_before: NOW,
        };

        pack(made, key, NOW).unwrap()
    }

    #[test]
    fn a_release_opens_as_it_was_made_and_is_refused_altered_torn_or_from_a_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::ensure_for(&RELEASES, folder.path()).unwrap();
        let bytes = made(&key);
        let trusted = BTreeSet::from([key.public()]);

        let opened = open(&bytes, &trusted).unwrap();

        assert_eq!(opened.pieces.len(), opened.manifest.pieces.len());
        assert_eq!(opened.pieces.len(), 2);
        let program: Vec<u8> =
            opened.pieces.iter().flat_map(|piece| release::unpack_piece(piece).unwrap()).collect();
        assert_eq!(Digest::of(&program), opened.manifest.sha256);
        for at in (0..bytes.len()).step_by(977) {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(open(&altered, &trusted).is_err(), "byte {at}");
        }
        for until in (0..bytes.len()).step_by(19_997) {
            assert!(open(&bytes[..until], &trusted).is_err(), "cut at {until}");
        }
        assert!(matches!(open(&bytes, &BTreeSet::new()), Err(RefuseEnvelopeError::Stranger { .. })));
    }

    #[test]
    fn what_a_program_runs_on_is_seen_in_its_header() {
        let mut elf = b"\x7fELF".to_vec();
        elf.resize(18, 0);
        elf.extend([0x3e, 0]);
        let mut pe = b"MZ".to_vec();
        pe.resize(0x3c, 0);
        pe.extend(0x40_u32.to_le_bytes());
        pe.extend(b"PE\0\0\x64\x86");

        assert_eq!(platform_of(&elf).unwrap().to_string(), "linux-x86_64");
        assert_eq!(platform_of(&pe).unwrap().to_string(), "windows-x86_64");
        for wrong in [b"".as_slice(), b"MZ", b"#!/bin/sh", &elf[..18], &pe[..0x42]] {
            assert!(platform_of(wrong).is_err());
        }
    }
}

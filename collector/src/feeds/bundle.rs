//! Parts in one file, with a manifest and the signature of the province's release role.
//!
//! A zip with stored entries in one form (that of snapshots): `manifest.json`, `manifest.json.minisig`, and
//! `feeds/NAME.jsonl.zst` for every part. The signature covers the manifest, the manifest the digests of the parts.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vonggac_advisory::feed::read_packed;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::convert::{Converted, PACKED_BYTES_MAX};
use super::part::{Part, is_name};
pub use crate::envelope::RefuseEnvelopeError as RefuseBundleError;
use crate::envelope::{self, MANIFEST, torn};
use crate::snapshot::container::Entry;
use crate::snapshot::key::{FEEDS, SigningKey};

/// The form of the file; another one gets another word.
const FORMAT: &str = "vonggac-feeds/1";

/// Bytes of a bundle: it is read whole.
pub const BUNDLE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Unpacked bytes of one part.
pub const PART_UNPACKED_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// What a bundle says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form.
    pub format: String,
    /// Version of the program that made it.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Its parts, in order of name.
    pub parts: Vec<Part>,
    /// The key that signed it.
    pub key: String,
}

/// A bundle that holds.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Digest of the whole file.
    pub digest: Digest,
    /// Its parts.
    pub parts: Vec<Converted>,
}

/// The bundle of these parts.
///
/// # Errors
/// If two parts have one name, or it cannot be signed.
pub fn pack(mut parts: Vec<Converted>, key: &SigningKey, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    parts.sort_by(|a, b| a.part.name.cmp(&b.part.name));
    let names: BTreeSet<&str> = parts.iter().map(|part| part.part.name.as_str()).collect();
    anyhow::ensure!(!parts.is_empty(), "a bundle has at least one part");
    anyhow::ensure!(
        names.len() == parts.len(),
        "two files would be the same feed; name one of them with --name"
    );
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        parts: parts.iter().map(|part| part.part.clone()).collect(),
        key: key.public(),
    };
    let entries = parts.into_iter().map(|it| Entry { name: entry_name(&it.part), bytes: it.bytes }).collect();

    envelope::seal(FORMAT, &manifest, entries, key, now).context("write the bundle")
}

/// Whether these are the first bytes of a bundle: a zip whose first entry is the manifest, stored.
#[must_use]
pub fn is_bundle(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
        && head.get(30..).is_some_and(|rest| rest.starts_with(MANIFEST.as_bytes()))
}

/// Opens a bundle that one of the trusted keys signed.
///
/// # Errors
/// If anything about it does not hold.
pub fn open(bytes: &[u8], trusted: &BTreeSet<String>) -> Result<Opened, RefuseBundleError> {
    let (manifest, entries) = envelope::open::<Manifest>(FORMAT, &FEEDS, bytes, trusted)?;
    let mut entries = entries.into_iter();
    let mut parts = Vec::new();
    for part in &manifest.parts {
        let bytes = envelope::next(&mut entries, &entry_name(part))?;
        check(part, &bytes)?;
        parts.push(Converted { part: part.clone(), bytes });
    }
    if let Some(more) = entries.next() {
        return Err(torn(&more.name, "not in the manifest"));
    }

    Ok(Opened { digest: Digest::of(bytes), manifest, parts })
}

/// Every part is what the manifest says, read to its end: a torn one is not found out when it is needed.
fn check(part: &Part, bytes: &[u8]) -> Result<(), RefuseBundleError> {
    let name = entry_name(part);
    if !is_name(&part.name) || bytes.len() > PACKED_BYTES_MAX {
        return Err(torn(&name, "a name or size that no part has"));
    }
    if Digest::of(bytes) != part.packed {
        return Err(torn(&name, "its digest is not that in the manifest"));
    }
    let things = read_packed(bytes, PART_UNPACKED_MAX, &mut |_| Ok(()))
        .map_err(|error| torn(&name, &error.to_string()))?;
    if things != part.rows {
        return Err(torn(&name, &format!("{things} rows, {} in the manifest", part.rows)));
    }

    Ok(())
}

fn entry_name(part: &Part) -> String {
    format!("feeds/{}.jsonl.zst", part.name)
}

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
use crate::snapshot::container::{self, Entry};
use crate::snapshot::key::{self, FEEDS, SigningKey, Unsigned};

/// The form of the file; another one gets another word.
const FORMAT: &str = "vonggac-feeds/1";

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.json.minisig";

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

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum RefuseBundleError {
    /// Its bytes are not those of a bundle.
    #[error("it is torn or altered{}: {cause}", place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default())]
    Torn {
        /// The entry.
        place: Option<String>,
        /// Why.
        cause: String,
    },
    /// Its form is another program's.
    #[error("its form is {0:?}; this program reads {FORMAT}")]
    Form(String),
    /// Nobody's signature is in it.
    #[error("nobody signed it")]
    Unsigned,
    /// Its signature does not hold.
    #[error("the signature does not fit what is in it")]
    WrongSignature,
    /// Signed, by a key that is not trusted here.
    #[error("it is signed by the key {key}, which is not trusted here; trusted: {trusted}")]
    Stranger {
        /// That key.
        key: String,
        /// Those that are, or `-`.
        trusted: String,
    },
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
    let mut text = serde_json::to_vec_pretty(&manifest)?;
    text.push(b'\n');
    let signature = key.sign(&text, &format!("{FORMAT} {now}"))?;
    let mut entries = vec![
        Entry { name: MANIFEST.to_owned(), bytes: text },
        Entry { name: SIGNATURE.to_owned(), bytes: signature.into_bytes() },
    ];
    entries.extend(parts.into_iter().map(|it| Entry { name: entry_name(&it.part), bytes: it.bytes }));

    container::encode(&entries).context("write the bundle")
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
    let mut entries = container::decode(bytes)
        .map_err(|damaged| RefuseBundleError::Torn { place: damaged.entry, cause: damaged.cause })?
        .into_iter();
    let manifest_text = next(&mut entries, MANIFEST)?;
    let manifest: Manifest =
        serde_json::from_slice(&manifest_text).map_err(|error| form(&manifest_text, &error))?;
    if manifest.format != FORMAT {
        return Err(RefuseBundleError::Form(manifest.format));
    }
    let signature = next(&mut entries, SIGNATURE).map_err(|_| RefuseBundleError::Unsigned)?;
    let signature = String::from_utf8(signature).map_err(|_| RefuseBundleError::WrongSignature)?;
    if !trusted.contains(&manifest.key) {
        let known = trusted.iter().cloned().collect::<Vec<_>>().join(", ");
        let trusted = if known.is_empty() { "-".to_owned() } else { known };
        return Err(RefuseBundleError::Stranger { key: manifest.key, trusted });
    }
    key::check_for(&FEEDS, &manifest.key, &manifest_text, &signature).map_err(|why| match why {
        Unsigned::Form => RefuseBundleError::Unsigned,
        Unsigned::Key | Unsigned::Other => RefuseBundleError::WrongSignature,
    })?;
    let mut parts = Vec::new();
    for part in &manifest.parts {
        let bytes = next(&mut entries, &entry_name(part))?;
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

fn next(entries: &mut impl Iterator<Item = Entry>, name: &str) -> Result<Vec<u8>, RefuseBundleError> {
    match entries.next() {
        Some(entry) if entry.name == name => Ok(entry.bytes),
        Some(other) => Err(torn(&other.name, &format!("{name} should stand here"))),
        None => Err(torn(name, "missing")),
    }
}

/// A manifest that does not read: of another form, if it says so itself.
fn form(text: &[u8], error: &serde_json::Error) -> RefuseBundleError {
    let value: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    let format = value.as_ref().and_then(|value| value.get("format")).and_then(|format| format.as_str());
    match format {
        Some(other) if other != FORMAT => RefuseBundleError::Form(other.to_owned()),
        Some(_) | None => torn(MANIFEST, &error.to_string()),
    }
}

fn torn(place: &str, cause: &str) -> RefuseBundleError {
    RefuseBundleError::Torn { place: Some(place.to_owned()), cause: cause.to_owned() }
}

fn entry_name(part: &Part) -> String {
    format!("feeds/{}.jsonl.zst", part.name)
}

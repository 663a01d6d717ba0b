//! What the province's release role signs: a zip with a manifest, its signature, and the entries that the manifest names.
//!
//! Stored entries in one form (that of snapshots): `manifest.json`, `manifest.json.minisig`, then what it is about. The
//! signature covers the manifest, and the manifest the digests of the rest; whoever opens one holds them against it.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vonggac_protocol::time::Timestamp;

use crate::snapshot::container::{self, Entry};
use crate::snapshot::key::{self, Purpose, SigningKey, Unsigned};

/// The first entry.
pub const MANIFEST: &str = "manifest.json";

const SIGNATURE: &str = "manifest.json.minisig";

/// Why a sealed file is refused.
#[derive(Debug, thiserror::Error)]
pub enum RefuseEnvelopeError {
    /// Its bytes are not those of one.
    #[error("it is torn or altered{}: {cause}", place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default())]
    Torn {
        /// The entry.
        place: Option<String>,
        /// Why.
        cause: String,
    },
    /// Its form is another program's.
    #[error("its form is {0:?}, which is not what is read here")]
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

/// What every manifest says.
#[derive(serde::Deserialize)]
struct Head {
    format: String,
    key: String,
}

/// Seals a manifest, which says its form and key, and the entries that it names.
///
/// # Errors
/// If it cannot be signed.
pub fn seal(
    format: &str,
    manifest: &impl Serialize,
    entries: Vec<Entry>,
    key: &SigningKey,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let signature = key.sign(&text, &format!("{format} {now}"))?;
    let mut all = vec![
        Entry { name: MANIFEST.to_owned(), bytes: text },
        Entry { name: SIGNATURE.to_owned(), bytes: signature.into_bytes() },
    ];
    all.extend(entries);

    container::encode(&all).context("write the entries")
}

/// The manifest that one of the trusted keys signed, and the entries after it, which nobody has looked at yet.
///
/// # Errors
/// If the manifest is not of this form, or its signature does not hold.
pub fn open<M: DeserializeOwned>(
    format: &str,
    purpose: &Purpose,
    bytes: &[u8],
    trusted: &BTreeSet<String>,
) -> Result<(M, Vec<Entry>), RefuseEnvelopeError> {
    let mut entries = container::decode(bytes)
        .map_err(|damaged| RefuseEnvelopeError::Torn { place: damaged.entry, cause: damaged.cause })?
        .into_iter();
    let text = next(&mut entries, MANIFEST)?;
    let head: Head = serde_json::from_slice(&text).map_err(|error| torn(MANIFEST, &error.to_string()))?;
    if head.format != format {
        return Err(RefuseEnvelopeError::Form(head.format));
    }
    let manifest = serde_json::from_slice(&text).map_err(|error| torn(MANIFEST, &error.to_string()))?;
    let signature = next(&mut entries, SIGNATURE).map_err(|_| RefuseEnvelopeError::Unsigned)?;
    let signature = String::from_utf8(signature).map_err(|_| RefuseEnvelopeError::WrongSignature)?;
    if !trusted.contains(&head.key) {
        let known = trusted.iter().cloned().collect::<Vec<_>>().join(", ");
        let trusted = if known.is_empty() { "-".to_owned() } else { known };
        return Err(RefuseEnvelopeError::Stranger { key: head.key, trusted });
    }
    key::check_for(purpose, &head.key, &text, &signature).map_err(|why| match why {
        Unsigned::Form => RefuseEnvelopeError::Unsigned,
        Unsigned::Key | Unsigned::Other => RefuseEnvelopeError::WrongSignature,
    })?;

    Ok((manifest, entries.collect()))
}

/// The text that is signed, and its signature, of an envelope that was opened before.
///
/// # Errors
/// If they are not text.
pub fn signed_text(bytes: &[u8]) -> Result<(String, String), RefuseEnvelopeError> {
    let mut entries = container::decode(bytes)
        .map_err(|damaged| RefuseEnvelopeError::Torn { place: damaged.entry, cause: damaged.cause })?
        .into_iter();
    let text = String::from_utf8(next(&mut entries, MANIFEST)?);
    let text = text.map_err(|_| torn(MANIFEST, "not UTF-8"))?;
    let signature = String::from_utf8(next(&mut entries, SIGNATURE)?);

    Ok((text, signature.map_err(|_| RefuseEnvelopeError::WrongSignature)?))
}

/// The bytes of the next entry, which must have this name.
///
/// # Errors
/// If it has another one, or there is none.
pub fn next(entries: &mut impl Iterator<Item = Entry>, name: &str) -> Result<Vec<u8>, RefuseEnvelopeError> {
    match entries.next() {
        Some(entry) if entry.name == name => Ok(entry.bytes),
        Some(other) => Err(torn(&other.name, &format!("{name} should stand here"))),
        None => Err(torn(name, "missing")),
    }
}

/// Something at this place is not as it was made.
#[must_use]
pub fn torn(place: &str, cause: &str) -> RefuseEnvelopeError {
    RefuseEnvelopeError::Torn { place: Some(place.to_owned()), cause: cause.to_owned() }
}

//! Packs of rules that the province's release role signs: a whole rule set with a name and a version, in one file.
//!
//! The file has the form of [`crate::envelope`]. It is taken whole or refused whole, with a reason; its rules must load
//! against the clauses that are known here, and the tests that they carry must pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::release::Version;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::mistake::Mistake;
use vonggac_rules::ruleset::{RULE_FILE_BYTES_MAX, RuleSet, RuleSource};
use vonggac_rules::trial;

use crate::envelope::{self, RefuseEnvelopeError, torn};
use crate::snapshot::container::Entry;
use crate::snapshot::key::{FEEDS, SigningKey};

/// The form of the file; another one gets another word.
const FORMAT: &str = "vonggac-rules/1";

/// Bytes of a pack: it is read whole.
pub const PACK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Files in a pack.
const FILES_MAX: usize = 4_096;

/// One rule file of a pack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its path, as findings and snapshots name it.
    pub path: String,
    /// Digest of its bytes.
    pub sha256: Digest,
}

/// What a pack says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form.
    pub format: String,
    /// Version of the program that made it.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whose rules: small letters, digits and `-`.
    pub name: String,
    /// Which version of them.
    pub version: String,
    /// Digest of the rule set, as findings name it.
    pub rule_set: Digest,
    /// Its files, in order of path.
    pub files: Vec<Part>,
    /// The key that signed it.
    pub key: String,
}

/// A pack that holds.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its version.
    pub version: Version,
    /// Its rule files.
    pub sources: Vec<RuleSource>,
}

/// Whether this may be a pack's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';

    !text.is_empty() && text.len() <= 40 && text.chars().all(is_good)
}

/// The rule set of these files; refused with all its mistakes, failed tests too.
///
/// # Errors
/// Every mistake.
pub fn tried(sources: Vec<RuleSource>, clauses: &BTreeSet<String>) -> Result<Arc<RuleSet>, Vec<Mistake>> {
    let rules = Arc::new(RuleSet::load(sources, clauses)?);
    let outcomes = trial::run_tests(&rules);
    let mistakes: Vec<Mistake> = outcomes.iter().filter_map(trial::TestOutcome::mistake).collect();

    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

/// The pack of these rule files.
///
/// # Errors
/// If the name or version is none, or it cannot be signed.
pub fn pack(
    mut sources: Vec<RuleSource>,
    rule_set: Digest,
    name: &str,
    version: &Version,
    key: &SigningKey,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    ensure!(is_name(name), "{name:?} is not the name of a pack: small letters, digits and `-`");
    ensure!(sources.len() <= FILES_MAX, "{} files, at most {FILES_MAX} fit a pack", sources.len());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let part = |it: &RuleSource| Part { path: it.path.clone(), sha256: Digest::of(it.text.as_bytes()) };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        name: name.to_owned(),
        version: version.to_string(),
        rule_set,
        files: sources.iter().map(part).collect(),
        key: key.public(),
    };
    let entries =
        sources.into_iter().map(|it| Entry { name: it.path, bytes: it.text.into_bytes() }).collect();

    envelope::seal(FORMAT, &manifest, entries, key, now).context("write the pack")
}

/// Opens a pack that one of the trusted keys signed.
///
/// # Errors
/// If anything about it does not hold.
pub fn open(bytes: &[u8], trusted: &BTreeSet<String>) -> Result<Opened, RefuseEnvelopeError> {
    let (manifest, entries) = envelope::open::<Manifest>(FORMAT, &FEEDS, bytes, trusted)?;
    let version = Version::parse(&manifest.version);
    let (Some(version), true) = (version, is_name(&manifest.name) && manifest.files.len() <= FILES_MAX)
    else {
        return Err(torn(envelope::MANIFEST, "a name, version or number of files that no pack has"));
    };
    let mut entries = entries.into_iter();
    let mut sources = Vec::new();
    for part in &manifest.files {
        let bytes = envelope::next(&mut entries, &part.path)?;
        if bytes.len() > RULE_FILE_BYTES_MAX || Digest::of(&bytes) != part.sha256 {
            return Err(torn(&part.path, "its digest is not that in the manifest"));
        }
        let text = String::from_utf8(bytes).map_err(|_| torn(&part.path, "not UTF-8"))?;
        sources.push(RuleSource { path: part.path.clone(), text });
    }
    if let Some(more) = entries.next() {
        return Err(torn(&more.name, "not in the manifest"));
    }

    Ok(Opened { manifest, version, sources })
}

#[cfg(test)]
mod tests {
    use vonggac_rules::packs;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_345_678);

    fn made(key: &SigningKey) -> Vec<u8> {
        let sources: Vec<RuleSource> = packs::embedded().into_iter().take(2).collect();

        pack(sources, Digest::of(b"set"), "tinh", &Version::parse("2026.11.3").unwrap(), key, NOW).unwrap()
    }

    #[test]
    fn a_pack_opens_as_it_was_made_and_no_byte_of_it_can_change() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::ensure_for(&FEEDS, folder.path()).unwrap();
        let bytes = made(&key);
        let trusted = BTreeSet::from([key.public()]);

        let opened = open(&bytes, &trusted).unwrap();

        assert_eq!(
            (opened.manifest.name.as_str(), opened.version.to_string()),
            ("tinh", "2026.11.3".to_owned())
        );
        assert_eq!(opened.sources, packs::embedded()[..2]);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(open(&altered, &trusted).is_err(), "byte {at}");
        }
        for until in (0..bytes.len()).step_by(97) {
            assert!(open(&bytes[..until], &trusted).is_err(), "cut at {until}");
        }
        assert!(matches!(open(&bytes, &BTreeSet::new()), Err(RefuseEnvelopeError::Stranger { .. })));
    }

    #[test]
    fn a_bundle_of_feeds_signed_by_the_same_key_is_no_pack() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::ensure_for(&FEEDS, folder.path()).unwrap();
        let manifest = serde_json::json!({ "format": "vonggac-feeds/1", "key": key.public() });
        let bytes = envelope::seal("vonggac-feeds/1", &manifest, Vec::new(), &key, NOW).unwrap();

        let refused = open(&bytes, &BTreeSet::from([key.public()]));

        assert!(matches!(refused, Err(RefuseEnvelopeError::Form(_))), "{refused:?}");
    }
}

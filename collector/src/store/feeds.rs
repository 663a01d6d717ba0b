//! Feeds that were carried in: what is known about them and their packed bytes, all of one import or none.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action, OPERATOR};
use crate::feeds::admit::{Allowed, admit};
use crate::feeds::convert::Converted;
use crate::feeds::part::Part;

/// A feed that is held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Kept {
    /// What is known about it.
    #[serde(flatten)]
    pub part: Part,
    /// When it was let in.
    pub imported_at: Timestamp,
    /// Who did it.
    pub imported_by: String,
    /// The key that signed the bundle it came in; `None`: a single file that nobody signed.
    pub signed_by: Option<String>,
    /// Whose key that is.
    pub signer: Option<String>,
    /// When the bundle was made.
    pub bundled_at: Option<Timestamp>,
}

/// A signed bundle that parts came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// Digest of the file.
    pub digest: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// The key that signed it.
    pub key: String,
}

/// A key whose bundles are taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrustedKey {
    /// As `minisign -P` takes it.
    pub key: String,
    /// Whose it is.
    pub name: String,
    /// Who entered it.
    pub person: String,
    /// When.
    pub at: Timestamp,
    /// When it was withdrawn; its bundles are no longer taken.
    pub withdrawn_at: Option<Timestamp>,
}

const COLUMNS: &str = "f.about, f.imported_at, f.imported_by, f.signed_by, k.name, f.bundled_at";

fn kept(row: &Row<'_>) -> anyhow::Result<Kept> {
    let about: String = row.get(0)?;

    Ok(Kept {
        part: serde_json::from_str(&about).context("read what is known about a feed")?,
        imported_at: Timestamp(row.get(1)?),
        imported_by: row.get(2)?,
        signed_by: row.get(3)?,
        signer: row.get(4)?,
        bundled_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
    })
}

/// All feeds, in order of name.
///
/// # Errors
/// If the store fails or holds what it should not.
pub fn list(db: &Connection) -> anyhow::Result<Vec<Kept>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM feed f LEFT JOIN feed_key k ON k.key = f.signed_by ORDER BY f.name"
    ))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(kept(row)?);
    }

    Ok(found)
}

/// Names and digests of all feeds: another answer means that something was let in or dropped.
///
/// # Errors
/// If the store fails.
pub fn stamp(db: &Connection) -> anyhow::Result<BTreeMap<String, Digest>> {
    let mut statement = db.prepare_cached("SELECT name, digest FROM feed")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Digest(row.get(1)?))))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// The packed bytes of a feed; checked against its digest.
///
/// # Errors
/// If there is none, or its bytes are not those that were let in.
pub fn content(db: &Connection, name: &str) -> anyhow::Result<Vec<u8>> {
    let found: Option<(Digest, Vec<u8>)> = db
        .prepare_cached("SELECT digest, content FROM feed WHERE name = ?1")?
        .query_row([name], |row| Ok((Digest(row.get(0)?), row.get(1)?)))
        .optional()?;
    let (digest, bytes) = found.with_context(|| format!("there is no feed {name}"))?;
    ensure!(Digest::of(&bytes) == digest, "the feed {name} is not as it was let in");

    Ok(bytes)
}

/// A bundle was made before the newest that was taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the bundle was made {made_at}, before the newest that was taken, of {newest}; --older takes it nevertheless"
)]
pub struct OlderBundleError {
    /// When it was made.
    pub made_at: Timestamp,
    /// When the newest was.
    pub newest: Timestamp,
}

/// Lets parts in, all or none.
///
/// # Errors
/// If one of them may not take the place of what is held (the cause is a
/// [`RefusePartError`](crate::feeds::admit::RefusePartError)), the bundle is older than one that was taken, or the store
/// fails.
pub fn take(
    tx: &Transaction<'_>,
    parts: Vec<Converted>,
    bundle: Option<&Bundle>,
    by: &str,
    allowed: Allowed,
    now: Timestamp,
) -> anyhow::Result<()> {
    let held: BTreeMap<String, Kept> =
        list(tx)?.into_iter().map(|kept| (kept.part.name.clone(), kept)).collect();
    if let Some(bundle) = bundle {
        let newest: Option<i64> =
            tx.query_row("SELECT max(made_at) FROM feed_bundle", [], |row| row.get(0))?;
        if let Some(newest) = newest.map(Timestamp).filter(|newest| bundle.made_at < *newest)
            && !allowed.older
        {
            let made_at = bundle.made_at;
            return Err(OlderBundleError { made_at, newest }.into());
        }
        tx.execute(
            "INSERT OR REPLACE INTO feed_bundle VALUES (?1, ?2, ?3, ?4, ?5)",
            params![bundle.digest.0, bundle.made_at.0, bundle.key, now.0, by],
        )?;
    }
    let mut names = BTreeSet::new();
    for Converted { part, bytes } in parts {
        ensure!(
            names.insert(part.name.clone()),
            "two files are the feed {}; name one of them with --name",
            part.name
        );
        admit(&part, held.get(&part.name), allowed, now)?;
        put(tx, &part, bytes, bundle, by, now)?;
    }

    Ok(())
}

fn put(
    tx: &Transaction<'_>,
    part: &Part,
    bytes: Vec<u8>,
    bundle: Option<&Bundle>,
    by: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO feed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            part.name,
            part.kind.word(),
            serde_json::to_string(part)?,
            part.dated.0,
            part.rows,
            part.packed.0,
            now.0,
            by,
            bundle.map(|bundle| bundle.key.as_str()),
            bundle.map(|bundle| bundle.made_at.0),
            bytes
        ],
    )?;
    let signed = bundle.map_or_else(|| "unsigned".to_owned(), |bundle| format!("signed {}", bundle.key));
    let Part { dated, rows, carried, packed, source, .. } = part;
    let detail = format!(
        "{signed} dated={dated} rows={rows} carried={carried} packed={packed} source={source} by={by}"
    );

    audit(tx, now, "feed.imported", &part.name, &detail)
}

/// Drops a feed; its findings go with it.
///
/// # Errors
/// If there is none, or the store fails.
pub fn drop(tx: &Transaction<'_>, name: &str, by: &str, reason: &str, now: Timestamp) -> anyhow::Result<()> {
    ensure!(tx.execute("DELETE FROM feed WHERE name = ?1", [name])? == 1, "there is no feed {name}");

    audit(tx, now, "feed.dropped", name, &format!("by={by} {reason}"))
}

/// Keys that were ever entered.
///
/// # Errors
/// If the store fails.
pub fn keys(db: &Connection) -> anyhow::Result<Vec<TrustedKey>> {
    let mut statement =
        db.prepare_cached("SELECT key, name, person, at, withdrawn_at FROM feed_key ORDER BY at, key")?;
    let rows = statement.query_map([], |row| {
        Ok(TrustedKey {
            key: row.get(0)?,
            name: row.get(1)?,
            person: row.get(2)?,
            at: Timestamp(row.get(3)?),
            withdrawn_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// The keys that are believed: those not withdrawn.
///
/// # Errors
/// If the store fails.
pub fn trusted(db: &Connection) -> anyhow::Result<BTreeSet<String>> {
    Ok(keys(db)?.into_iter().filter(|key| key.withdrawn_at.is_none()).map(|key| key.key).collect())
}

/// Enters a key whose bundles are taken from now on.
///
/// # Errors
/// If the store fails.
pub fn trust(tx: &Transaction<'_>, key: &str, name: &str, by: &str, now: Timestamp) -> anyhow::Result<()> {
    tx.execute(
        "INSERT INTO feed_key VALUES (?1, ?2, ?3, ?4, NULL, NULL) ON CONFLICT (key) DO UPDATE \
         SET name = excluded.name, person = excluded.person, at = excluded.at, withdrawn_by = NULL, withdrawn_at = NULL",
        params![key, name, by, now.0],
    )?;

    audit(tx, now, "feed.key_trusted", key, &format!("{name} by={by}"))
}

/// Withdraws a key; what it signed and was taken stays.
///
/// # Errors
/// If it is not trusted, or the store fails.
pub fn distrust(tx: &Transaction<'_>, key: &str, by: &str, now: Timestamp) -> anyhow::Result<()> {
    let changed = tx.execute(
        "UPDATE feed_key SET withdrawn_by = ?2, withdrawn_at = ?3 WHERE key = ?1 AND withdrawn_at IS NULL",
        params![key, by, now.0],
    )?;
    ensure!(changed == 1, "the key {key} is not trusted here");

    audit(tx, now, "feed.key_withdrawn", key, &format!("by={by}"))
}

fn audit(
    tx: &Transaction<'_>,
    now: Timestamp,
    action: &str,
    object: &str,
    detail: &str,
) -> anyhow::Result<()> {
    audit::append(tx, &Action { at: now, person: OPERATOR, agency: None, action, object, detail })
}

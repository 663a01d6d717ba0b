//! Signed packs of rules, and which of them judges whom. Both are logs that only grow.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::release::Version;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action, OPERATOR};
use super::view::DigestColumn;
use crate::rule_packs::Manifest;

/// A pack that was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pack {
    /// Its number.
    pub id: i64,
    /// Whose rules.
    pub name: String,
    /// Which version.
    pub version: String,
    /// Digest of its rule set.
    pub rule_set: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// The key that signed it.
    pub signed_by: String,
    /// When it was taken.
    pub imported_at: Timestamp,
    /// By whom.
    pub imported_by: String,
}

impl Pack {
    /// What people call it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// A pack is not newer than what was taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name} {version} is not newer than {held}, which was taken before")]
pub struct OlderPackError {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The newest that was taken.
    pub held: String,
}

/// Takes a pack whose signature, rules and tests the caller has checked; its number.
///
/// # Errors
/// If it is not newer than one of its name ([`OlderPackError`]), or the store fails. The very same pack again changes
/// nothing.
pub fn take(
    tx: &Transaction<'_>,
    manifest: &Manifest,
    content: &[u8],
    by: &str,
    now: Timestamp,
) -> anyhow::Result<i64> {
    let digest = Digest::of(content);
    let same: Option<i64> = tx
        .query_row("SELECT id FROM rule_pack WHERE digest = ?1", [digest.0], |row| row.get(0))
        .optional()?;
    if let Some(id) = same {
        return Ok(id);
    }
    let version = Version::parse(&manifest.version).context("the version of a pack")?;
    let held = all(tx)?.into_iter().filter(|pack| pack.name == manifest.name);
    let newest = held.filter_map(|pack| Version::parse(&pack.version)).max();
    if let Some(newest) = newest.filter(|newest| version <= *newest) {
        let Manifest { name, version, .. } = manifest.clone();
        return Err(OlderPackError { name, version, held: newest.to_string() }.into());
    }
    tx.execute(
        "INSERT INTO rule_pack (name, version, rule_set, made_at, signed_by, imported_at, imported_by, digest, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            manifest.name,
            manifest.version,
            manifest.rule_set.0,
            manifest.made_at.0,
            manifest.key,
            now.0,
            by,
            digest.0,
            content
        ],
    )
    .context("keep a pack of rules")?;
    let id = tx.last_insert_rowid();
    let detail = format!("{digest} signed {} by={by}", manifest.key);
    note(tx, now, "rules.imported", &format!("{} {}", manifest.name, manifest.version), &detail)?;

    Ok(id)
}

fn note(tx: &Transaction<'_>, at: Timestamp, action: &str, object: &str, detail: &str) -> anyhow::Result<()> {
    audit::append(tx, &Action { at, person: OPERATOR, agency: None, action, object, detail })
}

const SELECT: &str =
    "SELECT id, name, version, rule_set, made_at, signed_by, imported_at, imported_by FROM rule_pack";

fn read(row: &Row<'_>) -> rusqlite::Result<Pack> {
    Ok(Pack {
        id: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        rule_set: row.get::<_, DigestColumn>(3)?.0,
        made_at: Timestamp(row.get(4)?),
        signed_by: row.get(5)?,
        imported_at: Timestamp(row.get(6)?),
        imported_by: row.get(7)?,
    })
}

/// Every pack, the oldest first.
///
/// # Errors
/// If the store fails.
pub fn all(db: &Connection) -> anyhow::Result<Vec<Pack>> {
    let rows_of = |db: &Connection| -> rusqlite::Result<Vec<Pack>> {
        db.prepare_cached(&format!("{SELECT} ORDER BY id"))?.query_map([], read)?.collect()
    };

    rows_of(db).context("read the packs of rules")
}

/// The file of a pack; checked against its digest.
///
/// # Errors
/// If there is none, or its bytes are not those that were taken.
pub fn content(db: &Connection, id: i64) -> anyhow::Result<Vec<u8>> {
    let (digest, bytes): ([u8; 32], Vec<u8>) = db
        .query_row("SELECT digest, content FROM rule_pack WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .with_context(|| format!("read the pack of rules {id}"))?;
    ensure!(Digest::of(&bytes).0 == digest, "the pack of rules {id} is not as it was taken");

    Ok(bytes)
}

/// Who is judged by what.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Standing {
    /// The newest order; another number means that something changed.
    pub order: i64,
    /// The pack that judges everybody else; `None`: the rules of the folder, or the program's own.
    pub all: Option<Pack>,
    /// The pack that is tried.
    pub trial: Option<Pack>,
    /// Where it is tried.
    pub agencies: BTreeSet<String>,
}

impl Standing {
    /// The same, as people of one agency may know it.
    #[must_use]
    pub fn seen_by(mut self, agency: Option<&str>) -> Self {
        if let Some(own) = agency {
            self.agencies.retain(|agency| agency == own);
            if self.agencies.is_empty() {
                self.trial = None;
            }
        }

        self
    }
}

/// What stands, by all orders that were given.
///
/// # Errors
/// If the store fails.
pub fn standing(db: &Connection) -> anyhow::Result<Standing> {
    let packs = all(db)?;
    let pack = |id: Option<i64>| packs.iter().find(|pack| Some(pack.id) == id).cloned();
    let mut standing = Standing::default();
    let mut statement =
        db.prepare_cached("SELECT id, what, pack, coalesce(agencies, '[]') FROM rule_order ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        standing.order = row.get(0)?;
        let (what, named): (String, Option<i64>) = (row.get(1)?, row.get(2)?);
        (standing.trial, standing.agencies) = (None, BTreeSet::new());
        match what.as_str() {
            "trial" => {
                standing.trial = pack(named);
                standing.agencies = serde_json::from_str(&row.get::<_, String>(3)?)?;
            }
            "all" => standing.all = pack(named),
            "folder" => standing.all = None,
            _ => {}
        }
    }

    Ok(standing)
}

/// What a person orders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// This pack judges these agencies, the rest stays.
    Trial(Pack, BTreeSet<String>),
    /// This pack judges everybody.
    All(Pack),
    /// Nothing is tried any more.
    Withdraw,
    /// The folder's rules judge everybody.
    Folder,
}

/// Orders it; the judge takes it up between two stretches of observations.
///
/// # Errors
/// If an agency is none, there is nothing to withdraw, or the store fails.
pub fn order(
    tx: &Transaction<'_>,
    order: &Order,
    by: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (what, pack, agencies) = match order {
        Order::Trial(pack, agencies) => {
            ensure!(!agencies.is_empty(), "a roll-out begins with at least one agency");
            for agency in agencies {
                let known = "SELECT EXISTS (SELECT 1 FROM agency WHERE id = ?1)";
                let is_known: bool = tx.query_row(known, [agency], |row| row.get(0))?;
                ensure!(is_known, "there is no agency {agency}");
            }
            ("trial", Some(pack), Some(agencies))
        }
        Order::All(pack) => ("all", Some(pack), None),
        Order::Withdraw => {
            ensure!(standing(tx)?.trial.is_some(), "no pack is being tried");
            ("withdraw", None, None)
        }
        Order::Folder => ("folder", None, None),
    };
    let agencies = agencies.map(serde_json::to_string).transpose()?;
    tx.execute(
        "INSERT INTO rule_order (at, person, what, pack, agencies, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![now.0, by, what, pack.map(|pack| pack.id), agencies, reason],
    )
    .context("keep an order about rules")?;
    let object = pack.map_or_else(|| "rules".to_owned(), Pack::label);
    let detail = format!("by={by} {} {reason}", agencies.unwrap_or_default());

    note(tx, now, &format!("rules.{what}"), &object, &detail)
}

/// What people call a rule set; empty if it has no name.
///
/// # Errors
/// If the store fails.
pub fn label(db: &Connection, rule_set: Digest) -> anyhow::Result<String> {
    let found = db
        .prepare_cached("SELECT label FROM rule_set WHERE digest = ?1")?
        .query_row([rule_set.0], |row| row.get(0))
        .optional()?;

    Ok(found.unwrap_or_default())
}

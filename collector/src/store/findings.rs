//! What rules concluded, each with its evidence; never edited.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Finding;

/// Whether a finding of this key was kept.
///
/// # Errors
/// If the store fails.
pub fn exists(connection: &Connection, key: &str) -> anyhow::Result<bool> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT id FROM finding WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;

    Ok(found.is_some())
}

/// Keeps a finding under its incident.
///
/// # Errors
/// If one of its key was kept, or the store fails.
pub fn insert(
    tx: &Transaction<'_>,
    finding: &Finding,
    incident: i64,
    rule_set: Digest,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO finding (key, rule, rule_set, incident, agency, host, subject, severity, at, fields, evidence) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        finding.key,
        finding.rule,
        rule_set.0,
        incident,
        finding.agency.as_str(),
        finding.host.0,
        finding.subject,
        finding.severity.word(),
        finding.at.0,
        serde_json::to_string(&finding.fields)?,
        serde_json::to_string(&finding.evidence)?
    ])
    .context("keep a finding")?;

    Ok(())
}

/// A finding as the command line shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// When it happened.
    pub at: Timestamp,
    /// The rule.
    pub rule: String,
    /// Digest of the rule set that made it.
    pub rule_set: String,
    /// What people call that set: a pack and its version; empty for rules of a folder or of the program.
    pub rules_label: String,
    /// The host.
    pub host: String,
    /// What the sentence for people needs.
    pub fields: serde_json::Value,
    /// The observations it rests on.
    pub evidence: serde_json::Value,
}

/// The findings of an incident, the newest first, at most so many.
///
/// # Errors
/// If the store fails.
pub fn of_incident(connection: &Connection, incident: i64, most: u32) -> anyhow::Result<Vec<Shown>> {
    let mut statement = connection.prepare_cached(
        "SELECT f.at, lower(hex(f.host)), f.fields, f.evidence, f.rule, lower(hex(f.rule_set)), coalesce(s.label, '')
         FROM finding f LEFT JOIN rule_set s ON s.digest = f.rule_set WHERE f.incident = ?1 ORDER BY f.id DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![incident, most], |row| {
        let (fields, evidence): (String, String) = (row.get(2)?, row.get(3)?);
        Ok(Shown {
            at: Timestamp(row.get(0)?),
            host: row.get(1)?,
            rule: row.get(4)?,
            rule_set: row.get(5)?,
            rules_label: row.get(6)?,
            fields: serde_json::from_str(&fields).unwrap_or_default(),
            evidence: serde_json::from_str(&evidence).unwrap_or_default(),
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

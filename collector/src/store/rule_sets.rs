//! Rule sets that were ever in force, and how far they have judged.

use rusqlite::{Connection, Transaction, params};
use serde_json::json;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::ruleset::RuleSet;

/// Notes that a rule set came into force, and what people call it; empty if it has no name.
///
/// # Errors
/// If the store fails.
pub fn add(tx: &Transaction<'_>, rules: &RuleSet, label: &str, now: Timestamp) -> anyhow::Result<()> {
    let files: Vec<_> =
        rules.files().iter().map(|(path, digest)| json!({ "path": path, "digest": digest })).collect();
    tx.execute(
        "INSERT INTO rule_set (digest, loaded_at, files, label) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (digest) DO UPDATE SET label = excluded.label WHERE excluded.label <> ''",
        params![rules.digest().0, now.0, serde_json::to_string(&files)?, label],
    )?;

    Ok(())
}

/// The last observation that was judged, by its order of arrival.
///
/// # Errors
/// If the store fails.
pub fn cursor(connection: &Connection) -> anyhow::Result<i64> {
    Ok(connection.query_row("SELECT cursor FROM judge", [], |row| row.get(0))?)
}

/// Moves the cursor; in the transaction that files what was concluded.
///
/// # Errors
/// If the store fails.
pub fn set_cursor(tx: &Transaction<'_>, cursor: i64) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE judge SET cursor = ?1")?.execute([cursor])?;

    Ok(())
}

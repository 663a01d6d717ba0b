//! The audit log, newest first.

use anyhow::Context as _;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::DigestColumn;
use super::page::{Cursor, Rows};
use super::scope::Scope;

/// One line of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct JournalLine {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: a person's name, `operator` for the command line, `collector`.
    pub person: String,
    /// Whose agency it concerns; `null` is the province.
    pub agency: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// More of it, as JSON text.
    pub detail: String,
    /// Its link in the chain.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// One page of the log in view.
///
/// # Errors
/// If the store cannot be read.
pub fn list(
    db: &Connection,
    scope: &Scope,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<JournalLine>> {
    let after = after.unwrap_or(Cursor::START);
    let mut query = db.prepare_cached(
        "SELECT id, at, person, agency, action, object, detail, digest FROM audit
         WHERE (?1 IS NULL OR agency = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = query.query_map(rusqlite::params![scope.agency(), after.id, most], |row| {
        Ok(JournalLine {
            id: row.get(0)?,
            at: Timestamp(row.get(1)?),
            person: row.get(2)?,
            agency: row.get(3)?,
            action: row.get(4)?,
            object: row.get(5)?,
            detail: row.get(6)?,
            digest: row.get::<_, DigestColumn>(7)?.0,
        })
    })?;
    let lines = rows.collect::<Result<_, _>>().context("read the audit log")?;

    Ok(Rows::cut(lines, limit, |line: &JournalLine| Cursor { at: line.at.0, id: line.id }))
}

//! What the incidents say about each clause.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::Connection;
use vonggac_protocol::time::Timestamp;

use super::scope::Scope;

/// What is known of one clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClauseCount {
    /// Open incidents that cite it.
    pub open: u64,
    /// Closed ones.
    pub closed: u64,
    /// Newest signed statement about it that is still valid.
    pub attested_at: Option<Timestamp>,
}

/// Incidents and statements in view, by clause id.
///
/// # Errors
/// If the store cannot be read.
pub fn counts(
    db: &Connection,
    scope: &Scope,
    now: Timestamp,
) -> anyhow::Result<BTreeMap<String, ClauseCount>> {
    let mut counts: BTreeMap<String, ClauseCount> = BTreeMap::new();
    let mut incidents = db.prepare_cached(
        "SELECT c.value, sum(i.state <> 'closed'), sum(i.state = 'closed')
         FROM incident i, json_each(i.clauses) c WHERE ?1 IS NULL OR i.agency = ?1 GROUP BY c.value",
    )?;
    let mut rows = incidents.query([scope.agency()])?;
    while let Some(row) = rows.next().context("count the incidents of the clauses")? {
        let count = counts.entry(row.get(0)?).or_default();
        (count.open, count.closed) = (row.get(1)?, row.get(2)?);
    }
    let mut statements = db.prepare_cached(
        "SELECT clause, max(made_at) FROM attestation
         WHERE (?1 IS NULL OR agency IS NULL OR agency = ?1) AND (valid_until IS NULL OR valid_until > ?2)
         GROUP BY clause",
    )?;
    let mut rows = statements.query(rusqlite::params![scope.agency(), now.0])?;
    while let Some(row) = rows.next().context("read the statements")? {
        counts.entry(row.get(0)?).or_default().attested_at = Some(Timestamp(row.get(1)?));
    }

    Ok(counts)
}

/// How many hosts in view report: without any, nothing is measured and no clause is met.
///
/// # Errors
/// If the store cannot be read.
pub fn reporting(db: &Connection, scope: &Scope) -> anyhow::Result<u64> {
    db.query_row(
        "SELECT count(*) FROM host WHERE (?1 IS NULL OR agency = ?1) AND state = 'active' AND last_heard_at IS NOT NULL",
        [scope.agency()],
        |row| row.get(0),
    )
    .context("count the hosts that report")
}

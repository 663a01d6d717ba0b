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
    /// Newest signed statement about it that is still valid: for the whole province, or for the one agency in view.
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
         FROM incident i, json_each(i.clauses) c WHERE (?1 IS NULL OR i.agency = ?1) AND i.drill_until IS NULL
         GROUP BY c.value",
    )?;
    let mut rows = incidents.query([scope.agency()])?;
    while let Some(row) = rows.next().context("count the incidents of the clauses")? {
        let count = counts.entry(row.get(0)?).or_default();
        (count.open, count.closed) = (row.get(1)?, row.get(2)?);
    }
    let mut statements = db.prepare_cached(
        "SELECT clause, max(made_at) FROM attestation
         WHERE (agency IS NULL OR agency = ?1) AND (valid_until IS NULL OR valid_until > ?2)
         GROUP BY clause",
    )?;
    let mut rows = statements.query(rusqlite::params![scope.agency(), now.0])?;
    while let Some(row) = rows.next().context("read the statements")? {
        counts.entry(row.get(0)?).or_default().attested_at = Some(Timestamp(row.get(1)?));
    }

    Ok(counts)
}

/// What the hosts in view have told: silence of a rule means something only where it had its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Hosts, revoked and waiting ones left out.
    pub hosts: u64,
    /// Of these, not silent and heard of at least once.
    pub heard: u64,
    /// Of the heard ones, with a baseline of files.
    pub baselined: u64,
    /// With a patch state.
    pub patched: u64,
    /// With a description.
    pub described: u64,
    /// With a whole inventory.
    pub inventoried: u64,
    /// Observations that the rules have not weighed yet.
    pub unjudged: u64,
}

impl Coverage {
    /// Whether every host has told what rules over this log source need.
    #[must_use]
    pub fn is_whole_for(&self, category: &str) -> bool {
        let all = |count: u64| count == self.hosts;
        let needed = match category {
            "file_changed" | "baseline_taken" | "watch_lost" => all(self.baselined),
            "packages_listed" | "packages_changed" => all(self.inventoried),
            "patch_state" => all(self.patched),
            "host_described" => all(self.described),
            vonggac_rules::fields::HOST_STATE => {
                all(self.inventoried) && all(self.described) && all(self.patched)
            }
            _ => true,
        };

        self.hosts > 0 && all(self.heard) && self.unjudged == 0 && needed
    }
}

/// What the hosts in view have told.
///
/// # Errors
/// If the store cannot be read.
pub fn coverage(db: &Connection, scope: &Scope) -> anyhow::Result<Coverage> {
    let newest =
        |kind: &str| format!("EXISTS (SELECT 1 FROM latest l WHERE l.host = h.id AND l.kind = '{kind}')");
    let query = format!(
        "WITH told AS (SELECT h.silent_since IS NULL AND EXISTS (SELECT 1 FROM observation o WHERE o.host = h.id) AS heard,
             EXISTS (SELECT 1 FROM observation o WHERE o.host = h.id AND o.kind = 'baseline_taken') AS baselined,
             {} AS patched, {} AS described, EXISTS (SELECT 1 FROM inventory v WHERE v.host = h.id) AS inventoried
             FROM host h WHERE (?1 IS NULL OR h.agency = ?1) AND h.state NOT IN ('revoked', 'waiting'))
         SELECT count(*), coalesce(sum(heard), 0), coalesce(sum(heard AND baselined), 0),
             coalesce(sum(heard AND patched), 0), coalesce(sum(heard AND described), 0),
             coalesce(sum(heard AND inventoried), 0),
             (SELECT count(*) FROM observation WHERE id > (SELECT cursor FROM judge)) FROM told",
        newest("patch_state"),
        newest("host_described"),
    );

    db.prepare_cached(&query)?
        .query_row([scope.agency()], |row| {
            Ok(Coverage {
                hosts: row.get(0)?,
                heard: row.get(1)?,
                baselined: row.get(2)?,
                patched: row.get(3)?,
                described: row.get(4)?,
                inventoried: row.get(5)?,
                unjudged: row.get(6)?,
            })
        })
        .context("read what the hosts have told")
}

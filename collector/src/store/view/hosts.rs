//! The list of hosts.

use anyhow::Context as _;
use rusqlite::{Connection, Row};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;

use super::HostColumn;
use super::fold::{fold, holds};
use super::page::{Cursor, Rows};
use super::scope::Scope;
use super::words::HostState;

/// Which hosts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostFilter {
    /// One state.
    pub state: Option<HostState>,
    /// Only silent ones.
    pub silent: bool,
    /// One agency, by id.
    pub agency: Option<String>,
    /// Words in the name, the agency's name, the system or the address.
    pub text: Option<String>,
}

/// One host of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostLine {
    /// Its id.
    #[schema(value_type = String)]
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Agency.
    pub agency: String,
    /// The agency's name.
    pub agency_name: String,
    /// Where it stands.
    pub state: HostState,
    /// When it enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// Last sign of life.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_heard_at: Option<Timestamp>,
    /// Since when it is silent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub silent_since: Option<Timestamp>,
    /// It promised a sign of life within so many seconds.
    pub promised_secs: u64,
    /// Version of the agent.
    pub agent_version: String,
    /// Where it connects from.
    pub address: String,
    /// By which way it is connected, or was last: `quic`, or `tcp` where UDP is blocked.
    pub way: Option<String>,
    /// Until when its certificate counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub certificate_until: Option<Timestamp>,
    /// How far its clock is ahead of ours, milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Its system, for people; empty until it described itself.
    pub system: String,
    /// Open incidents on it.
    pub open: u64,
    /// Security updates that wait; `null` where it is not known.
    pub security_updates: Option<u64>,
}

/// The columns of [`HostLine`], from `host h JOIN agency a`.
pub(super) const COLUMNS: &str = "h.id, h.name, h.agency, a.name, h.state, h.enrolled_at, h.last_heard_at,
    h.silent_since, h.promised_secs, h.agent_version, h.address, h.clock_offset_ms,
    (SELECT count(*) FROM incident_host ih JOIN incident i ON i.id = ih.incident
        WHERE ih.host = h.id AND i.state <> 'closed' AND i.drill_until IS NULL),
    (SELECT o.body FROM latest l JOIN observation o ON o.id = l.observation
        WHERE l.host = h.id AND l.kind = 'host_described'),
    (SELECT o.body FROM latest l JOIN observation o ON o.id = l.observation
        WHERE l.host = h.id AND l.kind = 'patch_state'), h.way,
    (SELECT c.not_after FROM certificate c WHERE c.host = h.id AND c.revoked_at IS NULL AND c.superseded_at IS NULL
        ORDER BY c.used_at IS NULL, c.issued_at DESC LIMIT 1)";

/// A row of [`COLUMNS`].
pub(super) fn line(row: &Row<'_>) -> rusqlite::Result<HostLine> {
    let kind = |column: usize| -> rusqlite::Result<Option<Kind>> {
        let body = row.get_ref(column)?.as_blob_or_null()?;
        Ok(body.and_then(|body| Observation::decode(body).ok()).map(|observation| observation.kind))
    };
    let system = match kind(13)? {
        Some(Kind::HostDescribed(described)) => described.os_name,
        _ => String::new(),
    };
    let security_updates = match kind(14)? {
        Some(Kind::PatchState(patches)) => patches.security_count,
        _ => None,
    };

    Ok(HostLine {
        id: row.get::<_, HostColumn>(0)?.0,
        name: row.get(1)?,
        agency: row.get(2)?,
        agency_name: row.get(3)?,
        state: row.get(4)?,
        enrolled_at: Timestamp(row.get(5)?),
        last_heard_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        silent_since: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        promised_secs: row.get(8)?,
        agent_version: row.get(9)?,
        address: row.get(10)?,
        way: row.get(15)?,
        certificate_until: row.get::<_, Option<i64>>(16)?.map(Timestamp),
        clock_offset_ms: row.get(11)?,
        open: row.get(12)?,
        system,
        security_updates,
    })
}

/// One page of the hosts in view that pass the filter: silent ones first, then the newest enrolled.
///
/// # Errors
/// If the store cannot be read.
pub fn list(
    db: &Connection,
    scope: &Scope,
    filter: &HostFilter,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<HostLine>> {
    let after = after.unwrap_or(Cursor::START);
    let needle = filter.text.as_deref().map(fold).filter(|needle| !needle.is_empty());
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, h.rowid, coalesce(h.silent_since, 0) FROM host h JOIN agency a ON a.id = h.agency
         WHERE (?1 IS NULL OR h.agency = ?1)
           AND (?2 IS NULL OR h.state = ?2)
           AND (?3 = 0 OR h.silent_since IS NOT NULL)
           AND (?4 IS NULL OR h.agency = ?4)
           AND (coalesce(h.silent_since, 0), h.rowid) < (?5, ?6)
         ORDER BY coalesce(h.silent_since, 0) DESC, h.rowid DESC"
    ))?;
    let mut rows = query.query(rusqlite::params![
        scope.agency(),
        filter.state.map(HostState::word),
        filter.silent,
        filter.agency,
        after.at,
        after.id,
    ])?;
    let mut found = Vec::new();
    while found.len() <= limit {
        let Some(row) = rows.next().context("read the hosts")? else { break };
        let line = line(row)?;
        let told = || {
            let own = [line.name.as_str(), &line.agency_name, &line.agency, &line.system, &line.address];
            format!("{} {}", own.join(" "), line.id)
        };
        if needle.as_deref().is_none_or(|needle| holds(&told(), needle)) {
            found.push((line, Cursor { id: row.get(17)?, at: row.get(18)? }));
        }
    }
    let page = Rows::cut(found, limit, |(_, place)| *place);

    Ok(Rows { items: page.items.into_iter().map(|(line, _)| line).collect(), next: page.next })
}

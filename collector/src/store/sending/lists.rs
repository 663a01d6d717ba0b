//! The queue as people see it: what waits, what was confirmed and how, what was given up and why.

use anyhow::Context as _;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use crate::store::view::Scope;

/// A message; what it says is not shown, only what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Sent {
    /// Its number.
    pub id: i64,
    /// What the receiver knows it by.
    pub uid: String,
    /// The destination's name.
    pub destination: String,
    /// The incident that it speaks of.
    pub incident: Option<i64>,
    /// `opened`, `raised`, `warning`, `report`, `caught_up` or `test`.
    pub event: String,
    /// Whether it speaks of a drill.
    pub is_drill: bool,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Times that it was tried.
    pub tries: u32,
    /// `waiting`, `sending`, `sent`, `failed` or `withdrawn`.
    pub state: String,
    /// When it is tried next, while it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// When it was confirmed, given up or withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// What the receiver answered: the receipt.
    pub receipt: Option<String>,
    /// Why the last try failed.
    pub error: String,
}

/// Which messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only this one.
    pub id: Option<i64>,
    /// Only of this incident.
    pub incident: Option<i64>,
    /// Only what is not confirmed yet.
    pub is_open: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Sent> {
    let state: String = row.get(8)?;
    let next_at = (state == "waiting").then_some(Timestamp(row.get(9)?));

    Ok(Sent {
        id: row.get(0)?,
        uid: row.get(1)?,
        destination: row.get(2)?,
        incident: row.get(3)?,
        event: row.get(4)?,
        is_drill: row.get(5)?,
        made_at: Timestamp(row.get(6)?),
        tries: row.get(7)?,
        state,
        next_at,
        ended_at: row.get::<_, Option<i64>>(10)?.map(Timestamp),
        receipt: row.get(11)?,
        error: row.get(12)?,
    })
}

/// Messages, the newest first. People of one agency see those of its incidents alone.
///
/// # Errors
/// If the store cannot be read.
pub fn messages(db: &Connection, scope: &Scope, filter: Filter, limit: usize) -> anyhow::Result<Vec<Sent>> {
    let mut query = db.prepare_cached(
        "SELECT o.id, o.uid, d.name, o.incident, o.event, o.is_drill, o.made_at, o.tries, o.state,
            max(o.next_at, d.not_before), o.ended_at, o.receipt, o.error
         FROM outgoing o JOIN destination d ON d.id = o.destination LEFT JOIN incident i ON i.id = o.incident
         WHERE (?1 IS NULL OR i.agency = ?1) AND (?2 IS NULL OR o.id = ?2) AND (?3 IS NULL OR o.incident = ?3)
           AND (NOT ?4 OR o.state IN ('waiting', 'sending', 'failed')) ORDER BY o.id DESC LIMIT ?5",
    )?;
    let rows =
        query.query_map(params![scope.agency(), filter.id, filter.incident, filter.is_open, limit], read)?;

    rows.collect::<Result<_, _>>().context("read messages")
}

//! Observations as they arrived, byte for byte, and how far each lane is kept.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;

/// The word under which a kind newer than this program is kept.
pub const UNKNOWN_KIND: &str = "unknown";

/// Where a lane of a host's spool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneOf {
    /// The host.
    pub host: HostId,
    /// The life of its spool.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
}

/// How far the lane is kept.
///
/// # Errors
/// If the store fails.
pub fn mark(connection: &Connection, of: LaneOf) -> anyhow::Result<Seq> {
    let kept: Option<i64> = connection
        .prepare_cached("SELECT kept FROM mark WHERE host = ?1 AND epoch = ?2 AND lane = ?3")?
        .query_row(params![of.host.0, of.epoch.0.cast_signed(), of.lane.code()], |row| row.get(0))
        .optional()?;

    Ok(Seq(kept.map_or(0, i64::cast_unsigned)))
}

/// The bytes at a place; `None` if nothing is kept there.
///
/// # Errors
/// If the store fails.
pub fn body(connection: &Connection, of: LaneOf, seq: Seq) -> anyhow::Result<Option<Vec<u8>>> {
    let found = connection
        .prepare_cached(
            "SELECT body FROM observation WHERE host = ?1 AND epoch = ?2 AND lane = ?3 AND seq = ?4",
        )?
        .query_row(params![of.host.0, of.epoch.0.cast_signed(), of.lane.code(), seq.0.cast_signed()], |row| {
            row.get(0)
        })
        .optional()?;

    Ok(found)
}

/// Moves the mark.
///
/// # Errors
/// If the store fails.
pub fn set_mark(tx: &Transaction<'_>, of: LaneOf, kept: Seq) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO mark VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (host, epoch, lane) DO UPDATE SET kept = excluded.kept",
    )?
    .execute(params![of.host.0, of.epoch.0.cast_signed(), of.lane.code(), kept.0.cast_signed()])?;

    Ok(())
}

/// An observation on its way into the store.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its place.
    pub seq: Seq,
    /// When it was seen.
    pub at: Timestamp,
    /// The word of its kind, or [`UNKNOWN_KIND`].
    pub kind: &'a str,
    /// Its bytes.
    pub body: &'a [u8],
}

/// Keeps one observation and gives its place in the order of arrival.
///
/// # Errors
/// If its place is taken or the store fails.
pub fn insert(tx: &Transaction<'_>, of: LaneOf, row: Row<'_>, now: Timestamp) -> anyhow::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO observation (host, epoch, lane, seq, at, received_at, kind, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        of.host.0,
        of.epoch.0.cast_signed(),
        of.lane.code(),
        row.seq.0.cast_signed(),
        row.at.0,
        now.0,
        row.kind,
        row.body
    ])
    .context("keep an observation")?;

    Ok(tx.last_insert_rowid())
}

/// Names this observation as the newest of its kind on its host.
///
/// # Errors
/// If the store fails.
pub fn set_latest(tx: &Transaction<'_>, host: HostId, kind: &str, observation: i64) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO latest VALUES (?1, ?2, ?3) \
         ON CONFLICT (host, kind) DO UPDATE SET observation = excluded.observation",
    )?
    .execute(params![host.0, kind, observation])?;

    Ok(())
}

/// Keeps what the collector itself observed of a host, next in its own lane.
///
/// # Errors
/// If the store fails.
pub fn insert_own(tx: &Transaction<'_>, host: HostId, kind: Kind, now: Timestamp) -> anyhow::Result<i64> {
    let of = LaneOf { host, epoch: Epoch::COLLECTOR, lane: Lane::Prompt };
    let seq = mark(tx, of)?.next();
    let word = kind.word();
    let body = Observation { at: now, kind }.encode();
    let id = insert(tx, of, Row { seq, at: now, kind: word, body: &body }, now)?;
    set_mark(tx, of, seq)?;

    Ok(id)
}

/// An observation as the store has it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its place in the order of arrival.
    pub order: i64,
    /// Its id.
    pub id: ObservationId,
    /// When it was seen.
    pub at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The agency of its host.
    pub agency: String,
    /// The word of its kind, or [`UNKNOWN_KIND`].
    pub kind: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Observations after a place in the order of arrival, at most so many.
///
/// # Errors
/// If the store fails.
pub fn after(connection: &Connection, cursor: i64, most: usize) -> anyhow::Result<Vec<Kept>> {
    let mut statement = connection.prepare_cached(
        "SELECT o.id, o.host, o.epoch, o.lane, o.seq, o.at, o.received_at, host.agency, o.kind, o.body \
         FROM observation o JOIN host ON host.id = o.host WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![cursor, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        let lane = Lane::from_code(row.get(3)?).unwrap_or(Lane::Prompt);
        Ok(Kept {
            order: row.get(0)?,
            id: ObservationId {
                host: HostId(row.get(1)?),
                epoch: Epoch(row.get::<_, i64>(2)?.cast_unsigned()),
                lane,
                seq: Seq(row.get::<_, i64>(4)?.cast_unsigned()),
            },
            at: Timestamp(row.get(5)?),
            received_at: Timestamp(row.get(6)?),
            agency: row.get(7)?,
            kind: row.get(8)?,
            body: row.get(9)?,
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// The place of the newest observation; 0 if there is none.
///
/// # Errors
/// If the store fails.
pub fn newest(connection: &Connection) -> anyhow::Result<i64> {
    Ok(connection.query_row("SELECT coalesce(max(id), 0) FROM observation", [], |row| row.get(0))?)
}

/// When an observation arrived; `None` if there is none at this place.
///
/// # Errors
/// If the store fails.
pub fn received_at(connection: &Connection, order: i64) -> anyhow::Result<Option<Timestamp>> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT received_at FROM observation WHERE id = ?1")?
        .query_row([order], |row| row.get(0))
        .optional()?;

    Ok(found.map(Timestamp))
}

/// The place of the first observation that arrived at or after that moment; `None` if there is none.
///
/// # Errors
/// If the store fails.
pub fn first_since(connection: &Connection, moment: Timestamp, up_to: i64) -> anyhow::Result<Option<i64>> {
    // Arrival times grow with the ids (but for a clock set back), so walking down from the end is short.
    let mut statement = connection
        .prepare_cached("SELECT id, received_at FROM observation WHERE id <= ?1 ORDER BY id DESC")?;
    let mut rows = statement.query([up_to])?;
    let mut first = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? < moment.0 {
            break;
        }
        first = Some(row.get(0)?);
    }

    Ok(first)
}

/// The newest observation of a kind on a host.
#[derive(Clone, Debug)]
pub struct Latest {
    /// Its place in the order of arrival.
    pub order: i64,
    /// Its id.
    pub id: ObservationId,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// The newest observation of a kind on a host; `None` if none has arrived.
///
/// # Errors
/// If the store fails.
pub fn latest(connection: &Connection, host: HostId, kind: &str) -> anyhow::Result<Option<Latest>> {
    Ok(connection
        .prepare_cached(
            "SELECT o.epoch, o.lane, o.seq, o.id, o.body FROM latest \
             JOIN observation o ON o.id = latest.observation WHERE latest.host = ?1 AND latest.kind = ?2",
        )?
        .query_row(params![host.0, kind], |row| {
            Ok(Latest { order: row.get(3)?, id: read_id(host, row)?, body: row.get(4)? })
        })
        .optional()?)
}

/// The id in the columns epoch, lane and seq.
pub(super) fn read_id(host: HostId, row: &rusqlite::Row<'_>) -> rusqlite::Result<ObservationId> {
    Ok(ObservationId {
        host,
        epoch: Epoch(row.get::<_, i64>(0)?.cast_unsigned()),
        lane: Lane::from_code(row.get(1)?).unwrap_or(Lane::Prompt),
        seq: Seq(row.get::<_, i64>(2)?.cast_unsigned()),
    })
}

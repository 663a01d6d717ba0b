//! One piece of evidence: the bytes an agent spooled, their digest, and what they say.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use super::HostColumn;
use super::scope::{Scope, Sight};

/// One kept observation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// Its id, for ever.
    #[schema(value_type = String)]
    pub id: ObservationId,
    /// The host it was seen on.
    #[schema(value_type = String)]
    pub host: HostId,
    /// The host's name.
    pub host_name: String,
    /// The agency.
    pub agency: String,
    /// When it was seen, by the host's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was kept, by the collector's clock.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// The word of its kind.
    pub kind: String,
    /// SHA-256 of the bytes as kept.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How many bytes.
    pub bytes: usize,
    /// The bytes themselves, in hexadecimal: whoever doubts the digest can take it again.
    pub cbor: String,
    /// What they say; `null` if they are of a kind newer than this program.
    #[schema(value_type = Option<Object>)]
    pub observation: Option<Observation>,
}

/// The columns of [`Evidence`], from `observation o JOIN host h`.
pub(in crate::store) const COLUMNS: &str =
    "o.host, o.epoch, o.lane, o.seq, o.at, o.received_at, o.kind, o.body, h.name, h.agency";

/// A row of [`COLUMNS`].
pub(in crate::store) fn evidence(row: &Row<'_>) -> rusqlite::Result<Evidence> {
    let host = row.get::<_, HostColumn>(0)?.0;
    let lane = Lane::from_code(row.get(2)?).ok_or(rusqlite::types::FromSqlError::InvalidType)?;
    let body = row.get_ref(7)?.as_blob()?;
    let seq = u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default();
    let id = ObservationId { host, epoch: Epoch(row.get::<_, i64>(1)?.cast_unsigned()), lane, seq: Seq(seq) };

    Ok(Evidence {
        id,
        host,
        host_name: row.get(8)?,
        agency: row.get(9)?,
        at: Timestamp(row.get(4)?),
        received_at: Timestamp(row.get(5)?),
        kind: row.get(6)?,
        digest: Digest::of(body),
        bytes: body.len(),
        cbor: data_encoding::HEXLOWER.encode(body),
        observation: Observation::decode(body).ok(),
    })
}

/// One observation by its id.
///
/// # Errors
/// If the store cannot be read.
pub fn one(db: &Connection, scope: &Scope, id: ObservationId) -> anyhow::Result<Sight<Evidence>> {
    let Ok(seq) = i64::try_from(id.seq.0) else { return Ok(Sight::Absent) };
    let found = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM observation o JOIN host h ON h.id = o.host
             WHERE o.host = ?1 AND o.epoch = ?2 AND o.lane = ?3 AND o.seq = ?4"
        ))?
        .query_row(rusqlite::params![id.host.0, id.epoch.0.cast_signed(), id.lane.code(), seq], evidence)
        .optional()
        .context("read an observation")?;

    Ok(match found {
        Some(found) => scope.sight(&found.agency.clone(), found),
        None => Sight::Absent,
    })
}

/// The newest observations of a host of these kinds, newest first.
pub(super) fn newest(
    db: &Connection,
    host: HostId,
    kinds: &[&str],
    limit: usize,
) -> anyhow::Result<Vec<Evidence>> {
    let kinds = serde_json::to_string(kinds)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM observation o JOIN host h ON h.id = o.host
         WHERE o.host = ?1 AND o.kind IN (SELECT value FROM json_each(?2)) ORDER BY o.id DESC LIMIT ?3"
    ))?;
    let rows = query.query_map(rusqlite::params![host.0, kinds, limit], evidence)?;

    rows.collect::<Result<_, _>>().context("read the newest observations of a host")
}

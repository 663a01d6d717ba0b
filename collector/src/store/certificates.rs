//! Which certificate is whose.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

use super::hosts::HostState;

/// Who a connection is, as its certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The host.
    pub host: HostId,
    /// Its agency.
    pub agency: AgencyId,
    /// Whether it may work; revoked too if only this certificate was.
    pub state: HostState,
}

/// Keeps a certificate that was just issued.
///
/// # Errors
/// If the store fails.
pub fn add(
    tx: &Transaction<'_>,
    digest: Digest,
    host: HostId,
    now: Timestamp,
    not_after: Timestamp,
) -> anyhow::Result<()> {
    tx.prepare_cached("INSERT INTO certificate VALUES (?1, ?2, ?3, ?4, NULL)")?.execute(params![
        digest.0,
        host.0,
        now.0,
        not_after.0
    ])?;

    Ok(())
}

/// Whose certificate this is; `None` if it is not one of ours.
///
/// # Errors
/// If the store fails.
pub fn identify(connection: &Connection, digest: Digest) -> anyhow::Result<Option<Identity>> {
    let found: Option<([u8; 16], String, String, Option<i64>)> = connection
        .prepare_cached(
            "SELECT host.id, host.agency, host.state, certificate.revoked_at \
             FROM certificate JOIN host ON host.id = certificate.host WHERE certificate.digest = ?1",
        )?
        .query_row([digest.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((host, agency, state, revoked_at)) = found else { return Ok(None) };
    let state = match revoked_at {
        Some(_) => HostState::Revoked,
        None => HostState::from_word(&state)?,
    };

    Ok(Some(Identity { host: HostId(host), agency: AgencyId::new(&agency)?, state }))
}

/// Revokes every certificate of a host.
///
/// # Errors
/// If the store fails.
pub fn revoke_all(tx: &Transaction<'_>, host: HostId, now: Timestamp) -> anyhow::Result<()> {
    tx.execute(
        "UPDATE certificate SET revoked_at = ?2 WHERE host = ?1 AND revoked_at IS NULL",
        params![host.0, now.0],
    )?;

    Ok(())
}

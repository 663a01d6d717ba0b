//! Which certificate is whose, how it stands, and which roots a host trusts.

use std::time::Duration;

use rusqlite::{Connection, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::renewal::ROOTS_MAX;
use vonggac_protocol::time::Timestamp;

use super::hosts::HostState;
use crate::authority::Issued;

/// Who a connection is, as its certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The host.
    pub host: HostId,
    /// Its agency.
    pub agency: AgencyId,
    /// Whether it may work; revoked too if only this certificate was.
    pub state: HostState,
    /// When the certificate was issued.
    pub issued_at: Timestamp,
    /// Until when it counts.
    pub not_after: Timestamp,
    /// Whether a newer one of the host was used since.
    pub superseded: bool,
}

/// What a certificate is good for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// For everything.
    Whole,
    /// It has ended: for a renewal and nothing else.
    OnlyRenew,
    /// For nothing: it ended too long ago, or a newer one took its place.
    Over,
}

impl Identity {
    /// What the certificate is good for.
    #[must_use]
    pub fn validity(&self, grace: Duration, now: Timestamp) -> Validity {
        if self.superseded || now > self.not_after.plus(grace) {
            Validity::Over
        } else if now > self.not_after {
            Validity::OnlyRenew
        } else {
            Validity::Whole
        }
    }
}

/// Keeps a certificate that was just issued.
///
/// # Errors
/// If the store fails.
pub fn add(tx: &Transaction<'_>, issued: &Issued, host: HostId) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO certificate (digest, host, issued_at, not_after, serial) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![issued.digest.0, host.0, issued.issued_at.0, issued.not_after.0, issued.serial])?;

    Ok(())
}

/// Whose certificate this is; `None` if it is not one of ours.
///
/// # Errors
/// If the store fails.
pub fn identify(connection: &Connection, digest: Digest) -> anyhow::Result<Option<Identity>> {
    let mut statement = connection.prepare_cached(
        "SELECT host.id, host.agency, host.state, certificate.revoked_at, certificate.issued_at, \
         certificate.not_after, certificate.superseded_at, host.forbidden \
         FROM certificate JOIN host ON host.id = certificate.host WHERE certificate.digest = ?1",
    )?;
    let mut rows = statement.query([digest.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state = match row.get::<_, Option<i64>>(3)? {
        Some(_) if row.get::<_, Option<i64>>(7)?.is_some() => HostState::Forbidden,
        Some(_) => HostState::Revoked,
        None => HostState::from_word(&row.get::<_, String>(2)?)?,
    };

    Ok(Some(Identity {
        host: HostId(row.get(0)?),
        agency: AgencyId::new(&row.get::<_, String>(1)?)?,
        state,
        issued_at: Timestamp(row.get(4)?),
        not_after: Timestamp(row.get(5)?),
        superseded: row.get::<_, Option<i64>>(6)?.is_some(),
    }))
}

/// This certificate works: those that the host had before it do not count any more.
///
/// # Errors
/// If the store fails.
pub fn used(tx: &Transaction<'_>, digest: Digest, identity: &Identity, now: Timestamp) -> anyhow::Result<()> {
    let first = tx
        .prepare_cached("UPDATE certificate SET used_at = ?2 WHERE digest = ?1 AND used_at IS NULL")?
        .execute(params![digest.0, now.0])?;
    if first > 0 {
        tx.prepare_cached(
            "UPDATE certificate SET superseded_at = ?4 WHERE host = ?1 AND digest <> ?2 AND issued_at <= ?3 \
             AND superseded_at IS NULL",
        )?
        .execute(params![identity.host.0, digest.0, identity.issued_at.0, now.0])?;
    }

    Ok(())
}

/// When a certificate was last issued to a host.
///
/// # Errors
/// If the store fails.
pub fn last_issued(connection: &Connection, host: HostId) -> anyhow::Result<Option<Timestamp>> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(issued_at) FROM certificate WHERE host = ?1")?
        .query_row([host.0], |row| row.get(0))?;

    Ok(last.map(Timestamp))
}

/// Keeps which roots a host says that it trusts.
///
/// # Errors
/// If the store fails.
pub fn set_trusted(tx: &Transaction<'_>, host: HostId, roots: &[Digest]) -> anyhow::Result<()> {
    let all: Vec<u8> = roots.iter().take(ROOTS_MAX).flat_map(|root| root.0).collect();
    tx.prepare_cached(
        "INSERT INTO trusted VALUES (?1, ?2) ON CONFLICT (host) DO UPDATE SET roots = excluded.roots \
         WHERE roots <> excluded.roots",
    )?
    .execute(params![host.0, all])?;

    Ok(())
}

/// Hosts that may work or wait, and have not said that they trust this root.
///
/// # Errors
/// If the store fails.
pub fn not_trusting(connection: &Connection, root: Digest) -> anyhow::Result<Vec<HostId>> {
    let mut statement = connection.prepare_cached(
        "SELECT host.id, trusted.roots FROM host LEFT JOIN trusted ON trusted.host = host.id \
         WHERE host.state <> 'revoked' ORDER BY host.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((HostId(row.get(0)?), row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default()))
    })?;
    let mut hosts = Vec::new();
    for row in rows {
        let (host, roots) = row?;
        if !roots.chunks(32).any(|one| one == root.0) {
            hosts.push(host);
        }
    }

    Ok(hosts)
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

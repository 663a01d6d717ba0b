//! Secrets that let machines ask to be enrolled; only their digests are kept.

use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::Token;
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::time::Timestamp;

/// What a token allows.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Whose machines.
    pub agency: AgencyId,
    /// How many.
    pub uses: u32,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether each must be approved by a person before it works.
    pub needs_approval: bool,
}

/// Keeps a new token's digest with its terms.
///
/// # Errors
/// If the store fails.
pub fn add(
    tx: &Transaction<'_>,
    token: &Token,
    terms: &Terms,
    made_by: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.execute(
        "INSERT INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            Digest::of(&token.0).0,
            terms.agency.as_str(),
            terms.uses,
            terms.expires_at.0,
            terms.needs_approval,
            made_by,
            now.0
        ],
    )?;

    Ok(())
}

/// Looks whether a token counts: `Ok(Ok(needs_approval))`, or why it does not.
///
/// # Errors
/// If the store fails.
pub fn look(
    tx: &Transaction<'_>,
    token: &Token,
    agency: &AgencyId,
    now: Timestamp,
) -> anyhow::Result<Result<bool, RefusalCode>> {
    let digest = Digest::of(&token.0);
    let found: Option<(String, u32, i64, bool)> = tx
        .prepare_cached("SELECT agency, uses_left, expires_at, needs_approval FROM token WHERE digest = ?1")?
        .query_row([digest.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((owner, uses_left, expires_at, needs_approval)) = found else {
        return Ok(Err(RefusalCode::TokenUnknown));
    };
    if owner != agency.as_str() {
        return Ok(Err(RefusalCode::TokenOfAnotherAgency));
    }
    if uses_left == 0 {
        return Ok(Err(RefusalCode::TokenUsed));
    }
    if expires_at <= now.0 {
        return Ok(Err(RefusalCode::TokenExpired));
    }

    Ok(Ok(needs_approval))
}

/// Takes one use of a token that was looked at in the same transaction.
///
/// # Errors
/// If the store fails.
pub fn take(tx: &Transaction<'_>, token: &Token) -> anyhow::Result<()> {
    let digest = Digest::of(&token.0);
    tx.prepare_cached("UPDATE token SET uses_left = uses_left - 1 WHERE digest = ?1")?.execute([digest.0])?;

    Ok(())
}

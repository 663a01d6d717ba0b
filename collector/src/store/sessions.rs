//! Who is at the console: one-time links, passwords' hashes, sessions of browsers, tokens of programs.
//!
//! A secret is 32 random bytes in base64url; the store keeps only SHA-256 of its text.

use std::time::Duration;

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::time::Timestamp;

use super::view::Scope;
use super::view::words::Role;

/// A browser that nobody touches is signed out after this.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// A browser is signed out after this, touched or not.
pub const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);

/// A program's token holds at most this long.
pub const TOKEN: Duration = Duration::from_secs(365 * 24 * 3600);

/// What every token begins with, so that programs that look for leaked secrets know it.
pub const TOKEN_PREFIX: &str = "vg_";

/// Whether a browser or a program holds the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionKind {
    /// A cookie; ends when idle.
    Browser,
    /// A bearer token; does not.
    Token,
}

impl SessionKind {
    fn word(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Token => "token",
        }
    }
}

/// A person, as a session finds them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Number in the store.
    pub id: i64,
    /// Name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they see.
    pub scope: Scope,
    /// `vi` or `en`.
    pub language: String,
    /// Whether they have set a password.
    pub has_password: bool,
    /// Last touch of the session.
    pub seen_at: Timestamp,
}

fn digest(secret: &str) -> [u8; 32] {
    Digest::of(secret.as_bytes()).0
}

/// Opens a session for a person and gives its secret.
///
/// # Errors
/// If the system has no randomness or the store fails.
pub fn open(tx: &Transaction<'_>, person: i64, kind: SessionKind, now: Timestamp) -> anyhow::Result<String> {
    let random = BASE64URL_NOPAD.encode(&crate::random::bytes::<32>()?);
    let (secret, lifetime) = match kind {
        SessionKind::Browser => (random, ABSOLUTE),
        SessionKind::Token => (format!("{TOKEN_PREFIX}{random}"), TOKEN),
    };
    tx.execute("DELETE FROM session WHERE expires_at <= ?1", [now.0])?;
    tx.execute(
        "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
        params![digest(&secret), person, kind.word(), now.0, now.plus(lifetime).0],
    )
    .context("keep a session")?;

    Ok(secret)
}

/// Makes a token for a program that acts as the person of this name.
///
/// # Errors
/// If there is no such person, the system has no randomness, or the store fails.
pub fn make_token(tx: &Transaction<'_>, name: &str, now: Timestamp) -> anyhow::Result<String> {
    let person = tx
        .query_row("SELECT id FROM person WHERE name = ?1 AND disabled_at IS NULL", [name], |row| row.get(0))
        .with_context(|| format!("find the person {name:?}"))?;

    open(tx, person, SessionKind::Token, now)
}

/// The person behind a secret of that kind, if it still holds at `now`.
///
/// # Errors
/// If the store cannot be read.
pub fn find(
    db: &Connection,
    secret: &str,
    kind: SessionKind,
    now: Timestamp,
) -> anyhow::Result<Option<Person>> {
    let idle_since = match kind {
        SessionKind::Browser => now.minus(IDLE),
        SessionKind::Token => Timestamp(i64::MIN),
    };
    db.prepare_cached(
        "SELECT p.id, p.name, p.role, p.agency, p.language, p.password IS NOT NULL, s.seen_at
         FROM session s JOIN person p ON p.id = s.person
         WHERE s.digest = ?1 AND s.kind = ?2 AND s.expires_at > ?3 AND s.seen_at >= ?4 AND p.disabled_at IS NULL",
    )?
    .query_row(params![digest(secret), kind.word(), now.0, idle_since.0], |row| {
        let agency: Option<String> = row.get(3)?;
        let scope = match agency {
            None => Scope::All,
            Some(agency) => Scope::Agency(
                AgencyId::new(&agency).map_err(|_| rusqlite::types::FromSqlError::InvalidType)?,
            ),
        };
        Ok(Person {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get(2)?,
            scope,
            language: row.get(4)?,
            has_password: row.get(5)?,
            seen_at: Timestamp(row.get(6)?),
        })
    })
    .optional()
    .context("find a session")
}

/// Notes that a session was used.
///
/// # Errors
/// If the store fails.
pub fn touch(tx: &Transaction<'_>, secret: &str, now: Timestamp) -> anyhow::Result<()> {
    tx.execute("UPDATE session SET seen_at = ?2 WHERE digest = ?1", params![digest(secret), now.0])?;

    Ok(())
}

/// Ends a session.
///
/// # Errors
/// If the store fails.
pub fn end(tx: &Transaction<'_>, secret: &str) -> anyhow::Result<()> {
    tx.execute("DELETE FROM session WHERE digest = ?1", [digest(secret)])?;

    Ok(())
}

/// Ends a person's browser sessions but the one of `kept`: whoever else held one is out.
///
/// # Errors
/// If the store fails.
pub fn end_others(tx: &Transaction<'_>, person: i64, kept: &str) -> anyhow::Result<()> {
    tx.execute(
        "DELETE FROM session WHERE person = ?1 AND kind = 'browser' AND digest <> ?2",
        params![person, digest(kept)],
    )?;

    Ok(())
}

/// Whether a one-time link can still be used; does not use it.
///
/// # Errors
/// If the store cannot be read.
pub fn link_holds(db: &Connection, secret: &str, now: Timestamp) -> anyhow::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM sign_in_link l JOIN person p ON p.id = l.person
         WHERE l.digest = ?1 AND l.used_at IS NULL AND l.expires_at > ?2 AND p.disabled_at IS NULL)";

    db.query_row(query, params![digest(secret), now.0], |row| row.get(0)).context("look for a link")
}

/// Uses a one-time link: the person's number and name, or `None` if it was used, is too old or never was.
///
/// # Errors
/// If the store fails.
pub fn use_link(tx: &Transaction<'_>, secret: &str, now: Timestamp) -> anyhow::Result<Option<(i64, String)>> {
    let person: Option<i64> = tx
        .query_row(
            "UPDATE sign_in_link SET used_at = ?2 WHERE digest = ?1 AND used_at IS NULL AND expires_at > ?2
                 AND EXISTS (SELECT 1 FROM person p WHERE p.id = person AND p.disabled_at IS NULL)
             RETURNING person",
            params![digest(secret), now.0],
            |row| row.get(0),
        )
        .optional()
        .context("use a link")?;
    let Some(person) = person else { return Ok(None) };
    let name = tx.query_row("SELECT name FROM person WHERE id = ?1", [person], |row| row.get(0))?;

    Ok(Some((person, name)))
}

/// The number and the password's hash of the person of this name; `None` if there is none or no password is set.
///
/// # Errors
/// If the store cannot be read.
pub fn password(db: &Connection, name: &str) -> anyhow::Result<Option<(i64, String)>> {
    db.query_row(
        "SELECT id, password FROM person WHERE name = ?1 AND password IS NOT NULL AND disabled_at IS NULL",
        [name],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .optional()
    .context("find a person")
}

/// Sets a password's hash (PHC form).
///
/// # Errors
/// If the store fails.
pub fn set_password(tx: &Transaction<'_>, person: i64, hash: &str) -> anyhow::Result<()> {
    tx.execute("UPDATE person SET password = ?2 WHERE id = ?1", params![person, hash])?;

    Ok(())
}

/// Sets the language a person reads.
///
/// # Errors
/// If the store fails.
pub fn set_language(tx: &Transaction<'_>, person: i64, language: &str) -> anyhow::Result<()> {
    tx.execute("UPDATE person SET language = ?2 WHERE id = ?1", params![person, language])?;

    Ok(())
}

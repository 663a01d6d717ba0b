//! Monitored machines: their state, their last sign of life, what they say of themselves.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, Row, Transaction, params};
use serde::Serialize;
use vonggac_carrier::Way;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

/// Whether a host may work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// Enrolled; a person must approve it.
    Waiting,
    /// Works.
    Active,
    /// Its identity came from two machines; a person must release it.
    Held,
    /// Never again.
    Revoked,
    /// Revoked, because it is on the list of machines never to be enrolled.
    Forbidden,
}

impl HostState {
    /// The word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Held => "held",
            Self::Revoked => "revoked",
            Self::Forbidden => "forbidden",
        }
    }

    /// The state of a word from the store.
    ///
    /// # Errors
    /// If there is no such state: the store was written by a newer program.
    pub fn from_word(word: &str) -> anyhow::Result<Self> {
        let all = [Self::Waiting, Self::Active, Self::Held, Self::Revoked, Self::Forbidden];

        all.into_iter().find(|state| state.word() == word).with_context(|| format!("host state {word:?}"))
    }
}

/// A host as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// Its agency.
    pub agency: String,
    /// What it calls itself.
    pub name: String,
    /// Whether it may work.
    pub state: HostState,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// Its last sign of life.
    pub last_heard_at: Option<Timestamp>,
    /// Since when it is silent; `None` if it is not.
    pub silent_since: Option<Timestamp>,
    /// Within how many seconds it promised a sign of life.
    pub promised_secs: u64,
    /// Version of its agent.
    pub agent_version: String,
    /// Network address that it last came from.
    pub address: String,
    /// By which way it is connected, or was last, `quic` or `tcp`.
    pub way: Option<String>,
    /// Until when its certificate counts; `None` if it has none that does.
    pub certificate_until: Option<Timestamp>,
}

const COLUMNS: &str = "id, agency, name, CASE WHEN forbidden IS NULL THEN state ELSE 'forbidden' END, enrolled_at, last_heard_at, silent_since, promised_secs, \
                       agent_version, address, way, \
                       (SELECT c.not_after FROM certificate c WHERE c.host = host.id AND c.revoked_at IS NULL \
                       AND c.superseded_at IS NULL ORDER BY c.used_at IS NULL, c.issued_at DESC LIMIT 1)";

fn read_host(row: &Row<'_>) -> anyhow::Result<Host> {
    Ok(Host {
        id: HostId(row.get(0)?),
        agency: row.get(1)?,
        name: row.get(2)?,
        state: HostState::from_word(&row.get::<_, String>(3)?)?,
        enrolled_at: Timestamp(row.get(4)?),
        last_heard_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        silent_since: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        promised_secs: row.get::<_, i64>(7)?.try_into().unwrap_or(0),
        agent_version: row.get(8)?,
        address: row.get(9)?,
        way: row.get(10)?,
        certificate_until: row.get::<_, Option<i64>>(11)?.map(Timestamp),
    })
}

/// Adds a host that has just enrolled.
///
/// # Errors
/// If the store fails.
pub fn add(
    tx: &Transaction<'_>,
    id: HostId,
    agency: &AgencyId,
    name: &str,
    state: HostState,
    promised_secs: u64,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO host (id, agency, name, state, enrolled_at, promised_secs) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id.0,
        agency.as_str(),
        name,
        state.word(),
        now.0,
        i64::try_from(promised_secs).unwrap_or(i64::MAX)
    ])?;

    Ok(())
}

/// All hosts, in order of agency and name.
///
/// # Errors
/// If the store fails.
pub fn list(connection: &Connection) -> anyhow::Result<Vec<Host>> {
    let query = format!("SELECT {COLUMNS} FROM host ORDER BY agency, name, id");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([])?;
    let mut hosts = Vec::new();
    while let Some(row) = rows.next()? {
        hosts.push(read_host(row)?);
    }

    Ok(hosts)
}

/// One host.
///
/// # Errors
/// If the store fails.
pub fn find(connection: &Connection, id: HostId) -> anyhow::Result<Option<Host>> {
    let query = format!("SELECT {COLUMNS} FROM host WHERE id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([id.0])?;

    rows.next()?.map(read_host).transpose()
}

/// The one host whose id begins with these digits, or that calls itself so.
///
/// # Errors
/// If there is none or more than one.
pub fn named(connection: &Connection, text: &str) -> anyhow::Result<Host> {
    let mut fitting: Vec<Host> = list(connection)?
        .into_iter()
        .filter(|host| host.name == text || (text.len() >= 4 && host.id.to_string().starts_with(text)))
        .collect();
    if fitting.len() > 1 {
        bail!("{} hosts fit {text:?}: give more digits of the id", fitting.len());
    }

    fitting.pop().with_context(|| format!("no host has the id or name {text:?}"))
}

/// Sets the state.
///
/// # Errors
/// If the store fails.
pub fn set_state(tx: &Transaction<'_>, id: HostId, state: HostState) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE host SET state = ?2 WHERE id = ?1")?.execute(params![id.0, state.word()])?;

    Ok(())
}

/// The identity belongs to the machine of this fingerprint from now on.
///
/// # Errors
/// If the store fails.
pub fn set_fingerprint(tx: &Transaction<'_>, id: HostId, fingerprint: Digest) -> anyhow::Result<()> {
    tx.execute("UPDATE host SET fingerprint = ?2 WHERE id = ?1", params![id.0, fingerprint.0])?;

    Ok(())
}

/// What a hello tells of a host.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Fingerprint of the machine.
    pub fingerprint: Digest,
    /// Version of its agent.
    pub version: String,
    /// Network address it came from.
    pub address: String,
    /// By which way.
    pub way: Way,
    /// Milliseconds its clock is ahead of ours.
    pub clock_offset_ms: i64,
    /// Within how many seconds it is to give a sign of life.
    pub promised_secs: u64,
}

/// Keeps what a hello tells; the first fingerprint stays.
///
/// # Errors
/// If the store fails.
pub fn greet(tx: &Transaction<'_>, id: HostId, greeting: &Greeting, now: Timestamp) -> anyhow::Result<()> {
    tx.prepare_cached(
        "UPDATE host SET fingerprint = coalesce(fingerprint, ?2), agent_version = ?3, address = ?4, \
         clock_offset_ms = ?5, promised_secs = ?6, last_heard_at = ?7, way = ?8 WHERE id = ?1",
    )?
    .execute(params![
        id.0,
        greeting.fingerprint.0,
        greeting.version,
        greeting.address,
        greeting.clock_offset_ms,
        i64::try_from(greeting.promised_secs).unwrap_or(i64::MAX),
        now.0,
        greeting.way.word()
    ])?;

    Ok(())
}

/// The fingerprint of the machine that the identity belongs to, if it has said hello.
///
/// # Errors
/// If the store fails.
pub fn fingerprint(connection: &Connection, id: HostId) -> anyhow::Result<Option<Digest>> {
    let found: Option<[u8; 32]> = connection
        .prepare_cached("SELECT fingerprint FROM host WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0))?;

    Ok(found.map(Digest))
}

/// Keeps the last sign of life, if it is newer.
///
/// # Errors
/// If the store fails.
pub fn heard(tx: &Transaction<'_>, id: HostId, at: Timestamp) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE host SET last_heard_at = max(coalesce(last_heard_at, 0), ?2) WHERE id = ?1")?
        .execute(params![id.0, at.0])?;

    Ok(())
}

/// Marks a host as silent since that moment, or as heard again.
///
/// # Errors
/// If the store fails.
pub fn set_silent(tx: &Transaction<'_>, id: HostId, since: Option<Timestamp>) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE host SET silent_since = ?2 WHERE id = ?1")?
        .execute(params![id.0, since.map(|moment| moment.0)])?;

    Ok(())
}

/// Keeps the name that a machine calls itself.
///
/// # Errors
/// If the store fails.
pub fn rename(tx: &Transaction<'_>, id: HostId, name: &str) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE host SET name = ?2 WHERE id = ?1 AND name <> ?2")?
        .execute(params![id.0, name])?;

    Ok(())
}

/// The hosts that may not work now.
///
/// # Errors
/// If the store fails.
pub fn barred(connection: &Connection) -> anyhow::Result<Vec<(HostId, HostState)>> {
    let mut statement = connection.prepare_cached("SELECT id, CASE WHEN forbidden IS NULL THEN state ELSE 'forbidden' END FROM host WHERE state <> 'active'")?;
    let rows = statement.query_map([], |row| Ok((HostId(row.get(0)?), row.get::<_, String>(1)?)))?;

    rows.map(|row| {
        let (id, word) = row?;
        Ok((id, HostState::from_word(&word)?))
    })
    .collect()
}

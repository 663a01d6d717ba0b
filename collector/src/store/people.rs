//! People who use the console, and the one-time links by which they first come in.

use anyhow::{Context as _, ensure};
use data_encoding::BASE64URL_NOPAD;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::time::Timestamp;

/// What a person may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum PersonRole {
    /// Everything.
    #[value(help = "Mọi việc / everything")]
    Admin,
    /// Works on incidents of the whole province.
    #[value(help = "Xử lý sự cố của cả tỉnh / works on incidents of the whole province")]
    Analyst,
    /// Works on incidents of one agency.
    #[value(help = "Xử lý sự cố của một cơ quan / works on incidents of one agency")]
    Agency,
    /// Reads everything, the audit log included.
    #[value(help = "Xem mọi thứ, cả nhật ký kiểm toán / reads everything, the audit log included")]
    Auditor,
    /// Reads.
    #[value(help = "Chỉ xem / reads")]
    Viewer,
}

impl PersonRole {
    /// The word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Analyst => "analyst",
            Self::Agency => "agency",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }
}

/// The role of a person of this name, whether or not it may still come in; `None` if there is nobody.
///
/// # Errors
/// If the store fails.
pub fn role(db: &Connection, name: &str) -> anyhow::Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT role FROM person WHERE name = ?1")?;

    statement.query_row([name], |row| row.get(0)).optional().context("read the role of a person")
}

/// The people who may accept a risk or make an exception for an agency, or for the whole province, by name: those who may
/// come in and whose role decides, for that agency or for all.
///
/// # Errors
/// If the store fails.
pub fn who_decide(db: &Connection, agency: Option<&str>) -> anyhow::Result<Vec<String>> {
    let mut statement = db.prepare_cached(
        "SELECT name FROM person WHERE disabled_at IS NULL AND role IN ('admin', 'analyst', 'agency')
         AND (agency IS NULL OR agency = ?1) ORDER BY name",
    )?;
    let names = statement.query_map([agency], |row| row.get(0))?;

    names.collect::<Result<_, _>>().context("read the people who may decide")
}

/// Adds a person.
///
/// # Errors
/// If the name is taken or unusable, if the role needs an agency and none is given, or the store fails.
pub fn add(
    tx: &Transaction<'_>,
    name: &str,
    role: PersonRole,
    agency: Option<&AgencyId>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let sensible =
        !name.trim().is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
    ensure!(sensible, "a person's name has 1 to 64 characters, found {name:?}");
    ensure!(role != PersonRole::Agency || agency.is_some(), "a person of an agency needs --agency");
    tx.execute(
        "INSERT INTO person (name, role, agency, made_at) VALUES (?1, ?2, ?3, ?4)",
        params![name, role.word(), agency.map(AgencyId::as_str), now.0],
    )
    .with_context(|| format!("keep the person {name:?}"))?;

    Ok(())
}

/// Makes a one-time link's secret for a person; only its digest is kept. The console takes it at
/// `/dang-nhap/lien-ket/SECRET`.
///
/// # Errors
/// If there is no such person, the system has no randomness, or the store fails.
pub fn make_link(tx: &Transaction<'_>, name: &str, expires_at: Timestamp) -> anyhow::Result<String> {
    let person: i64 = tx
        .query_row("SELECT id FROM person WHERE name = ?1 AND disabled_at IS NULL", [name], |row| row.get(0))
        .with_context(|| format!("find the person {name:?}"))?;
    let secret = BASE64URL_NOPAD.encode(&crate::random::bytes::<32>()?);
    tx.execute(
        "INSERT INTO sign_in_link VALUES (?1, ?2, ?3, NULL)",
        params![Digest::of(secret.as_bytes()).0, person, expires_at.0],
    )?;

    Ok(secret)
}

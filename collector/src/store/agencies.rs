//! The organisations that hosts belong to.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::time::Timestamp;

/// Where an agency stands in the province.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Level {
    /// The province itself.
    #[value(help = "Tỉnh / the province itself")]
    Province,
    /// A department (sở, ban, ngành).
    #[value(help = "Sở, ban, ngành / a department")]
    Department,
    /// A district (before July 2025).
    #[value(help = "Huyện, trước tháng 7 năm 2025 / a district, before July 2025")]
    District,
    /// A commune or ward.
    #[value(help = "Xã, phường / a commune or ward")]
    Commune,
}

impl Level {
    /// The word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::Department => "department",
            Self::District => "district",
            Self::Commune => "commune",
        }
    }
}

/// Adds an agency.
///
/// # Errors
/// If there is one of this id, or the store fails.
pub fn add(
    tx: &Transaction<'_>,
    id: &AgencyId,
    name: &str,
    level: Level,
    now: Timestamp,
) -> anyhow::Result<()> {
    if self::name(tx, id)?.is_some() {
        bail!("there is an agency {id} already");
    }
    tx.execute("INSERT INTO agency VALUES (?1, ?2, ?3, ?4)", params![id.as_str(), name, level.word(), now.0])
        .context("keep the agency")?;

    Ok(())
}

/// The agency's name for people; `None` if there is no such agency.
///
/// # Errors
/// If the store fails.
pub fn name(connection: &Connection, id: &AgencyId) -> anyhow::Result<Option<String>> {
    Ok(connection
        .prepare_cached("SELECT name FROM agency WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

/// All agencies: id, name, level, in order of id.
///
/// # Errors
/// If the store fails.
pub fn list(connection: &Connection) -> anyhow::Result<Vec<(String, String, String)>> {
    Ok(connection
        .prepare_cached("SELECT id, name, level FROM agency ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?)
}

//! What an agency's hosts may move on the line in a day.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

/// The newest budget of an agency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How often it was changed.
    pub number: u64,
    /// KiB a day; `None`: no limit.
    pub kib: Option<u32>,
}

/// Sets it; every change is kept.
///
/// # Errors
/// If the store fails or there is no such agency.
pub fn set(tx: &Transaction<'_>, agency: &AgencyId, kib: Option<u32>, now: Timestamp) -> anyhow::Result<()> {
    tx.execute(
        "INSERT INTO line_budget SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM line_budget WHERE agency = ?1",
        params![agency.as_str(), kib, now.0],
    )
    .context("keep an agency's budget")?;

    Ok(())
}

/// The budget of an agency; `None` if it never had one.
///
/// # Errors
/// If the store fails.
pub fn of_agency(connection: &Connection, agency: &AgencyId) -> anyhow::Result<Option<Budget>> {
    connection
        .prepare_cached("SELECT number, kib FROM line_budget WHERE agency = ?1 ORDER BY number DESC LIMIT 1")?
        .query_row([agency.as_str()], budget)
        .optional()
        .context("read an agency's budget")
}

fn budget(row: &Row<'_>) -> rusqlite::Result<Budget> {
    Ok(Budget { number: row.get::<_, i64>(0)?.cast_unsigned(), kib: row.get(1)? })
}

/// The budget that holds for a host; `None` if its agency never had one.
///
/// # Errors
/// If the store fails.
pub fn of_host(connection: &Connection, host: HostId) -> anyhow::Result<Option<Budget>> {
    connection
        .prepare_cached(
            "SELECT b.number, b.kib FROM line_budget b JOIN host h ON h.agency = b.agency
             WHERE h.id = ?1 ORDER BY b.number DESC LIMIT 1",
        )?
        .query_row([host.0], budget)
        .optional()
        .context("read an agency's budget")
}

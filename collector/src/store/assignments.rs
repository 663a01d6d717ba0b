//! What hosts are asked to watch; every version that was ever in force.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::time::Timestamp;

/// The newest assignment, if anything was ever asked for.
///
/// # Errors
/// If the store fails.
pub fn newest(connection: &Connection) -> anyhow::Result<Option<Assignment>> {
    let body: Option<Vec<u8>> = connection
        .prepare_cached("SELECT body FROM assignment ORDER BY version DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;

    body.map(|body| minicbor::decode(&body).context("read a kept assignment")).transpose()
}

/// Makes `wanted` the newest, with the next version, unless it asks for what is already asked for.
///
/// # Errors
/// If the store fails.
pub fn put(tx: &Transaction<'_>, wanted: &Assignment, now: Timestamp) -> anyhow::Result<Option<Assignment>> {
    let newest = newest(tx)?;
    let version = newest.as_ref().map_or(0, |newest| newest.version);
    let in_force = newest.clone().unwrap_or_default();
    if in_force == (Assignment { version, ..wanted.clone() }) {
        return Ok(newest);
    }
    let next = Assignment { version: version + 1, ..wanted.clone() };
    let body = minicbor::to_vec(&next).context("encode an assignment")?;
    tx.execute(
        "INSERT INTO assignment VALUES (?1, ?2, ?3)",
        params![next.version.cast_signed(), body, now.0],
    )?;

    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate;

    #[test]
    fn an_assignment_gets_a_new_version_only_when_it_changes() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::to_newest(&mut db).unwrap();
        let tx = db.transaction().unwrap();
        let wanted = Assignment { heartbeat_secs: 30, ..Assignment::default() };

        assert_eq!(put(&tx, &Assignment::default(), Timestamp(0)).unwrap(), None);
        assert_eq!(put(&tx, &wanted, Timestamp(0)).unwrap().unwrap().version, 1);
        assert_eq!(put(&tx, &wanted, Timestamp(0)).unwrap().unwrap().version, 1);
        assert_eq!(put(&tx, &Assignment::default(), Timestamp(0)).unwrap().unwrap().version, 2);
    }
}

//! Everybody's actions, in a hash chain: what is written stays, and a gap or an edit is noticed.

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

/// The name under which the command line writes.
pub const OPERATOR: &str = "operator";

/// The name under which the collector itself writes.
pub const COLLECTOR: &str = "collector";

/// What the first entry names as the one before it.
const BEGINNING: [u8; 32] = [0; 32];

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// When.
    pub at: Timestamp,
    /// A person's name, [`OPERATOR`] or [`COLLECTOR`].
    pub person: &'a str,
    /// The agency that it concerns; `None`: the whole province.
    pub agency: Option<&'a str>,
    /// What was done: `noun.verb`, such as `host.revoked`.
    pub action: &'a str,
    /// To what.
    pub object: &'a str,
    /// More, for people; never a secret.
    pub detail: &'a str,
}

/// Writes one action at the end of the chain, in the transaction of what it speaks of.
///
/// # Errors
/// If the store fails.
pub fn append(tx: &Transaction<'_>, entry: &Action<'_>) -> anyhow::Result<()> {
    let last: Option<(i64, Vec<u8>)> = tx
        .prepare_cached("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (id, previous) = last.map_or_else(|| (1, BEGINNING.to_vec()), |(id, digest)| (id + 1, digest));
    let digest = digest_of(&previous, id, entry);
    tx.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            id,
            entry.at.0,
            entry.person,
            entry.agency,
            entry.action,
            entry.object,
            entry.detail,
            previous,
            digest.0
        ])
        .context("write to the audit log")?;

    Ok(())
}

/// Recomputes the whole chain and says how many entries it has.
///
/// # Errors
/// If an entry was edited, removed or added by another hand; the message names the first one that does not fit.
pub fn verify(connection: &Connection) -> anyhow::Result<i64> {
    let mut statement = connection.prepare(
        "SELECT id, at, person, agency, action, object, detail, previous, digest FROM audit ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut before = (0_i64, BEGINNING.to_vec());
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (person, agency): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let (action, object, detail): (String, String, String) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let (previous, digest): (Vec<u8>, Vec<u8>) = (row.get(7)?, row.get(8)?);
        let entry = Action {
            at: Timestamp(row.get(1)?),
            person: &person,
            agency: agency.as_deref(),
            action: &action,
            object: &object,
            detail: &detail,
        };
        ensure!(
            id == before.0 + 1 && previous == before.1 && digest == digest_of(&previous, id, &entry).0,
            "entry {id} of the audit log does not fit what is before it"
        );
        before = (id, digest);
    }

    Ok(before.0)
}

/// SHA-256 over the digest before and the canonical JSON (keys in order, no spaces) of the entry.
fn digest_of(previous: &[u8], id: i64, entry: &Action<'_>) -> Digest {
    let content = json!({
        "action": entry.action,
        "agency": entry.agency,
        "at": entry.at.0,
        "detail": entry.detail,
        "id": id,
        "object": entry.object,
        "person": entry.person,
    });
    let mut bytes = previous.to_vec();
    bytes.extend_from_slice(content.to_string().as_bytes());

    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate;

    fn written() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::to_newest(&mut db).unwrap();
        let tx = db.transaction().unwrap();
        for detail in ["a", "b", "c"] {
            let entry = Action {
                at: Timestamp(7),
                person: OPERATOR,
                agency: None,
                action: "host.revoked",
                object: "x",
                detail,
            };
            append(&tx, &entry).unwrap();
        }
        tx.commit().unwrap();

        db
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert_eq!(verify(&written()).unwrap(), 3);
    }

    #[test]
    fn an_edit_behind_our_back_is_named() {
        let db = written();
        db.execute_batch("DROP TRIGGER audit_is_final; UPDATE audit SET detail = 'x' WHERE id = 2").unwrap();

        assert!(verify(&db).unwrap_err().to_string().contains("entry 2"));
    }
}

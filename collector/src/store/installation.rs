//! Who this collector is to others.

use anyhow::Context as _;
use rusqlite::Connection;
use vonggac_protocol::time::Timestamp;

/// Its name for ever, by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installation {
    /// The name.
    pub id: [u8; 16],
    /// When its store was made, or first knew such a name.
    pub made_at: Timestamp,
}

/// Reads it.
///
/// # Errors
/// If the store cannot be read.
pub fn read(db: &Connection) -> anyhow::Result<Installation> {
    db.query_row("SELECT id, made_at FROM installation", [], |row| {
        Ok(Installation { id: row.get(0)?, made_at: Timestamp(row.get(1)?) })
    })
    .context("read the installation's name")
}

//! Blocks in the database: by their first key, and one after the other.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::block::{Damaged, Packed, Place, check};

/// The tables of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks<'a>(pub(super) &'a Connection);

/// A block as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) id: i64,
    pub(super) first: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// The block with the greatest first key that is not after this one.
const AT: &str =
    "SELECT place.first, block.body, place.block FROM place LEFT JOIN block ON block.id = place.block
     WHERE place.first <= ?1 ORDER BY place.first DESC LIMIT 1";

/// The first block behind this key.
const AFTER: &str =
    "SELECT place.first, block.body, place.block FROM place LEFT JOIN block ON block.id = place.block
     WHERE place.first > ?1 ORDER BY place.first LIMIT 1";

impl Blocks<'_> {
    /// Reads the block in which this key lies or would lie; before the first block, that one. `false`: there is none.
    pub(super) fn around(self, key: &[u8], body: &mut Vec<u8>) -> Result<bool> {
        Ok(self.read(AT, key, body)? || self.read(AFTER, key, body)?)
    }

    /// Reads the first block that begins behind this key.
    pub(super) fn after(self, key: &[u8], body: &mut Vec<u8>) -> Result<bool> {
        self.read(AFTER, key, body)
    }

    /// As [`around`](Self::around), to change it.
    pub(super) fn kept_around(self, key: &[u8]) -> Result<Option<Kept>> {
        match self.kept(AT, key)? {
            Some(kept) => Ok(Some(kept)),
            None => self.kept(AFTER, key),
        }
    }

    /// As [`after`](Self::after), to change it.
    pub(super) fn kept_after(self, key: &[u8]) -> Result<Option<Kept>> {
        self.kept(AFTER, key)
    }

    /// Where the first block begins that begins behind this key.
    pub(super) fn first_after(self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT first FROM place WHERE first > ?1 ORDER BY first LIMIT 1";

        Ok(self.0.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?)
    }

    fn read(self, sql: &str, key: &[u8], body: &mut Vec<u8>) -> Result<bool> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        body.clear();
        body.extend_from_slice(checked(row)?);

        Ok(true)
    }

    fn kept(self, sql: &str, key: &[u8]) -> Result<Option<Kept>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let body = checked(row)?.to_vec();

        Ok(Some(Kept { id: row.get(2)?, first: row.get(0)?, body }))
    }

    /// Keeps these blocks, in order, in place of those.
    pub(super) fn replace(self, old: &[Kept], new: &[Packed]) -> Result<()> {
        // What no longer begins a block goes first: another block may begin there now.
        for (at, kept) in old.iter().enumerate() {
            if new.get(at).is_none_or(|packed| packed.first != kept.first) {
                self.0.prepare_cached("DELETE FROM place WHERE first = ?1")?.execute([&kept.first])?;
            }
        }
        for kept in old.get(new.len()..).unwrap_or_default() {
            self.0.prepare_cached("DELETE FROM block WHERE id = ?1")?.execute([kept.id])?;
        }
        for (at, packed) in new.iter().enumerate() {
            let kept = old.get(at);
            let id = match kept {
                Some(kept) => self.overwrite(kept, packed)?,
                None => self.insert(packed)?,
            };
            if kept.is_none_or(|kept| packed.first != kept.first) {
                let mut statement = self.0.prepare_cached("INSERT INTO place VALUES (?1, ?2)")?;
                statement.execute(params![packed.first, id])?;
            }
        }

        Ok(())
    }

    fn overwrite(self, kept: &Kept, packed: &Packed) -> Result<i64> {
        if packed.body != kept.body {
            let mut statement = self.0.prepare_cached("UPDATE block SET body = ?2 WHERE id = ?1")?;
            statement.execute(params![kept.id, packed.body])?;
        }

        Ok(kept.id)
    }

    fn insert(self, packed: &Packed) -> Result<i64> {
        self.0.prepare_cached("INSERT INTO block (body) VALUES (?1)")?.execute([&packed.body])?;

        Ok(self.0.last_insert_rowid())
    }
}

/// The body of a row of [`AT`] or [`AFTER`], if it is what was once written there.
pub(super) fn checked<'a>(row: &'a Row<'_>) -> Result<&'a [u8]> {
    let first = row.get_ref(0)?.as_blob().map_err(|_| Damaged)?;
    let body = row.get_ref(1)?.as_blob().map_err(|_| Damaged)?;
    check(body)?;
    let mut place = Place::new();
    place.next(body)?;
    if place.key() != first {
        return Err(Damaged.into());
    }

    Ok(body)
}

//! Which roots are taken, when and by whom, and how far a task came.

use anyhow::Result;
use rusqlite::{OptionalExtension, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{Epoch, Seq};
use vonggac_protocol::time::Timestamp;

use super::super::behind::SpoolPlace;
use super::super::key::Key;
use super::Baseline;
use crate::ntfs::usn::Journal;

/// A root's baseline was taken, or taken anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Taking {
    pub(in super::super) at: Timestamp,
    pub(in super::super) root: Key,
    /// Who ordered it; `None`: the agent itself, at a first scan.
    pub(in super::super) by: Option<String>,
    pub(in super::super) reason: String,
    /// Over all recorded states, as told.
    pub(in super::super) digest: Digest,
    pub(in super::super) paths: u64,
}

/// Under which name the last order done of a root is kept.
fn order_name(root: &Key) -> String {
    format!("rebaselined {}", root.host_path())
}

/// Under which name a part of the place of a volume's journal is kept.
fn journal_name(part: &str, device: u64) -> String {
    format!("journal {part} {device:x}")
}

impl Baseline {
    pub(in super::super) fn is_taken(&self, root: &Key) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM root WHERE key = ?1")?.exists([root.as_bytes()])?)
    }

    pub(in super::super) fn take(&self, root: &Key, at: Timestamp) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO root VALUES (?1, ?2)", params![root.as_bytes(), at.0])?;

        Ok(())
    }

    pub(in super::super) fn roots(&self) -> Result<Vec<Key>> {
        let mut statement = self.db.prepare("SELECT key FROM root ORDER BY key")?;
        let keys = statement.query_map([], |row| Ok(Key::from_stored(row.get(0)?)))?;

        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that a root was taken or taken anew. Never deleted.
    pub(in super::super) fn append_history(&self, taking: &Taking) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO history (at, root, by, reason, digest, paths) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                taking.at.0,
                taking.root.as_bytes(),
                taking.by,
                taking.reason,
                taking.digest.0,
                taking.paths.cast_signed(),
            ])?;

        Ok(())
    }

    /// How often a root was taken, the first time first.
    pub(in super::super) fn history(&self, root: &Key) -> Result<Vec<Taking>> {
        let mut statement = self.db.prepare_cached(
            "SELECT at, by, reason, digest, paths FROM history WHERE root = ?1 ORDER BY number",
        )?;
        let takings = statement.query_map([root.as_bytes()], |row| {
            Ok(Taking {
                at: Timestamp(row.get(0)?),
                root: root.clone(),
                by: row.get(1)?,
                reason: row.get(2)?,
                digest: Digest(row.get(3)?),
                paths: row.get::<_, i64>(4)?.cast_unsigned(),
            })
        })?;

        Ok(takings.collect::<rusqlite::Result<_>>()?)
    }

    /// Where the journal of this volume stood when all that happened before was told and confirmed.
    pub(in super::super) fn journal(&self, device: u64) -> Result<Option<Journal>> {
        let read = |part: &str| -> Result<Option<i64>> {
            let mut statement = self.db.prepare_cached("SELECT at FROM moment WHERE name = ?1")?;
            Ok(statement.query_row([journal_name(part, device)], |row| row.get(0)).optional()?)
        };
        let (id, next) = (read("id")?, read("next")?);

        Ok(id.zip(next).map(|(id, next)| Journal { id: id.cast_unsigned(), first: 0, next }))
    }

    /// Keeps it.
    pub(in super::super) fn set_journal(&self, device: u64, journal: &Journal) -> Result<()> {
        for (part, value) in [("next", journal.next), ("id", journal.id.cast_signed())] {
            self.db
                .prepare_cached("INSERT OR REPLACE INTO moment VALUES (?1, ?2)")?
                .execute(params![journal_name(part, device), value])?;
        }

        Ok(())
    }

    /// The number of the last order to measure this root anew that was done; 0 before the first.
    pub(in super::super) fn rebaselined(&self, root: &Key) -> Result<u64> {
        let found: Option<i64> = self
            .db
            .prepare_cached("SELECT at FROM moment WHERE name = ?1")?
            .query_row([order_name(root)], |row| row.get(0))
            .optional()?;

        Ok(found.map_or(0, i64::cast_unsigned))
    }

    pub(in super::super) fn set_rebaselined(&self, root: &Key, number: u64) -> Result<()> {
        self.db.execute(
            "INSERT OR REPLACE INTO moment VALUES (?1, ?2)",
            params![order_name(root), number.cast_signed()],
        )?;

        Ok(())
    }

    /// The share of all paths whose content was last read again, and when; `None` before the first.
    pub(in super::super) fn rehash_state(&self) -> Result<Option<(u32, Timestamp)>> {
        let found = self
            .db
            .query_row("SELECT slot, at FROM rehash", [], |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))
            .optional()?;

        Ok(found)
    }

    pub(in super::super) fn set_rehash_state(&self, slot: u32, at: Timestamp) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO rehash VALUES (1, ?1, ?2)", params![slot, at.0])?;

        Ok(())
    }

    /// When a portion of all content, one of so many, was last read again.
    pub(in super::super) fn reread_at(&self, of: u32, number: u32) -> Result<Option<Timestamp>> {
        let name = format!("reread_{number}_of_{of}");
        let found = self
            .db
            .query_row("SELECT at FROM moment WHERE name = ?1", [name], |row| row.get(0))
            .optional()?;

        Ok(found.map(Timestamp))
    }

    pub(in super::super) fn set_reread_at(&self, of: u32, number: u32, at: Timestamp) -> Result<()> {
        let name = format!("reread_{number}_of_{of}");
        self.db.execute("INSERT OR REPLACE INTO moment VALUES (?1, ?2)", params![name, at.0])?;

        Ok(())
    }

    /// Up to where the spool's records are in this baseline; `None` before the first.
    pub(in super::super) fn spooled(&self) -> Result<Option<SpoolPlace>> {
        let number = |name: &str| {
            self.db
                .prepare_cached("SELECT at FROM moment WHERE name = ?1")?
                .query_row([name], |row| row.get::<_, i64>(0))
                .optional()
        };
        let (epoch, seq) = (number("spool_epoch")?, number("spool_place")?);

        Ok(epoch.zip(seq).map(|(epoch, seq)| SpoolPlace {
            epoch: Epoch(epoch.cast_unsigned()),
            seq: Seq(seq.cast_unsigned()),
        }))
    }

    /// Belongs to the change under way: one moves with the other.
    pub(in super::super) fn set_spooled(&self, place: SpoolPlace) -> Result<()> {
        self.db
            .prepare_cached("INSERT OR REPLACE INTO moment VALUES ('spool_epoch', ?1), ('spool_place', ?2)")?
            .execute(params![place.epoch.0.cast_signed(), place.seq.0.cast_signed()])?;

        Ok(())
    }

    /// The last moment up to which every change is known to have been told.
    pub(in super::super) fn watched_until(&self) -> Result<Option<Timestamp>> {
        let found = self
            .db
            .query_row("SELECT at FROM moment WHERE name = 'watched_until'", [], |row| row.get(0))
            .optional()?;

        Ok(found.map(Timestamp))
    }

    pub(in super::super) fn set_watched_until(&self, at: Timestamp) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO moment VALUES ('watched_until', ?1)", [at.0])?;

        Ok(())
    }
}

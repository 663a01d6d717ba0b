//! Who owns a path, on disk: rows of 16-byte hashes of paths, never the whole database in memory.
//!
//! Everything here can be read again from the package manager's own database: a damaged file is thrown away. What a
//! package owned before the last reading stays known as *former* until the changes of that installation were told.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

const FORM: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    stem TEXT NOT NULL UNIQUE,          -- as the package manager names its records
    name TEXT NOT NULL,
    version TEXT NOT NULL,              -- empty: removed
    stamp BLOB NOT NULL,                -- what its records looked like when they were read
    reading INTEGER NOT NULL            -- the last reading that met it
) STRICT;
CREATE TABLE owned (
    path BLOB NOT NULL,                 -- hash of the path
    package INTEGER NOT NULL,
    md5 BLOB,
    PRIMARY KEY (path, package)
) STRICT, WITHOUT ROWID;
CREATE INDEX owned_by ON owned (package);
CREATE TABLE former (
    path BLOB PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reading (
    id INTEGER PRIMARY KEY,
    stamp BLOB NOT NULL,
    told INTEGER NOT NULL               -- whether the changes since the reading before were told and confirmed
) STRICT;
PRAGMA user_version = 1;
";

/// Owners of one path that are looked at; shared directories have hundreds.
const OWNERS_MAX: usize = 8;

/// An MD5, as dpkg records it: for recognising what a package brought, never evidence.
pub(in super::super) type Md5 = [u8; 16];

/// A package that owns a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Owner {
    pub(in super::super) name: String,
    /// Empty if the package was removed and left this behind.
    pub(in super::super) version: String,
    /// The digest of its content that the package manager recorded.
    pub(in super::super) recorded: Option<Md5>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Index {
    db: Connection,
}

/// A package while its records are read.
#[derive(Debug)]
pub(super) struct Records<'i> {
    db: &'i Connection,
    package: i64,
}

impl Index {
    /// Opens it; one that is damaged or of another form is made anew.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Ok(index) = Self::try_open(path) {
            return Ok(index);
        }
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("remove a damaged index of packaged files"),
        }

        Self::try_open(path).context("open the index of packaged files")
    }

    fn try_open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "TRUNCATE")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "cache_size", -1_024)?;
        db.pragma_update(None, "temp_store", "FILE")?;
        let form: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match form {
            0 => db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            FORM => db.query_row("SELECT count(*) FROM (SELECT 1 FROM owned LIMIT 1)", [], |_| Ok(()))?,
            _ => anyhow::bail!("an index of another form"),
        }

        Ok(Self { db })
    }

    /// What the whole database looked like at the last reading; `None` before the first.
    pub(super) fn stamp(&self) -> Result<Option<Vec<u8>>> {
        let newest = "SELECT stamp FROM reading ORDER BY id DESC LIMIT 1";

        Ok(self.db.query_row(newest, [], |row| row.get(0)).optional()?)
    }

    /// Who owns a path now, those first that recorded a digest.
    pub(super) fn owners(&self, path: &[u8]) -> Result<Vec<Owner>> {
        let mut statement = self.db.prepare_cached(
            "SELECT name, version, md5 FROM owned JOIN package ON package.id = owned.package
             WHERE path = ?1 ORDER BY md5 IS NULL, version = '', name LIMIT ?2",
        )?;
        let limit = i64::try_from(OWNERS_MAX).unwrap_or(i64::MAX);
        let owners = statement.query_map(params![hash(path), limit], |row| {
            Ok(Owner { name: row.get(0)?, version: row.get(1)?, recorded: row.get(2)? })
        })?;

        Ok(owners.collect::<rusqlite::Result<_>>()?)
    }

    /// A package's version now; empty if it is gone.
    pub(super) fn version(&self, name: &str) -> Result<String> {
        let mut statement =
            self.db.prepare_cached("SELECT coalesce(max(version), '') FROM package WHERE name = ?1")?;

        Ok(statement.query_row([name], |row| row.get(0))?)
    }

    /// Which package owned a path before the last reading and does not now, and that package's version now (empty if it
    /// is gone).
    pub(super) fn former(&self, path: &[u8]) -> Result<Option<(String, String)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT former.name, coalesce(max(version), '') FROM former
             LEFT JOIN package ON package.name = former.name WHERE path = ?1 GROUP BY former.name",
        )?;

        Ok(statement.query_row([hash(path)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Whether changes of an installation were not told yet, or not confirmed.
    pub(super) fn is_untold(&self) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM reading WHERE NOT told")?.exists([])?)
    }

    /// The changes of an installation were told and confirmed: what was owned before it is of no interest any more.
    pub(super) fn set_told(&self) -> Result<()> {
        self.db.execute("UPDATE reading SET told = 1", [])?;
        self.db.execute("DELETE FROM former", [])?;

        Ok(())
    }

    /// Reads the database anew: `read` names every package; what it does not name any more is forgotten. Whether
    /// anything differs from a reading before.
    pub(super) fn read_anew(
        &self,
        stamp: &[u8],
        read: impl FnOnce(&mut dyn FnMut(Met<'_>) -> Result<()>) -> Result<()>,
    ) -> Result<bool> {
        self.db.execute_batch("BEGIN IMMEDIATE").context("begin a reading of packaged files")?;
        let result = self.read_within(stamp, read);
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.db.execute_batch(end).context("end a reading of packaged files")?;
        self.db.execute_batch("PRAGMA shrink_memory")?;

        result
    }

    fn read_within(
        &self,
        stamp: &[u8],
        read: impl FnOnce(&mut dyn FnMut(Met<'_>) -> Result<()>) -> Result<()>,
    ) -> Result<bool> {
        let is_first = self.stamp()?.is_none();
        let is_untold = self.is_untold()?;
        self.db.execute("INSERT INTO reading (stamp, told) VALUES (?1, ?2)", params![stamp, !is_untold])?;
        let reading = self.db.last_insert_rowid();
        self.db.execute("DELETE FROM reading WHERE id < ?1", [reading])?;
        let mut changed = false;
        read(&mut |met| {
            changed |= self.meet(&met, reading)?;
            Ok(())
        })?;
        let mut gone = self.db.prepare("SELECT id FROM package WHERE reading < ?1")?;
        let gone: Vec<i64> = gone.query_map([reading], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for package in &gone {
            self.put_behind(*package)?;
            self.db.execute("DELETE FROM package WHERE id = ?1", [package])?;
        }
        self.db.execute("DELETE FROM former WHERE path IN (SELECT path FROM owned)", [])?;

        let is_changed = (changed || !gone.is_empty()) && !is_first;
        if is_changed {
            self.db.execute("UPDATE reading SET told = 0", [])?;
        }

        Ok(is_changed)
    }

    /// Whether the package differs from what was read before.
    fn meet(&self, met: &Met<'_>, reading: i64) -> Result<bool> {
        let known: Option<(i64, Vec<u8>)> = self
            .db
            .prepare_cached("SELECT id, stamp FROM package WHERE stem = ?1")?
            .query_row([met.stem], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let package = match known {
            Some((id, stamp)) => {
                self.db
                    .prepare_cached(
                        "UPDATE package SET reading = ?2, version = ?3, stamp = ?4 WHERE id = ?1",
                    )?
                    .execute(params![id, reading, met.version, met.stamp])?;
                if stamp == met.stamp {
                    return Ok(false);
                }
                self.put_behind(id)?;
                id
            }
            None => {
                self.db
                    .prepare_cached(
                        "INSERT INTO package (stem, name, version, stamp, reading) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![met.stem, met.name, met.version, met.stamp, reading])?;
                self.db.last_insert_rowid()
            }
        };
        (met.fill)(&Records { db: &self.db, package })?;

        Ok(true)
    }

    fn put_behind(&self, package: i64) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO former SELECT path, (SELECT name FROM package WHERE id = ?1)
                 FROM owned WHERE package = ?1",
            )?
            .execute([package])?;
        self.db.prepare_cached("DELETE FROM owned WHERE package = ?1")?.execute([package])?;

        Ok(())
    }
}

/// A package that a reading meets.
pub(super) struct Met<'m> {
    /// As the package manager names its records.
    pub(super) stem: &'m str,
    pub(super) name: &'m str,
    /// Empty if it was removed and left something behind.
    pub(super) version: &'m str,
    /// What its records look like; equal to the last time: they are not read again.
    pub(super) stamp: &'m [u8],
    /// Reads its records.
    pub(super) fill: &'m dyn Fn(&Records<'_>) -> Result<()>,
}

impl Records<'_> {
    /// The package owns this path.
    pub(super) fn own(&self, path: &[u8]) -> Result<()> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO owned (path, package) VALUES (?1, ?2)")?
            .execute(params![hash(path), self.package])?;

        Ok(())
    }

    /// The package recorded this digest of a path that it owns; of any other path nothing is kept.
    pub(super) fn record(&self, path: &[u8], md5: &Md5) -> Result<()> {
        self.db
            .prepare_cached("UPDATE owned SET md5 = ?3 WHERE path = ?1 AND package = ?2")?
            .execute(params![hash(path), self.package, md5])?;

        Ok(())
    }
}

fn hash(path: &[u8]) -> [u8; 16] {
    let whole = Sha256::digest(path);
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);

    half
}

//! The last confirmed state of every path, on disk; never held in memory whole.
//!
//! SQLite with a write-ahead log and `synchronous = NORMAL`: after a power cut the file is sound and at worst some of
//! the last confirmations are forgotten, so those observations are made again. An unreadable file is put aside, kept,
//! and told about; it never stops the agent.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::compare::{Entry, Mark, moment};
use super::key::Key;

const FORM: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE path (
    key BLOB PRIMARY KEY,               -- the path, separators as byte 0: the order of a walk
    kind INTEGER NOT NULL,              -- 0 file, 1 directory, 2 link, 3 other
    size INTEGER NOT NULL,
    digest BLOB,
    mode INTEGER NOT NULL,
    owner TEXT NOT NULL,
    grp TEXT NOT NULL,
    modified_ns INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,        -- as told
    mark_ns INTEGER NOT NULL,           -- as compared by a scan; the least integer: measure again
    inode INTEGER NOT NULL,             -- bits of the unsigned number
    target BLOB,
    attributes BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE root (
    key BLOB PRIMARY KEY,               -- roots whose first scan was told
    taken_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE moment (
    name TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
";

const COLUMNS: &str =
    "kind, size, digest, mode, owner, grp, modified_ns, changed_ns, mark_ns, inode, target, attributes";

/// What a scan compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Glance {
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) mark: Mark,
}

/// Sums over a root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sums {
    pub(super) paths: u64,
    pub(super) bytes: u64,
    pub(super) unreadable: u64,
    pub(super) digest: Digest,
}

/// The file.
#[derive(Debug)]
pub(super) struct Baseline {
    db: Connection,
}

impl Baseline {
    /// Opens it, making it if it is not there. The path: an unreadable one was put aside there.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<PathBuf>)> {
        match Self::try_open(path) {
            Ok(baseline) => Ok((baseline, None)),
            Err(error) if is_damage(&error) => {
                let aside = put_aside(path).context("put the unreadable baseline aside")?;
                let baseline = Self::try_open(path).context("begin a new baseline")?;
                Ok((baseline, Some(aside)))
            }
            Err(error) => Err(error).context("open the baseline"),
        }
    }

    fn try_open(path: &Path) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "cache_size", -1_024)?;
        db.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
        db.pragma_update(None, "temp_store", "FILE")?;
        // What is forgotten must not stay readable on the disk.
        db.pragma_update(None, "secure_delete", "ON")?;
        let form: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match form {
            0 => db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            FORM => {
                db.query_row("SELECT count(*) FROM (SELECT 1 FROM path LIMIT 1)", [], |_| Ok(()))?;
            }
            _ => return Err(rusqlite::Error::InvalidQuery),
        }

        Ok(Self { db })
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE").context("begin a change of the baseline")
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.db.execute_batch("COMMIT").context("commit a change of the baseline")
    }

    pub(super) fn find(&self, key: &Key) -> Result<Option<Entry>> {
        let mut statement = self.db.prepare_cached(&format!("SELECT {COLUMNS} FROM path WHERE key = ?1"))?;

        Ok(statement.query_row([key.as_bytes()], |row| entry(row, 0)).optional()?)
    }

    /// Keeps a state; whether the path is new.
    pub(super) fn put(&self, key: &Key, entry: &Entry) -> Result<bool> {
        let known = self.db.prepare_cached("SELECT 1 FROM path WHERE key = ?1")?.exists([key.as_bytes()])?;
        let sql = format!(
            "INSERT OR REPLACE INTO path (key, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        );
        let state = &entry.state;
        self.db.prepare_cached(&sql)?.execute(params![
            key.as_bytes(),
            kind_number(state.kind),
            state.size.cast_signed(),
            state.digest.as_ref().map(|digest| digest.0.as_slice()),
            state.mode,
            state.owner,
            state.group,
            entry.mark.modified_ns,
            state.changed.0.saturating_mul(1_000_000),
            entry.mark.changed_ns,
            entry.mark.inode.cast_signed(),
            state.link_target.as_ref().map(HostPath::to_bytes),
            state.attributes.as_ref().map(|digest| digest.0.as_slice()),
        ])?;

        Ok(!known)
    }

    /// Forgets a path; whether it was there.
    pub(super) fn remove(&self, key: &Key) -> Result<bool> {
        Ok(self.db.prepare_cached("DELETE FROM path WHERE key = ?1")?.execute([key.as_bytes()])? > 0)
    }

    /// Empties the write-ahead log, which may still hold what was forgotten.
    pub(super) fn wipe_log(&self) -> Result<()> {
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .context("empty the log of the baseline")
    }

    /// Forgets a path and all beneath it, without a word: it went out of bounds or is no longer watched.
    pub(super) fn forget_tree(&self, key: &Key) -> Result<()> {
        let (first, end) = key.beneath();
        self.db.execute(
            "DELETE FROM path WHERE key = ?1 OR (key >= ?2 AND key < ?3)",
            params![key.as_bytes(), first.as_bytes(), end.as_bytes()],
        )?;
        self.db.execute("DELETE FROM root WHERE key = ?1", [key.as_bytes()])?;

        Ok(())
    }

    /// Up to `limit` paths in `first..end`, in order.
    pub(super) fn glances(&self, first: &Key, end: &Key, limit: usize) -> Result<Vec<(Key, Glance)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT key, kind, size, modified_ns, mark_ns, inode FROM path
             WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![first.as_bytes(), end.as_bytes(), limit], |row| {
            let glance = Glance {
                kind: kind(row.get(1)?),
                size: row.get::<_, i64>(2)?.cast_unsigned(),
                mark: Mark {
                    modified_ns: row.get(3)?,
                    changed_ns: row.get(4)?,
                    inode: row.get::<_, i64>(5)?.cast_unsigned(),
                },
            };
            Ok((Key::from_stored(row.get(0)?), glance))
        })?;

        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The path itself, if it is kept.
    pub(super) fn glance(&self, key: &Key) -> Result<Option<(Key, Glance)>> {
        let mut end = key.as_bytes().to_vec();
        end.push(0);

        Ok(self.glances(key, &Key::from_stored(end), 1)?.pop())
    }

    /// How many paths are kept.
    pub(super) fn count(&self) -> Result<u64> {
        let count: i64 = self.db.query_row("SELECT count(*) FROM path", [], |row| row.get(0))?;

        Ok(count.cast_unsigned())
    }

    /// Sums over what is kept of a root; `ours` tells which of it belongs to this root and not to one within it.
    pub(super) fn sums(&self, root: &Key, hash_bytes_max: u64, ours: &dyn Fn(&Key) -> bool) -> Result<Sums> {
        let (first, end) = root.beneath();
        let sql = format!(
            "SELECT key, {COLUMNS} FROM path WHERE key = ?1 OR (key >= ?2 AND key < ?3) ORDER BY key"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params![root.as_bytes(), first.as_bytes(), end.as_bytes()])?;
        let mut hasher = Sha256::new();
        let mut sums = Sums { paths: 0, bytes: 0, unreadable: 0, digest: Digest([0; 32]) };
        while let Some(row) = rows.next()? {
            let key = Key::from_stored(row.get(0)?);
            if !ours(&key) {
                continue;
            }
            let entry = entry(row, 1)?;
            sums.paths += 1;
            match (entry.state.kind, entry.state.digest) {
                (FileKind::File, Some(_)) => sums.bytes += entry.state.size,
                (FileKind::File, None) if entry.state.size <= hash_bytes_max => sums.unreadable += 1,
                (FileKind::File | FileKind::Directory | FileKind::Link | FileKind::Other, _) => {}
            }
            hash_entry(&mut hasher, &key, &entry.state);
        }
        sums.digest = Digest(hasher.finalize().into());

        Ok(sums)
    }

    pub(super) fn is_taken(&self, root: &Key) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM root WHERE key = ?1")?.exists([root.as_bytes()])?)
    }

    pub(super) fn take(&self, root: &Key, at: Timestamp) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO root VALUES (?1, ?2)", params![root.as_bytes(), at.0])?;

        Ok(())
    }

    pub(super) fn roots(&self) -> Result<Vec<Key>> {
        let mut statement = self.db.prepare("SELECT key FROM root ORDER BY key")?;
        let keys = statement.query_map([], |row| Ok(Key::from_stored(row.get(0)?)))?;

        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// The last moment up to which every change is known to have been told.
    pub(super) fn watched_until(&self) -> Result<Option<Timestamp>> {
        let found = self
            .db
            .query_row("SELECT at FROM moment WHERE name = 'watched_until'", [], |row| row.get(0))
            .optional()?;

        Ok(found.map(Timestamp))
    }

    pub(super) fn set_watched_until(&self, at: Timestamp) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO moment VALUES ('watched_until', ?1)", [at.0])?;

        Ok(())
    }
}

/// Everything of a state that an equal tree elsewhere shares: times are left out.
fn hash_entry(hasher: &mut Sha256, key: &Key, state: &FileState) {
    let mut field = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(bytes);
    };
    field(key.as_bytes());
    field(&kind_number(state.kind).to_le_bytes());
    field(&state.size.to_le_bytes());
    field(state.digest.as_ref().map_or(&[], |digest| digest.0.as_slice()));
    field(&state.mode.to_le_bytes());
    field(state.owner.as_bytes());
    field(state.group.as_bytes());
    field(&state.link_target.as_ref().map(HostPath::to_bytes).unwrap_or_default());
    field(state.attributes.as_ref().map_or(&[], |digest| digest.0.as_slice()));
}

fn kind_number(kind: FileKind) -> i64 {
    match kind {
        FileKind::File => 0,
        FileKind::Directory => 1,
        FileKind::Link => 2,
        FileKind::Other => 3,
    }
}

fn kind(number: i64) -> FileKind {
    match number {
        0 => FileKind::File,
        1 => FileKind::Directory,
        2 => FileKind::Link,
        _ => FileKind::Other,
    }
}

fn entry(row: &Row<'_>, from: usize) -> rusqlite::Result<Entry> {
    let digest = |at: usize| row.get::<_, Option<[u8; 32]>>(from + at).map(|found| found.map(Digest));
    let modified_ns: i64 = row.get(from + 6)?;
    let mark = Mark {
        modified_ns,
        changed_ns: row.get(from + 8)?,
        inode: row.get::<_, i64>(from + 9)?.cast_unsigned(),
    };
    let target: Option<Vec<u8>> = row.get(from + 10)?;

    Ok(Entry {
        state: FileState {
            kind: kind(row.get(from)?),
            size: row.get::<_, i64>(from + 1)?.cast_unsigned(),
            digest: digest(2)?,
            mode: row.get(from + 3)?,
            owner: row.get(from + 4)?,
            group: row.get(from + 5)?,
            modified: moment(modified_ns),
            changed: moment(row.get(from + 7)?),
            link_target: target.map(|bytes| HostPath::from_bytes(&bytes)),
            attributes: digest(11)?,
            flags: None,
        },
        mark,
    })
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(code) => matches!(code, DatabaseCorrupt | NotADatabase),
        // A form of another version of this program.
        None => matches!(error, rusqlite::Error::InvalidQuery),
    }
}

/// Renames the file and its logs out of the way; the first free name counts.
fn put_aside(path: &Path) -> Result<PathBuf> {
    let named = |suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let free = (1..1_000)
        .map(|number| named(&format!(".unreadable-{number}")))
        .find(|aside| !aside.exists())
        .context("a thousand unreadable baselines stand there already")?;
    std::fs::rename(path, &free)?;
    for log in ["-wal", "-shm"] {
        match std::fs::remove_file(named(log)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }

    Ok(free)
}

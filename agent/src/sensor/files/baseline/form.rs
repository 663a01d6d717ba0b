//! The file itself: made, opened, brought from an older form, put aside when it cannot be read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, Row};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;

use super::super::compare::{Entry, Mark, moment};
use super::super::key::Key;
use super::block::Damaged;
use super::{Baseline, Opened};

const FORM: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL                  -- entries in key order, packed; see block.rs
) STRICT;
CREATE TABLE place (
    first BLOB PRIMARY KEY,             -- the first key in the block
    block INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE name (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,                 -- of an owner or group
    checksum INTEGER NOT NULL           -- CRC-32 of number and name
) STRICT;
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    root BLOB NOT NULL,                 -- the root's key
    by TEXT,                            -- who ordered it; NULL: the agent itself
    reason TEXT NOT NULL,
    digest BLOB NOT NULL,
    paths INTEGER NOT NULL
) STRICT;
CREATE TABLE rehash (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    slot INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
";

/// What both forms have.
const SCHEMA_1: &str = "
CREATE TABLE root (
    key BLOB PRIMARY KEY,               -- roots whose first scan was told
    taken_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE moment (
    name TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Rows of the older form in memory at once.
const MOVED_AT_ONCE: usize = 2_048;

/// What is done about a damaged block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// It is dropped, and what lay there measured anew.
    Mended,
    /// The whole file is put aside.
    PutAside,
}

pub(super) fn open(path: &Path, damage: Damage) -> Result<(Baseline, Opened)> {
    match try_open(path, damage) {
        Ok((baseline, true)) => Ok((baseline, Opened::Mended)),
        Ok((baseline, false)) => Ok((baseline, Opened::Sound)),
        Err(error) if is_damage(&error) => {
            let aside = put_aside(path).context("put the unreadable baseline aside")?;
            let (baseline, _) = try_open(path, damage).context("begin a new baseline")?;
            Ok((baseline, Opened::PutAside(aside)))
        }
        Err(error) => Err(error).context("open the baseline"),
    }
}

/// Opens one to compare with, as it is now and however long it is read. It is not read whole first: damage is found
/// where it is.
pub(super) fn open_to_compare(path: &Path) -> Result<Baseline> {
    let db = connect(path).context("open the baseline")?;
    let form: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    anyhow::ensure!(form == FORM, "the baseline has another form; record the folder anew");
    db.execute_batch("BEGIN").context("begin to read the baseline")?;

    Baseline::over(db)
}

/// Opens it; whether some of it had to be mended.
fn try_open(path: &Path, damage: Damage) -> Result<(Baseline, bool)> {
    let db = connect(path)?;
    let form: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match form {
        0 => {
            db.execute_batch(&format!("BEGIN; {SCHEMA_1} {SCHEMA} PRAGMA user_version = {FORM}; COMMIT;"))?
        }
        1 => return Ok((from_form_1(db)?, false)),
        FORM => check_pages(&db)?,
        _ => return Err(rusqlite::Error::InvalidQuery.into()),
    }
    let mut baseline = Baseline::over(db)?;
    let is_mended = baseline.check(damage)?;

    Ok((baseline, is_mended))
}

/// The pages themselves: a block that fell out of a rotten one would look like paths that were never there.
fn check_pages(db: &Connection) -> Result<()> {
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }

    Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None).into())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(32);
    db.busy_timeout(Duration::from_secs(10))?;
    // One process has it open at a time: its index of the log needs no file of its own, and its reads no locks.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "cache_size", -1_024)?;
    db.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
    db.pragma_update(None, "temp_store", "FILE")?;
    // What is forgotten must not stay readable on the disk.
    db.pragma_update(None, "secure_delete", "ON")?;

    Ok(db)
}

/// A row for every path becomes an entry of a block; all of it or nothing.
fn from_form_1(db: Connection) -> Result<Baseline> {
    db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA}"))?;
    let mut baseline = Baseline::over(db)?;
    let mut next = Some(Vec::new());
    while let Some(from) = next {
        let rows = rows_of_form_1(&baseline.db, &from)?;
        next =
            rows.last().filter(|_| rows.len() == MOVED_AT_ONCE).map(|(key, _)| key.successor().into_bytes());
        baseline.put_many(&rows)?;
    }
    baseline.db.execute_batch(&format!("DROP TABLE path; PRAGMA user_version = {FORM}; COMMIT; VACUUM"))?;

    Ok(baseline)
}

fn rows_of_form_1(db: &Connection, from: &[u8]) -> rusqlite::Result<Vec<(Key, Entry)>> {
    let mut statement = db.prepare_cached(
        "SELECT kind, size, digest, mode, owner, grp, modified_ns, changed_ns, mark_ns, inode, target, attributes, key
         FROM path WHERE key >= ?1 ORDER BY key LIMIT ?2",
    )?;
    let limit = i64::try_from(MOVED_AT_ONCE).unwrap_or(i64::MAX);
    let rows = statement.query_map(rusqlite::params![from, limit], |row| {
        Ok((Key::from_stored(row.get(12)?), entry_of_form_1(row)?))
    })?;

    rows.collect()
}

fn entry_of_form_1(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let digest = |at: usize| row.get::<_, Option<[u8; 32]>>(at).map(|found| found.map(Digest));
    let modified_ns: i64 = row.get(6)?;
    let mark = Mark { modified_ns, changed_ns: row.get(8)?, inode: row.get::<_, i64>(9)?.cast_unsigned() };
    let target: Option<Vec<u8>> = row.get(10)?;
    let kind = match row.get(0)? {
        0_i64 => FileKind::File,
        1 => FileKind::Directory,
        2 => FileKind::Link,
        _ => FileKind::Other,
    };

    Ok(Entry {
        state: FileState {
            kind,
            size: row.get::<_, i64>(1)?.cast_unsigned(),
            digest: digest(2)?,
            mode: row.get(3)?,
            owner: row.get(4)?,
            group: row.get(5)?,
            modified: moment(modified_ns),
            changed: moment(row.get(7)?),
            link_target: target.map(|bytes| HostPath::from_bytes(&bytes)),
            attributes: digest(11)?,
            flags: None,
        },
        mark,
    })
}

fn is_damage(error: &anyhow::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    if error.is::<Damaged>() {
        return true;
    }
    let Some(error) = error.downcast_ref::<rusqlite::Error>() else { return false };
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
    crate::os::disk::rename(path, &free)?;
    for log in ["-wal", "-shm"] {
        match std::fs::remove_file(named(log)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }

    Ok(free)
}

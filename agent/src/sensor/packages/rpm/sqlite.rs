//! `rpmdb.sqlite`: one row a package, its header as a blob. Opened read-only; nothing of it is ever written.

use std::path::Path;

use rusqlite::blob::Blob;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::header::Source;
use crate::sensor::packages::database::{Found, PACKAGES_MAX, ReadPackagesError};

/// The system's refusals are told apart from damage: a journal, for one, cannot be read where nothing may be written.
fn damaged(what: &'static str) -> impl Fn(rusqlite::Error) -> ReadPackagesError {
    use std::io::ErrorKind;

    let refusal = |reason| ReadPackagesError::Unreadable { database: "rpm", reason };
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            refusal(ErrorKind::PermissionDenied)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => refusal(ErrorKind::ResourceBusy),
        Some(ErrorCode::SystemIoFailure) => refusal(ErrorKind::Other),
        Some(_) | None => ReadPackagesError::Damaged { database: "rpm", what },
    }
}

pub(super) fn read(path: &Path) -> Result<Found, ReadPackagesError> {
    let database = open(path).map_err(damaged("it cannot be opened as SQLite"))?;
    let mut rows =
        database.prepare("SELECT hnum FROM Packages").map_err(damaged("it has no table of packages"))?;
    let rows = rows
        .query_map([], |row| row.get::<_, i64>(0))
        .map_err(damaged("its table of packages cannot be read"))?;

    let mut found = Found::default();
    let mut last = None;
    for (count, row) in rows.enumerate() {
        let row = row.map_err(damaged("its table of packages cannot be read"))?;
        // A sound table gives its numbers in their order; pages that lead back to themselves make one without an end.
        if last.is_some_and(|last| row <= last) {
            return Err(damaged("its table of packages leads back to itself")(rusqlite::Error::InvalidQuery));
        }
        last = Some(row);
        if count > PACKAGES_MAX {
            return Err(ReadPackagesError::TooMany);
        }
        match database.blob_open(MAIN_DB, "Packages", "blob", row, true) {
            Ok(blob) => found.take_header(&blob)?,
            Err(_) => found.skipped += 1,
        }
    }

    Ok(found)
}

/// Opens a database that somebody else writes, to read it; nothing is made beside it.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let journal = std::fs::metadata(wal).is_ok_and(|metadata| metadata.len() > 0);
    // Immutable makes no files beside the database and needs no locks, but does not see what only the journal has.
    let mode = if journal { "mode=ro" } else { "mode=ro&immutable=1" };
    let uri = format!("file:{}?{mode}", escaped(path));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(uri, flags)?;
    database.pragma_update(None, "cache_size", -512)?;
    database.pragma_update(None, "trusted_schema", false)?;

    Ok(database)
}

fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                text.push(char::from(*byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }

    text
}

impl Source for Blob<'_> {
    fn length(&self) -> usize {
        self.len()
    }

    fn fill(&self, at: usize, buffer: &mut [u8]) -> Option<()> {
        self.read_at_exact(buffer, at).ok()
    }
}

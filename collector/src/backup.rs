//! A backup: database, authority and keys in one file that only its owner may read, checked after it is written.
//!
//! The database is copied by SQLite itself (`VACUUM INTO`), so a running collector may go on writing. The file is the
//! same kind of container as a snapshot. It holds secret keys and is not encrypted: where it is kept decides who can
//! pose as this collector. Restoring it forks the history: what was signed after it was made is not in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use crate::authority::{make_private_dir, write_private};
use crate::config::Config;
use crate::random;
use crate::snapshot::container::{self, Entry};
use crate::store::audit;

/// The form of the file.
const FORMAT: &str = "vonggac-backup/1";
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "collector.db";

/// What a backup says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its form.
    pub format: String,
    /// Version of the program that made it.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Digest of every file in it.
    pub files: BTreeMap<String, Digest>,
}

/// A backup that holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Bytes of the file.
    pub bytes: usize,
    /// Entries of the audit log, whose chain holds.
    pub audit_entries: i64,
}

/// Writes a backup of this collector to a new file, reads it back and checks it.
///
/// # Errors
/// If the file is there already, something cannot be read or written, or what was written does not hold.
pub fn make(config: &Config, out: &Path, now: Timestamp) -> anyhow::Result<Checked> {
    ensure!(!out.exists(), "{} exists", out.display());
    let mut entries = vec![Entry { name: DATABASE.to_owned(), bytes: database(config)? }];
    for (folder, dir) in [("authority", config.authority_dir()), ("keys", config.keys_dir())] {
        let mut paths = Vec::new();
        for file in fs::read_dir(&dir).with_context(|| format!("look into {}", dir.display()))? {
            paths.push(file?.path());
        }
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            let name = path.file_name().and_then(|name| name.to_str()).context("a file name of ours")?;
            let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
            entries.push(Entry { name: format!("{folder}/{name}"), bytes });
        }
    }
    let files = entries.iter().map(|entry| (entry.name.clone(), Digest::of(&entry.bytes))).collect();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        files,
    };
    entries.insert(0, Entry { name: MANIFEST.to_owned(), bytes: serde_json::to_vec_pretty(&manifest)? });
    write_private(out, &container::encode(&entries)?)?;

    check(out).context("check what was written")
}

/// Checks a backup: container, digests, database and the chain of its audit log.
///
/// # Errors
/// With the part that does not hold.
pub fn check(path: &Path) -> anyhow::Result<Checked> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let entries = container::decode(&bytes).map_err(|damaged| {
        anyhow::anyhow!("{}: {}", damaged.entry.unwrap_or_else(|| "container".to_owned()), damaged.cause)
    })?;
    let mut entries = entries.into_iter();
    let first = entries.next().filter(|entry| entry.name == MANIFEST).context("manifest.json is missing")?;
    let manifest: Manifest = serde_json::from_slice(&first.bytes).context("manifest.json")?;
    ensure!(manifest.format == FORMAT, "manifest.json: format {:?}, expected {FORMAT:?}", manifest.format);
    ensure!(serde_json::to_vec_pretty(&manifest)? == first.bytes, "manifest.json: not in its one form");
    let entries: BTreeMap<String, Vec<u8>> = entries.map(|entry| (entry.name, entry.bytes)).collect();
    let found = entries.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes))).collect();
    if manifest.files != found {
        let differs = |name: &&String| manifest.files.get(*name) != found.get(*name);
        let part = manifest.files.keys().chain(found.keys()).find(differs);
        bail!("{}: its digest differs", part.map_or("manifest.json", String::as_str));
    }
    for needed in ["authority/authority.der", "keys/snapshot.key"] {
        ensure!(entries.contains_key(needed), "{needed}: is missing");
    }
    let database = entries.get(DATABASE).context("collector.db: is missing")?;
    let audit_entries = check_database(database).context(DATABASE)?;

    Ok(Checked { manifest, bytes: bytes.len(), audit_entries })
}

/// The database as of now, copied in one transaction, beside the database itself where nobody else may look.
fn database(config: &Config) -> anyhow::Result<Vec<u8>> {
    let from = config.database_path();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&from, flags).with_context(|| format!("open {}", from.display()))?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let copy = config.data_dir.join(format!("backup-{}.tmp", std::process::id()));
    let copied = db
        .execute("VACUUM INTO ?1", [copy.to_str().context("the data folder's name is not UTF-8")?])
        .context("copy the database")
        .and_then(|_| fs::read(&copy).context("read the copy"));
    // The copy holds the same secrets as the database and must not stay.
    let removed = fs::remove_file(&copy);
    let bytes = copied?;
    removed.context("remove the copy")?;

    Ok(bytes)
}

/// Looks into the database in a private folder of its own, which is gone afterwards.
fn check_database(bytes: &[u8]) -> anyhow::Result<i64> {
    let folder =
        std::env::temp_dir().join(format!("vonggac-check-{:032x}", u128::from_be_bytes(random::bytes()?)));
    make_private_dir(&folder)?;
    let checked =
        write_private(&folder.join(DATABASE), bytes).and_then(|()| look_into(&folder.join(DATABASE)));
    fs::remove_dir_all(&folder).context("remove the copy")?;

    checked
}

fn look_into(path: &Path) -> anyhow::Result<i64> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db =
        Connection::open_with_flags(format!("file:{}?immutable=1", path.display()), flags).context("open")?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "{verdict}");

    audit::verify(&db)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    async fn collector() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().join("data"), ..Config::with_defaults() };
        crate::cli::initialise(&config, "quan-tri").await.unwrap();
        (folder, config)
    }

    #[tokio::test]
    async fn a_backup_holds_everything_and_is_readable_by_its_owner_only() {
        let (folder, config) = collector().await;
        let out = folder.path().join("b.zip");

        let made = make(&config, &out, Timestamp(1_795_000_000_000)).unwrap();

        assert_eq!(check(&out).unwrap(), made);
        assert!(made.manifest.files.contains_key("authority/authority.key"));
        assert!(made.audit_entries > 0);
        assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(make(&config, &out, Timestamp(0)).is_err(), "nothing is overwritten");
        let left = fs::read_dir(&config.data_dir).unwrap().filter_map(Result::ok);
        assert_eq!(left.filter(|file| file.file_name().to_string_lossy().contains("tmp")).count(), 0);
    }

    #[tokio::test]
    async fn an_altered_backup_is_told_by_its_part() {
        let (folder, config) = collector().await;
        let out = folder.path().join("b.zip");
        make(&config, &out, Timestamp(1_795_000_000_000)).unwrap();
        let bytes = fs::read(&out).unwrap();

        for at in (0..bytes.len()).step_by(4_099) {
            let mut altered = bytes.clone();
            altered[at] ^= 4;
            fs::write(&out, &altered).unwrap();
            let error = format!("{:#}", check(&out).unwrap_err());
            assert!(error.contains(':'), "byte {at}: {error}");
        }
    }
}

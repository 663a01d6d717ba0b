//! A file of the older form.

use rusqlite::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::super::super::key::Key;
use super::super::{Baseline, Opened, Taking};
use super::{all, numbered};

const FORM_1: &str = "
CREATE TABLE path (
    key BLOB PRIMARY KEY, kind INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB, mode INTEGER NOT NULL,
    owner TEXT NOT NULL, grp TEXT NOT NULL, modified_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
    mark_ns INTEGER NOT NULL, inode INTEGER NOT NULL, target BLOB, attributes BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE root (key BLOB PRIMARY KEY, taken_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE moment (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO root VALUES (x'00737276', 3);
INSERT INTO moment VALUES ('watched_until', 17);
PRAGMA user_version = 1;
";

#[test]
fn a_file_of_the_older_form_is_brought_over_and_nothing_of_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    let mut entries: Vec<_> = (0..5_000).map(numbered).collect();
    entries[7].1.state.link_target = Some(HostPath::from_bytes(b"../\xff"));
    entries[8].1.state.attributes = Some(Digest::of(b"acl"));
    entries[9].1.state.digest = None;
    entries[10].1.mark.changed_ns = i64::MIN;
    {
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch(FORM_1).unwrap();
        db.execute_batch("BEGIN").unwrap();
        for (key, entry) in &entries {
            let (state, mark) = (&entry.state, entry.mark);
            db.execute(
                "INSERT INTO path VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                rusqlite::params![
                    key.as_bytes(),
                    state.size.cast_signed(),
                    state.digest.map(|digest| digest.0),
                    state.mode,
                    state.owner,
                    state.group,
                    mark.modified_ns,
                    state.changed.0 * 1_000_000,
                    mark.changed_ns,
                    mark.inode.cast_signed(),
                    state.link_target.as_ref().map(HostPath::to_bytes),
                    state.attributes.map(|digest| digest.0),
                ],
            )
            .unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
    }
    let before = std::fs::metadata(&path).unwrap().len();

    let (baseline, opened) = Baseline::open(&path).unwrap();

    assert_eq!(opened, Opened::Sound);
    assert_eq!(all(&baseline), entries);
    assert_eq!(baseline.count().unwrap(), 5_000);
    assert_eq!(baseline.watched_until().unwrap(), Some(Timestamp(17)));
    assert!(baseline.is_taken(&Key::of(std::path::Path::new("/srv"))).unwrap());
    baseline.wipe_log().unwrap();
    drop(baseline);
    assert!(std::fs::metadata(&path).unwrap().len() < before / 2);
    let (baseline, opened) = Baseline::open(&path).unwrap();
    assert_eq!((opened, all(&baseline)), (Opened::Sound, entries));
}

#[test]
fn the_history_of_a_root_and_how_far_the_rereading_came_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    let root = Key::of(std::path::Path::new("/srv"));
    let taking = |at, by: Option<&str>| Taking {
        at: Timestamp(at),
        root: root.clone(),
        by: by.map(str::to_owned),
        reason: "lý do".into(),
        digest: Digest::of(b"all"),
        paths: 9,
    };
    let (mut baseline, _) = Baseline::open(&path).unwrap();
    assert_eq!(baseline.rehash_state().unwrap(), None);
    baseline.append_history(&taking(1, None)).unwrap();
    baseline.append_history(&taking(2, Some("Nguyễn Văn A"))).unwrap();
    baseline.set_rehash_state(3, Timestamp(8)).unwrap();
    baseline.set_rehash_state(4, Timestamp(9)).unwrap();
    baseline.forget_tree(&root).unwrap();
    drop(baseline);

    let (baseline, _) = Baseline::open(&path).unwrap();

    assert_eq!(baseline.history(&root).unwrap(), [taking(1, None), taking(2, Some("Nguyễn Văn A"))]);
    assert_eq!(baseline.rehash_state().unwrap(), Some((4, Timestamp(9))));
}

/// Written by another program from the description in `block.rs`.
#[test]
fn the_form_of_a_block_stays_what_it_is() {
    let written = include_bytes!("../../../../../../tests/corpus/baseline_block/whole");

    assert_eq!(super::super::block::reread(written).as_deref(), Some(written.as_slice()));
}

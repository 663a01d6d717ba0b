//! What a rotten disk and a power cut leave behind.

use std::path::Path;

use proptest::prelude::*;
use rusqlite::Connection;
use vonggac_protocol::time::Timestamp;

use super::super::super::key::Key;
use super::super::{Baseline, Opened, block};
use super::{all, numbered, stated};

const COUNT: u64 = 1_000;

fn key(path: &str) -> Key {
    Key::of(Path::new(path))
}

/// A baseline of two roots, closed.
fn laid(path: &Path) {
    let (mut baseline, _) = Baseline::open(path).unwrap();
    baseline.put_many(&(0..COUNT).map(numbered).collect::<Vec<_>>()).unwrap();
    for root in ["/etc", "/srv"] {
        baseline.take(&key(root), Timestamp(5)).unwrap();
    }
    baseline.put(&key("/etc/passwd"), &stated(0, 0)).unwrap();
    baseline.wipe_log().unwrap();
}

/// Rots one bit of the body of one block, in a way that the database does not notice.
fn rot(path: &Path, block: usize, bit: usize) {
    let db = Connection::open(path).unwrap();
    let ids: Vec<i64> = {
        let mut statement = db.prepare("SELECT id FROM block ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let id = ids[block % ids.len()];
    let mut body: Vec<u8> =
        db.query_row("SELECT body FROM block WHERE id = ?1", [id], |row| row.get(0)).unwrap();
    let bit = bit % (body.len() * 8);
    body[bit / 8] ^= 1 << (bit % 8);
    db.execute("UPDATE block SET body = ?2 WHERE id = ?1", (id, body)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_in_any_block_is_noticed_and_costs_that_block_alone(block: usize, bit: usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.db");
        laid(&path);
        rot(&path, block, bit);

        let (baseline, opened) = Baseline::open(&path).unwrap();

        prop_assert_eq!(opened, Opened::Mended);
        let left = all(&baseline);
        prop_assert_eq!(u64::try_from(left.len()).unwrap(), baseline.count().unwrap());
        prop_assert!(left.len() > 850 && left.len() < 1_001, "{}", left.len());
        for (key, entry) in left {
            let number = entry.state.size;
            prop_assert_eq!(&entry, &stated(number, 0));
            prop_assert!(key == numbered(number).0 || number == 0);
        }
        prop_assert!(!baseline.is_taken(&key("/srv")).unwrap());
        drop(baseline);
        prop_assert_eq!(Baseline::open(&path).unwrap().1, Opened::Sound);
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_file_never_changes_what_is_known(bit in any::<proptest::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.db");
        laid(&path);
        let before = all(&Baseline::open(&path).unwrap().0);
        let mut bytes = std::fs::read(&path).unwrap();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();

        let (baseline, opened) = Baseline::open(&path).unwrap();

        let after = all(&baseline);
        match opened {
            Opened::Sound => prop_assert_eq!(after, before),
            Opened::Mended => prop_assert!(after.iter().all(|entry| before.contains(entry))),
            Opened::PutAside(_) => prop_assert_eq!(after, []),
        }
    }

    /// A body that does not carry its checksum cannot come from us: whatever it is, it is refused or read the same twice.
    #[test]
    fn foreign_bytes_are_no_block(bytes: Vec<u8>) {
        if let Some(again) = block::reread(&block::sealed(&bytes)) {
            prop_assert_eq!(block::reread(&again), Some(again));
        }
    }
}

#[test]
fn a_key_that_lies_where_no_look_up_finds_it_is_no_trouble_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    laid(&path);
    let sound = std::fs::read(&path).unwrap();
    let places: Vec<Vec<u8>> = {
        let db = Connection::open(&path).unwrap();
        let mut query = db.prepare("SELECT first FROM place").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut put_aside = 0;
    for first in places.iter().filter(|first| first.len() > 2) {
        for at in (0..sound.len() - first.len()).filter(|at| sound[*at..].starts_with(first)) {
            let mut bytes = sound.clone();
            bytes[at + 1] ^= 0x80;
            std::fs::write(&path, bytes).unwrap();

            let (baseline, opened) = Baseline::open(&path).unwrap();

            all(&baseline);
            drop(baseline);
            put_aside += u32::from(matches!(opened, Opened::PutAside(_)));
            assert_eq!(Baseline::open(&path).unwrap().1, Opened::Sound);
        }
    }

    assert!(put_aside > 0, "no key lay where it could not be found");
}

#[test]
fn roots_that_a_damaged_block_does_not_reach_stay_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    laid(&path);
    rot(&path, 9, 77);

    let (baseline, _) = Baseline::open(&path).unwrap();

    assert!(baseline.is_taken(&key("/etc")).unwrap() && !baseline.is_taken(&key("/srv")).unwrap());
}

#[test]
fn a_damaged_block_found_on_the_way_is_an_error_and_never_an_absence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    laid(&path);
    let (baseline, _) = Baseline::open(&path).unwrap();
    baseline.db.execute("UPDATE block SET body = zeroblob(100) WHERE id = 2", []).unwrap();

    let found: Vec<_> = (0..COUNT).map(|number| baseline.find(&numbered(number).0)).collect();

    assert!(found.iter().any(Result::is_err));
    assert!(found.iter().flatten().all(Option::is_some));
}

#[test]
fn a_place_that_leads_nowhere_or_elsewhere_is_noticed() {
    for harm in [
        "DELETE FROM block WHERE id = 4",
        "UPDATE place SET block = 5 WHERE block = 4",
        "UPDATE place SET first = CAST(first || x'61' AS BLOB) WHERE block = 4",
        "UPDATE place SET first = x'00' WHERE block = 4",
        "UPDATE place SET first = x'ff' WHERE block = 4",
        "UPDATE name SET name = 'toor' WHERE name = 'root'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.db");
        laid(&path);
        Connection::open(&path).unwrap().execute(harm, []).unwrap();

        let (mut baseline, opened) = Baseline::open(&path).unwrap();

        assert_eq!(opened, Opened::Mended, "{harm}");
        assert!(!baseline.is_taken(&key("/srv")).unwrap(), "{harm}");
        baseline.put_many(&(0..COUNT).map(numbered).collect::<Vec<_>>()).unwrap();
        assert_eq!(baseline.find(&numbered(700).0).unwrap(), Some(stated(700, 0)), "{harm}");
        drop(baseline);
        assert_eq!(Baseline::open(&path).unwrap().1, Opened::Sound, "{harm}");
    }
}

#[test]
fn whoever_asks_for_a_whole_baseline_gets_no_mended_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    laid(&path);
    rot(&path, 3, 999);

    let (baseline, aside) = Baseline::open_whole(&path).unwrap();

    assert!(aside.unwrap().exists());
    assert_eq!(baseline.count().unwrap(), 0);
}

#[test]
fn what_is_forgotten_is_not_readable_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    let (mut baseline, _) = Baseline::open(&path).unwrap();
    baseline.put_many(&(0..COUNT).map(numbered).collect::<Vec<_>>()).unwrap();
    let folder = key("/srv/0200/gone-folder");
    baseline.put(&key("/srv/0100/gone-alone"), &stated(1, 1)).unwrap();
    // Enough that some of them begin a block.
    let beneath = |number| (key(&format!("/srv/0200/gone-folder/{number:03}-gone-too")), stated(number, 0));
    baseline.put_many(&(0..300).map(beneath).collect::<Vec<_>>()).unwrap();
    baseline.wipe_log().unwrap();
    let holds = |wanted: &[u8]| {
        std::fs::read_dir(dir.path()).unwrap().flatten().any(|file| {
            std::fs::read(file.path()).unwrap().windows(wanted.len()).any(|window| window == wanted)
        })
    };
    assert!(holds(b"gone-alone") && holds(b"gone-folder") && holds(b"gone-too"));

    baseline.remove(&key("/srv/0100/gone-alone")).unwrap();
    baseline.forget_tree(&folder).unwrap();
    baseline.wipe_log().unwrap();

    assert!(!holds(b"gone-") && holds(b"/srv".map(|byte| if byte == b'/' { 0 } else { byte }).as_slice()));
    assert_eq!(baseline.count().unwrap(), COUNT);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The files as they lie at some moment, the end of the log not all there yet, are what a power cut leaves.
    #[test]
    fn after_a_power_cut_at_worst_the_last_confirmations_are_missing(
        batches in proptest::collection::vec(proptest::collection::btree_map(0_u64..2_000, 0_u64..4, 1..200), 2..12),
        cut in any::<proptest::sample::Index>(),
        torn in 0_u64..20_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, after) = (dir.path().join("baseline.db"), dir.path().join("after.db"));
        let (mut baseline, _) = Baseline::open(&path).unwrap();
        let (mut states, mut model) = (vec![Vec::new()], std::collections::BTreeMap::new());
        let cut = cut.index(batches.len());
        for (at, batch) in batches.into_iter().enumerate() {
            // Version 0: it is gone.
            let changes: std::collections::BTreeMap<_, _> = batch
                .into_iter()
                .map(|(number, version)| (numbered(number).0, (version > 0).then(|| stated(number, version))))
                .collect();
            let sorted: Vec<_> = changes.iter().map(|(key, entry)| (key, entry.as_ref())).collect();
            baseline.put_or_remove(&sorted).unwrap();
            for (key, entry) in changes {
                match entry {
                    Some(entry) => drop(model.insert(key, entry)),
                    None => drop(model.remove(&key)),
                }
            }
            states.push(model.clone().into_iter().collect());
            if at == cut {
                std::fs::copy(&path, &after).unwrap();
                let log = std::fs::read(dir.path().join("baseline.db-wal")).unwrap();
                let kept = log.len().saturating_sub(usize::try_from(torn).unwrap());
                std::fs::write(dir.path().join("after.db-wal"), &log[..kept]).unwrap();
            }
        }

        let (reopened, opened) = Baseline::open(&after).unwrap();

        prop_assert_eq!(opened, Opened::Sound);
        let found = all(&reopened);
        prop_assert!(states.contains(&found), "{} paths are of no moment", found.len());
        if torn == 0 {
            prop_assert_eq!(&found, &states[cut + 1]);
        }
    }
}

//! The store against a plain map, against damage, and against power cuts.

mod damage;
mod form;
mod model;
#[cfg(unix)]
mod speed;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};

use super::super::compare::{Entry, Mark, moment};
use super::super::key::Key;
use super::{Baseline, Rows};

/// A path of a tree in which directories hold ten names each, and what a first measurement finds there.
fn numbered(number: u64) -> (Key, Entry) {
    let key = Key::of(std::path::Path::new(&format!("/srv/{:04}/name-{number:06}", number / 10)));

    (key, stated(number, 0))
}

/// The same with the content it has after so many changes.
fn stated(number: u64, version: u64) -> Entry {
    let at = 1_795_000_000_000_000_000 + i64::try_from(number * 7_919 + version * 1_000_003).unwrap();

    Entry {
        state: FileState {
            kind: FileKind::File,
            size: number,
            digest: Some(Digest::of(format!("{number} {version}").as_bytes())),
            mode: 0o644,
            owner: "root".into(),
            group: if number.is_multiple_of(3) { "adm".into() } else { "root".into() },
            modified: moment(at),
            changed: moment(at),
            link_target: None,
            attributes: None,
            flags: None,
        },
        mark: Mark { modified_ns: at, changed_ns: at, inode: number + 100 },
    }
}

/// Everything it holds, as the stream gives it and as it is found.
fn all(baseline: &Baseline) -> Vec<(Key, Entry)> {
    let mut rows = Rows::of_root(&Key::from_stored(Vec::new()));
    let mut found = Vec::new();
    while rows.fill(baseline).unwrap() {
        while let Some((key, glance)) = rows.peek() {
            let key = Key::from_stored(key.to_vec());
            let entry = baseline.find(&key).unwrap().unwrap();
            let seen = (glance.kind, glance.size, glance.mark);
            assert_eq!(seen, (entry.state.kind, entry.state.size, entry.mark));
            found.push((key, entry));
            rows.pop().unwrap();
        }
    }

    found
}

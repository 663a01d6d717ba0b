//! The spool under power cuts, flipped bits, full disks and long lives.
//!
//! | module | subject |
//! |---|---|
//! | `damage` | torn tails, flipped bytes, lost files |
//! | `forms` | what older versions wrote |
//! | `life` | numbering, limit, forgetting, renewal |
//! | `model` | any order of operations against a model |

mod damage;
mod forms;
mod life;
mod model;

use std::path::{Path, PathBuf};

use super::*;

const EPOCH: Epoch = Epoch(0x0123_4567_89ab_cdef);
const OTHER_EPOCH: Epoch = Epoch(7);

fn small() -> Limits {
    Limits { bytes_max: 1024 * 1024, segment_bytes: 4096 }
}

fn open(dir: &Path) -> (Spool, Recovered) {
    Spool::open(dir, small(), OTHER_EPOCH).unwrap()
}

fn new_spool() -> (tempfile::TempDir, PathBuf, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    let (spool, recovered) = Spool::open(&dir, small(), EPOCH).unwrap();
    assert!(recovered.epoch_is_new && recovered.is_clean());

    (folder, dir, spool)
}

fn record(lane: Lane, number: u64) -> Record {
    let bytes = format!("record {number} ").repeat(1 + usize::try_from(number % 5).unwrap()).into_bytes();

    Record { lane, at: Timestamp(i64::try_from(number).unwrap() * 1000), bytes }
}

/// A thousand bytes that cannot be packed.
fn noise(seed: i64) -> Vec<u8> {
    let mut state = seed.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };

    (0..125).flat_map(|_| next()).collect()
}

fn prompt(numbers: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    numbers.map(|number| record(Lane::Prompt, number)).collect()
}

fn read_all(spool: &mut Spool, lane: Lane) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut from = Seq(1);
    loop {
        let some = spool.read(lane, from, 7, 1000).unwrap();
        let Some((last, _)) = some.last() else { return all };
        from = last.next();
        all.extend(some.into_iter().map(|(seq, bytes)| (seq.0, bytes)));
    }
}

/// What record n at place n reads back as.
fn expected(lane: Lane, numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    numbers.into_iter().map(|number| (number, record(lane, number).bytes)).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

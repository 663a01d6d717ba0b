//! What last left this machine, readable: `last-sent.jsonl`, one line a frame that carried something.
//!
//! Two files at most, each at most [`FILE_BYTES_MAX`] and one line: the newer one is appended to, and takes the
//! older one's place when it is full.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vonggac_protocol::frame::Batch;
use vonggac_protocol::hello::Hello;
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use crate::keep;
use crate::os::disk;

/// Enough for some thousand file changes; an administrator looks at the last ones.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

const NEWER: &str = "last-sent.jsonl";
const OLDER: &str = "last-sent.older.jsonl";

/// The line of a batch: its observations as they were packed, read back.
#[must_use]
pub fn line_of_batch(at: Timestamp, batch: &Batch, observations: &[Vec<u8>], frame_bytes: usize) -> Value {
    let raw_bytes: usize = observations.iter().map(Vec::len).sum();
    let observations: Vec<Value> = observations
        .iter()
        .map(|bytes| match Observation::decode(bytes) {
            Ok(observation) => json!(observation),
            Err(error) => json!({ "unreadable": error.to_string(), "bytes": bytes.len() }),
        })
        .collect();

    json!({
        "at": at,
        "what": "batch",
        "epoch": batch.epoch,
        "lane": batch.lane,
        "first": batch.first,
        "gap_before": batch.gap_before,
        "count": batch.count,
        "raw_bytes": raw_bytes,
        "packed_bytes": batch.packed.len(),
        "frame_bytes": frame_bytes,
        "observations": observations,
    })
}

/// The line of a hello.
#[must_use]
pub fn line_of_hello(at: Timestamp, hello: &Hello, frame_bytes: usize) -> Value {
    json!({ "at": at, "what": "hello", "frame_bytes": frame_bytes, "hello": hello })
}

/// Adds a line.
///
/// # Errors
/// If the disk refuses.
pub fn note(state_dir: &Path, line: &Value) -> io::Result<()> {
    let newer = state_dir.join(NEWER);
    if fs::metadata(&newer).is_ok_and(|found| found.len() > FILE_BYTES_MAX) {
        disk::rename(&newer, &state_dir.join(OLDER))?;
    }
    let mut bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
    bytes.push(b'\n');

    keep::append(&newer)?.write_all(&bytes)
}

/// The last `count` lines, oldest first.
///
/// # Errors
/// If a file is there and cannot be read.
pub fn last(state_dir: &Path, count: usize) -> io::Result<Vec<Value>> {
    let mut lines = Vec::new();
    for path in [state_dir.join(OLDER), state_dir.join(NEWER)] {
        lines.extend(read(&path)?);
    }
    let skip = lines.len().saturating_sub(count);

    Ok(lines.split_off(skip))
}

fn read(path: &PathBuf) -> io::Result<Vec<Value>> {
    match fs::read_to_string(path) {
        // The last line may be cut off by a crash.
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_stay_within_their_bound_and_the_last_lines_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let filling = "x".repeat(100_000);

        for number in 0..60 {
            note(folder.path(), &json!({ "number": number, "filling": filling })).unwrap();
        }

        let sizes: u64 =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(sizes < 2 * (FILE_BYTES_MAX + 110_000), "{sizes}");
        let last = last(folder.path(), 2).unwrap();
        assert_eq!(last.iter().map(|line| line["number"].as_u64().unwrap()).collect::<Vec<_>>(), [58, 59]);
    }
}

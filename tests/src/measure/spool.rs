//! The spool against what it was before and against `SQLite`, in one run on one disk: real observations in groups of
//! 100, one wait for the disk each.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use rusqlite::Connection;
use serde_json::{Map, Value};
use vonggac_agent::spool::{Limits, Record, Spool};
use vonggac_protocol::id::{Epoch, Lane};
use vonggac_protocol::observation::Observation;

use super::wire::corpus::{Half, observe};
use super::{progress, quantile, rounded};
use crate::programs::instant;

const GROUP: usize = 100;

/// Groups of one round; the three take turns, so that what else the machine does falls on all of them.
const GROUPS: usize = 200;

const ROUNDS: usize = 5;

/// Bytes of a record's header in form 1.
const FORM_1_HEADER: [u8; 28] = [0; 28];

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let records = observe(Half::Measuring)?
        .observations
        .into_iter()
        .map(|bytes| Ok(Record { lane: Lane::Prompt, at: Observation::decode(&bytes)?.at, bytes }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let groups: Vec<Vec<Record>> = records.chunks_exact(GROUP).map(<[Record]>::to_vec).collect();
    anyhow::ensure!(groups.len() > 3, "enough was observed");
    let folder = tempfile::tempdir()?;
    let ways: [(&str, Way); 3] = [("form_2", form_2), ("form_1", form_1), ("sqlite", sqlite)];
    let mut rates: [Vec<f64>; 3] = Default::default();
    let mut bytes = [0; 3];
    for round in 0..ROUNDS {
        progress(&format!("round {} of {ROUNDS}", round + 1));
        for (at, (name, way)) in ways.iter().enumerate() {
            let dir = folder.path().join(format!("{name}-{round}"));
            std::fs::create_dir(&dir)?;
            let start = instant();
            bytes[at] = way(&dir, &groups)?;
            rates[at].push(f64::from(u32::try_from(GROUP * GROUPS)?) / start.elapsed().as_secs_f64());
            std::fs::remove_dir_all(&dir)?;
        }
    }
    let mut map = Map::new();
    let count = f64::from(u32::try_from(GROUP * GROUPS)?);
    let mut best = Vec::new();
    for ((name, _), (mut rates, bytes)) in ways.iter().zip(rates.into_iter().zip(bytes)) {
        rates.sort_by(f64::total_cmp);
        let rate = quantile(&rates, 0.5).context("rounds")?;
        best.push(rate);
        map.insert(format!("{name}_records_per_s"), rate.round().into());
        map.insert(format!("{name}_bytes_per_record"), rounded(f64::from(u32::try_from(bytes)?) / count));
    }
    map.insert("records_per_s".to_owned(), best[0].round().into());
    map.insert("bytes_per_record".to_owned(), map["form_2_bytes_per_record"].clone());
    map.insert("ratio_to_form_1".to_owned(), rounded(best[0] / best[1]));
    map.insert("ratio_to_sqlite".to_owned(), rounded(best[0] / best[2]));
    map.insert(
        "ratio_to".to_owned(),
        "SQLite in WAL, synchronous FULL; one wait for the disk per 100".into(),
    );

    Ok(map)
}

/// Writes all groups into a folder; says how many bytes the records took.
type Way = fn(&Path, &[Vec<Record>]) -> anyhow::Result<u64>;

fn form_2(dir: &Path, groups: &[Vec<Record>]) -> anyhow::Result<u64> {
    let limits = Limits { bytes_max: 1 << 30, ..Limits::default() };
    let (mut spool, _) = Spool::open(&dir.join("spool"), limits, Epoch(1))?;
    for group in groups.iter().cycle().take(GROUPS) {
        spool.append(group)?;
    }
    anyhow::ensure!(spool.dropped() == 0, "nothing was dropped");

    Ok(spool.used_bytes())
}

/// As version 0.1.0 wrote, but for its checksums: records as they are, in a file that grows.
fn form_1(dir: &Path, groups: &[Vec<Record>]) -> anyhow::Result<u64> {
    let segment_bytes = Limits::default().segment_bytes;
    let (mut all, mut bytes, mut number) = (0, 0, 0);
    let mut file = File::create(dir.join("0.seg"))?;
    for group in groups.iter().cycle().take(GROUPS) {
        if bytes >= segment_bytes {
            number += 1;
            file = File::create(dir.join(format!("{number}.seg")))?;
            file.sync_all()?;
            File::open(dir)?.sync_all()?;
            bytes = 0;
        }
        let mut buffer = Vec::new();
        for record in group {
            buffer.extend_from_slice(&FORM_1_HEADER);
            buffer.extend_from_slice(&record.bytes);
        }
        file.write_all(&buffer)?;
        file.sync_data()?;
        bytes += u64::try_from(buffer.len())?;
        all += u64::try_from(buffer.len())?;
    }

    Ok(all)
}

fn sqlite(dir: &Path, groups: &[Vec<Record>]) -> anyhow::Result<u64> {
    let path = dir.join("spool.db");
    let mut db = Connection::open(&path)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.execute_batch(
        "CREATE TABLE record (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL)",
    )?;
    for group in groups.iter().cycle().take(GROUPS) {
        let tx = db.transaction()?;
        {
            let mut insert = tx.prepare_cached("INSERT INTO record (at, body) VALUES (?1, ?2)")?;
            for record in group {
                insert.execute((record.at.0, &record.bytes))?;
            }
        }
        tx.commit()?;
    }
    drop(db);

    Ok(std::fs::metadata(path)?.len())
}

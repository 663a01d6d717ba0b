//! Every change arrives exactly once, whoever is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use serde_json::{Map, Value};
use vonggac_protocol::file::FileAction;
use vonggac_protocol::observation::{Kind, Observation};

use super::{progress, this_executable};
use crate::programs::{Province, rest, wait_for};

const CHANGES: u32 = 10_000;
const KILLS_OF_EACH: u32 = 20;

/// Changes between two rests, so that the killing falls into the middle of the work.
const CHANGES_PER_BURST: u32 = 50;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    let mut collector = province.serve()?;
    province.enrol("agent", &Province::watch_only("application", &data))?;
    let mut agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;

    let writing = std::thread::spawn({
        let data = data.clone();
        move || write_all(&data)
    });
    let mut chance = Chance::new(0x5eed);
    for kill in 1..=KILLS_OF_EACH {
        rest(Duration::from_millis(300 + chance.below(1_200)));
        agent.kill_nine()?;
        agent = province.watch("agent")?;
        rest(Duration::from_millis(300 + chance.below(1_200)));
        collector.kill_nine()?;
        collector = province.serve()?;
        progress(&format!("kill {kill} of {KILLS_OF_EACH} of each"));
    }
    writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    progress("all changes made; waiting until they stand still at the collector");

    let store = province.dir.join("collector").join("collector.db");
    let mut before = 0;
    wait_for("every change, or stillness", Duration::from_secs(180), || {
        rest(Duration::from_secs(2));
        let kept = arrivals(&store).ok()?.values().sum::<u32>();
        let still = kept == before && kept >= CHANGES;
        before = kept;
        still.then_some(())
    })
    .or_else(|_| anyhow::Ok(()))?;
    drop((agent, collector));

    let arrivals = arrivals(&store)?;
    let doubled: u32 = arrivals.values().map(|times| times - 1).sum();
    let kept = u32::try_from(arrivals.len())?;
    let mut map = Map::new();
    map.insert("sent".to_owned(), CHANGES.into());
    map.insert("kept".to_owned(), kept.into());
    map.insert("doubled".to_owned(), doubled.into());
    map.insert("lost".to_owned(), (CHANGES - kept.min(CHANGES)).into());
    map.insert("kills_of_agent".to_owned(), KILLS_OF_EACH.into());
    map.insert("kills_of_collector".to_owned(), KILLS_OF_EACH.into());

    Ok(map)
}

/// Makes the changes: files of their own, so that each is one change whatever is merged in between.
fn write_all(data: &Path) -> anyhow::Result<()> {
    for number in 0..CHANGES {
        std::fs::write(data.join(format!("record-{number:05}")), format!("{number}"))?;
        if number % CHANGES_PER_BURST == 0 {
            rest(Duration::from_millis(200));
        }
    }

    Ok(())
}

/// How often each created file was kept.
fn arrivals(store: &Path) -> anyhow::Result<BTreeMap<String, u32>> {
    let store =
        Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).context("open")?;
    let mut query = store.prepare("SELECT body FROM observation WHERE kind = 'file_changed'")?;
    let mut arrivals = BTreeMap::new();
    for body in query.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let body = body?;
        if let Kind::FileChanged(change) = Observation::decode(&body)?.kind
            && change.action != FileAction::Deleted
            && change.path.as_str().contains("/record-")
        {
            *arrivals.entry(change.path.as_str().to_owned()).or_insert(0) += 1;
        }
    }

    Ok(arrivals)
}

/// A small generator (xorshift), so that a run can be repeated.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;

        self.0 % bound
    }
}

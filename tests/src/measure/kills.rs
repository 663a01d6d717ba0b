//! Every change arrives exactly once, whoever is killed, on a line that loses a fifth of what is sent.
//!
//! A change is a file of its own that is moved into the watched folder whole: nothing is merged away, and none is seen
//! half written, so each is exactly one observation. What is made while the agent is dead is found at its next start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use serde_json::{Map, Value};
use vonggac_protocol::file::FileAction;
use vonggac_protocol::observation::{Kind, Observation};

use super::{progress, rounded, this_executable};
use crate::line::udp::{Line, Way};
use crate::programs::{Province, instant, rest, wait_for};

/// Changes in one folder.
const CHANGES_PER_FOLDER: u32 = 1_000;

/// Of a thousand datagrams, so many are lost, either way.
const LOSS_PERMILLE: u32 = 200;

/// Changes made between two kills are waited for, so that every kill falls into the middle of the work.
const CHANGES_PER_BURST: u32 = 50;

fn asked(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let (changes, kills) = (asked("VONGGAC_KILL_CHANGES", 100_000), asked("VONGGAC_KILLS", 100));
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let (data, outside) = (folder.path().join("data"), folder.path().join("outside"));
    std::fs::create_dir(&data)?;
    std::fs::create_dir(&outside)?;
    let line = Line::to(([127, 0, 0, 1], province.link_port).into(), 0x5eed)?;
    let mut collector = province.serve()?;
    let watch = Province::without_packages(folder.path()) + &Province::watch_only("application", &data);
    province.enrol_at("agent", &watch, Some(&line.address().to_string()))?;
    let mut agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;
    line.set(Way { loss_permille: LOSS_PERMILLE, ..Way::default() });

    let begun = instant();
    let allowed = Arc::new(AtomicU32::new(0));
    let made = Arc::new(AtomicU32::new(0));
    let writing = std::thread::spawn({
        let (allowed, made) = (Arc::clone(&allowed), Arc::clone(&made));
        move || write_all(&data, &outside, changes, &allowed, &made)
    });
    let mut chance = Chance::new(0x5eed);
    for kill in 1..=kills {
        // The writer is never ahead of the kills, and never done before the last of them.
        allowed.store(
            u32::try_from(u64::from(changes) * u64::from(kill) / u64::from(kills))?,
            Ordering::Release,
        );
        rest(Duration::from_millis(300 + chance.below(1_200)));
        agent.kill_nine()?;
        rest(Duration::from_millis(chance.below(300)));
        agent = province.watch("agent")?;
        rest(Duration::from_millis(300 + chance.below(1_200)));
        collector.kill_nine()?;
        collector = province.serve()?;
        let made = made.load(Ordering::Acquire);
        progress(&format!("kill {kill} of {kills} of each; {made} changes made"));
    }
    writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    progress("all changes made; waiting until they stand still at the collector");

    let store = province.dir.join("collector").join("collector.db");
    let (mut before, mut still) = (0, 0);
    wait_for("every change, or stillness", Duration::from_secs(600), || {
        rest(Duration::from_secs(2));
        let kept = arrivals(&store).ok()?.values().sum::<u32>();
        still = if kept == before { still + 1 } else { 0 };
        before = kept;
        // Doubles would come with the rest: nothing new for a while after the last one is the end.
        (kept >= changes && still >= 3).then_some(())
    })
    .or_else(|_| anyhow::Ok(()))?;
    let took = begun.elapsed();
    drop((agent, collector));

    let arrivals = arrivals(&store)?;
    let doubled: u32 = arrivals.values().map(|times| times - 1).sum();
    let kept = u32::try_from(arrivals.len())?;
    let (up, down) = line.counts();
    let mut map = Map::new();
    map.insert("sent".to_owned(), made.load(Ordering::Acquire).into());
    map.insert("kept".to_owned(), kept.into());
    map.insert("doubled".to_owned(), doubled.into());
    map.insert("lost".to_owned(), (changes - kept.min(changes)).into());
    map.insert("kills_of_agent".to_owned(), kills.into());
    map.insert("kills_of_collector".to_owned(), kills.into());
    map.insert("datagrams".to_owned(), (up.offered + down.offered).into());
    map.insert("datagrams_lost".to_owned(), (up.lost + down.lost).into());
    map.insert("seconds".to_owned(), rounded(took.as_secs_f64()));

    Ok(map)
}

/// Makes the changes, as many as are allowed so far.
fn write_all(
    data: &Path,
    outside: &Path,
    changes: u32,
    allowed: &AtomicU32,
    made: &AtomicU32,
) -> anyhow::Result<()> {
    for number in 0..changes {
        while number >= allowed.load(Ordering::Acquire) {
            rest(Duration::from_millis(5));
        }
        let folder = data.join(format!("folder-{:03}", number / CHANGES_PER_FOLDER));
        if number % CHANGES_PER_FOLDER == 0 {
            std::fs::create_dir(&folder)?;
        }
        let name = format!("record-{number:06}");
        std::fs::write(outside.join(&name), format!("{number}"))?;
        std::fs::rename(outside.join(&name), folder.join(&name))?;
        made.fetch_add(1, Ordering::Release);
        if number % CHANGES_PER_BURST == 0 {
            rest(Duration::from_millis(20));
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

//! How long observations take on a bad line, against what the line itself could carry.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use serde_json::{Map, Value};

use super::{progress, rounded, this_executable};
use crate::line::udp::{Line, Way};
use crate::programs::{Province, instant, rest, wait_for};

/// A modem of 64 kbit/s.
const BYTES_PER_SEC: u64 = 8_000;

/// Half of the round trip of 600 ms.
const DELAY: Duration = Duration::from_millis(300);

/// Of a thousand datagrams, so many are lost, each way.
const LOSS_PERMILLE: u32 = 300;

/// What waits before the modem: two seconds of it.
const QUEUE_BYTES: u64 = 16_000;

const OBSERVATIONS: u32 = 1_000;

/// Connections begun on the bad line.
const HANDSHAKES: u32 = 10;

fn bad() -> Way {
    Way {
        loss_permille: LOSS_PERMILLE,
        delay: DELAY,
        bytes_per_sec: Some(BYTES_PER_SEC),
        queue_bytes: QUEUE_BYTES,
        ..Way::default()
    }
}

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let (data, outside) = (folder.path().join("data"), folder.path().join("outside"));
    std::fs::create_dir(&data)?;
    std::fs::create_dir(&outside)?;
    let seed = std::env::var("VONGGAC_LINE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(64);
    let line = Line::to(([127, 0, 0, 1], province.link_port).into(), seed)?;
    let _collector = province.serve()?;
    let watch = Province::without_packages(folder.path()) + &Province::watch_only("application", &data);
    province.enrol_at("agent", &watch, Some(&line.address().to_string()))?;
    let agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;
    let state = province.dir.join("agent").join("state");
    wait_for("an empty queue", Duration::from_secs(60), || (waiting(&state)? == 0).then_some(()))?;

    line.set(bad());
    let last_before = noted(&state)?.last().and_then(|line| line["at"].as_str().map(str::to_owned));
    let before = line.counts().0;
    let begun = instant();
    for number in 0..OBSERVATIONS {
        let name = format!("record-{number:06}");
        std::fs::write(outside.join(&name), format!("{number}"))?;
        std::fs::rename(outside.join(&name), data.join(&name))?;
    }
    let made = begun.elapsed();
    let store = province.dir.join("collector").join("collector.db");
    wait_for("all observations", Duration::from_secs(600), || {
        (kept(&store).ok()? >= OBSERVATIONS).then_some(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = line.counts().0;
    let goodput = frame_bytes(&state, last_before)?;
    // What gets through: the line's rate without what is lost on it.
    let through = f64::from(u32::try_from(BYTES_PER_SEC)?) * f64::from(1000 - LOSS_PERMILLE) / 1000.0;
    let limit = goodput / through;

    let mut map = Map::new();
    map.insert("seconds".to_owned(), rounded(seconds));
    map.insert("share_of_link".to_owned(), rounded(limit / seconds));
    map.insert("seconds_of_link_alone".to_owned(), rounded(limit));
    map.insert("seconds_of_making".to_owned(), rounded(made.as_secs_f64()));
    map.insert("frame_bytes".to_owned(), rounded(goodput));
    map.insert(
        "line_bytes".to_owned(),
        (after.offered_with_headers() - before.offered_with_headers()).into(),
    );
    map.insert("line_overflowed".to_owned(), (after.overflowed - before.overflowed).into());
    map.insert("link".to_owned(), "64 kbit/s each way, 600 ms round trip, 30 % lost each way".into());
    map.insert("share_is".to_owned(), "bytes of the batches / (rate x 0.7 x seconds)".into());
    drop(agent);
    handshakes(&province, &state, &mut map)?;

    Ok(map)
}

/// How long a start takes until the collector has said welcome, on the bad line.
fn handshakes(province: &Province, state: &Path, map: &mut Map<String, Value>) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for number in 1..=HANDSHAKES {
        let begun = instant();
        let agent = province.watch("agent")?;
        wait_for("a welcome", Duration::from_secs(600), || is_connected(state, agent.id()).then_some(()))?;
        took.push(begun.elapsed().as_secs_f64());
        progress(&format!("connection {number} of {HANDSHAKES} stands"));
        agent.kill_nine()?;
        rest(Duration::from_millis(200));
    }
    took.sort_by(f64::total_cmp);
    map.insert("connections".to_owned(), HANDSHAKES.into());
    map.insert("connect_median_s".to_owned(), rounded(super::quantile(&took, 0.5).context("a median")?));
    map.insert("connect_worst_s".to_owned(), rounded(*took.last().context("the worst")?));

    Ok(())
}

fn status(state: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(state.join("status.json")).ok()?).ok()
}

fn is_connected(state: &Path, process: u32) -> bool {
    status(state).is_some_and(|status| status["process"] == process && status["connected"] == true)
}

fn waiting(state: &Path) -> Option<u64> {
    let status = status(state)?;

    Some(status["waiting_prompt"].as_u64()? + status["waiting_bulk"].as_u64()?)
}

/// The batches that were put on the way, as the agent notes them.
fn noted(state: &Path) -> anyhow::Result<Vec<Value>> {
    let mut lines = Vec::new();
    for name in ["last-sent.older.jsonl", "last-sent.jsonl"] {
        let text = std::fs::read_to_string(state.join(name)).unwrap_or_default();
        lines.extend(text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()));
    }
    lines.retain(|line| line["what"] == "batch");
    anyhow::ensure!(!lines.is_empty(), "the agent notes what it sends");

    Ok(lines)
}

/// Bytes of the batches since, each place once however often it was sent.
fn frame_bytes(state: &Path, after: Option<String>) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    let mut seen = std::collections::BTreeSet::new();
    for line in noted(state)?.into_iter().filter(|line| line["at"].as_str().map(str::to_owned) > after) {
        if seen.insert((line["lane"].to_string(), line["first"].as_u64())) {
            sum += line["frame_bytes"].as_f64().context("bytes of a frame")?;
        }
    }

    Ok(sum)
}

fn kept(store: &Path) -> anyhow::Result<u32> {
    let store = Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = "SELECT count(*) FROM observation WHERE kind = 'file_changed'";

    Ok(store.query_row(count, [], |row| row.get(0))?)
}

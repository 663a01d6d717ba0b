//! What an agent costs while nothing happens: this machine's default paths, real packages and patches.
//!
//! The agent is `vonggac-agent` beside this program, as it is installed: this program holds the collector too, and its
//! pages would count. What was observed meanwhile is told by kind, since a machine on which files change is not idle:
//! where others work, run it in a root of its own (`chroot ROOT ./measure idle`), on a file system of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::OpenFlags;
use serde_json::{Map, Value};

use super::{progress, rounded, this_executable};
use crate::programs::{Province, instant, rest, wait_for};

/// The default length; every beat, report and reading that comes by itself falls within it.
const HOUR: u64 = 3_600;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let seconds: u64 =
        std::env::var("VONGGAC_IDLE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(HOUR);
    let folder = tempfile::tempdir()?;
    let mut province = Province::found(&this_executable()?, folder.path())?;
    let agent_exe = this_executable()?.with_file_name("vonggac-agent");
    anyhow::ensure!(agent_exe.exists(), "build the agent first: cargo build --release -p vonggac-agent");
    province.use_agent(agent_exe);
    let _collector = province.serve()?;
    province.enrol("agent", "")?;
    let agent = province.watch("agent")?;
    progress("waiting for the baselines of the default paths");
    wait_for_rest(&province, agent.id())?;

    let status = province.dir.join("agent").join("state").join("status.json");
    let start = instant();
    let seen_before = observed(&province)?;
    let before = (processor_seconds(agent.id())?, wire(&status)?);
    rest(Duration::from_secs(seconds));
    let after = (processor_seconds(agent.id())?, wire(&status)?);
    let took = start.elapsed().as_secs_f64();

    let bytes = after.1 - before.1;
    let mut map = Map::new();
    map.insert("seconds".to_owned(), rounded(took));
    map.insert("rss_mib".to_owned(), rounded(memory_mib(agent.id(), "VmRSS:")?));
    map.insert("peak_rss_mib".to_owned(), rounded(memory_mib(agent.id(), "VmHWM:")?));
    map.insert("cpu_percent".to_owned(), rounded((after.0 - before.0) / took * 100.0));
    map.insert("wire_bytes_per_hour".to_owned(), rounded(bytes / took * 3600.0));
    map.insert("wire_bytes_per_day".to_owned(), rounded(bytes / took * 86_400.0));
    let observed = observed(&province)?
        .into_iter()
        .map(|(kind, count)| (count - seen_before.get(&kind).copied().unwrap_or_default(), kind))
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| (kind, count.into()))
        .collect();
    map.insert("observed".to_owned(), Value::Object(observed));
    if seconds < HOUR {
        map.insert(
            "short_run".to_owned(),
            format!("{seconds} s, scaled; an hour is the figure to keep").into(),
        );
    }
    map.insert("ratio_to".to_owned(), "aims: 25 MiB, 0.2 % of a core, 100 kB a day".into());

    Ok(map)
}

/// How many observations of each kind the collector keeps.
fn observed(province: &Province) -> anyhow::Result<BTreeMap<String, i64>> {
    let path = province.dir.join("collector").join("collector.db");
    let store = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut query = store.prepare("SELECT kind, count(*) FROM observation GROUP BY kind")?;
    let kinds = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;

    Ok(kinds.collect::<Result<_, _>>()?)
}

/// The first scan, the first inventory and the first delivery are over: the agent uses under 2 % of a core.
fn wait_for_rest(province: &Province, process: u32) -> anyhow::Result<()> {
    province.wait_for_baselines(1)?;
    wait_for("rest after the first scan", Duration::from_secs(900), || {
        let before = processor_seconds(process).ok()?;
        rest(Duration::from_secs(10));
        (processor_seconds(process).ok()? - before < 0.2).then_some(())
    })
}

/// Bytes of the link in both directions since the agent started, IP and UDP headers included, as its status file says.
fn wire(status: &Path) -> anyhow::Result<f64> {
    let status: Value = serde_json::from_str(&std::fs::read_to_string(status).context("read the status")?)?;
    let number = |key: &str| status[key].as_f64().with_context(|| format!("{key} in the status"));

    Ok(number("wire_sent_bytes")? + number("wire_received_bytes")?)
}

pub(super) fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit(')').next().context("stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).context("ticks");

    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux we run on.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

pub(super) fn memory_mib(process: u32, key: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(key)).context("memory")?;
    let kib: f64 = line.split_whitespace().nth(1).context("memory")?.parse()?;

    Ok(kib / 1024.0)
}

//! A whole fleet on one collector: memory of an idle agent, handshakes a processor second, and the storm after a
//! collector died.
//!
//! The collector is the real program in a process of its own. The agents are a [`Crowd`] in this process: really
//! enrolled, each on its own connection. Both share this machine's processors, so the storm's time is that of both
//! together; processor figures are the collector's own, from `/proc`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vonggac_protocol::enrolment::EnrolmentString;

use super::idle::{memory_mib, processor_seconds};
use super::{progress, rounded, this_executable};
use crate::crowd::{Crowd, Working};
use crate::programs::{AGENCY, Province, Running, instant, rest, wait_for};

/// What is otherwise than by default.
const LIMITS: &str = "[limits]\nenrolments_per_hour_max = 1000000\nenrolments_per_hour_per_agency_max = 1000000\n\
                      connections_per_agency_max = 100000\n";

/// Agents behind one source address: a commune's office behind its router.
const PER_ADDRESS: usize = 20;

/// Handshakes at once when only they are counted, and agents that connect at once in the first round.
const AT_ONCE: usize = 64;

/// Handshakes counted at most.
const HANDSHAKES: usize = 3_000;

/// After this long what the collector does once for everybody is over, and freed memory is given back.
const SETTLE: Duration = Duration::from_secs(12);

/// Longer than the longest wait of an agent.
const ALL_WITHIN: Duration = Duration::from_secs(600);

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let agents: usize =
        std::env::var("VONGGAC_FLEET_AGENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    // A whole fleet does not enrol within an hour, nor are its agents on one machine.
    let mut config = OpenOptions::new().append(true).open(province.dir.join("collector.toml"))?;
    config.write_all(LIMITS.as_bytes())?;
    let mut map = Map::new();
    map.insert("agents".to_owned(), agents.into());

    let crowd = Arc::new(enrol(&runtime, &province, agents, &mut map)?);
    handshakes(&runtime, &province, &crowd, &mut map)?;
    let (working, collector) = fill(&runtime, &province, &crowd, &mut map)?;
    let _collector = storm(&province, &working, collector, agents, &mut map)?;
    runtime.block_on(working.end());

    Ok(map)
}

fn enrol(
    runtime: &Runtime,
    province: &Province,
    agents: usize,
    map: &mut Map<String, Value>,
) -> anyhow::Result<Crowd> {
    let collector = province.serve()?;
    let made = province.collector(&["token", "new", "--agency", AGENCY, "--uses", &agents.to_string()])?;
    let string: EnrolmentString = made.split_whitespace().last().context("a string")?.parse()?;
    let (start, before) = (instant(), processor_seconds(collector.id())?);
    let crowd = runtime.block_on(Crowd::enrol(&string, agents, PER_ADDRESS))?;
    let took = start.elapsed().as_secs_f64();
    let cpu = processor_seconds(collector.id())? - before;
    progress(&format!("{agents} agents enrolled in {took:.1} s, {cpu:.1} s of the collector's processor"));
    map.insert("enrolments_per_second".to_owned(), rounded(number(agents)? / took));
    collector.stop(Duration::from_secs(30))?;

    Ok(crowd)
}

/// Connections and nothing else: TLS with both certificates, begun and closed.
fn handshakes(
    runtime: &Runtime,
    province: &Province,
    crowd: &Arc<Crowd>,
    map: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    let collector = province.serve()?;
    let count = crowd.len().min(HANDSHAKES);
    let (start, before) = (instant(), processor_seconds(collector.id())?);
    runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut shaking = JoinSet::new();
        for at in 0..count {
            let (permit, crowd) = (Arc::clone(&permits).acquire_owned().await?, Arc::clone(crowd));
            shaking.spawn(async move {
                let connected = crowd.connect(at).await;
                drop(permit);
                connected.map(|connection| connection.close(0_u32.into(), b""))
            });
        }
        while let Some(shaken) = shaking.join_next().await {
            shaken??;
        }
        anyhow::Ok(())
    })?;
    let took = start.elapsed().as_secs_f64();
    let cpu = processor_seconds(collector.id())? - before;
    progress(&format!("{count} handshakes in {took:.1} s, {cpu:.1} s of the collector's processor"));
    map.insert("handshakes_per_cpu_s".to_owned(), rounded(number(count)? / cpu));
    collector.stop(Duration::from_secs(30))
}

/// Connects everybody to a fresh collector, a few at a time, and lets it rest.
fn fill(
    runtime: &Runtime,
    province: &Province,
    crowd: &Arc<Crowd>,
    map: &mut Map<String, Value>,
) -> anyhow::Result<(Working, Running)> {
    let collector = province.serve()?;
    rest(SETTLE);
    let empty = memory_mib(collector.id(), "VmRSS:")?;
    let (start, before) = (instant(), processor_seconds(collector.id())?);
    let working = {
        let _inside = runtime.enter();
        crowd.work(AT_ONCE)
    };
    wait_for_all(&working, crowd.len())?;
    let (took, cpu) = (start.elapsed().as_secs_f64(), processor_seconds(collector.id())? - before);
    progress(&format!("all connected in {took:.1} s, {cpu:.1} s of the collector's processor"));
    rest(SETTLE);
    let full = memory_mib(collector.id(), "VmRSS:")?;
    map.insert("welcomes_per_cpu_s".to_owned(), rounded(number(crowd.len())? / cpu));
    map.insert("empty_mib".to_owned(), rounded(empty));
    map.insert("connected_mib".to_owned(), rounded(full));
    map.insert("kib_per_agent".to_owned(), rounded((full - empty) * 1024.0 / number(crowd.len())?));

    Ok((working, collector))
}

/// Kills the collector, takes every agent's connection away at that moment, and starts the collector again.
fn storm(
    province: &Province,
    working: &Working,
    collector: Running,
    agents: usize,
    map: &mut Map<String, Value>,
) -> anyhow::Result<Running> {
    let before = working.tally.met();
    collector.kill_nine()?;
    working.lose_all();
    wait_for("the loss", Duration::from_secs(30), || (working.tally.connected() == 0).then_some(()))?;
    let start = instant();
    let collector = province.serve()?;
    map.insert("storm_ready_seconds".to_owned(), rounded(start.elapsed().as_secs_f64()));
    wait_for("half of the agents", ALL_WITHIN, || (working.tally.connected() * 2 >= agents).then_some(()))?;
    map.insert("storm_half_seconds".to_owned(), rounded(start.elapsed().as_secs_f64()));
    wait_for_all(working, agents)?;
    map.insert("storm_seconds".to_owned(), rounded(start.elapsed().as_secs_f64()));
    map.insert("storm_cpu_seconds".to_owned(), rounded(processor_seconds(collector.id())?));
    map.insert("storm_peak_mib".to_owned(), rounded(memory_mib(collector.id(), "VmHWM:")?));
    let after = working.tally.met();
    map.insert("storm_tries".to_owned(), (after.0 - before.0).into());
    map.insert("storm_refused".to_owned(), (after.1 - before.1).into());
    map.insert("storm_failed".to_owned(), (after.2 - before.2).into());

    Ok(collector)
}

fn wait_for_all(working: &Working, agents: usize) -> anyhow::Result<()> {
    let mut shown = 0;
    wait_for("the welcome of every agent", ALL_WITHIN, || {
        let connected = working.tally.connected();
        if connected >= shown + agents.div_ceil(10) {
            shown = connected;
            progress(&format!("{connected} connected; tries, refused, failed: {:?}", working.tally.met()));
        }
        (connected >= agents).then_some(())
    })
}

fn number(count: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}

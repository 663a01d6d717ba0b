//! What a network costs that lets no UDP through: until the first observation is kept, in bytes, at rest, and on the way
//! back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use serde_json::{Map, Value};

use super::{progress, rounded, this_executable};
use crate::line::tcp::Forwarder;
use crate::line::udp::Line;
use crate::programs::{Province, Running, instant, rest, wait_for};

const OBSERVATIONS: u32 = 1_000;

/// Seconds between two signs of life while bytes at rest are counted.
const BEAT: u64 = 10;

/// Seconds between two signs of life of an agent that was told nothing else (`deploy/collector.toml`).
const BEAT_BY_DEFAULT: f64 = 240.0;

/// Seconds between two looks whether UDP is open again, here and as `deploy/agent.toml` has it.
const AGAIN: u64 = 30;
const AGAIN_BY_DEFAULT: f64 = 3_600.0;

/// The try of QUIC beside a connection over TCP is over after so long.
const TRY: Duration = Duration::from_secs(14);

const PATIENCE: Duration = Duration::from_secs(180);

/// A collector behind a firewall: one port, on which UDP may be blocked while TCP passes.
struct Site {
    province: Province,
    udp: Line,
    tcp: Forwarder,
    data: PathBuf,
    outside: PathBuf,
    state: PathBuf,
    made: u32,
    _folder: tempfile::TempDir,
}

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let seconds: u64 =
        std::env::var("VONGGAC_FALLBACK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let mut site = Site::new()?;
    let _collector = site.province.serve()?;
    let watch =
        Province::without_packages(&site.province.dir) + &Province::watch_only("application", &site.data);
    let extra = format!("udp_again_secs = {AGAIN}\n{watch}");
    site.province.enrol_at("agent", &extra, Some(&site.udp.address().to_string()))?;
    let mut map = Map::new();

    progress("until the first observation is kept");
    map.insert("first_kept_seconds_udp_open".to_owned(), rounded(site.first_kept(false)?.0));
    map.insert("first_kept_seconds_udp_blocked".to_owned(), rounded(site.first_kept(true)?.0));
    let (again, _agent) = site.first_kept(true)?;
    map.insert("first_kept_seconds_udp_blocked_known".to_owned(), rounded(again));

    site.wait_for_way("tcp")?;
    site.province.wait_for_baselines(1)?;
    progress("1,000 observations over TCP");
    map.insert("bytes_of_1000_tcp".to_owned(), rounded(site.observations()?));
    progress("at rest over TCP");
    site.rest_over_tcp(seconds, &mut map)?;
    progress("back to QUIC");
    site.udp.cut(false);
    let begun = instant();
    site.wait_for_way("quic")?;
    map.insert("back_to_quic_seconds".to_owned(), rounded(begun.elapsed().as_secs_f64()));
    map.insert("looked_for_quic_every_seconds".to_owned(), AGAIN.into());
    progress("1,000 observations over QUIC");
    map.insert("bytes_of_1000_quic".to_owned(), rounded(site.observations()?));
    map.insert("bytes_are".to_owned(), "both ways, with the headers that the agent counts or reckons".into());

    Ok(map)
}

impl Site {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let province = Province::found(&this_executable()?, folder.path())?;
        let path = folder.path().join("collector.toml");
        let config = std::fs::read_to_string(&path)?;
        std::fs::write(path, format!("{config}[assignment]\nheartbeat_secs = {BEAT}\n"))?;
        let server = ([127, 0, 0, 1], province.link_port).into();
        let (udp, tcp) = wait_for("one port on UDP and TCP", PATIENCE, || {
            let udp = Line::to(server, 1).ok()?;
            let tcp = Forwarder::at(udp.address(), server).ok()?;
            Some((udp, tcp))
        })?;
        let (data, outside) = (folder.path().join("data"), folder.path().join("outside"));
        std::fs::create_dir(&data)?;
        std::fs::create_dir(&outside)?;
        let state = province.dir.join("agent").join("state");

        Ok(Self { province, udp, tcp, data, outside, state, made: 0, _folder: folder })
    }

    /// Starts the agent; seconds until its first observation is kept.
    fn first_kept(&self, blocked: bool) -> anyhow::Result<(f64, Running)> {
        self.udp.cut(blocked);
        let before = self.kept("agent_started")?;
        let begun = instant();
        let agent = self.province.watch("agent")?;
        wait_for("an observation", PATIENCE, || (self.kept("agent_started").ok()? > before).then_some(()))?;

        Ok((begun.elapsed().as_secs_f64(), agent))
    }

    /// Bytes on the wire of so many observations, of which each is one file that appears.
    fn observations(&mut self) -> anyhow::Result<f64> {
        wait_for("an empty queue", PATIENCE, || (waiting(&self.state)? == 0).then_some(()))?;
        let before = (self.kept("file_changed")?, self.wire()?);
        for _ in 0..OBSERVATIONS {
            self.made += 1;
            let name = format!("record-{:06}", self.made);
            std::fs::write(self.outside.join(&name), name.as_bytes())?;
            std::fs::rename(self.outside.join(&name), self.data.join(&name))?;
        }
        let all = before.0 + i64::from(OBSERVATIONS);
        wait_for("all observations", PATIENCE, || (self.kept("file_changed").ok()? >= all).then_some(()))?;
        ensure!(self.kept("file_changed")? == all, "one observation for each file");
        let wire = wait_for("the agent's count", PATIENCE, || {
            let first = self.wire().ok()?;
            rest(Duration::from_secs(3));
            // The agent writes its status two seconds after something happened.
            (waiting(&self.state)? == 0 && self.wire().ok()? - first < 2_000.0).then(|| self.wire().ok())?
        })?;

        Ok(wire - before.1)
    }

    /// Counts a sign of life and a try of QUIC, and reckons what a day of them is.
    fn rest_over_tcp(&self, seconds: u64, map: &mut Map<String, Value>) -> anyhow::Result<()> {
        let offered = || self.udp.counts().0;
        wait_for("a pause between two tries", PATIENCE, || {
            let before = offered().offered;
            rest(TRY);
            (offered().offered == before).then_some(())
        })?;
        let before = offered();
        wait_for("a try of QUIC", PATIENCE, || (offered().offered > before.offered).then_some(()))?;
        rest(TRY);
        let after = offered();
        let of_try = after.offered_with_headers() - before.offered_with_headers();

        let start = self.told()?;
        rest(Duration::from_secs(seconds));
        let end = self.told()?;
        let took = end.0.duration_since(start.0).as_secs_f64();
        let beats = took / f64::from(u32::try_from(BEAT)?);
        let payload = f64::from(u32::try_from(end.1 - start.1)?);
        let with_headers = end.2 - start.2;
        ensure!(status(&self.state).context("a status")?["way"] == "tcp", "UDP stayed blocked");

        let day = 86_400.0;
        let of_beat = with_headers / beats;
        let of_tries = f64::from(u32::try_from(of_try)?) * day / AGAIN_BY_DEFAULT;
        map.insert("beat_bytes_tcp".to_owned(), rounded(of_beat));
        map.insert("beat_bytes_tcp_without_headers".to_owned(), rounded(payload / beats));
        map.insert("try_of_quic_bytes".to_owned(), of_try.into());
        map.insert("idle_bytes_per_day_tcp".to_owned(), rounded(of_beat * day / BEAT_BY_DEFAULT));
        map.insert("idle_bytes_per_day_tries_of_quic".to_owned(), rounded(of_tries));
        map.insert(
            "idle_is".to_owned(),
            format!("reckoned for a sign of life every {BEAT_BY_DEFAULT} s and a try every {AGAIN_BY_DEFAULT} s, from {took:.0} s at one every {BEAT} s").into(),
        );

        Ok(())
    }

    /// Just after the agent has written its status: the moment, bytes that TCP carried, bytes that the agent counts.
    fn told(&self) -> anyhow::Result<(std::time::Instant, u64, f64)> {
        let at = || status(&self.state).map(|status| status["at"].to_string());
        let before = at();
        wait_for("a status", PATIENCE, || (at()? != before.clone()?).then_some(()))?;
        let (up, down) = self.tcp.bytes();

        Ok((instant(), up + down, self.wire()?))
    }

    fn wait_for_way(&self, way: &str) -> anyhow::Result<()> {
        wait_for(way, PATIENCE, || {
            let status = status(&self.state)?;
            (status["connected"] == true && status["way"] == way).then_some(())
        })
    }

    fn wire(&self) -> anyhow::Result<f64> {
        let status = status(&self.state).context("a status")?;
        let number = |key: &str| status[key].as_f64().context("bytes on the wire");

        Ok(number("wire_sent_bytes")? + number("wire_received_bytes")?)
    }

    fn kept(&self, kind: &str) -> anyhow::Result<i64> {
        let store = self.province.dir.join("collector").join("collector.db");
        let store = Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;

        Ok(store.query_row("SELECT count(*) FROM observation WHERE kind = ?1", [kind], |row| row.get(0))?)
    }
}

fn status(state: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(state.join("status.json")).ok()?).ok()
}

fn waiting(state: &Path) -> Option<u64> {
    let status = status(state)?;

    Some(status["waiting_prompt"].as_u64()? + status["waiting_bulk"].as_u64()?)
}

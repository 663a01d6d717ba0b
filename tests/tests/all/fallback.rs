//! The real programs where the network lets no UDP through.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use vonggac_protocol::file::FileAction;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_tests::line::tcp::Forwarder;
use vonggac_tests::line::udp::Line;
use vonggac_tests::programs::{Province, rest, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

/// A collector behind a firewall: one port, on which UDP may be blocked while TCP passes.
struct Blocked {
    province: Province,
    udp: Line,
    tcp: Forwarder,
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Blocked {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
        let server: SocketAddr = (Ipv4Addr::LOCALHOST, province.link_port).into();
        let (udp, tcp) = wait_for("one port on UDP and TCP", PATIENCE, || {
            let udp = Line::to(server, 1).ok()?;
            let tcp = Forwarder::at(udp.address(), server).ok()?;
            Some((udp, tcp))
        })
        .unwrap();
        udp.cut(true);
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();

        Self { province, udp, tcp, data, _folder: folder }
    }

    fn enrol(&self) {
        let extra = format!("udp_again_secs = 5\n{}", Province::watch_only("application", &self.data));
        self.province.enrol_at("agent", &extra, Some(&self.udp.address().to_string())).unwrap();
    }

    fn wait_for_way(&self, way: &str) {
        let status = self.province.dir.join("agent/state/status.json");
        wait_for(way, PATIENCE, || {
            let status: serde_json::Value = serde_json::from_slice(&std::fs::read(&status).ok()?).ok()?;
            (status["connected"] == true && status["way"] == way).then_some(())
        })
        .unwrap();
    }

    fn write(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            std::fs::write(self.data.join(format!("record-{number:05}")), format!("{number}")).unwrap();
        }
    }

    /// What is kept of each of our files. A file that was seen between its creation and its writing is modified too.
    fn kept(&self) -> BTreeMap<String, Vec<FileAction>> {
        let path = self.province.dir.join("collector/collector.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let Ok(store) = Connection::open_with_flags(path, flags) else { return BTreeMap::new() };
        let Ok(mut query) = store.prepare("SELECT body FROM observation WHERE kind = 'file_changed'") else {
            return BTreeMap::new();
        };
        let mut kept = BTreeMap::new();
        for body in query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().filter_map(Result::ok) {
            if let Kind::FileChanged(change) = Observation::decode(&body).unwrap().kind
                && let Some((_, name)) = change.path.as_str().rsplit_once("/record-")
            {
                kept.entry(name.to_owned()).or_insert_with(Vec::new).push(change.action);
            }
        }

        kept
    }

    /// Waits until so many files are kept, for as long as ever more of them are; each was created once.
    fn wait_until_kept(&self, count: usize) {
        loop {
            let before = self.kept().len();
            if before >= count {
                break;
            }
            let more = wait_for("another change", PATIENCE, || (self.kept().len() > before).then_some(()));
            let status = std::fs::read_to_string(self.province.dir.join("agent/state/status.json"));
            assert!(
                more.is_ok(),
                "{before} of {count} are kept, and no more come; the agent says {status:?}"
            );
        }
        let is_created = |action: &&FileAction| **action == FileAction::Created;
        let wrong: Vec<_> = self
            .kept()
            .into_iter()
            .filter(|(_, actions)| actions.iter().filter(is_created).count() != 1)
            .collect();
        assert_eq!(wrong, []);
    }
}

#[test]
fn an_agent_whose_network_blocks_udp_enrols_and_delivers_over_tcp_and_goes_back_to_quic_without_loss() {
    let world = Blocked::new();
    let _collector = world.province.serve().unwrap();
    world.enrol();
    let _agent = world.province.watch("agent").unwrap();
    world.wait_for_way("tcp");
    world.province.wait_for_baselines(1).unwrap();
    world.write(0..300);
    world.wait_until_kept(300);
    let words = world.province.agent("agent", &["--lang", "en", "status"]).unwrap();
    let doctor = world.province.agent("agent", &["--lang", "en", "doctor"]).unwrap();

    // The firewall is opened while changes are on their way.
    let (up, _) = world.tcp.bytes();
    world.write(300..600);
    world.udp.cut(false);
    for group in 0..40 {
        world.write(600 + group * 10..610 + group * 10);
        rest(Duration::from_millis(250));
    }
    world.wait_for_way("quic");
    world.write(1_000..1_100);
    world.wait_until_kept(1_100);

    assert!(words.contains("over TCP"), "{words}");
    assert!(doctor.contains("UDP IS BLOCKED"), "{doctor}");
    assert!(up > 0);
}

#[test]
fn nothing_is_lost_or_doubled_over_tcp_whoever_is_killed() {
    let world = Blocked::new();
    let mut collector = world.province.serve().unwrap();
    world.enrol();
    let mut agent = world.province.watch("agent").unwrap();
    world.wait_for_way("tcp");
    world.province.wait_for_baselines(1).unwrap();

    for round in 0..4 {
        world.write(round * 200..round * 200 + 100);
        agent.kill_nine().unwrap();
        agent = world.province.watch("agent").unwrap();
        world.write(round * 200 + 100..round * 200 + 200);
        collector.kill_nine().unwrap();
        collector = world.province.serve().unwrap();
    }

    world.wait_until_kept(800);
    world.wait_for_way("tcp");
    drop((agent, collector));
}

#[test]
fn a_revoked_host_is_refused_over_tcp_too() {
    let world = Blocked::new();
    let _collector = world.province.serve().unwrap();
    world.enrol();
    let agent = world.province.watch("agent").unwrap();
    world.wait_for_way("tcp");

    let hosts = world.province.get("/api/v1/hosts").unwrap();
    let host = hosts["items"][0]["id"].as_str().unwrap();
    world.province.collector(&["host", "revoke", host]).unwrap();
    let status = world.province.dir.join("agent/state/status.json");
    let refused = || {
        wait_for("the refusal", PATIENCE, || {
            let status: serde_json::Value = serde_json::from_slice(&std::fs::read(&status).ok()?).ok()?;
            (status["connected"] == false && status["reason"] == "refusal-identity-revoked").then_some(())
        })
    };
    refused().unwrap();
    agent.kill_nine().unwrap();
    std::fs::remove_file(&status).unwrap();
    let _again = world.province.watch("agent").unwrap();
    refused().unwrap();
}

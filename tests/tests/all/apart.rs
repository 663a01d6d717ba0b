//! The real agent's part that talks to the network: without rights, without the disk, and able to do all of its work.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use vonggac_tests::line::tcp::Forwarder;
use vonggac_tests::line::udp::Line;
use vonggac_tests::programs::{Province, Running, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

fn not_run(why: &str) {
    drop(writeln!(std::io::stderr(), "NOT RUN: {why}"));
}

/// What the kernel says of every thread of a program that has this name.
fn threads(program: &Running, name: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();

    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .filter(|status| status.lines().next() == Some(&format!("Name:\t{name}")))
        .collect()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();

    line.trim_start_matches(':').trim()
}

fn status(province: &Province) -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(province.dir.join("agent/state/status.json")).ok()?).ok()
}

fn wait_for_way(province: &Province, way: &str) -> serde_json::Value {
    wait_for(way, PATIENCE, || {
        status(province).filter(|status| status["connected"] == true && status["way"] == way)
    })
    .unwrap()
}

fn certificates_used(province: &Province) -> Option<i64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).ok()?;

    store.query_row("SELECT count(*) FROM certificate WHERE used_at IS NOT NULL", [], |row| row.get(0)).ok()
}

fn shorten_certificates(province: &Province) {
    let path = province.dir.join("collector.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        path,
        format!("{config}[assignment]\nheartbeat_secs = 5\n[certificates]\nhost_secs = 20\n"),
    )
    .unwrap();
}

#[test]
fn the_link_has_no_right_and_still_resolves_a_name_renews_its_certificate_and_falls_back_to_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    shorten_certificates(&province);
    let server: SocketAddr = ([127, 0, 0, 1], province.link_port).into();
    let (udp, _tcp) = wait_for("one port on UDP and TCP", PATIENCE, || {
        let udp = Line::to(server, 1).ok()?;
        let tcp = Forwarder::at(udp.address(), server).ok()?;
        Some((udp, tcp))
    })
    .unwrap();
    let _collector = province.serve().unwrap();
    let by_name = format!("localhost:{}", udp.address().port());
    province.enrol_at("agent", "watch_defaults = false\n", Some(&by_name)).unwrap();

    let agent = province.watch("agent").unwrap();
    let connected = wait_for_way(&province, "quic");
    let link = threads(&agent, "link");
    wait_for("renewals", PATIENCE, || certificates_used(&province).filter(|used| *used >= 3)).unwrap();
    udp.cut(true);
    wait_for_way(&province, "tcp");
    assert_eq!(province.get("/api/v1/hosts").unwrap()["items"][0]["way"], "tcp");
    let renewed = certificates_used(&province).unwrap();
    wait_for("a renewal over TCP", PATIENCE, || certificates_used(&province).filter(|used| *used > renewed))
        .unwrap();

    assert!(!link.is_empty(), "there is a thread of that name");
    for status in link.iter().chain(&threads(&agent, "link")) {
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(field(status, set), "0000000000000000", "{set}");
        }
        assert_eq!(field(status, "NoNewPrivs"), "1");
    }
    if connected["confined"] == "rights_only" {
        not_run("this kernel has no Landlock");
    } else {
        assert!(connected["confined"] == "whole" || connected["confined"] == "partial", "{connected}");
    }
    let said = province.agent("agent", &["--lang", "en", "status"]).unwrap_or_else(|error| error.to_string());
    assert!(said.contains("runs apart") || said.contains("without rights"), "{said}");
    assert!(province.dir.join("agent/state/last-sent.jsonl").exists());
}

#[test]
fn a_file_of_names_that_is_replaced_while_the_agent_runs_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let _collector = province.serve().unwrap();
    let by_name = format!("localhost:{}", province.link_port);
    province.enrol_at("agent", "watch_defaults = false\n", Some(&by_name)).unwrap();
    let identity = province.dir.join("agent/state/identity/identity.toml");
    let text = std::fs::read_to_string(&identity).unwrap();
    assert!(text.contains("localhost:"));
    std::fs::write(&identity, text.replace("localhost:", "thu-thap.test:")).unwrap();
    let (before, after) = (folder.path().join("hosts-before"), folder.path().join("hosts-after"));
    std::fs::write(&before, "127.0.0.1 localhost\n").unwrap();
    std::fs::write(&after, "127.0.0.1 localhost thu-thap.test\n").unwrap();

    let Some(agent) =
        province.watch_with_files("agent", &[(before.as_path(), Path::new("/etc/hosts"))]).unwrap()
    else {
        return not_run("no mount namespace can be made here");
    };
    wait_for("a name that is not resolved", PATIENCE, || {
        status(&province).filter(|status| status["reason"] == "dial-name")
    })
    .unwrap();
    // As an editor or a DHCP client does: another file stands under the name.
    let replaced = Command::new("nsenter")
        .args(["--mount", "--target", &agent.id().to_string(), "mount", "--bind"])
        .args([after.as_path(), Path::new("/etc/hosts")])
        .status()
        .unwrap();
    assert!(replaced.success());

    let connected = wait_for_way(&province, "quic");
    assert!(["whole", "partial", "rights_only"].contains(&connected["confined"].as_str().unwrap()));
}

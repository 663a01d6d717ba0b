//! The real programs on loopback, against people who mistype, machines that lie, and power that fails.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::EnrolmentString;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_tests::fuzz::mutation::Numbers;
use vonggac_tests::programs::{AGENCY, Province, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

fn found(folder: &Path) -> Province {
    std::fs::create_dir_all(folder).unwrap();

    Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder).unwrap()
}

/// An agent's folder with a configuration and no identity.
fn bare_agent(province: &Province, name: &str) {
    province.configure(name, "watch_defaults = false\n").unwrap();
}

fn database(province: &Province) -> PathBuf {
    province.dir.join("collector/collector.db")
}

/// A number from the collector's own file; 0 while it cannot be read.
fn count(province: &Province, query: &str) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;

    Connection::open_with_flags(database(province), flags)
        .and_then(|store| store.query_row(query, [], |row| row.get(0)))
        .unwrap_or(0)
}

fn hosts(province: &Province) -> i64 {
    count(province, "SELECT count(*) FROM host")
}

/// How often the collector was told that this file changed.
fn told(province: &Province, name: &str) -> usize {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(store) = Connection::open_with_flags(database(province), flags) else { return 0 };
    let Ok(mut query) = store.prepare("SELECT body FROM observation WHERE kind = 'file_changed'") else {
        return 0;
    };
    let Ok(rows) = query.query_map([], |row| row.get::<_, Vec<u8>>(0)) else { return 0 };

    rows.filter_map(Result::ok)
        .filter_map(|body| Observation::decode(&body).ok())
        .filter(|observation| {
            matches!(&observation.kind, Kind::FileChanged(change) if change.path.as_str().ends_with(name))
        })
        .count()
}

fn wait_until_told(province: &Province, name: &str) {
    wait_for(name, PATIENCE, || (told(province, name) > 0).then_some(())).unwrap();
}

#[test]
fn an_enrolment_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    let used = province.new_string(AGENCY).unwrap();
    bare_agent(&province, "first");
    province.agent("first", &["enrol", &used.to_string()]).unwrap();
    let expired = province.new_string(AGENCY).unwrap();
    Connection::open(database(&province))
        .unwrap()
        .execute("UPDATE token SET expires_at = 1 WHERE uses_left > 0", [])
        .unwrap();
    let wrong_pin = EnrolmentString { pin: Digest::of(b"another"), ..used.clone() };
    let mistyped = used.to_string().replace("vg1:", "vg1:A");

    let again = province.refused("second", &used.to_string()).unwrap();
    let late = province.refused("third", &expired.to_string()).unwrap();
    let pinned = province.refused("fourth", &wrong_pin.to_string()).unwrap();
    bare_agent(&province, "fifth");
    let typo = province.agent("fifth", &["--lang", "en", "enrol", &mistyped]).unwrap_err().to_string();

    assert!(again.contains("used"), "{again}");
    assert!(late.contains("expired") || late.contains("time"), "{late}");
    assert!(
        !pinned.is_empty() && !pinned.contains("token"),
        "the token is not shown to a stranger: {pinned}"
    );
    assert!(typo.contains("mistyped"), "{typo}");
    assert_eq!(hosts(&province), 1);
}

#[test]
fn an_identity_of_another_authority_is_not_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (found(&folder.path().join("ours")), found(&folder.path().join("theirs")));
    let _ours = ours.serve().unwrap();
    {
        let _theirs = theirs.serve().unwrap();
        theirs.enrol("agent", "watch_defaults = false\n").unwrap();
    }
    ours.enrol("agent", "watch_defaults = false\n").unwrap();
    // The stranger keeps its own key and certificate, and learns our address and whom to trust.
    let identity = |province: &Province, file: &str| province.dir.join("agent/state/identity").join(file);
    std::fs::copy(identity(&ours, "authority.der"), identity(&theirs, "authority.der")).unwrap();
    std::fs::copy(identity(&ours, "identity.toml"), identity(&theirs, "identity.toml")).unwrap();

    let stranger = theirs.watch("agent").unwrap();
    let log = || std::fs::read_to_string(theirs.dir.join("agent.log")).unwrap_or_default();
    let refused = "invalid peer certificate";
    let said = wait_for("a refusal in the agent's log", PATIENCE, || log().contains(refused).then_some(()));
    drop(stranger);

    assert!(said.is_ok(), "{}", log());
    assert!(!log().contains("Connected to the collector"), "{}", log());
    assert_eq!(count(&ours, "SELECT count(*) FROM observation"), 0);
}

#[test]
fn garbage_at_the_port_of_the_collector_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut numbers = Numbers::new(1);
    for round in 0..3000 {
        let length = 1 + numbers.below(1400);
        let mut bytes: Vec<u8> = (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
        if round % 3 == 0 {
            // The beginning of a QUIC version 1 Initial packet, so that it is looked at more closely.
            bytes.splice(0..bytes.len().min(6), [0xc3, 0, 0, 0, 1, 8]);
            bytes.resize(1200, 0);
        }
        socket.send_to(&bytes, ("127.0.0.1", province.link_port)).unwrap();
    }

    province.enrol("agent", "watch_defaults = false\n").unwrap();

    assert_eq!(hosts(&province), 1);
}

/// Every file below `dir` but those whose path holds one of `except`.
fn files(dir: &Path, except: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if except.iter().any(|part| path.display().to_string().contains(part)) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, except));
        } else {
            found.push(path);
        }
    }

    found
}

#[test]
fn changes_arrive_through_kills_and_what_is_excluded_is_written_nowhere() {
    const MARKER: &str = "khong-ai-duoc-thay-7f3a";
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let data = folder.path().join("data");
    let secret = data.join(MARKER);
    std::fs::create_dir_all(&secret).unwrap();
    std::fs::write(secret.join(format!("{MARKER}.txt")), MARKER).unwrap();
    let write = |name: &str| std::fs::write(data.join(name), name).unwrap();
    write("before");
    std::os::unix::fs::symlink(&secret, data.join("a-way-in")).unwrap();
    let collector = province.serve().unwrap();
    let exclude = format!("exclude = [{:?}]\n", secret.display().to_string());
    province.enrol("agent", &(exclude + &Province::watch_only("data", &data))).unwrap();
    let agent = province.watch("agent").unwrap();
    let baselines = "SELECT count(*) FROM observation WHERE kind = 'baseline_taken'";
    wait_for("the baseline", PATIENCE, || (count(&province, baselines) > 0).then_some(())).unwrap();

    write("while-all-run");
    std::fs::write(secret.join(format!("{MARKER}-2.txt")), format!("{MARKER} again")).unwrap();
    wait_until_told(&province, "/while-all-run");
    // It says no goodbye; the collector that follows answers the agent's next packet with a stateless reset.
    collector.kill_nine().unwrap();
    write("while-the-collector-is-down");
    let collector = province.serve().unwrap();
    wait_until_told(&province, "/while-the-collector-is-down");
    agent.kill_nine().unwrap();
    write("while-the-agent-is-down");
    std::fs::write(secret.join(format!("{MARKER}-3.txt")), MARKER).unwrap();
    let agent = province.watch("agent").unwrap();
    wait_until_told(&province, "/while-the-agent-is-down");
    agent.stop(PATIENCE).unwrap();
    collector.stop(PATIENCE).unwrap();

    for name in ["/while-all-run", "/while-the-collector-is-down", "/while-the-agent-is-down"] {
        assert_eq!(told(&province, name), 1, "{name} exactly once");
    }
    // The configuration names what it excludes; nothing else may.
    for path in files(folder.path(), &["/data", "agent.toml"]) {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        assert!(!found, "{} names what is excluded", path.display());
    }
}

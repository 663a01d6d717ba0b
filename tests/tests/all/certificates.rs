//! Certificates of real programs: renewed, ended, revoked, and a root that changes while a machine is off.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use vonggac_tests::programs::{AGENCY, Province, Running, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// A province whose collector has these lines in its configuration too.
fn found(folder: &Path, extra: &str) -> Province {
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder).unwrap();
    let path = folder.join("collector.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{config}[assignment]\nheartbeat_secs = 5\n{extra}")).unwrap();

    province
}

fn enrol(province: &Province, name: &str) {
    province.enrol(name, "watch_defaults = false\n").unwrap();
}

/// A number from the collector's own file; `None` while it cannot be read.
fn number(province: &Province, query: &str) -> Option<i64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).ok()?;

    store.query_row(query, [], |row| row.get(0)).ok()
}

fn wait_until(province: &Province, what: &str, query: &str, least: i64) {
    wait_for(what, PATIENCE, || number(province, query).filter(|found| *found >= least)).unwrap_or_else(
        |error| {
            let log = std::fs::read_to_string(province.dir.join("collector.log")).unwrap_or_default();
            panic!("{error}: {:?}\n{log}", number(province, query))
        },
    );
}

const ISSUED: &str = "SELECT count(*) FROM certificate";
const USED: &str = "SELECT count(*) FROM certificate WHERE used_at IS NOT NULL";
const OBSERVED: &str = "SELECT count(*) FROM observation";
const ENDED: &str = "SELECT max(not_after) < CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM certificate";

fn log(province: &Province, name: &str) -> String {
    std::fs::read_to_string(province.dir.join(name)).unwrap_or_default()
}

/// A machine loses its power: an agent that is asked to stop first reads its packages to the end.
fn off(agent: Running) {
    agent.kill_nine().unwrap();
}

fn stop(collector: Running) {
    collector.stop(PATIENCE).unwrap();
}

#[test]
fn a_certificate_renews_itself_with_a_new_key_and_the_one_before_counts_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "[certificates]\nhost_secs = 6\n");
    let _collector = province.serve().unwrap();
    enrol(&province, "agent");
    let identity = province.dir.join("agent/state/identity");
    let first_key = std::fs::read_to_string(identity.join("key.pem")).unwrap();

    let agent = province.watch("agent").unwrap();
    wait_until(&province, "three certificates in use", USED, 3);
    off(agent);

    let pair = std::fs::read_to_string(identity.join("pair.pem")).unwrap();
    assert!(pair.contains("PRIVATE KEY") && !pair.contains(first_key.lines().nth(1).unwrap()));
    assert!(!identity.join("key.pem").exists(), "the first key is gone");
    let superseded = "SELECT count(*) FROM certificate WHERE superseded_at IS NOT NULL";
    assert!(number(&province, superseded).unwrap() >= 2);
    assert!(!log(&province, "collector.log").contains("has ended"), "renewed in time");
    let keys = "SELECT count(DISTINCT serial) = count(*) FROM certificate";
    assert_eq!(number(&province, keys), Some(1));
}

#[test]
fn a_certificate_that_ended_while_the_machine_was_off_is_renewed_before_anything_else_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "[certificates]\nhost_secs = 4\n");
    let _collector = province.serve().unwrap();
    enrol(&province, "agent");
    wait_until(&province, "the end of the certificate", ENDED, 1);

    let agent = province.watch("agent").unwrap();
    wait_until(&province, "observations", OBSERVED, 1);
    off(agent);

    assert!(number(&province, ISSUED).unwrap() >= 2);
    let first_used = "SELECT count(*) FROM certificate WHERE used_at IS NOT NULL AND issued_at = \
                      (SELECT min(issued_at) FROM certificate)";
    assert_eq!(number(&province, first_used), Some(0), "the one that ended was good for a renewal only");
    assert!(log(&province, "collector.log").contains("with a certificate that has ended"));
}

#[test]
fn beyond_the_grace_the_machine_is_told_to_enrol_again_and_can() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "[certificates]\nhost_secs = 3\ngrace_secs = 0\n");
    let _collector = province.serve().unwrap();
    enrol(&province, "agent");
    wait_until(&province, "the end of the certificate", ENDED, 1);

    let agent = province.watch("agent").unwrap();
    let refused = || log(&province, "agent.log").contains("CertificateExpired").then_some(());
    wait_for("a refusal", PATIENCE, refused).unwrap();
    let status = wait_for("a status that says so", PATIENCE, || {
        let status = std::fs::read_to_string(province.dir.join("agent/state/status.json")).ok()?;
        status.contains("refusal-certificate-expired").then_some(status)
    });
    off(agent);

    assert!(status.is_ok(), "{status:?}");
    assert_eq!((number(&province, ISSUED), number(&province, OBSERVED)), (Some(1), Some(0)));
    let told = province.collector(&["token", "new", "--agency", AGENCY]).unwrap();
    let string = told.split_whitespace().last().unwrap().to_owned();
    province.agent("agent", &["enrol", "--again", &string]).unwrap();
    assert_eq!(number(&province, ISSUED), Some(2));
}

#[test]
fn a_certificate_that_ends_during_a_connection_ends_it_and_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "");
    let _collector = province.serve().unwrap();
    enrol(&province, "agent");
    let agent = province.watch("agent").unwrap();
    wait_until(&province, "observations", OBSERVED, 1);

    // Issued two months ago: it has ended a month ago, and the agent was not told.
    Connection::open(province.dir.join("collector/collector.db"))
        .unwrap()
        .execute(
            "UPDATE certificate SET issued_at = issued_at - 5184000000, not_after = not_after - 5184000000",
            [],
        )
        .unwrap();
    wait_until(&province, "a second certificate in use", USED, 2);
    off(agent);

    assert!(log(&province, "collector.log").contains("CertificateExpired"));
}

#[test]
fn a_revoked_machine_cannot_renew() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "[certificates]\nhost_secs = 4\n");
    let _collector = province.serve().unwrap();
    enrol(&province, "agent");
    let hosts = province.get("/api/v1/hosts").unwrap();
    let host = hosts["items"][0]["id"].as_str().unwrap();
    province.collector(&["host", "revoke", host]).unwrap();
    wait_until(&province, "the end of the certificate", ENDED, 1);

    let agent = province.watch("agent").unwrap();
    let refused = || log(&province, "agent.log").contains("IdentityRevoked").then_some(());
    wait_for("a refusal", PATIENCE, refused).unwrap();
    off(agent);

    assert_eq!((number(&province, ISSUED), number(&province, OBSERVED)), (Some(1), Some(0)));
}

fn shown(province: &Province) -> serde_json::Value {
    serde_json::from_str(&province.collector(&["--json", "authority", "show"]).unwrap()).unwrap()
}

fn behind(province: &Province) -> usize {
    shown(province)["hosts_without_root"].as_array().unwrap().len()
}

#[test]
fn a_new_root_reaches_also_a_machine_that_was_off_and_then_the_old_one_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "");
    let collector = province.serve().unwrap();
    for name in ["on", "off"] {
        enrol(&province, name);
        let agent = province.watch(name).unwrap();
        let said = wait_for("connections", PATIENCE, || {
            log(&province, &format!("{name}.log")).contains("Connected to the collector").then_some(())
        });
        assert!(said.is_ok(), "{}", log(&province, &format!("{name}.log")));
        off(agent);
    }
    let old = shown(&province)["pin"].clone();
    let key = province.dir.join("root.pem");
    let key = key.to_str().unwrap();

    province.collector(&["authority", "export-root", key]).unwrap();
    assert!(province.collector(&["authority", "rotate"]).is_err(), "its key is offline");
    province.collector(&["authority", "rotate", "--root", "--root-key", key]).unwrap();
    stop(collector);
    let collector = province.serve().unwrap();
    assert_ne!(shown(&province)["pin"], old);
    let on = province.watch("on").unwrap();
    wait_for("one machine's knowledge", PATIENCE, || (behind(&province) == 1).then_some(())).unwrap();
    assert!(province.collector(&["authority", "retire"]).is_err(), "one machine was off");
    off(on);

    let off_again = province.watch("off").unwrap();
    wait_for("the other's knowledge", PATIENCE, || (behind(&province) == 0).then_some(())).unwrap();
    off(off_again);
    province.collector(&["authority", "retire"]).unwrap();
    stop(collector);

    let _collector = province.serve().unwrap();
    let before = number(&province, "SELECT max(id) FROM observation").unwrap();
    let _agents = ["on", "off"].map(|name| province.watch(name).unwrap());
    let hosts = format!("SELECT count(DISTINCT host) FROM observation WHERE id > {before}");
    wait_until(&province, "both under the new root alone", &hosts, 2);
    assert_eq!(shown(&province)["root_changing"], false);
    for name in ["on", "off"] {
        let roots =
            std::fs::read_to_string(province.dir.join(name).join("state/identity/roots.pem")).unwrap();
        assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 1, "{name}");
    }
}

fn signal(program: &Running, name: &str) {
    let id = program.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[test]
fn a_certificate_that_nears_its_end_unrenewed_is_told_by_its_host_and_opens_an_incident() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path(), "[certificates]\nhost_secs = 24\n");
    let collector = province.serve().unwrap();
    enrol(&province, "agent");
    let _agent = province.watch("agent").unwrap();
    wait_until(&province, "a first word", OBSERVED, 1);
    let host = province.get("/api/v1/hosts").unwrap()["items"][0].clone();
    let listed = province.collector(&["host", "list"]).unwrap();
    let shown = province.collector(&["host", "show", host["name"].as_str().unwrap()]).unwrap();

    // A collector that stands still renews nothing.
    signal(&collector, "-STOP");
    let told = province.dir.join("agent/state/certificate-told");
    let waited = wait_for("the agent's word", PATIENCE, || told.exists().then_some(()));
    signal(&collector, "-CONT");
    waited.unwrap();

    let ending = "SELECT count(*) FROM observation WHERE kind = 'certificate_ending'";
    wait_until(&province, "the observation", ending, 1);
    let incident = "SELECT count(*) FROM incident WHERE title_en LIKE 'A certificate is about to end%'";
    wait_until(&province, "the incident", incident, 1);
    assert_eq!(number(&province, ending), Some(1), "once a day at most");
    let until = host["certificate_until"].as_str().unwrap();
    assert_eq!(host["way"], "quic");
    assert!(listed.contains("QUIC") && listed.contains(until), "{listed}");
    assert!(shown.contains("QUIC") && shown.contains(until), "{shown}");
}

//! The system's own records on the real programs: what a real journald wrote becomes observations and incidents; an agent that
//! is killed in the middle loses none and doubles none.

#[path = "../../../agent/src/sensor/records/journal/tests/made.rs"]
mod made;

use std::path::Path;
use std::time::Duration;

use made::{Journald, can_run};
use vonggac_tests::programs::{Province, Running, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

/// A province whose agent reads the records of a made system in which `an` has an account.
fn found(folder: &Path, root: &Path) -> Province {
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder).unwrap();
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nan:x:1000:1000::/home/an:/bin/sh\n")
        .unwrap();

    province
}

fn enrol(province: &Province, root: &Path) {
    let config = format!(
        "{}records_root = {:?}\nwatch_defaults = false\nlanguage_defaults = false\n",
        Province::without_packages(root),
        root.display().to_string()
    );
    province.enrol("agent", &config).unwrap();
}

/// Starts the agent, and waits until it keeps where it stands.
fn watch(province: &Province) -> Running {
    let agent = province.watch("agent").unwrap();
    let kept = province.dir.join("agent/state/records.json");
    wait_for("a kept place", PATIENCE, || kept.exists().then_some(())).unwrap();

    agent
}

/// What the collector holds of one kind, with how many each stands for.
fn arrived(province: &Province, kind: &str) -> Vec<serde_json::Value> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store =
        rusqlite::Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).unwrap();
    let mut query = store.prepare("SELECT body FROM observation WHERE kind = ?1 ORDER BY rowid").unwrap();
    let bodies = query.query_map([kind], |row| row.get::<_, Vec<u8>>(0)).unwrap();

    bodies
        .map(|body| {
            let observation = vonggac_protocol::observation::Observation::decode(&body.unwrap()).unwrap();
            serde_json::to_value(observation.kind).unwrap()
        })
        .collect()
}

fn counted(observations: &[serde_json::Value]) -> u64 {
    observations.iter().map(|it| it["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_login_and_a_use_of_sudo_come_from_the_journal_to_the_collector() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let province = found(folder.path(), &root);
    let _collector = province.serve().unwrap();
    let journald = Journald::start(&root, "persistent", &[]);
    journald.say("sshd", "Accepted password for root from 203.0.113.1 port 9 ssh2");
    enrol(&province, &root);
    let _agent = watch(&province);

    journald.say("sshd", "Failed password for invalid user hunter2-mật-khẩu from 203.0.113.7 port 40 ssh2");
    journald.say("sshd", "Accepted publickey for an from 203.0.113.8 port 41 ssh2: ED25519 SHA256:abc");
    journald.say(
        "sudo",
        "      an : TTY=pts/0 ; PWD=/home/an ; USER=root ; COMMAND=/usr/bin/mysql --password=bí-mật -e x",
    );
    wait_for("the use of sudo", PATIENCE, || {
        (!arrived(&province, "privilege_used").is_empty()).then_some(())
    })
    .unwrap();

    let logins = arrived(&province, "login");
    assert_eq!(logins.len(), 2, "{logins:#?}");
    assert_eq!((logins[0]["result"].as_str(), logins[0]["user"].as_str()), (Some("failed"), None));
    assert_eq!(logins[0]["unknown_user"].as_str().unwrap().len(), 16);
    assert_eq!((logins[1]["user"].as_str(), logins[1]["from"].as_str()), (Some("an"), Some("203.0.113.8")));
    let sudo = arrived(&province, "privilege_used");
    assert_eq!(sudo[0]["program"], "/usr/bin/mysql");
    assert_eq!((sudo[0]["run_as"].as_str(), sudo[0]["sure"].as_bool()), (Some("root"), Some(true)));
    let all = format!("{logins:?}{sudo:?}");
    assert!(!all.contains("hunter2") && !all.contains("password=") && !all.contains("mật"), "{all}");
}

#[test]
fn an_agent_killed_again_and_again_tells_every_login_once() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let province = found(folder.path(), &root);
    let _collector = province.serve().unwrap();
    let journald = Journald::start(&root, "persistent", &[]);
    enrol(&province, &root);
    let mut agent = watch(&province);
    let mut written = 0;

    for round in 0..8_u64 {
        for number in 0..25 {
            let from = format!("203.0.{round}.{number}");
            journald.say("sshd", &format!("Accepted password for an from {from} port 41 ssh2"));
            written += 1;
        }
        if round % 3 == 1 {
            journald.signal("USR2");
        }
        // Killed as soon as something of this round is on its way, wherever that finds it.
        let before = arrived(&province, "login").len();
        wait_for("the next logins", PATIENCE, || (arrived(&province, "login").len() > before).then_some(()))
            .unwrap();
        agent.kill_nine().unwrap();
        agent = watch(&province);
    }
    wait_for("the last login", PATIENCE, || {
        (arrived(&province, "login").iter().any(|it| it["from"] == "203.0.7.24")).then_some(())
    })
    .unwrap();
    agent.stop(PATIENCE).unwrap();

    let logins = arrived(&province, "login");
    assert_eq!(counted(&logins), written, "{} observations", logins.len());
    let mut from: Vec<&str> = logins.iter().map(|it| it["from"].as_str().unwrap()).collect();
    from.sort_unstable();
    from.dedup();
    assert_eq!(from.len(), usize::try_from(written).unwrap());
    assert_eq!(arrived(&province, "log_gap").len(), 0);
}

#[test]
fn a_guessed_password_and_root_from_outside_become_incidents() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let province = found(folder.path(), &root);
    let _collector = province.serve().unwrap();
    let journald = Journald::start(&root, "persistent", &[]);
    enrol(&province, &root);
    let agent = watch(&province);

    for number in 0..30 {
        journald.say("sshd", &format!("Failed password for an from 203.0.113.7 port {number} ssh2"));
    }
    // The right guess comes after the wrong ones, not within the same millisecond.
    wait_for("the first refusal", PATIENCE, || (!arrived(&province, "login").is_empty()).then_some(()))
        .unwrap();
    journald.say("sshd", "Accepted password for an from 203.0.113.7 port 99 ssh2");
    wait_for("the first login", PATIENCE, || (arrived(&province, "login").len() >= 2).then_some(())).unwrap();
    // The rest of the refusals is being counted: an agent that is killed now goes on counting.
    agent.kill_nine().unwrap();
    let _agent = watch(&province);
    for number in 0..10 {
        journald.say("sshd", &format!("Failed password for an from 203.0.113.7 port {number} ssh2"));
    }
    journald.say("sshd", "Accepted password for root from 203.0.113.9 port 99 ssh2");

    let rules = wait_for("both incidents", PATIENCE + PATIENCE, || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let store =
            rusqlite::Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).ok()?;
        let mut query = store.prepare("SELECT DISTINCT rule FROM finding").ok()?;
        let rules: Vec<String> = query.query_map([], |row| row.get(0)).ok()?.flatten().collect();
        let has = |name: &str, id: &str| rules.iter().any(|rule| rule == name || rule == id);
        (has("login-guessed", "302d4858-6c30-5830-bf68-6ccb38f3def3")
            && has("root-login-outside", "0aa6e37c-ce7e-5eb7-aab0-a9deb1c05150"))
        .then_some(rules)
    });
    assert!(rules.is_ok(), "{:?}", province.get("/api/v1/incidents"));
    let failed = || -> u64 {
        let logins = arrived(&province, "login");
        counted(&logins.into_iter().filter(|it| it["result"] == "failed").collect::<Vec<_>>())
    };
    wait_for("all refusals", PATIENCE, || (failed() >= 40).then_some(())).unwrap();
    assert_eq!(failed(), 40);
}

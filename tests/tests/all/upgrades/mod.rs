//! Torn upgrades, with real programs: after each fault an agent runs and reports, and the test prints what the machine was
//! left with. `cargo test -p vonggac-tests --test all upgrades -- --nocapture`.

#![expect(clippy::print_stderr, reason = "the test prints what each fault left behind")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vonggac_agent::upgrade::plan::Slot;
use vonggac_tests::programs::{Province, Running, wait_for};

mod full_disk;

const PATIENCE: Duration = Duration::from_secs(300);

const AGENT: &str = "may-1";

const STAND_IN: &str = env!("CARGO_BIN_EXE_agent_stand_in");

/// A copy of a program without what debuggers read, with words at its end.
fn stand_in(program: &str, words: &str, to: &Path) {
    let stripped = Command::new("strip").arg("-o").arg(to).arg(program).status().is_ok_and(|it| it.success());
    if !stripped {
        fs::copy(program, to).unwrap();
    }
    let mut bytes = fs::read(to).unwrap();
    // More than the words looked for, so that they alone stand at the end.
    bytes.extend_from_slice(&[b'\n'; 64]);
    bytes.extend_from_slice(words.as_bytes());
    fs::write(to, bytes).unwrap();
}

struct Story {
    province: Province,
    agent: Option<Running>,
}

impl Story {
    fn begin(dir: &Path) -> Self {
        Self::begin_within(dir, 5)
    }

    /// A version has so many seconds to report.
    fn begin_within(dir: &Path, secs: u32) -> Self {
        let mut province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), dir).unwrap();
        let own = dir.join("vonggac-agent");
        stand_in(STAND_IN, "", &own);
        province.use_agent(own);
        let watched = dir.join("watched");
        fs::create_dir(&watched).unwrap();
        let extra = format!(
            "upgrade_within_secs = {secs}\nheartbeat_secs = 5\n{}{}",
            Province::without_packages(&watched),
            Province::watch_only("application", &watched)
        );

        Self { province: Self::enrolled(province, &extra), agent: None }
    }

    fn enrolled(province: Province, extra: &str) -> Province {
        // An agent is enrolled by a collector that answers.
        let collector = province.serve().unwrap();
        province.enrol(AGENT, extra).unwrap();
        drop(collector);

        province
    }

    fn state(&self) -> PathBuf {
        self.province.dir.join(AGENT).join("state")
    }

    /// Packs, signs and takes in a version; broken how, or whole.
    fn release(&self, version: &str, program: &str, words: &str, extra: &[&str]) {
        let path = self.province.dir.join(format!("program-{version}"));
        stand_in(program, words, &path);
        let file = self.province.dir.join(format!("{version}.vgr"));
        let (path, file) = (path.display().to_string(), file.display().to_string());
        let mut args = vec!["release", "pack", &path, "--version", version, "--out", &file];
        args.extend_from_slice(extra);
        self.province.collector(&args).unwrap();
        let key = fs::read_to_string(self.province.dir.join("collector/keys/release.pub")).unwrap();
        let key = key.lines().last().unwrap();
        self.province.collector(&["release", "trust", key, "--name", "du-an"]).unwrap();
        self.province.collector(&["release", "add", &file]).unwrap();
    }

    fn broken(&self, version: &str, how: &str) {
        self.release(
            version,
            env!("CARGO_BIN_EXE_agent_broken"),
            &format!("VONGGAC-BROKEN {version} {how}"),
            &[],
        );
    }

    fn believe(&self) {
        let key = self.province.dir.join("collector/keys/release.pub");
        fs::copy(key, self.province.dir.join(AGENT).join("release.pub")).unwrap();
    }

    fn offer(&self, version: &str) {
        self.province.collector(&["release", "offer", version, "--all", "--by", "an"]).unwrap();
    }

    fn start(&mut self) {
        self.agent = Some(self.province.watch(AGENT).unwrap());
    }

    fn kill(&mut self) {
        self.agent.take().unwrap().kill_nine().unwrap();
        let running = self.state();
        // A version ends with its launcher.
        wait_for("the agent's end", PATIENCE, || (!vonggac_agent::keep::is_locked(&running)).then_some(()))
            .unwrap();
    }

    fn status(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&fs::read(self.state().join("status.json")).ok()?).ok()
    }

    fn orders(&self) -> serde_json::Value {
        serde_json::from_str(&self.province.collector(&["--json", "release", "list"]).unwrap()).unwrap()
    }

    /// What became of the last offer, once it is known.
    fn outcome(&self) -> (String, String) {
        let database = self.province.dir.join("collector/collector.db");
        let asked = || {
            let db = rusqlite::Connection::open(&database).ok()?;
            db.query_row(
                "SELECT outcome, coalesce(reason, '') FROM release_host WHERE outcome IS NOT NULL AND ordered = \
                 (SELECT max(id) FROM release_order WHERE what = 'offer')",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .ok()
        };

        wait_for("the outcome of an upgrade", PATIENCE, asked)
            .unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// That the last offer came to this, whatever was told of it before.
    fn wait_for_outcome(&self, outcome: &str) {
        let told = || (self.outcome().0 == outcome).then_some(());

        wait_for(outcome, PATIENCE, told).unwrap_or_else(|error| panic!("{error}: {}", self.log()));
    }

    fn wait_for_pieces(&self) {
        let coming = self.state().join("upgrade/coming");
        let some = || {
            let entry = fs::read_dir(&coming).ok()?.next()?.ok()?;
            (entry.metadata().ok()?.len() > 0).then_some(())
        };
        wait_for("some pieces", PATIENCE, some).unwrap();
    }

    /// The version as the machine names it.
    fn slot(&self, version: &str) -> Slot {
        let program = fs::read(self.province.dir.join(format!("program-{version}"))).unwrap();

        Slot { version: version.to_owned(), sha256: vonggac_protocol::digest::Digest::of(&program) }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.province.dir.join(format!("{AGENT}.log"))).unwrap_or_default()
    }

    /// An agent of this version runs here, is connected, and what it tells arrives; prints what the machine was left with.
    fn must_work(&self, fault: &str, version: &str) {
        let works = || {
            let status = self.status()?;
            let lives = vonggac_agent::keep::is_locked(&self.state());
            let hosts = self.province.get("/api/v1/hosts").ok()?;
            let seen = hosts["items"][0]["agent_version"] == version;
            (lives
                && seen
                && status["version"] == version
                && status["connected"] == true
                && status["waiting_prompt"] == 0)
                .then_some(())
        };
        wait_for("an agent that runs and reports", PATIENCE, works)
            .unwrap_or_else(|error| panic!("after {fault}: {error}\n{:?}\n{}", self.status(), self.log()));
        eprintln!("{fault}:\n  runs and reports: {version}\n{}", self.left());
    }

    fn left(&self) -> String {
        let folder = self.state().join("upgrade");
        let plan: serde_json::Value = fs::read(folder.join("plan.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let list = |name: &str| -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(folder.join(name))
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };

        format!(
            "  plan: settled {}, trial {}, closed orders {}\n  coming: {:?}\n  versions: {:?}",
            plan["settled"]["version"],
            plan["trial"]["slot"]["version"],
            plan["closed"],
            list("coming"),
            list("versions")
        )
    }
}

/// Alters the first piece of a release in the collector's store.
fn alter_first_piece(story: &Story, version: &str) {
    let db = rusqlite::Connection::open(story.province.dir.join("collector/collector.db")).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    let other = vonggac_protocol::release::pack_piece(b"another program");
    let changed = db
        .execute(
            "UPDATE release_piece SET packed = ?1 WHERE number = 0 AND release = (SELECT id FROM release WHERE version = ?2)",
            rusqlite::params![other, version],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn whatever_goes_wrong_with_an_upgrade_an_agent_runs_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let mut story = Story::begin(folder.path());
    let own = env!("CARGO_PKG_VERSION");
    let _collector = story.province.serve().unwrap();

    story.broken("9.0.1", "crash");
    fs::write(story.province.dir.join(AGENT).join("release.pub"), STRANGERS_KEY).unwrap();
    story.start();
    story.offer("9.0.1");
    assert_eq!(story.outcome(), ("refused".to_owned(), "signature".to_owned()));
    story.must_work("signed by a key that this machine does not believe", own);

    story.believe();
    story.kill();
    story.start();
    story.broken("9.0.2", "lie");
    alter_first_piece(&story, "9.0.2");
    story.offer("9.0.2");
    assert_eq!(story.outcome(), ("refused".to_owned(), "digest".to_owned()));
    story.must_work("a piece that is not what was signed", own);

    story.broken("9.0.3", "lie");
    story.offer("9.0.3");
    assert_eq!(story.outcome(), ("refused".to_owned(), "does_not_run".to_owned()));
    story.must_work("a program that is not the version that was signed", own);

    story.broken("9.0.4", "crash");
    story.offer("9.0.4");
    assert_eq!(story.outcome(), ("returned".to_owned(), "crashed".to_owned()));
    story.must_work("a version that crashes at each start", own);
    let orders = story.orders();
    let last = orders["orders"].as_array().unwrap().last().unwrap().clone();
    assert!(last["version"].is_null() && last["by"] == "vonggac", "the offer was halted by itself: {last}");

    story.broken("9.0.5", "mute");
    story.offer("9.0.5");
    assert_eq!(story.outcome(), ("returned".to_owned(), "silent".to_owned()));
    story.must_work("a version that runs and never reports", own);

    story.release("9.1.0", STAND_IN, "VONGGAC-STAND-IN 9.1.0", &[]);
    story.offer("9.1.0");
    story.wait_for_pieces();
    story.kill();
    eprintln!("killed while pieces came:\n{}", story.left());
    story.start();
    assert_eq!(story.outcome(), ("upgraded".to_owned(), String::new()));
    story.must_work("a torn download, and then an upgrade", "9.1.0");

    story.kill();
    story.start();
    story.must_work("a power cut after the upgrade", "9.1.0");

    a_person_sends_a_version_away(&story, own);

    let program = story.state().join("upgrade/versions").join(story.slot("9.1.0").name());
    story.kill();
    // The version ends a moment after its launcher; until then nobody can write to its program.
    let damaged = || fs::write(program.join("vonggac-agent"), b"damaged").ok();
    wait_for("the version's end", PATIENCE, damaged).unwrap();
    story.start();
    story.must_work("a version damaged on the disk", own);
}

/// A version that reports and is bad all the same: 9.2.0, after 9.1.0.
fn a_person_sends_a_version_away(story: &Story, installed: &str) {
    story.release("9.2.0", STAND_IN, "VONGGAC-STAND-IN 9.2.0", &[]);
    story.offer("9.2.0");
    assert_eq!(story.outcome(), ("upgraded".to_owned(), String::new()));
    story.must_work("an upgrade of the upgraded version", "9.2.0");
    let said = story.province.agent(AGENT, &["upgrade", "status", "--json"]).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["installed"], &said["settled"], &said["previous"]),
        (&installed.into(), &"9.2.0".into(), &"9.1.0".into())
    );

    let said = story.province.agent(AGENT, &["--lang", "en", "upgrade", "back"]).unwrap();
    assert!(said.contains("Done: 9.2.0 is not started any more, 9.1.0 runs."), "{said}");
    story.must_work("a version sent away by a person of the machine", "9.1.0");
    let returned = ("returned".to_owned(), "person".to_owned());
    wait_for("the return at the collector", PATIENCE, || (story.outcome() == returned).then_some(()))
        .unwrap();
    let orders = story.orders();
    let last = orders["orders"].as_array().unwrap().last().unwrap().clone();
    assert!(last["version"].is_null() && last["by"] == "vonggac", "the offer was halted by itself: {last}");

    story.offer("9.2.0");
    assert_eq!(story.outcome(), ("refused".to_owned(), "person".to_owned()));
    story.must_work("offered again what a person sent away", "9.1.0");
}

/// A key of nobody's.
const STRANGERS_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";

//! Upgrades of the Windows service, under Wine: a version that crashes, one that never reports, one that stays, a restart, and
//! the way back by hand; after each an agent runs and reports.
//!
//! Needs Wine, and both programs that `deploy/windows/build test` builds: the agent and its stand-in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vonggac_tests::programs::{AGENCY, Province, wait_for};

use super::windows_service::{Windows, say};

/// Wine on a busy machine, with programs of a debug build.
const PATIENCE: Duration = Duration::from_secs(240);

struct Story {
    province: Province,
    windows: Windows,
    stand_in: PathBuf,
}

impl Story {
    /// A stand-in with words at its end: without them it is the agent of this tree.
    fn stand_in(&self, words: &str, to: &Path) {
        let strip = Command::new("x86_64-w64-mingw32-strip").arg("-o").arg(to).arg(&self.stand_in).status();
        if !strip.is_ok_and(|it| it.success()) {
            fs::copy(&self.stand_in, to).unwrap();
        }
        let mut bytes = fs::read(to).unwrap();
        bytes.extend_from_slice(&[b'\n'; 64]);
        bytes.extend_from_slice(words.as_bytes());
        fs::write(to, bytes).unwrap();
    }

    /// Signs a version, takes it in and offers it to everybody.
    fn offer(&self, version: &str, how: &str) {
        let program = self.province.dir.join(format!("{version}.exe"));
        self.stand_in(&format!("VONGGAC-STAND-IN {version} {how}"), &program);
        let file = self.province.dir.join(format!("{version}.vgr"));
        let (program, file) = (program.display().to_string(), file.display().to_string());
        self.province
            .collector(&["release", "pack", &program, "--version", version, "--out", &file])
            .unwrap();
        let key = fs::read_to_string(self.key()).unwrap();
        let key = key.lines().last().unwrap();
        self.province.collector(&["release", "trust", key, "--name", "du-an"]).unwrap();
        self.province.collector(&["release", "add", &file]).unwrap();
        self.province.collector(&["release", "offer", version, "--all", "--by", "an"]).unwrap();
    }

    fn key(&self) -> PathBuf {
        self.province.dir.join("collector/keys/release.pub")
    }

    /// What the last offer came to.
    fn wait_for_outcome(&self, outcome: &str, reason: &str) {
        let database = self.province.dir.join("collector/collector.db");
        let told = || {
            let db = rusqlite::Connection::open(&database).ok()?;
            let query = "SELECT outcome, coalesce(reason, '') FROM release_host WHERE outcome IS NOT NULL AND ordered = \
                         (SELECT max(id) FROM release_order WHERE what = 'offer')";
            let told: (String, String) =
                db.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
            (told == (outcome.to_owned(), reason.to_owned())).then_some(())
        };

        wait_for(outcome, PATIENCE, told).unwrap_or_else(|error| panic!("{error}: {}", self.log()));
    }

    /// An agent of this version runs, is connected, and what it tells arrives; says what the machine was left with.
    fn must_work(&self, fault: &str, version: &str) {
        let works = || {
            // Not by `agent`, which says each time what was printed.
            let status = self.windows.run(&self.windows.agent, &["status", "--json"]);
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
            let hosts = self.province.get("/api/v1/hosts").ok()?;
            (hosts["items"][0]["agent_version"] == version
                && status["version"] == version
                && status["connected"] == true
                && status["waiting_prompt"] == 0)
                .then_some(())
        };
        wait_for("an agent that runs and reports", PATIENCE, works)
            .unwrap_or_else(|error| panic!("after {fault}: {error}\n{}", self.log()));
        say(&format!("{fault}: runs and reports: {version}"));
    }

    fn log(&self) -> String {
        fs::read_to_string(self.windows.disk("ProgramData/VongGac/agent/agent.log")).unwrap_or_default()
    }
}

#[test]
fn a_windows_service_comes_back_from_versions_that_do_not_work_and_stays_with_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let Some(windows) = Windows::found(folder.path().join("wine")) else { return };
    let stand_in = windows.agent.with_file_name("examples").join("stand_in.exe");
    if !stand_in.is_file() {
        say(&format!("SKIPPED, nothing is proved: needs {}", stand_in.display()));
        return;
    }
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let _collector = province.serve().unwrap();
    let mut story = Story { province, windows, stand_in };
    let installed = folder.path().join("vonggac-agent.exe");
    story.stand_in("", &installed);
    story.windows.agent = installed;

    story.windows.agent(&["service", "install"]).unwrap();
    let config = "version = 1\nwatch_defaults = false\nlanguage_defaults = false\nupgrade_within_secs = 20\nheartbeat_secs = 5\n";
    fs::write(story.windows.disk("ProgramData/VongGac/agent.toml"), config).unwrap();
    story.windows.agent(&["enrol", &story.province.new_string(AGENCY).unwrap().to_string()]).unwrap();
    let own = env!("CARGO_PKG_VERSION");

    story.offer("9.0.1", "crash");
    fs::copy(story.key(), story.windows.disk("ProgramData/VongGac/release.pub")).unwrap();
    story.windows.agent(&["service", "start"]).unwrap();
    story.wait_for_outcome("returned", "crashed");
    story.must_work("a version that crashes at each start", own);

    story.offer("9.0.2", "mute");
    story.wait_for_outcome("returned", "silent");
    story.must_work("a version that runs and never reports", own);

    story.offer("9.1.0", "");
    story.wait_for_outcome("upgraded", "");
    story.must_work("an upgrade", "9.1.0");

    story.windows.agent(&["service", "stop"]).unwrap();
    assert!(story.log().lines().last().unwrap().contains("Agent stopped"), "{}", story.log());
    story.windows.agent(&["service", "start"]).unwrap();
    story.must_work("a restart of the service", "9.1.0");

    story.windows.agent(&["upgrade", "back"]).unwrap();
    story.must_work("a version sent away by a person of the machine", own);
}

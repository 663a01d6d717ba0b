//! The agent as a Windows service, under Wine: installed, enrolled by what an installer left, stopped, started, removed.
//!
//! Needs Wine and a program that was built for Windows: `VONGGAC_WINDOWS_AGENT`, or what
//! `CARGO_TARGET_DIR=target/win cargo build -p vonggac-agent --target x86_64-pc-windows-gnu` made. Without either it says
//! so and proves nothing.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use vonggac_tests::programs::{AGENCY, Province, instant, wait_for};
use vonggac_tests::tidy::tree;

const PATIENCE: Duration = Duration::from_secs(120);
const WINE: &str = "/usr/lib/wine/wine64";
const BUILT: &str = "target/win/x86_64-pc-windows-gnu/debug/vonggac-agent.exe";
const KEY: &str = r"HKLM\SOFTWARE\VongGac\Agent";

/// On the error output, which a gate keeps.
pub(super) fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// A Windows of its own.
pub(super) struct Windows {
    prefix: PathBuf,
    pub(super) agent: PathBuf,
}

impl Windows {
    /// Nothing if this machine has no Wine, or nothing was built for Windows.
    pub(super) fn found(prefix: PathBuf) -> Option<Self> {
        let agent =
            std::env::var_os("VONGGAC_WINDOWS_AGENT").map_or_else(|| tree::root().join(BUILT), PathBuf::from);
        if !Path::new(WINE).exists() || !agent.is_file() {
            say(&format!("SKIPPED, nothing is proved: needs {WINE} and {}", agent.display()));
            return None;
        }
        let windows = Self { prefix, agent };
        // The first start makes the registry; services answer from the second on.
        windows.run(Path::new("wineboot"), &["-u"]);
        windows.server("-k");
        // It stays, or every command would begin with a start of the system and of our service.
        windows.server("-p");

        Some(windows)
    }

    pub(super) fn run(&self, program: &Path, args: &[&str]) -> Output {
        // Into files: what Wine starts beside the program would hold a pipe open for ever.
        let said = |name: &str| self.prefix.with_extension(name);
        let (out, err) =
            (std::fs::File::create(said("out")).unwrap(), std::fs::File::create(said("err")).unwrap());
        let status = Command::new(tree::root().join("deploy/windows/wine/run"))
            .arg(program)
            .args(args)
            .env("WINEPREFIX", &self.prefix)
            .env("VONGGAC_LANG", "en")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .status()
            .unwrap();
        let read = |name: &str| std::fs::read(said(name)).unwrap();

        Output { status, stdout: read("out"), stderr: read("err") }
    }

    /// What the agent's command printed, if it did well.
    pub(super) fn agent(&self, args: &[&str]) -> Option<String> {
        let output = self.run(&self.agent, args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        say(&format!("{args:?}: {} {said}{}", output.status, String::from_utf8_lossy(&output.stderr)));

        output.status.success().then_some(said)
    }

    pub(super) fn disk(&self, path: &str) -> PathBuf {
        self.prefix.join("drive_c").join(path)
    }

    /// The files and folders that are ours, and whether the registry knows of us.
    fn traces(&self) -> (BTreeSet<PathBuf>, Vec<bool>) {
        let ours = ["Program Files/VongGac", "ProgramData/VongGac"];
        let found = ours.iter().map(|path| self.disk(path)).filter(|path| path.exists()).collect();
        let keys = [
            KEY,
            r"HKLM\SYSTEM\CurrentControlSet\Services\VongGacAgent",
            r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\VongGacAgent",
        ];
        let known = keys.iter().map(|key| self.run(Path::new("reg"), &["query", key]).status.success());

        (found, known.collect())
    }

    fn server(&self, what: &str) {
        let server = Path::new(WINE).with_file_name("wineserver64");
        // It may have ended by itself.
        drop(Command::new(server).arg(what).env("WINEPREFIX", &self.prefix).status());
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        self.server("-k");
    }
}

#[test]
fn a_windows_service_enrols_by_what_its_installer_left_stops_in_order_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(windows) = Windows::found(folder.path().join("wine")) else { return };
    let before = windows.traces();
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let collector = province.serve().unwrap();

    assert!(windows.agent(&["service", "install"]).unwrap().contains("installed"));
    // What a first scan does to a stop is not the matter here.
    let config = windows.disk("ProgramData/VongGac/agent.toml");
    std::fs::write(config, "version = 1\nwatch_defaults = false\n").unwrap();
    windows.agent(&["service", "start"]).unwrap();
    // It waits for an identity, and says so.
    wait_for("the wait", PATIENCE, || {
        windows.agent(&["service", "status"])?.contains("waits to be enrolled").then_some(())
    })
    .unwrap();

    // What an installer leaves is used once, and gone.
    let string = province.new_string(AGENCY).unwrap().to_string();
    windows.run(Path::new("reg"), &["add", KEY, "/v", "Enrol", "/t", "REG_SZ", "/d", &string, "/f"]);
    let key = windows.disk("ProgramData/VongGac/agent/identity/key.pem");
    wait_for("an identity", PATIENCE, || key.exists().then_some(())).unwrap();
    wait_for("the string's removal", PATIENCE, || {
        let left = windows.run(Path::new("reg"), &["query", KEY, "/v", "Enrol"]);
        (!left.status.success()).then_some(())
    })
    .unwrap();
    let sealed = std::fs::read(&key).unwrap();
    assert!(sealed.starts_with(b"VGSEAL1\0") && !sealed.windows(7).any(|part| part == b"PRIVATE"));
    wait_for("a connection", PATIENCE, || {
        let status: serde_json::Value = serde_json::from_str(&windows.agent(&["status", "--json"])?).ok()?;
        status["connected"].as_bool().filter(|connected| *connected)
    })
    .unwrap();

    // A stop is answered within the manager's limit, and in order.
    let begun = instant();
    windows.agent(&["service", "stop"]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    let log = std::fs::read_to_string(windows.disk("ProgramData/VongGac/agent/agent.log")).unwrap();
    assert!(log.lines().last().unwrap().contains("Agent stopped"), "{log}");
    assert!(!log.contains(&string), "the string is in the log");

    // A copied key is of no use to another installation of the system.
    let machine = r"HKLM\SOFTWARE\Microsoft\Cryptography";
    let other = "00000000-0000-0000-0000-000000000001";
    let guid = ["add", machine, "/v", "MachineGuid", "/t", "REG_SZ", "/d", other, "/f"];
    assert!(windows.run(Path::new("reg"), &guid).status.success());
    assert!(windows.agent(&["doctor"]).is_none());
    assert!(windows.agent(&["service", "start"]).is_none());

    windows.agent(&["service", "uninstall"]).unwrap();
    assert_eq!(windows.traces(), before);
    collector.stop(PATIENCE).unwrap();
}

#[test]
fn a_windows_service_that_watches_trees_stops_within_seconds_also_in_the_middle_of_its_first_readings() {
    let folder = tempfile::tempdir().unwrap();
    let Some(windows) = Windows::found(folder.path().join("wine")) else { return };
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let collector = province.serve().unwrap();
    let agent_log = windows.disk("ProgramData/VongGac/agent/agent.log");
    let log = || std::fs::read_to_string(&agent_log).unwrap_or_default();
    let string = province.new_string(AGENCY).unwrap().to_string();

    // All that is watched unless told otherwise: trees, the registry, and a first scan that takes long.
    windows.agent(&["service", "install"]).unwrap();
    windows.agent(&["enrol", &string]).unwrap();
    for (round, ready) in ["started", "connected", "in its first scan", "scanned"].into_iter().enumerate() {
        windows.agent(&["service", "start"]).unwrap();
        wait_for(ready, PATIENCE, || {
            let status = windows.agent(&["status", "--json"])?;
            let status: serde_json::Value = serde_json::from_str(&status).ok()?;
            match round {
                0 => Some(()),
                1 => status["connected"].as_bool().filter(|connected| *connected).map(drop),
                2 => status["baseline_paths"].as_u64().filter(|paths| *paths > 100).map(drop),
                _ => status["is_scanned"].as_bool().filter(|scanned| *scanned).map(drop),
            }
        })
        .unwrap();
        let begun = instant();
        let stopped = windows.agent(&["service", "stop"]);
        let lasted = begun.elapsed();
        say(&format!("{ready}: stopped after {lasted:?}\n{}", log()));
        stopped.unwrap();
        assert!(lasted < Duration::from_secs(10), "{ready}: {lasted:?}");
        assert!(log().lines().last().unwrap().contains("Agent stopped"), "{}", log());
    }
    collector.stop(PATIENCE).unwrap();
}

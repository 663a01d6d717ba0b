//! The Windows agent under Wine with a real collector: what a sysadmin of an agency would see of it. Needs the built program
//! (`VONGGAC_WINDOWS_AGENT`) and Wine; `deploy/windows/build test` brings both.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use vonggac_tests::programs::{AGENCY, Province, Running, wait_for};

/// Wine on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

const RUN_KEY: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Run";

/// A Windows of its own: a Wine prefix, and the agent in it.
struct Host {
    exe: PathBuf,
    runner: PathBuf,
    dir: PathBuf,
    watched: PathBuf,
}

impl Host {
    /// `None`, said loudly, where the program was not built.
    fn new(dir: &Path) -> Option<Self> {
        let Some(exe) = std::env::var_os("VONGGAC_WINDOWS_AGENT") else {
            let why = "VONGGAC_WINDOWS_AGENT names no program for Windows (deploy/windows/build test)";
            drop(writeln!(std::io::stderr(), "NOT RUN: {why}"));
            return None;
        };
        let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/windows/wine/run");
        let host = Self {
            exe: exe.into(),
            runner,
            dir: dir.to_owned(),
            watched: dir.join("prefix/drive_c/inetpub/wwwroot"),
        };
        std::fs::create_dir_all(dir.join("prefix")).unwrap();
        // The prefix is made by the first program that runs in it.
        assert!(host.run(&["--version"]).contains("vonggac-agent"));
        std::fs::create_dir_all(&host.watched).unwrap();
        let config = "version = 1\nstate_dir = 'C:\\ProgramData\\VongGac\\agent'\nlanguage_defaults = false\n\
                      exclude = ['C:\\windows', 'C:\\Program Files', 'C:\\Program Files (x86)']\n";
        std::fs::write(dir.join("prefix/drive_c/agent.toml"), config).unwrap();

        Some(host)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.runner);
        command.arg(program).env("WINEPREFIX", self.dir.join("prefix")).stdin(Stdio::null());

        command
    }

    fn agent(&self) -> Command {
        let mut command = self.command(&self.exe);
        command.args(["--config", r"C:\agent.toml", "--lang", "en"]);

        command
    }

    /// Runs a command of the agent and gives what it printed.
    fn run(&self, args: &[&str]) -> String {
        let output = self.agent().args(args).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {said}");

        said
    }

    fn start(&self) -> Running {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("agent.log")).unwrap();
        let child = self.agent().arg("run").stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();

        Running::of(child)
    }

    /// Sets a value of the registry, as an installer would.
    fn add_to_registry(&self, key: &str, name: &str, data: &str) {
        let reg = Path::new("reg.exe");
        let done = self.command(reg).args(["add", key, "/v", name, "/d", data, "/f"]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let server = Path::new("/usr/lib/wine/wineserver64");
        drop(Command::new(server).arg("-k").env("WINEPREFIX", self.dir.join("prefix")).status());
    }
}

fn store(province: &Province) -> rusqlite::Connection {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;

    rusqlite::Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).unwrap()
}

/// How many observations of a kind the collector holds.
fn count(province: &Province, kind: &str) -> u64 {
    let query = "SELECT count(*) FROM observation WHERE kind = ?1";

    store(province).query_row(query, [kind], |row| row.get(0)).unwrap()
}

/// What the collector holds of changed files: action, path and whether nobody looked at that time.
fn told(province: &Province) -> Vec<(String, String, bool)> {
    let store = store(province);
    let mut query =
        store.prepare("SELECT body FROM observation WHERE kind = 'file_changed' ORDER BY rowid").unwrap();
    let bodies = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();

    bodies
        .map(|body| {
            let observation = vonggac_protocol::observation::Observation::decode(&body.unwrap()).unwrap();
            let it = serde_json::to_value(observation.kind).unwrap();
            let text = |name: &str| it[name].as_str().unwrap().to_owned();

            (text("action"), text("path"), it["while_off"].as_bool().unwrap())
        })
        .collect()
}

fn wait_told(province: &Province, host: &Host, action: &str, end: &str, while_off: bool) {
    let is_it = |it: &(String, String, bool)| it.0 == action && it.1.ends_with(end) && it.2 == while_off;
    let found =
        wait_for(&format!("{action} {end}"), PATIENCE, || told(province).iter().any(is_it).then_some(()));
    if let Err(error) = found {
        let log = std::fs::read_to_string(host.dir.join("agent.log")).unwrap_or_default();
        panic!("{error:#}; told: {:#?}\n{log}", told(province));
    }
}

/// Whether an incident of one of these rules rests on something of this name.
fn wait_incident(province: &Province, rule: &str) {
    wait_for(&format!("an incident of {rule}"), PATIENCE, || {
        let all = province.get("/api/v1/incidents").ok()?;
        let found = all["items"].as_array()?.iter().any(|it| it["rule"] == rule);
        found.then_some(())
    })
    .unwrap();
}

#[test]
fn a_windows_host_enrols_watches_and_tells_what_changed_also_while_it_was_off() {
    let folder = tempfile::tempdir().unwrap();
    let Some(host) = Host::new(folder.path()) else { return };
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let _collector = province.serve().unwrap();
    std::fs::write(host.watched.join("index.html"), "chào").unwrap();
    std::fs::write(host.watched.join("old.html"), "cũ").unwrap();

    host.run(&["enrol", &province.new_string(AGENCY).unwrap().to_string()]);
    let agent = host.start();
    let hosts = wait_for("the host", PATIENCE, || {
        let hosts = province.get("/api/v1/hosts").ok()?["items"].clone();
        (hosts[0]["way"] == "quic").then_some(hosts)
    })
    .unwrap();
    // Of this very root: others, and the registry's parts, are taken before it.
    wait_for("the baseline of the web root", PATIENCE, || {
        let id = hosts[0]["id"].as_str()?;
        let roots = province.get(&format!("/api/v1/hosts/{id}")).ok()?["roots"].clone();
        roots.as_array()?.iter().any(|root| root.to_string().contains("wwwroot")).then_some(())
    })
    .unwrap();

    std::fs::write(host.watched.join("index.html"), "bị thay").unwrap();
    std::fs::write(host.watched.join("c99.php"), "<?php").unwrap();
    wait_told(&province, &host, "modified", "index.html", false);
    wait_told(&province, &host, "created", "c99.php", false);
    std::fs::rename(host.watched.join("c99.php"), host.watched.join("đẹp.php")).unwrap();
    wait_told(&province, &host, "deleted", "c99.php", false);
    wait_told(&province, &host, "created", "đẹp.php", false);
    std::fs::remove_file(host.watched.join("old.html")).unwrap();
    wait_told(&province, &host, "deleted", "old.html", false);
    host.add_to_registry(RUN_KEY, "updater", r"C:\users\public\updater.exe");
    wait_told(&province, &host, "created", r"CurrentVersion\Run\updater", false);

    agent.kill_nine().unwrap();
    std::fs::write(host.watched.join("night.php"), "<?php").unwrap();
    host.add_to_registry(RUN_KEY, "night", r"C:\users\public\night.exe");
    let _again = host.start();
    wait_told(&province, &host, "created", "night.php", true);
    wait_told(&province, &host, "created", r"CurrentVersion\Run\night", true);
    for rule in ["web-page-changed", "web-script-created", "persistence-changed"] {
        wait_incident(&province, rule);
    } // What Windows does not have is no failure of a sensor.
    wait_for("the inventory", PATIENCE, || (count(&province, "packages_listed") > 0).then_some(())).unwrap();
    assert_eq!(count(&province, "sensor_failed"), 0);
}

//! A real systemd-journald for tests, in a mount namespace of its own, whose files lie in a folder of the test.

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// The root of a system whose journal is written while this lives.
pub(crate) struct Journald {
    child: Child,
    root: PathBuf,
}

/// Polls until there is something.
pub(crate) fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = instant();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(instant().duration_since(start) < Duration::from_secs(20), "{what} did not happen");
        std::thread::yield_now();
    }
}

fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a real journald runs in real time")]
    Instant::now()
}

/// Whether a journald can be run here; says loudly if not.
pub(crate) fn can_run() -> bool {
    let can = Path::new(JOURNALD).exists()
        && Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        let why = "systemd-journald in a mount namespace needs the program and root";
        drop(writeln!(std::io::stderr(), "NOT RUN: {why}"));
    }

    can
}

impl Journald {
    /// Starts one that writes to the disk under `root` (`var/log/journal`), or in memory (`run/log/journal`).
    pub(crate) fn start(root: &Path, storage: &str, environment: &[(&str, &str)]) -> Self {
        for folder in ["run/systemd/journald.conf.d", "var/log/journal", "etc"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::copy("/etc/machine-id", root.join("etc/machine-id")).unwrap();
        if storage == "persistent" {
            // As the system says once its disk is there: from the first entry on it is written there.
            std::fs::create_dir_all(root.join("run/systemd/journal")).unwrap();
            std::fs::write(root.join("run/systemd/journal/flushed"), "").unwrap();
        }
        let settings = format!(
            "[Journal]\nStorage={storage}\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\nSystemMaxFileSize=8M\n"
        );
        std::fs::write(root.join("run/systemd/journald.conf.d/test.conf"), settings).unwrap();
        let script = "set -e; mount --make-rprivate /; mount --bind \"$1/var/log\" /var/log; \
                      mount --bind \"$1/run\" /run; exec \"$0\"";
        let child = Command::new("unshare")
            .args(["-m", "--", "sh", "-c", script, JOURNALD])
            .arg(root)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let made = Self { child, root: root.to_owned() };
        wait_for("journald's socket", || UnixDatagram::unbound().ok()?.connect(made.socket()).ok());
        wait_for("journald's handling of signals", || made.takes_signals().then_some(()));

        made
    }

    /// Whether it holds back the signals that ask for a rotation; before it does, they would end it.
    fn takes_signals(&self) -> bool {
        const USER_SIGNALS: u64 = 1 << 9 | 1 << 11;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let held = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        let held = held.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);

        held & USER_SIGNALS == USER_SIGNALS
    }

    fn socket(&self) -> PathBuf {
        self.root.join("run/systemd/journal/socket")
    }

    /// Writes an entry.
    pub(crate) fn write(&self, fields: &[(&str, &str)]) {
        let text: String = fields.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(text.as_bytes(), self.socket()).unwrap();
    }

    /// Writes what a program of this name says.
    pub(crate) fn say(&self, identifier: &str, message: &str) {
        self.write(&[("SYSLOG_IDENTIFIER", identifier), ("MESSAGE", message)]);
    }

    /// Sends a signal: `USR1` moves what is in memory to the disk, `USR2` rotates.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

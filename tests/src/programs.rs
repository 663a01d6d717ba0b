//! Real programs on loopback: a collector and agents in a folder of their own, started by running this same
//! executable again as one of them. Used by the `measure` program and by the tests of real programs.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use vonggac_protocol::enrolment::EnrolmentString;

/// First argument that makes an executable of this crate become the agent.
pub const AS_AGENT: &str = "--as-agent";
/// First argument that makes it become the collector.
pub const AS_COLLECTOR: &str = "--as-collector";

/// Becomes the program that the first argument names; `None` if it names none.
#[must_use]
pub fn become_program() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    let own = args.next()?;
    let first = args.next()?;
    let rest = std::iter::once(own).chain(args);

    match first.to_str() {
        Some(AS_AGENT) => Some(vonggac_agent::main_with(rest)),
        Some(AS_COLLECTOR) => Some(vonggac_collector::main_with(rest)),
        Some(_) | None => None,
    }
}

/// The steady clock.
#[must_use]
pub fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
    Instant::now()
}

/// Rests; only for polling real programs.
pub fn rest(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "real programs are polled in real time")]
    std::thread::sleep(duration);
}

/// Polls `probe` until it gives something.
///
/// # Errors
/// If it does not within `limit`; `what` is named in the message.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = instant();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("{what} did not happen within {} s", limit.as_secs());
        }
        rest(Duration::from_millis(20));
    }
}

/// A running program; killed when dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// A program that was started elsewhere.
    #[must_use]
    pub fn of(child: Child) -> Self {
        Self { child }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill_nine(mut self) -> anyhow::Result<()> {
        self.child.kill().context("kill the program")?;
        self.child.wait().context("wait for the killed program")?;

        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits.
    ///
    /// # Errors
    /// If it does not stop within `limit`.
    pub fn stop(mut self, limit: Duration) -> anyhow::Result<()> {
        let asked =
            Command::new("kill").args(["-TERM", &self.id().to_string()]).status().context("run kill")?;
        anyhow::ensure!(asked.success(), "the program was already gone");
        wait_for("the program's end", limit, || self.child.try_wait().ok().flatten())?;

        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A collector and one agency in a folder.
pub struct Province {
    /// The executable that becomes either program.
    exe: PathBuf,
    /// The installed agent in its place, for what is measured of the agent's own executable.
    agent_exe: Option<PathBuf>,
    /// Where everything lies.
    pub dir: PathBuf,
    /// UDP port for agents.
    pub link_port: u16,
    /// TCP port of console and API.
    pub http_port: u16,
    /// A token for the API with the rights of an administrator.
    pub token: String,
}

/// The agency that every harness uses.
pub const AGENCY: &str = "so-thu-nghiem";

impl Province {
    /// Sets a collector up in `dir`, not yet serving.
    ///
    /// # Errors
    /// If a command fails.
    pub fn found(exe: &Path, dir: &Path) -> anyhow::Result<Self> {
        // One number for UDP and TCP, and another for the console.
        let (link_port, _taken) = wait_for("a port free on UDP and TCP", Duration::from_secs(10), || {
            let port = UdpSocket::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?))
        })?;
        let http_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut province = Self {
            exe: exe.to_owned(),
            agent_exe: None,
            dir: dir.to_owned(),
            link_port,
            http_port,
            token: String::new(),
        };
        let config = format!(
            "version = 1\ndata_dir = {data:?}\npublic_address = \"127.0.0.1:{link_port}\"\n[link]\nlisten = \"127.0.0.1:{link_port}\"\n[console]\nlisten = \"127.0.0.1:{http_port}\"\n",
            data = dir.join("collector").display().to_string(),
        );
        std::fs::write(dir.join("collector.toml"), config)?;
        province.collector(&["init"])?;
        province.collector(&["agency", "add", AGENCY, "Sở Thử nghiệm"])?;
        province.token = last_word(&province.collector(&["person", "token", "quan-tri"])?)?;

        Ok(province)
    }

    /// Agents are this program from now on, not the harness in its place.
    pub fn use_agent(&mut self, exe: PathBuf) {
        self.agent_exe = Some(exe);
    }

    fn command(&self, program: &str) -> Command {
        match &self.agent_exe {
            Some(exe) if program == AS_AGENT => Command::new(exe),
            _ => {
                let mut command = Command::new(&self.exe);
                command.arg(program);
                command
            }
        }
    }

    /// Runs one command of the collector and gives what it printed.
    ///
    /// # Errors
    /// If it fails; with what it printed.
    pub fn collector(&self, args: &[&str]) -> anyhow::Result<String> {
        self.run(AS_COLLECTOR, &self.dir.join("collector.toml"), args)
    }

    /// Runs one command of the agent whose folder is `name`.
    ///
    /// # Errors
    /// If it fails; with what it printed.
    pub fn agent(&self, name: &str, args: &[&str]) -> anyhow::Result<String> {
        self.run(AS_AGENT, &self.dir.join(name).join("agent.toml"), args)
    }

    fn run(&self, program: &str, config: &Path, args: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(program);
        let output = command.arg("--config").arg(config).args(args).output().context("run a program")?;
        if !output.status.success() {
            let (told, said) =
                (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
            bail!("{args:?} failed: {told}{said}");
        }

        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts the collector and waits until it answers.
    ///
    /// # Errors
    /// If it does not within 30 s.
    pub fn serve(&self) -> anyhow::Result<Running> {
        let running = self.start(AS_COLLECTOR, &self.dir.join("collector.toml"), "serve", "collector.log")?;
        wait_for("the collector's readiness", Duration::from_secs(30), || self.get("/readyz").ok())?;

        Ok(running)
    }

    /// Writes an agent's configuration with `extra` lines, and enrols it.
    ///
    /// # Errors
    /// If a command fails.
    pub fn enrol(&self, name: &str, extra: &str) -> anyhow::Result<()> {
        self.enrol_at(name, extra, None)
    }

    /// The same, with the collector at another `host:port`: a line or a forwarder before it, or a name.
    ///
    /// # Errors
    /// If a command fails.
    pub fn enrol_at(&self, name: &str, extra: &str, address: Option<&str>) -> anyhow::Result<()> {
        self.configure(name, extra)?;
        let mut string = self.new_string(AGENCY)?;
        if let Some(address) = address {
            address.clone_into(&mut string.address);
        }
        self.agent(name, &["enrol", &string.to_string()])?;

        Ok(())
    }

    /// A new enrolment string for an agency, good for one machine.
    ///
    /// # Errors
    /// If the command fails.
    pub fn new_string(&self, agency: &str) -> anyhow::Result<EnrolmentString> {
        Ok(last_word(&self.collector(&["token", "new", "--agency", agency])?)?.parse()?)
    }

    /// Makes an agent's folder with a configuration of `extra` lines and no identity.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn configure(&self, name: &str, extra: &str) -> anyhow::Result<()> {
        let dir = self.dir.join(name);
        std::fs::create_dir_all(&dir)?;
        let config =
            format!("version = 1\nstate_dir = {:?}\n{extra}", dir.join("state").display().to_string());

        Ok(std::fs::write(dir.join("agent.toml"), config)?)
    }

    /// What a new agent's person is told, in English, when an enrolment is refused.
    ///
    /// # Errors
    /// If it is accepted, or leaves an identity behind.
    pub fn refused(&self, name: &str, string: &str) -> anyhow::Result<String> {
        self.configure(name, "watch_defaults = false\n")?;
        let answer = self.agent(name, &["--lang", "en", "enrol", string]);
        if self.dir.join(name).join("state/identity").exists() {
            bail!("there is an identity without enrolment");
        }
        match answer {
            Ok(told) => bail!("the enrolment was accepted: {told}"),
            Err(error) => Ok(error.to_string()),
        }
    }

    /// Configuration lines that watch one folder and nothing else.
    #[must_use]
    pub fn watch_only(area: &str, folder: &Path) -> String {
        format!(
            "watch_defaults = false\n[[watch]]\narea = {area:?}\npath = {:?}\n",
            folder.display().to_string()
        )
    }

    /// A configuration line: this machine's packages are not looked at, which takes long and is not what is tried.
    #[must_use]
    pub fn without_packages(folder: &Path) -> String {
        format!("package_root = {:?}\n", folder.display().to_string())
    }

    /// Waits until `count` baselines of the first host stand at the collector.
    ///
    /// # Errors
    /// If they do not within two minutes.
    pub fn wait_for_baselines(&self, count: usize) -> anyhow::Result<()> {
        wait_for("the baseline", Duration::from_secs(120), || {
            let id = self.get("/api/v1/hosts").ok()?["items"].get(0)?["id"].as_str()?.to_owned();
            let roots = self.get(&format!("/api/v1/hosts/{id}")).ok()?["roots"].as_array()?.len();
            (roots >= count).then_some(())
        })
    }

    /// Starts an enrolled agent.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn watch(&self, name: &str) -> anyhow::Result<Running> {
        self.start(AS_AGENT, &self.dir.join(name).join("agent.toml"), "run", &format!("{name}.log"))
    }

    /// The same, in a mount namespace where these files (the first of each pair) lie over others; `None` if this process
    /// may not make one.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn watch_with_files(&self, name: &str, over: &[(&Path, &Path)]) -> anyhow::Result<Option<Running>> {
        let tried = Command::new("unshare").args(["--mount", "true"]).output();
        if !tried.is_ok_and(|tried| tried.status.success()) {
            return Ok(None);
        }
        let binds: String = over
            .iter()
            .map(|(from, to)| format!("mount --bind {} {} && ", from.display(), to.display()))
            .collect();
        let log = std::fs::File::create(self.dir.join(format!("{name}.log")))?;
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &format!("{binds} exec \"$0\" \"$@\"")])
            .arg(&self.exe)
            .args([AS_AGENT, "--config"])
            .arg(self.dir.join(name).join("agent.toml"))
            .arg("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start the agent in a namespace of its own")?;

        Ok(Some(Running { child }))
    }

    fn start(&self, program: &str, config: &Path, verb: &str, log: &str) -> anyhow::Result<Running> {
        let path = self.dir.join(log);
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(log, "--- start")?;
        let args: [OsString; 3] = ["--config".into(), config.into(), verb.into()];
        let child = self
            .command(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start a program")?;

        Ok(Running { child })
    }

    /// Gets a document of the API.
    ///
    /// # Errors
    /// If the collector does not answer, or not with success.
    pub fn get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let address = format!("http://127.0.0.1:{}{path}", self.http_port);
        let text = ureq::get(&address)
            .header("Authorization", &format!("Bearer {}", self.token))
            .call()?
            .body_mut()
            .read_to_string()?;

        Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
    }
}

fn last_word(text: &str) -> anyhow::Result<String> {
    text.split_whitespace().last().map(str::to_owned).context("the command printed nothing")
}

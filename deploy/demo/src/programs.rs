//! The two real programs: this executable, run again as one of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

const AS_AGENT: &str = "--as-agent";
const AS_COLLECTOR: &str = "--as-collector";

/// Becomes the program that the first argument names; `None` if it names none.
pub(crate) fn become_program() -> Option<ExitCode> {
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

/// Which of the two.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    Agent,
    Collector,
}

impl Program {
    fn argument(self) -> &'static str {
        match self {
            Self::Agent => AS_AGENT,
            Self::Collector => AS_COLLECTOR,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Collector => "collector",
        }
    }
}

/// The folder with both programs' configurations.
pub(crate) struct Programs {
    exe: PathBuf,
    folder: PathBuf,
}

impl Programs {
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { exe: std::env::current_exe().context("find this executable")?, folder: folder.to_owned() })
    }

    fn command(&self, program: Program) -> Command {
        let mut command = Command::new(&self.exe);
        command
            .arg(program.argument())
            .arg("--config")
            .arg(self.folder.join(format!("{}.toml", program.name())));

        command
    }

    /// Runs one command and gives the last word of what it printed: a link, a token, an enrolment string.
    pub(crate) fn ask(&self, program: Program, args: &[&str]) -> anyhow::Result<String> {
        let output = self.command(program).args(args).output().context("run this executable")?;
        if !output.status.success() {
            bail!(
                "{} {}: {}",
                program.name(),
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);

        Ok(text.split_whitespace().last().unwrap_or_default().to_owned())
    }

    /// Starts one for as long as the result lives; it logs into the folder.
    pub(crate) fn start(&self, program: Program, verb: &str) -> anyhow::Result<Running> {
        let log = std::fs::File::create(self.folder.join(format!("{}.log", program.name())))?;
        let mut command = self.command(program);
        let child = command.arg(verb).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;

        Ok(Running { child })
    }
}

/// A running program.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Fails if it has ended.
    pub(crate) fn check(&mut self, name: &str) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{name} ended: {status}; its log is in the folder");
        }

        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first, so that it says goodbye; whoever does not listen is ended.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = instant() + Duration::from_secs(8);
        while asked.is_ok() && instant() < until {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            rest(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The steady clock.
pub(crate) fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a first look happens in real time")]
    Instant::now()
}

/// Rests.
pub(crate) fn rest(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a first look happens in real time")]
    std::thread::sleep(duration);
}

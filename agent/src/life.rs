//! A life of the program that runs: begun by a person or by a service manager, told to the system's own log, and waiting
//! for an identity where that is the service's way.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use vonggac_protocol::release::Version;

use crate::cli::{EXIT_USAGE, Failure, Place, check_never_enrol, runtime};
use crate::config::Config;
use crate::os::{LifeEvent, Protection, Started, eventlog, manager, privileges, service, settings};
use crate::print::{self, Lang, Message};
use crate::upgrade::launch::{self, Launcher, Outcome};
use crate::upgrade::{EXIT_AGAIN, Leaving};
use crate::{diary, identity, run, version, waiting};

/// Runs the agent until it is asked to stop.
pub(crate) fn live(place: Place, args: Vec<OsString>, lang: Lang) -> ExitCode {
    ExitCode::from(service::live(move |started| {
        let ended = live_as(&place, &args, lang, started);
        let (code, text, detail) = match ended {
            Ok(code) => (code, None, String::new()),
            // The words may name what is watched; the log is told only that.
            Err(Failure::Usage(text)) => (EXIT_USAGE, Some(text), "configuration".to_owned()),
            Err(Failure::Other(error)) => {
                (1, Some(print::chain(error.as_ref(), lang)), short(error.as_ref()))
            }
        };
        let event = if code == 0 || code == EXIT_AGAIN { LifeEvent::Stopped } else { LifeEvent::Failed };
        tell(started, event, &detail);
        if let Some(text) = text {
            tracing::error!(error = text, "Agent ended");
            print::complain(text);
        }

        code
    }))
}

fn live_as(place: &Place, args: &[OsString], lang: Lang, started: Started) -> Result<u8, Failure> {
    // Before rights are given up: it is an administrator's work. And before anything in our folder is believed.
    let refused = if started == Started::ByManager { manager::settle() } else { Vec::new() };
    if let Some((_, code)) = refused.iter().find(|(what, _)| *what == manager::FOLDER) {
        let cause = io::Error::from_raw_os_error(*code);
        return Err(anyhow::Error::from(Message::new("service-folder").because(cause)).into());
    }
    let config = place.load(lang)?;
    begin_log(started, &config.state_dir);
    if !refused.is_empty() {
        let detail: Vec<String> = refused.iter().map(|(what, code)| format!("{what} ({code})")).collect();
        tracing::warn!(refused = detail.join(", "), "The system took only a part of the service's entry");
        tell(started, LifeEvent::Settled, &detail.join(", "));
    }
    check_never_enrol(&config, lang)?;
    // Before any other thread runs: rights are a thread's on Linux, and handed on to those that it starts.
    match privileges::give_up() {
        Ok(Protection::InForce) => {}
        Ok(Protection::NotAvailable) => {
            tracing::warn!("Some rights that are not needed could not be given up")
        }
        Err(error) => tracing::warn!(%error, "Rights that are not needed could not be given up"),
    }
    tell(started, LifeEvent::Started, version::own());

    ended_with(runtime()?, wait_and_run(config, args, started)).map_err(|error| {
        let cause = error.reallocate_into_boxed_dyn_error_without_backtrace();
        anyhow::Error::from(Message::new("run-failed").because(cause)).into()
    })
}

/// Runs it to its end, and leaves behind what still asks the system: a question that is not answered yet, such as that for
/// management data or for the address of a name, must not keep a stop waiting. All that counts was waited for before.
fn ended_with<T>(runtime: Runtime, life: impl Future<Output = T>) -> T {
    let ended = runtime.block_on(life);
    runtime.shutdown_background();

    ended
}

async fn wait_and_run(config: Config, args: &[OsString], started: Started) -> anyhow::Result<u8> {
    if settings::WAITS && started == Started::ByManager && !identity::Identity::stands(&config.state_dir) {
        // The service runs: it waits, and says for what.
        service::notify("READY=1")?;
        let enrolled = tokio::select! {
            enrolled = waiting::for_identity(&config, |event, detail| tell(started, event, detail)) => Some(enrolled),
            asked = service::stop_requested() => {
                asked?;
                None
            }
        };
        if enrolled.transpose()?.is_none() {
            service::notify("STOPPING=1")?;
            return Ok(0);
        }
    }

    run_versions(&config, args, started).await
}

/// Runs the version that is to run, this program itself or one that it starts, until one ends for good; its exit code.
async fn run_versions(config: &Config, args: &[OsString], started: Started) -> anyhow::Result<u8> {
    let stop = CancellationToken::new();
    launch::end_with_launcher(stop.clone()).context("hear of the launcher's end")?;
    let own = Version::parse(version::own()).context("read our own version")?;
    let launcher = Launcher {
        state_dir: &config.state_dir,
        keys: &config.release_keys,
        own: &own,
        report_within: Duration::from_secs(u64::from(config.upgrade_within_secs)),
        by_manager: started == Started::ByManager,
        args,
    };
    loop {
        match launcher.run(&stop).await? {
            Outcome::Stopped => return Ok(0),
            Outcome::Code(code) => return Ok(code),
            Outcome::Own => {}
        }
        let leaving = run::run(config.clone(), Path::new("/"), stop.clone()).await?;
        if leaving == Leaving::Stopped || launch::is_launched() {
            return Ok(launch::code_of(leaving));
        }
    }
}

/// What a program started plainly prints, its caller sees; a manager keeps nothing of it.
fn tell(started: Started, event: LifeEvent, detail: &str) {
    if started == Started::ByManager {
        // What the log does not take stands in our own.
        let _told = eventlog::tell(event, detail);
    }
}

/// What happened in words that are ours alone, without what was put into them: names of messages and numbers of the
/// system. The system's log is read by others, and collected.
pub(crate) fn short(error: &(dyn Error + 'static)) -> String {
    let mut words = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(message) = cause.downcast_ref::<Message>() {
            words.push(message.id().to_owned());
        } else if let Some(code) = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            words.push(format!("os {code}"));
        }
        next = cause.source();
    }
    if words.is_empty() { "unknown".to_owned() } else { words.join(": ") }
}

/// Plain lines: on standard error, as service managers keep them, or in the state folder where the manager keeps nothing.
/// `VONGGAC_LOG` takes a level; TRACE may name what is watched and is for development.
fn begin_log(started: Started, state_dir: &Path) {
    let started = if launch::is_launched_by_manager() { Started::ByManager } else { started };
    let level = std::env::var("VONGGAC_LOG").ok().and_then(|level| level.parse().ok());
    let lines =
        tracing_subscriber::fmt().with_max_level(level.unwrap_or(tracing::Level::INFO)).with_ansi(false);
    // Whoever set another before, such as a program that runs an agent inside itself, keeps it.
    match started {
        Started::Plainly => {
            tracing::subscriber::set_global_default(lines.with_writer(io::stderr).finish()).ok();
        }
        Started::ByManager => match diary::Diary::open(state_dir) {
            Ok(diary) => {
                tracing::subscriber::set_global_default(lines.with_writer(diary).finish()).ok();
            }
            Err(error) => tell(started, LifeEvent::Failed, &short(&error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_still_open_keeps_no_end_waiting() {
        let (asked_in, asked) = std::sync::mpsc::channel();
        let (answer, answered) = std::sync::mpsc::channel::<()>();
        let (ended_in, ended) = std::sync::mpsc::channel();
        let life = async move {
            let question = tokio::task::spawn_blocking(move || {
                asked_in.send(()).unwrap();
                answered.recv().ok()
            });
            asked.recv().unwrap();
            drop(question);
            7
        };

        let lives = std::thread::spawn(move || ended_in.send(ended_with(runtime().unwrap(), life)));

        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(7));
        drop(answer);
        lives.join().unwrap().unwrap();
    }

    #[test]
    fn what_the_systems_log_is_told_names_nothing_that_is_watched() {
        let cause = Message::new("state-unwritable")
            .with("path", "/mat/ho-so")
            .because(io::Error::from_raw_os_error(13));
        let error = anyhow::Error::from(Message::new("run-failed").because(cause)).context("in /mat/ho-so");

        assert_eq!(short(error.as_ref()), "run-failed: state-unwritable: os 13");
        assert_eq!(short(anyhow::anyhow!("/mat/ho-so").as_ref()), "unknown");
    }
}

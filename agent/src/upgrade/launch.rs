//! Which version runs, and the way back. This is the part that must never be wrong: it is in the installed program, does
//! little, and needs nothing of the version that it starts but that it ends when it is told to.
//!
//! A version runs as a child whose standard input is held open: when the launcher goes, however, the version ends too.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_protocol::release::{UpgradeReason, Version};

use super::keys::Keys;
use super::plan::{Choice, Plan, Slot};
use super::shelf::Shelf;
use super::wish::Wish;
use super::{EXIT_AGAIN, LAUNCHED, Leaving, by_hand, folder};
use crate::keep;
use crate::os::{protect, service};

/// How long a version may take to end in order; below the service managers' limits.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Held while a launcher stands behind a version.
pub(super) const LOCK: &str = "launcher.lock";

/// In [`LAUNCHED`], where the service manager started the launcher.
const BY_MANAGER: &str = "manager";

/// How often is looked whether a person of this machine wants the version before.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Between two starts of a version on trial.
const START_AGAIN: Duration = Duration::from_secs(1);

/// What the launcher needs to know.
#[derive(Clone, Debug)]
pub struct Launcher<'a> {
    /// Where the agent keeps what it must remember.
    pub state_dir: &'a Path,
    /// Whom this machine believes.
    pub keys: &'a Keys,
    /// The launcher's own version.
    pub own: &'a Version,
    /// Within which time a version on trial must have reported.
    pub report_within: Duration,
    /// Whether the system's service manager started us.
    pub by_manager: bool,
    /// What it is to be started with, without the program's name.
    pub args: &'a [OsString],
}

/// How a version ended.
enum Ended {
    /// It was asked to.
    Stopped,
    /// It wants another version to run.
    Again,
    /// By itself, with this code.
    Itself(u8),
    /// It did not report in time and was ended.
    Silent,
    /// It could not even be started.
    Unstartable(io::Error),
}

/// How the launcher ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As asked.
    Stopped,
    /// The installed program itself is to run; the launcher is asked again after it has ended with [`Leaving::Again`].
    Own,
    /// The version ended by itself with this code; the service manager knows when to start us again.
    Code(u8),
}

impl Launcher<'_> {
    /// Runs versions until one ends for good, or the installed program itself is to run.
    ///
    /// # Errors
    /// If signals cannot be heard, or the state folder cannot be made. Nothing else stops an agent from running.
    pub async fn run(&self, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        if is_launched() {
            return Ok(Outcome::Own);
        }
        let _protection = protect::create_private_dir(self.state_dir).context("make the state folder")?;
        let folder = folder(self.state_dir);
        if !folder.exists() {
            return Ok(Outcome::Own);
        }
        // Two launchers would count each other's starts; the second one's program finds the state folder in use.
        let lock = match keep::open(&folder.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) => {
                // A full disk, a folder that only reads: no reason for a machine without an agent.
                warn!(%error, "Launcher's lock cannot be opened; the installed program runs");
                return Ok(Outcome::Own);
            }
        };
        if keep::lock_patiently(&lock).is_err() {
            return Ok(Outcome::Own);
        }
        let asked = async {
            tokio::select! {
                asked = service::stop_requested() => asked.context("listen for the request to stop"),
                () = stop.cancelled() => Ok(()),
            }
        };
        tokio::pin!(asked);
        loop {
            let (choice, mut plan) = match self.choose() {
                Ok(chosen) => chosen,
                Err(error) => {
                    warn!(error = %format!("{error:#}"), "The installed program runs");
                    return Ok(Outcome::Own);
                }
            };
            let (slot, on_trial) = match choice {
                Choice::Own => return Ok(Outcome::Own),
                Choice::Settled(slot) => (slot, false),
                Choice::Trial(slot) => (slot, true),
            };
            info!(version = slot.version, on_trial, "Version starts");
            let ended = self.supervise(&slot, on_trial, asked.as_mut()).await?;
            // Whoever ran may have written another.
            plan = Plan::load(self.state_dir).unwrap_or(plan);
            if let Some(outcome) = self.conclude(&mut plan, on_trial, ended) {
                return Ok(outcome);
            }
        }
    }

    /// Chooses, and has what that changes on the disk before anything starts.
    pub(super) fn choose(&self) -> anyhow::Result<(Choice, Plan)> {
        let shelf = Shelf::of(self.state_dir);
        let before = Plan::load(self.state_dir).context("read which version is to run")?;
        let wish = Wish::read(self.state_dir);
        let followed = |mut plan: Plan| {
            if wish.as_ref().is_some_and(|wish| by_hand::follow(&mut plan, wish, self.own)) {
                info!("A person of this machine wants the version before");
            }
            plan
        };
        let mut plan = followed(before.clone());
        let mut choice = plan.choose(self.own, |slot| shelf.is_sound(slot, self.keys));
        if plan != before
            && let Err(error) = plan.keep(self.state_dir)
        {
            warn!(%error, "Which version runs could not be kept; nothing is tried now");
            if matches!(choice, Choice::Trial(_)) {
                // A start that cannot be counted is not begun.
                plan = followed(Plan { trial: None, ..before });
                choice = plan.choose(self.own, |slot| shelf.is_sound(slot, self.keys));
            }
            // The wish stands: it is followed, and not forgotten before that could be kept.
            return Ok((choice, plan));
        }
        if let Err(error) = Wish::forget(self.state_dir) {
            warn!(%error, "A wish that was followed could not be forgotten");
        }

        Ok((choice, plan))
    }

    /// Whether a person of this machine wants this version to go.
    fn is_unwanted(&self, slot: &Slot) -> bool {
        Wish::read(self.state_dir).is_some_and(|wish| wish.from == *slot)
    }

    /// What follows from an end; `None`: choose again.
    fn conclude(&self, plan: &mut Plan, on_trial: bool, ended: Ended) -> Option<Outcome> {
        let is_still_tried = on_trial && plan.trial.is_some();
        let outcome = match ended {
            Ended::Stopped => {
                // The machine or a person ended it, which says nothing about the version.
                if let Some(trial) = plan.trial.as_mut().filter(|_| on_trial) {
                    trial.starts = trial.starts.saturating_sub(1);
                }
                Some(Outcome::Stopped)
            }
            Ended::Again => None,
            Ended::Silent if is_still_tried => {
                warn!("Version on trial did not report in time; the one before comes back");
                plan.give_trial_up(UpgradeReason::Silent);
                None
            }
            Ended::Silent => None,
            Ended::Unstartable(error) if is_still_tried => {
                warn!(%error, "Version on trial could not be started; the one before comes back");
                plan.give_trial_up(UpgradeReason::DoesNotRun);
                None
            }
            Ended::Itself(code) if is_still_tried => {
                warn!(code, "Version on trial ended by itself");
                None
            }
            Ended::Unstartable(error) => {
                warn!(%error, "Version could not be started; the one before comes back");
                plan.go_back(self.own, UpgradeReason::DoesNotRun);
                None
            }
            Ended::Itself(code) => {
                warn!(code, "Version ended by itself");
                plan.crashes = plan.crashes.saturating_add(1);
                Some(Outcome::Code(code.max(1)))
            }
        };
        let kept =
            Plan::load(self.state_dir).is_ok_and(|kept| kept == *plan) || plan.keep(self.state_dir).is_ok();
        if !kept {
            warn!("Which version runs could not be kept");
            // Without a memory of what went wrong the same would be tried for ever: the installed program runs.
            return outcome.or(Some(Outcome::Own));
        }

        outcome
    }

    /// Runs a version to its end.
    async fn supervise(
        &self,
        slot: &Slot,
        on_trial: bool,
        mut asked: Pin<&mut impl Future<Output = anyhow::Result<()>>>,
    ) -> anyhow::Result<Ended> {
        let program = Shelf::of(self.state_dir).program(slot);
        let mut child = match self.start(&program) {
            Ok(child) => child,
            Err(error) => return Ok(Ended::Unstartable(error)),
        };
        // Held here: waiting for a child closes what the child itself still holds.
        let input = child.stdin.take();
        // The manager hears its own child only; what that starts it takes for ours.
        if let Err(error) = service::notify("READY=1") {
            warn!(%error, "Service manager could not be told");
        }
        let deadline = tokio::time::sleep(self.report_within);
        tokio::pin!(deadline);
        let mut is_due = on_trial;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                told = asked.as_mut() => {
                    told?;
                    end(&mut child, input).await;
                    return Ok(Ended::Stopped);
                }
                ended = child.wait() => {
                    let ended = said(ended.context("wait for a version")?);
                    if matches!(ended, Ended::Again) {
                        return Ok(ended);
                    }
                    // Whoever ends a service often asks all its processes at once: the version may only have been quicker.
                    return match tokio::time::timeout(START_AGAIN, asked.as_mut()).await {
                        Ok(told) => told.map(|()| Ended::Stopped),
                        Err(_) => Ok(ended),
                    };
                }
                _ = look.tick() => {
                    if self.is_unwanted(slot) {
                        end(&mut child, input).await;
                        return Ok(Ended::Again);
                    }
                }
                () = &mut deadline, if is_due => {
                    is_due = false;
                    if Plan::load(self.state_dir).is_ok_and(|plan| plan.trial.is_none()) {
                        continue;
                    }
                    end(&mut child, input).await;
                    return Ok(Ended::Silent);
                }
            }
        }
    }

    fn start(&self, program: &Path) -> io::Result<Child> {
        Command::new(program)
            .args::<&[OsString], &OsString>(self.args)
            .env(LAUNCHED, OsStr::new(if self.by_manager { BY_MANAGER } else { "plainly" }))
            // A manager hears its own child only, and notes down every word of others.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// How the version itself says that it ended.
fn said(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) if code == i32::from(EXIT_AGAIN) => Ended::Again,
        Some(code) => Ended::Itself(u8::try_from(code).unwrap_or(u8::MAX)),
        None => Ended::Itself(u8::MAX),
    }
}

/// Asks a version to end, and ends it if it does not.
async fn end(child: &mut Child, input: Option<ChildStdin>) {
    drop(input);
    if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_ok() {
        return;
    }
    warn!("Version did not end in time and was ended");
    if let Err(error) = child.kill().await {
        warn!(%error, "Version could not be ended");
    }
}

/// Whether a launcher stands behind this process.
#[must_use]
pub fn is_launched() -> bool {
    std::env::var_os(LAUNCHED).is_some()
}

/// Whether a launcher stands behind this process that the service manager started.
#[must_use]
pub fn is_launched_by_manager() -> bool {
    std::env::var_os(LAUNCHED).is_some_and(|by| by == BY_MANAGER)
}

/// Cancels `stop` when the launcher behind this version goes or wants it to end; does nothing without a launcher.
pub fn end_with_launcher(stop: CancellationToken) -> io::Result<()> {
    if !is_launched() {
        return Ok(());
    }
    std::thread::Builder::new().name("launcher".to_owned()).spawn(move || {
        // Nothing is ever written there: it ends, or it cannot be read, which is the same.
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        stop.cancel();
    })?;

    Ok(())
}

/// The exit code by which a version hands over.
#[must_use]
pub fn code_of(ending: Leaving) -> u8 {
    match ending {
        Leaving::Stopped => 0,
        Leaving::Again => EXIT_AGAIN,
    }
}

//! `vonggac-agent upgrade …`: which version runs, and back to the one before.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};
use vonggac_protocol::release::UpgradeReason;

use super::folder;
use super::launch::LOCK;
use super::plan::{Plan, Slot};
use super::wish::Wish;
use crate::cli::Failure;
use crate::print::{self, Lang, Message};
use crate::{clock, keep, version};

/// The launcher looks every few seconds, and gives a version time to end in order.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(40);

/// What to do with versions.
#[derive(Subcommand, Debug)]
pub(crate) enum UpgradeCommand {
    /// Phiên bản nào đang chạy, phiên bản nào được giữ lại / which version runs, which are kept
    Status {
        /// Dạng JSON / as JSON
        #[arg(long)]
        json: bool,
    },
    /// Trở về phiên bản trước; phiên bản hiện tại không tự cài lại nữa / back to the version before; the present one is not taken again
    Back,
}

/// Does it.
///
/// # Errors
/// With a [`Message`] if the disk refuses.
pub(crate) fn obey(command: &UpgradeCommand, state_dir: &Path, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        UpgradeCommand::Status { json } => status(state_dir, *json, lang),
        UpgradeCommand::Back => back(state_dir, lang),
    }
}

fn refused(error: io::Error) -> Failure {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let id = if is_denied { "upgrade-denied" } else { "upgrade-unkept" };

    Failure::Other(Message::new(id).because(error).into())
}

/// The versions that a plan would start, the first that is there before the others.
fn before_own(plan: &Plan) -> Vec<&Slot> {
    let trial = plan.trial.as_ref().map(|trial| &trial.slot);

    trial.into_iter().chain(&plan.settled).chain(&plan.previous).collect()
}

fn status(state_dir: &Path, as_json: bool, lang: Lang) -> Result<ExitCode, Failure> {
    let plan = Plan::look(state_dir).map_err(refused)?;
    let names = |slots: &[Slot]| slots.iter().map(|slot| slot.version.clone()).collect::<Vec<_>>();
    let wish = Wish::read(state_dir).filter(|wish| wish.concerns(&plan));
    if as_json {
        let named = |slot: Option<&Slot>| slot.map_or(Value::Null, |slot| json!(slot.version));
        let value = json!({
            "installed": version::own(),
            "trial": named(plan.trial.as_ref().map(|trial| &trial.slot)),
            "settled": named(plan.settled.as_ref()),
            "previous": named(plan.previous.as_ref()),
            "unwanted": names(&plan.unwanted),
            "back_from": named(wish.as_ref().map(|wish| &wish.from)),
        });
        print::line(serde_json::to_string_pretty(&value).context("write the versions")?);
        return Ok(ExitCode::SUCCESS);
    }
    print::tell(lang, &Message::new("upgrade-installed").with("version", version::own()));
    if let Some(trial) = &plan.trial {
        print::tell(lang, &Message::new("upgrade-trial").with("version", &trial.slot.version));
    }
    if let Some(slot) = &plan.settled {
        print::tell(lang, &Message::new("upgrade-settled").with("version", &slot.version));
    }
    if let Some(slot) = &plan.previous {
        print::tell(lang, &Message::new("upgrade-previous").with("version", &slot.version));
    }
    if before_own(&plan).is_empty() {
        print::tell(lang, &Message::new("upgrade-none"));
    }
    for version in names(&plan.unwanted) {
        print::tell(lang, &Message::new("upgrade-unwanted").with("version", version));
    }
    if let Some(wish) = wish {
        print::tell(lang, &Message::new("upgrade-back-waits").with("version", wish.from.version));
    }

    Ok(ExitCode::SUCCESS)
}

fn back(state_dir: &Path, lang: Lang) -> Result<ExitCode, Failure> {
    let plan = Plan::look(state_dir).map_err(refused)?;
    let mut kept = before_own(&plan).into_iter();
    let Some(from) = kept.next().cloned() else {
        print::tell(lang, &Message::new("upgrade-nothing-before").with("version", version::own()));
        return Ok(ExitCode::FAILURE);
    };
    let to = kept.next().map_or_else(|| version::own().to_owned(), |slot| slot.version.clone());
    let wish = Wish { from };
    wish.keep(state_dir).map_err(refused)?;
    let told = |id: &'static str| Message::new(id).with("from", &wish.from.version).with("to", &to);
    print::tell(lang, &told("upgrade-back-asked"));
    let begun = clock::instant();
    loop {
        if !wish.concerns(&Plan::look(state_dir).map_err(refused)?) {
            print::tell(lang, &told("upgrade-back-done"));
            return Ok(ExitCode::SUCCESS);
        }
        if !keep::is_held(&folder(state_dir).join(LOCK)) {
            print::tell(lang, &told("upgrade-back-at-start"));
            return Ok(ExitCode::SUCCESS);
        }
        if begun.elapsed() > FOLLOWED_WITHIN {
            return Err(Failure::Other(told("upgrade-back-not-yet").into()));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a command that waits for another process, which tells nobody"
        )]
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Follows a wish about what the plan would start; `true`: the plan is another now.
pub(super) fn follow(plan: &mut Plan, wish: &Wish, own: &vonggac_protocol::release::Version) -> bool {
    if !wish.concerns(plan) {
        return false;
    }
    plan.refuse_from_now_on(wish.from.clone());
    if plan.trial.as_ref().is_some_and(|trial| trial.slot == wish.from) {
        plan.give_trial_up(UpgradeReason::Person);
    } else {
        // Whatever was to be tried instead was ordered for the version that goes; the order tells again.
        plan.trial = None;
        plan.go_back(own, UpgradeReason::Person);
    }

    true
}

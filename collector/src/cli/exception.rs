//! `exception`: findings that a person decided not to be troubled by, until a day.

use anyhow::bail;
use clap::Subcommand;
use jiff::civil::Date;

use super::Setting;
use super::decided::{Where, act, agency_of, known, parse_day, place, told};
use crate::clock;
use crate::desk::exceptions::conditions;
use crate::judge::folder::Folder;
use crate::judge::force;
use crate::print::{line, plain};
use crate::store::Store;
use crate::store::exceptions::{self, Wanted};
use crate::store::view::Scope;
use crate::store::view::page::{ROWS_MAX, whole};

#[derive(Subcommand, Debug)]
pub(super) enum ExceptionCommand {
    /// Lập một ngoại lệ từ bây giờ / make an exception from now on
    Make {
        /// Tên luật / name of the rule
        rule: String,
        /// Chỉ khi trường có giá trị này, * là ký tự bất kỳ; nhiều lần được / only if the field has this value, * for any characters; repeatable
        #[arg(long = "where", value_name = "FIELD=VALUE")]
        conditions: Vec<String>,
        #[command(flatten)]
        place: Where,
        /// Ngày cuối còn hiệu lực, ví dụ 2027-03-31 / last day on which it holds
        #[arg(long, value_parser = parse_day)]
        until: Date,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định, có tài khoản và có quyền / the person who decided it: one with an account and the right
        #[arg(long)]
        by: String,
    },
    /// Liệt kê / list
    List {
        /// Cả những cái đã hết hạn hoặc đã rút lại / ended and withdrawn ones too
        #[arg(long)]
        all: bool,
    },
    /// Rút lại trước hạn / take back before its end
    Withdraw {
        /// Số / number
        id: i64,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định, có tài khoản và có quyền / the person who decided it: one with an account and the right
        #[arg(long)]
        by: String,
    },
}

impl ExceptionCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        match self {
            Self::Make { rule, conditions: lines, place, until, reason, by } => {
                let folder = Folder::of(setting.config.rules_dir.as_deref());
                if !is_known(&store, &folder, setting, &rule).await? {
                    bail!("{}", setting.say("cli-exception-rule", &[]));
                }
                let Some(conditions) = conditions(lines.iter().map(String::as_str)) else {
                    bail!("{}", setting.say("cli-exception-conditions", &[]));
                };
                let extent = place.extent(&store).await?;
                known(setting, &store, &by, agency_of(&store, &extent).await?).await?;
                let wanted = Wanted { rule, extent, conditions, last_day: Some(until), reason };
                let done = act(&store, by, move |tx, doer| exceptions::make(tx, doer, &wanted)).await?;
                told(setting, done, "exception", "made")
            }
            Self::List { all } => list(setting, &store, all).await,
            Self::Withdraw { id, reason, by } => {
                if let Some(it) = store.read(move |db| exceptions::find(db, id)).await? {
                    known(setting, &store, &by, it.agency).await?;
                }
                let done =
                    act(&store, by, move |tx, doer| exceptions::withdraw(tx, doer, id, &reason)).await?;
                told(setting, done, "exception", "withdrawn")
            }
        }
    }
}

/// Whether there is such a rule: in the folder, or in a pack that judges everybody or is tried somewhere.
async fn is_known(store: &Store, folder: &Folder, setting: &Setting, rule: &str) -> anyhow::Result<bool> {
    if folder.load(setting.lang.of_rules())?.rule(rule).is_some() {
        return Ok(true);
    }
    let (in_force, _) = force::load(store, folder).await?;

    Ok(in_force.sets().any(|rules| rules.rule(rule).is_some()))
}

async fn list(setting: &Setting, store: &Store, all: bool) -> anyhow::Result<()> {
    let now = clock::now();
    let at = (!all).then_some(now);
    let found =
        store.read(move |db| whole(|after| exceptions::list(db, &Scope::All, at, after, ROWS_MAX))).await?;
    if setting.json {
        line(serde_json::to_string(&found)?);
        return Ok(());
    }
    if found.is_empty() {
        setting.tell("cli-exception-none", &[]);
    }
    for it in &found {
        let stage = setting.say(&format!("cli-exception-stage-{}", it.stage(now).word()), &[]);
        let place = place(it.host_name.as_deref(), it.agency.as_deref());
        line(format!(
            "{}\t{stage}\t{}\t{}\t{place}\t{}\t{}\t{}\t{}",
            it.id,
            plain(&it.rule),
            plain(&it.told_conditions()),
            it.last_day(),
            it.kept,
            plain(&it.made_by),
            plain(&it.reason)
        ));
    }

    Ok(())
}

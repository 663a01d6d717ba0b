//! `risk`: weaknesses that a person decided to live with, until a day.

use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use jiff::civil::Date;

use super::Setting;
use super::decided::{Where, act, agency_of, known, parse_day, place, told};
use super::export::shared;
use crate::clock;
use crate::print::{line, plain};
use crate::store::Store;
use crate::store::decided::Done;
use crate::store::risks::{self, Filter, Wanted};
use crate::store::view::Scope;
use crate::store::view::page::{ROWS_MAX, whole};
use crate::vulnerabilities::Vulnerabilities;
use crate::vulnerabilities::touched::{Touched, touched};

#[derive(Subcommand, Debug)]
pub(super) enum RiskCommand {
    /// Chấp nhận một rủi ro từ bây giờ / accept a risk from now on
    Accept {
        /// CVE hoặc thông báo / CVE or advisory
        name: String,
        /// Gói, như thông báo gọi / package, as the advisory names it
        #[arg(long)]
        package: String,
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
        /// Cả khi chưa máy nào có lỗ hổng này / even if no host has it yet
        #[arg(long)]
        unseen: bool,
    },
    /// Liệt kê / list
    List {
        /// Cả những cái đã hết hạn hoặc đã rút lại / ended and withdrawn ones too
        #[arg(long)]
        all: bool,
        /// Chỉ những cái hết hạn trong số ngày này / only those that end within so many days
        #[arg(long, value_name = "DAYS", conflicts_with = "all")]
        ending: Option<u32>,
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

impl RiskCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        match self {
            Self::Accept { name, package, place, until, reason, by, unseen } => {
                let extent = place.extent(&store).await?;
                let wanted = Wanted { name, package, extent, last_day: Some(until), reason };
                accept(setting, &store, wanted, by, unseen).await
            }
            Self::List { all, ending } => list(setting, &store, all, ending).await,
            Self::Withdraw { id, reason, by } => {
                if let Some(risk) = store.read(move |db| risks::find(db, id)).await? {
                    known(setting, &store, &by, risk.agency).await?;
                }
                let done = act(&store, by, move |tx, doer| risks::withdraw(tx, doer, id, &reason)).await?;
                told(setting, done, "risk", "withdrawn")
            }
        }
    }
}

/// Accepts what some host has, by somebody who may, and tells how many hosts have it open before and after.
async fn accept(
    setting: &Setting,
    store: &Store,
    wanted: Wanted,
    by: String,
    unseen: bool,
) -> anyhow::Result<()> {
    let shared = shared(setting, store).await?;
    known(setting, store, &by, agency_of(store, &wanted.extent).await?).await?;
    let before = look(store, &shared, &wanted).await?;
    if before.open + before.accepted == 0 && !unseen {
        let packages: Vec<&str> = before.packages.iter().map(String::as_str).collect();
        let key = if packages.is_empty() { "cli-risk-unseen" } else { "cli-risk-unseen-package" };
        let packages = plain(&packages.join(", "));
        let (name, package) = (plain(&wanted.name), plain(&wanted.package));
        bail!("{}", setting.say(key, &[("name", &name), ("package", &package), ("packages", &packages)]));
    }
    let kept = wanted.clone();
    let done = act(store, by, move |tx, doer| risks::accept(tx, doer, &kept)).await?;
    let Done::Kept(id) = done else { return told(setting, done, "risk", "accepted") };
    let after = look(store, &shared, &wanted).await?;
    if setting.json {
        line(serde_json::json!({ "id": id, "open_before": before.open, "open_after": after.open }));
        return Ok(());
    }
    setting.tell("cli-risk-accepted", &[("id", &id)]);
    setting.tell("cli-risk-hosts", &[("before", &before.open), ("after", &after.open)]);

    Ok(())
}

async fn look(store: &Store, shared: &Arc<Vulnerabilities>, wanted: &Wanted) -> anyhow::Result<Touched> {
    let (shared, wanted, now) = (Arc::clone(shared), wanted.clone(), clock::now());

    store
        .read(move |db| {
            touched(db, &shared, &wanted.extent, (wanted.name.trim(), wanted.package.trim()), now)
        })
        .await
}

async fn list(setting: &Setting, store: &Store, all: bool, ending: Option<u32>) -> anyhow::Result<()> {
    let now = clock::now();
    let within = ending.map(|days| std::time::Duration::from_secs(u64::from(days) * 86_400));
    let filter =
        Filter { in_force_at: (!all).then_some(now), ends_before: within.map(|within| now.plus(within)) };
    let found =
        store.read(move |db| whole(|after| risks::list(db, &Scope::All, filter, after, ROWS_MAX))).await?;
    if setting.json {
        line(serde_json::to_string(&found)?);
        return Ok(());
    }
    if found.is_empty() {
        setting.tell("cli-risk-none", &[]);
    }
    for risk in &found {
        let stage = setting.say(&format!("cli-risk-stage-{}", risk.stage(now).word()), &[]);
        let place = place(risk.host_name.as_deref(), risk.agency.as_deref());
        line(format!(
            "{}\t{stage}\t{}\t{}\t{place}\t{}\t{}\t{}",
            risk.id,
            plain(&risk.name),
            plain(&risk.package),
            risk.last_day(),
            plain(&risk.accepted_by),
            plain(&risk.reason)
        ));
    }

    Ok(())
}

//! `risk`: weaknesses that a person decided to live with, until a day.

use anyhow::bail;
use clap::Subcommand;
use jiff::civil::Date;
use vonggac_protocol::id::AgencyId;

use super::Setting;
use crate::clock;
use crate::desk::risks::day;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::risks::{self, DAYS_MAX, Done, Extent, Filter, Risk, Wanted};
use crate::store::view::Scope;
use crate::store::view::page::{Cursor, ROWS_MAX};
use crate::store::windows::Doer;
use crate::store::{Store, hosts};

#[derive(Subcommand, Debug)]
pub(super) enum RiskCommand {
    /// Chấp nhận một rủi ro từ bây giờ / accept a risk from now on
    Accept {
        /// CVE hoặc thông báo / CVE or advisory
        name: String,
        /// Gói, như thông báo gọi / package, as the advisory names it
        #[arg(long)]
        package: String,
        /// Chỉ một máy: tên, mã hoặc phần đầu của mã / one host only: name, id or its first digits
        #[arg(long, conflicts_with_all = ["agency", "province"], required_unless_present_any = ["agency", "province"])]
        host: Option<String>,
        /// Mọi máy của cơ quan / every host of the agency
        #[arg(long, conflicts_with = "province")]
        agency: Option<AgencyId>,
        /// Mọi máy của tỉnh / every host of the province
        #[arg(long)]
        province: bool,
        /// Ngày cuối còn hiệu lực, ví dụ 2027-03-31 / last day on which it holds
        #[arg(long, value_parser = parse_day)]
        until: Date,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
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
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
    },
}

fn parse_day(text: &str) -> Result<Date, String> {
    day(text).ok_or_else(|| "YYYY-MM-DD".to_owned())
}

impl RiskCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        match self {
            Self::Accept { name, package, host, agency, province: _, until, reason, by } => {
                let extent = match (host, agency) {
                    (Some(text), _) => Extent::Host(store.read(move |db| hosts::named(db, &text)).await?.id),
                    (None, Some(agency)) => Extent::Agency(agency.to_string()),
                    (None, None) => Extent::Province,
                };
                let wanted = Wanted { name, package, extent, last_day: Some(until), reason };
                let done = act(&store, by, move |tx, doer| risks::accept(tx, doer, &wanted)).await?;
                told(setting, done, "cli-risk-accepted")
            }
            Self::List { all, ending } => list(setting, &store, all, ending).await,
            Self::Withdraw { id, reason, by } => {
                let done = act(&store, by, move |tx, doer| risks::withdraw(tx, doer, id, &reason)).await?;
                told(setting, done, "cli-risk-withdrawn")
            }
        }
    }
}

async fn act(
    store: &Store,
    by: String,
    job: impl FnOnce(&rusqlite::Transaction<'_>, Doer<'_>) -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<Done> {
    let at = clock::now();

    store.write(move |tx| job(tx, Doer { person: &by, audited: OPERATOR, scope: &Scope::All, at })).await
}

fn told(setting: &Setting, done: Done, key: &str) -> anyhow::Result<()> {
    match done {
        Done::Kept(id) if setting.json => line(serde_json::json!({ "id": id })),
        Done::Kept(id) => setting.tell(key, &[("id", &id)]),
        Done::Absent | Done::Neighbours | Done::TooWide => bail!("{}", setting.say("cli-risk-absent", &[])),
        Done::Over => bail!("{}", setting.say("cli-risk-over", &[])),
        Done::Unfit(misfit) => {
            bail!("{}", setting.say(&format!("cli-risk-{}", misfit.word()), &[("days", &DAYS_MAX)]))
        }
    }

    Ok(())
}

async fn list(setting: &Setting, store: &Store, all: bool, ending: Option<u32>) -> anyhow::Result<()> {
    let now = clock::now();
    let within = ending.map(|days| std::time::Duration::from_secs(u64::from(days) * 86_400));
    let filter =
        Filter { in_force_at: (!all).then_some(now), ends_before: within.map(|within| now.plus(within)) };
    let mut found: Vec<Risk> = Vec::new();
    let mut after = None;
    loop {
        let page = store.read(move |db| risks::list(db, &Scope::All, filter, after, ROWS_MAX)).await?;
        found.extend(page.items);
        after = page.next.as_deref().and_then(Cursor::parse);
        if after.is_none() {
            break;
        }
    }
    if setting.json {
        line(serde_json::to_string(&found)?);
        return Ok(());
    }
    if found.is_empty() {
        setting.tell("cli-risk-none", &[]);
    }
    for risk in &found {
        let stage = setting.say(&format!("cli-risk-stage-{}", risk.stage(now).word()), &[]);
        let place = match (&risk.host_name, &risk.agency) {
            (Some(host), _) => plain(host),
            (None, Some(agency)) => plain(agency),
            (None, None) => "*".to_owned(),
        };
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

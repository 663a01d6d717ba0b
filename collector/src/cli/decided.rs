//! What the commands of risks, exceptions and change windows share: where, until when, by whom, and how it went.

use anyhow::{bail, ensure};
use clap::Args;
use jiff::civil::Date;
use rusqlite::Transaction;
use vonggac_protocol::id::AgencyId;

use super::Setting;
use crate::clock;
use crate::desk::risks::day;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::decided::{DAYS_MAX, Done, Extent};
use crate::store::view::Scope;
use crate::store::windows::Doer;
use crate::store::{Store, hosts, people};

/// Where a decision is to hold.
#[derive(Args, Debug)]
pub(super) struct Where {
    /// Chỉ một máy: tên, mã hoặc phần đầu của mã / one host only: name, id or its first digits
    #[arg(long, conflicts_with_all = ["agency", "province"], required_unless_present_any = ["agency", "province"])]
    host: Option<String>,
    /// Mọi máy của cơ quan / every host of the agency
    #[arg(long, conflicts_with = "province")]
    agency: Option<AgencyId>,
    /// Mọi máy của tỉnh / every host of the province
    #[arg(long)]
    province: bool,
}

impl Where {
    pub(super) async fn extent(self, store: &Store) -> anyhow::Result<Extent> {
        Ok(match (self.host, self.agency) {
            (Some(text), _) => Extent::Host(store.read(move |db| hosts::named(db, &text)).await?.id),
            (None, Some(agency)) => Extent::Agency(agency.to_string()),
            (None, None) => Extent::Province,
        })
    }
}

pub(super) fn parse_day(text: &str) -> Result<Date, String> {
    day(text).ok_or_else(|| "YYYY-MM-DD".to_owned())
}

/// The agency whose people may decide beside those of the province.
pub(super) async fn agency_of(store: &Store, extent: &Extent) -> anyhow::Result<Option<String>> {
    Ok(match extent {
        Extent::Province => None,
        Extent::Agency(agency) => Some(agency.clone()),
        Extent::Host(id) => {
            let all = store.read(hosts::list).await?;
            all.into_iter().find(|host| host.id == *id).map(|host| host.agency)
        }
    })
}

/// Whether this is somebody with an account and the right to decide for an agency, or for the province where there is none.
pub(super) async fn known(
    setting: &Setting,
    store: &Store,
    by: &str,
    agency: Option<String>,
) -> anyhow::Result<()> {
    let people = store.read(move |db| people::who_decide(db, agency.as_deref())).await?;
    let is_one = people.iter().any(|name| name == by);
    let values: [(&'static str, &dyn std::fmt::Display); 2] =
        [("by", &plain(by)), ("people", &plain(&people.join(", ")))];
    ensure!(is_one, "{}", setting.say("cli-decided-by", &values));

    Ok(())
}

/// Does it in the name of whoever decided, for the operator.
pub(super) async fn act(
    store: &Store,
    by: String,
    job: impl FnOnce(&Transaction<'_>, Doer<'_>) -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<Done> {
    let at = clock::now();

    store.write(move |tx| job(tx, Doer { person: &by, audited: OPERATOR, scope: &Scope::All, at })).await
}

/// Tells how it went: `what` is the word that its messages begin with, `done` the one for success.
pub(super) fn told(setting: &Setting, how: Done, what: &str, done: &str) -> anyhow::Result<()> {
    let say = |word: &str| setting.say(&format!("cli-{what}-{word}"), &[("days", &DAYS_MAX)]);
    match how {
        Done::Kept(id) if setting.json => line(serde_json::json!({ "id": id })),
        Done::Kept(id) => setting.tell(&format!("cli-{what}-{done}"), &[("id", &id)]),
        Done::Absent | Done::Neighbours | Done::TooWide => bail!("{}", say("absent")),
        Done::Over => bail!("{}", say("over")),
        Done::Unfit(misfit) => bail!("{}", say(misfit.word())),
    }

    Ok(())
}

/// A decision's place in a list.
pub(super) fn place(host: Option<&str>, agency: Option<&str>) -> String {
    host.or(agency).map_or_else(|| "*".to_owned(), plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exception::ExceptionCommand;
    use crate::cli::risk::RiskCommand;
    use crate::config::Config;
    use crate::print::Lang;
    use crate::store::agencies::{self, Level};
    use crate::store::people::PersonRole;
    use crate::store::{exceptions, risks};

    /// A risk and an exception of one agency, and people of every kind.
    async fn decided(setting: &Setting) -> (i64, i64) {
        let store = Store::open(&setting.config.database_path()).unwrap();
        let (now, last_day) = (clock::now(), Some(vonggac_rules::entitlement::day_of(clock::now())));
        let decide = move |tx: &Transaction<'_>| {
            let agency = AgencyId::new("so-tttt")?;
            agencies::add(tx, &agency, "Sở", Level::Department, now)?;
            agencies::add(tx, &AgencyId::new("so-khac")?, "Sở", Level::Department, now)?;
            people::add(tx, "an", PersonRole::Admin, None, now)?;
            people::add(tx, "chi", PersonRole::Agency, Some(&agency), now)?;
            people::add(tx, "dung", PersonRole::Agency, Some(&AgencyId::new("so-khac")?), now)?;
            people::add(tx, "giang", PersonRole::Auditor, None, now)?;
            let doer = Doer { person: "an", audited: OPERATOR, scope: &Scope::All, at: now };
            let (extent, reason) = (Extent::Agency("so-tttt".to_owned()), "x".to_owned());
            let (name, package) = ("CVE-2026-1".to_owned(), "bash".to_owned());
            let risk =
                risks::Wanted { name, package, extent: extent.clone(), last_day, reason: reason.clone() };
            let (rule, conditions) = ("r".to_owned(), std::collections::BTreeMap::new());
            let exception = exceptions::Wanted { rule, extent, conditions, last_day, reason };
            Ok((risks::accept(tx, doer, &risk)?, exceptions::make(tx, doer, &exception)?))
        };
        match store.write(decide).await.unwrap() {
            (Done::Kept(risk), Done::Kept(exception)) => (risk, exception),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_somebody_with_an_account_and_the_right_takes_a_decision_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::with_defaults();
        config.data_dir = folder.path().to_owned();
        let setting = Setting { config, config_path: None, lang: Lang::Vi, json: true };
        let (risk, exception) = decided(&setting).await;
        let words = |by: &str| (by.to_owned(), "nhầm".to_owned());
        let no_risk = async |by: &str| {
            let (by, reason) = words(by);
            RiskCommand::Withdraw { id: risk, reason, by }.run(&setting).await
        };
        let no_exception = async |by: &str| {
            let (by, reason) = words(by);
            ExceptionCommand::Withdraw { id: exception, reason, by }.run(&setting).await
        };

        for nobody in ["ai-do", "giang", "dung", ""] {
            for refused in [no_risk(nobody).await, no_exception(nobody).await] {
                let told = refused.unwrap_err().to_string();
                assert!(told.contains("không phải là người có quyền") && told.contains("an, chi"), "{told}");
            }
        }
        let absent = RiskCommand::Withdraw { id: 99, reason: "x".to_owned(), by: "chi".to_owned() };
        assert!(absent.run(&setting).await.unwrap_err().to_string().contains("Không có"));
        no_risk("chi").await.unwrap();
        no_exception("an").await.unwrap();
        let over = no_risk("an").await.unwrap_err().to_string();
        assert!(over.contains("đã hết hạn hoặc đã được rút lại"), "{over}");
    }
}

//! `agency`: the organisations that hosts belong to.

use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::limits::{BUDGET_KIB_MAX, BUDGET_KIB_MIN};

use super::{Setting, note};
use crate::clock;
use crate::print::line;
use crate::store::agencies::{self, Level};
use crate::store::budgets;

#[derive(Subcommand, Debug)]
pub(super) enum Agency {
    /// Thêm / add
    Add {
        /// Mã, ví dụ so-tttt / id, such as so-tttt
        id: AgencyId,
        /// Tên / name
        name: String,
        /// Cấp / level
        #[arg(long, value_enum, default_value = "department")]
        level: Level,
    },
    /// Hạn mức đường truyền mỗi ngày của mỗi máy, KiB / bytes that each host may move on the line in a day, KiB
    Budget {
        /// Mã / id
        id: AgencyId,
        /// KiB, 128 đến 4194304; bỏ trống: không giới hạn / KiB, 128 to 4194304; left out: no limit
        #[arg(value_parser = clap::value_parser!(u32).range(i64::from(BUDGET_KIB_MIN)..=i64::from(BUDGET_KIB_MAX)))]
        kib: Option<u32>,
    },
    /// Liệt kê / list
    List,
}

impl Agency {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        match self {
            Self::Add { id, name, level } => {
                let kept = id.clone();
                let now = clock::now();
                store
                    .write(move |tx| {
                        agencies::add(tx, &kept, &name, level, now)?;
                        note(tx, now, Some(kept.as_str()), "agency.added", kept.as_str(), &name)
                    })
                    .await?;
                setting.tell("cli-agency-added", &[("agency", &id)]);
            }
            Self::Budget { id, kib } => budget(setting, id, kib).await?,
            Self::List => {
                let all = store.read(agencies::list).await?;
                if setting.json {
                    let all: Vec<_> = all
                        .into_iter()
                        .map(|(id, name, level)| json!({ "id": id, "name": name, "level": level }))
                        .collect();
                    line(serde_json::to_string(&all)?);
                } else {
                    all.iter().for_each(|(id, name, level)| line(format!("{id}\t{level}\t{name}")));
                }
            }
        }

        Ok(())
    }
}

/// Sets what each host of an agency may move in a day; hosts take it with their next sign of life.
async fn budget(setting: &Setting, id: AgencyId, kib: Option<u32>) -> anyhow::Result<()> {
    let store = setting.store()?;
    let (now, agency) = (clock::now(), id.clone());
    let detail = kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
    let told = detail.clone();
    let known = store
        .write(move |tx| {
            if agencies::name(tx, &agency)?.is_none() {
                return Ok(false);
            }
            budgets::set(tx, &agency, kib, now)?;
            note(tx, now, Some(agency.as_str()), "agency.budget", agency.as_str(), &detail)?;
            Ok(true)
        })
        .await?;
    if !known {
        anyhow::bail!("{}", setting.say("cli-no-agency", &[("agency", &id)]));
    }
    setting.tell("cli-agency-budget", &[("agency", &id), ("kib", &told)]);

    Ok(())
}

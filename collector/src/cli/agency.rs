//! `agency`: the organisations that hosts belong to.

use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;

use super::{Setting, note};
use crate::clock;
use crate::print::line;
use crate::store::agencies::{self, Level};

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

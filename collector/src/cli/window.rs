//! `window`: change windows, in which changes of files are kept and raise nothing.

use clap::Subcommand;
use vonggac_protocol::id::AgencyId;

use super::Setting;
use super::decided::{act, told};
use crate::clock;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::view::Scope;
use crate::store::view::page::ROWS_MAX;
use crate::store::windows::{self, HOURS_MAX, Wanted};
use crate::store::{Store, hosts};

#[derive(Subcommand, Debug)]
pub(super) enum Window {
    /// Mở từ bây giờ / open from now on
    Open {
        /// Cơ quan; có thể bỏ nếu nêu máy / agency; may be left out where a host is named
        #[arg(long, required_unless_present = "host")]
        agency: Option<AgencyId>,
        /// Chỉ một máy: tên, mã hoặc phần đầu của mã / one host only: name, id or its first digits
        #[arg(long)]
        host: Option<String>,
        /// Chỉ trong đường dẫn này; dùng được nhiều lần / only in this path; may be repeated
        #[arg(long = "root", value_name = "PATH")]
        roots: Vec<String>,
        /// Số giờ, 1 đến 168 / hours, 1 to 168
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
        hours: u32,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// Liệt kê, cả khung đã đóng / list, closed ones too
    List,
    /// Đóng trước hạn / close before its end
    Close {
        /// Số / number
        id: i64,
        /// Người quyết định / the person who decided it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
}

impl Window {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        match self {
            Self::Open { agency, host, roots, hours, reason, by } => {
                let host = match host {
                    Some(text) => Some(store.read(move |db| hosts::named(db, &text)).await?.id),
                    None => None,
                };
                let agency = agency.map(|agency| agency.to_string());
                let wanted = Wanted { agency, host, roots, hours, reason };
                let done = act(&store, by, move |tx, doer| windows::open(tx, doer, &wanted)).await?;
                told(setting, done, "window", "opened")
            }
            Self::List => list(setting, &store).await,
            Self::Close { id, by } => {
                let done = act(&store, by, move |tx, doer| windows::close(tx, doer, id)).await?;
                told(setting, done, "window", "closed")
            }
        }
    }
}

async fn list(setting: &Setting, store: &Store) -> anyhow::Result<()> {
    let all = store.read(|db| windows::list(db, &Scope::All, None, ROWS_MAX)).await?.items;
    if setting.json {
        line(serde_json::to_string(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-window-none", &[]);
    }
    let now = clock::now();
    for window in &all {
        let stage = setting.say(&format!("cli-window-stage-{}", window.stage(now).word()), &[]);
        let host = window.host_name.as_deref().map_or_else(|| "*".to_owned(), plain);
        let roots: Vec<&str> = window.roots.iter().map(|root| root.as_str()).collect();
        let (id, kept, from, until) = (window.id, window.kept, window.opened_at, window.until());
        let (agency, by, reason) = (&window.agency, plain(&window.opened_by), plain(&window.reason));
        line(format!(
            "{id}\t{stage}\t{agency}\t{host}\t{}\t{from}\t{until}\t{by}\t{kept}\t{reason}",
            plain(&roots.join(" "))
        ));
    }

    Ok(())
}

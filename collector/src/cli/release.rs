//! `release pack|trust|add|list|offer|halt`: versions of the agent, and to whom they are offered.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::release::Version;
use vonggac_protocol::time::Timestamp;

use super::Setting;
use super::feed_refused::worded;
use super::signed::{self, Trust};
use super::snapshot::refuse_existing;
use crate::clock;
use crate::print::{line, plain};
use crate::releases::{self, FILE_BYTES_MAX, Made};
use crate::snapshot::key::{RELEASES, SigningKey};
use crate::store::audit::OPERATOR;
use crate::store::releases as kept;

#[derive(Subcommand, Debug)]
pub(super) enum Release {
    /// Đóng gói và ký một phiên bản tác tử bằng khóa phát hành / pack and sign a version of the agent with the release key
    Pack {
        /// Chương trình / the program
        program: PathBuf,
        /// Phiên bản, ví dụ 0.2.0 / version
        #[arg(long, value_parser = version)]
        version: Version,
        /// Không dùng trước lúc này, ví dụ 2026-12-01T00:00:00Z / not to be used before this moment
        #[arg(long, value_name = "TIME")]
        not_before: Option<Timestamp>,
        /// Tệp ghi ra / file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Tin khóa phát hành này / trust this release key
    Trust(Trust),
    /// Nhập các bản phát hành; chưa gửi cho máy nào / take releases in; nothing is offered yet
    Add {
        /// Tệp / files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Người nhập / the person who brings them
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// Bản phát hành, lệnh, và cơ quan nào đang chạy phiên bản nào / releases, orders, and which agency runs which version
    List,
    /// Đưa một phiên bản tới một phần máy của một cơ quan, hoặc mọi nơi / offer a version to some hosts of an agency, or everywhere
    Offer {
        /// Phiên bản / version
        #[arg(value_parser = version)]
        version: Version,
        /// Ở cơ quan này / in this agency
        #[arg(long, conflicts_with = "all", required_unless_present = "all")]
        agency: Option<AgencyId>,
        /// Ở mọi nơi / everywhere
        #[arg(long)]
        all: bool,
        /// Cho bao nhiêu phần trăm máy / to so many percent of the hosts
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
        /// Lý do / reason
        #[arg(long, default_value = "")]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
    },
    /// Dừng, ở một cơ quan hoặc mọi nơi / stop offering, in an agency or everywhere
    Halt {
        /// Ở cơ quan này; không ghi: mọi nơi / in this agency; left out: everywhere
        #[arg(long)]
        agency: Option<AgencyId>,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
    },
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "0.2.0".to_owned())
}

impl Release {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Pack { program, version, not_before, out } => {
                pack(setting, &program, version, not_before, &out)
            }
            Self::Trust(trust) => trust.run(setting).await,
            Self::Add { files, by } => {
                for file in &files {
                    add(setting, file, &by).await.map_err(|error| worded(setting, error))?;
                }
                Ok(())
            }
            Self::List => list(setting).await,
            Self::Offer { version, agency, all: _, percent, reason, by } => {
                let (version, agency) = (Some(version.to_string()), agency.map(|it| it.to_string()));
                give(setting, kept::Order { version, agency, percent, by, reason }).await
            }
            Self::Halt { agency, reason, by } => {
                let agency = agency.map(|it| it.to_string());
                give(setting, kept::Order { version: None, agency, percent: 0, by, reason }).await
            }
        }
    }
}

fn pack(
    setting: &Setting,
    program: &Path,
    version: Version,
    not_before: Option<Timestamp>,
    out: &Path,
) -> anyhow::Result<()> {
    refuse_existing(setting, out)?;
    let program = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    let platform = releases::platform_of(&program)?;
    let key = SigningKey::ensure_for(&RELEASES, &setting.config.keys_dir())?;
    let (now, named) = (clock::now(), (version.to_string(), platform.to_string()));
    let made = Made { program, version, platform, not_before: not_before.unwrap_or(now) };
    let bytes = releases::pack(made, &key, now)?;
    fs::write(out, &bytes).with_context(|| format!("write {}", out.display()))?;
    if setting.json {
        line(json!({ "version": named.0, "platform": named.1, "key": key.public() }));
    } else {
        let values: [(&'static str, &dyn Display); 4] =
            [("path", &out.display()), ("version", &named.0), ("platform", &named.1), ("key", &key.public())];
        setting.tell("release-packed", &values);
    }

    Ok(())
}

async fn add(setting: &Setting, path: &Path, by: &str) -> anyhow::Result<()> {
    let (opened, _) = signed::open(setting, path, FILE_BYTES_MAX, releases::open).await?;
    let (now, by) = (clock::now(), by.to_owned());
    let (version, platform) = (opened.manifest.version.clone(), opened.manifest.platform.clone());
    let id = setting.store()?.write(move |tx| kept::take(tx, &opened, &by, now)).await?;
    if setting.json {
        line(json!({ "id": id, "version": version, "platform": platform }));
    } else {
        setting.tell("release-added", &[("version", &version), ("platform", &platform)]);
    }

    Ok(())
}

async fn give(setting: &Setting, order: kept::Order) -> anyhow::Result<()> {
    let now = clock::now();
    setting.store()?.write(move |tx| kept::order(tx, &order, now)).await?;

    list(setting).await
}

async fn list(setting: &Setting) -> anyhow::Result<()> {
    let now = clock::now();
    let read =
        move |db: &rusqlite::Connection| Ok((kept::all(db)?, kept::orders(db, now)?, kept::running(db)?));
    let (all, orders, running) = setting.store()?.read(read).await?;
    if setting.json {
        line(json!({ "releases": all, "orders": orders, "running": running }));
        return Ok(());
    }
    for release in &all {
        line(format!(
            "{}\t{}\t{}\t{}\t{}",
            release.version, release.platform, release.size, release.sha256, release.signed_by
        ));
    }
    for order in &orders {
        let place = order.agency.clone().unwrap_or_else(|| setting.say("release-everywhere", &[]));
        let (by, reason, progress) = (plain(&order.by), plain(&order.reason), &order.progress);
        let Some(version) = &order.version else {
            let values: [(&'static str, &dyn Display); 5] = [
                ("order", &order.id),
                ("place", &place),
                ("by", &by),
                ("at", &order.at),
                ("reason", &reason),
            ];
            setting.tell("release-halted", &values);
            continue;
        };
        let values: [(&'static str, &dyn Display); 12] = [
            ("order", &order.id),
            ("version", version),
            ("place", &place),
            ("percent", &order.percent),
            ("by", &by),
            ("at", &order.at),
            ("offered", &progress.offered),
            ("taken", &progress.taken),
            ("upgraded", &progress.upgraded),
            ("returned", &progress.returned),
            ("refused", &progress.refused),
            ("silent", &progress.silent),
        ];
        setting.tell("release-offered", &values);
    }
    for row in &running {
        let version = if row.version.is_empty() { "-" } else { &row.version };
        let values: [(&'static str, &dyn Display); 3] =
            [("agency", &row.agency), ("version", &plain(version)), ("hosts", &row.hosts)];
        setting.tell("release-running", &values);
    }

    Ok(())
}

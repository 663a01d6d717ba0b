//! `authority`: the root, kept offline, and what stands below it, replaced.

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::running::Running;
use super::{Setting, note};
use crate::authority::{Authority, change};
use crate::clock;
use crate::print::line;
use crate::store::certificates;

/// Hosts that are named; the rest is counted.
const NAMED_MAX: usize = 20;

#[derive(Subcommand, Debug)]
pub(super) enum AuthorityCommand {
    /// Xem gốc, nơi ký và các máy chưa theo gốc mới / show root, issuer, and hosts that do not know a new root yet
    Show,
    /// Đưa khóa gốc ra một tệp để cất ngoại tuyến / take the root's key out into a file, to be kept offline
    ExportRoot {
        /// Tệp mới, ngoài thư mục dữ liệu / a new file outside the data folder
        file: PathBuf,
    },
    /// Thay nơi ký, hoặc cả gốc / replace the issuer, or the root as well
    Rotate {
        /// Thay cả gốc / replace the root as well
        #[arg(long)]
        root: bool,
        /// Tệp khóa gốc hiện nay, nếu đang ngoại tuyến / the present root's key, if it is kept offline
        #[arg(long, value_name = "FILE")]
        root_key: Option<PathBuf>,
    },
    /// Bỏ gốc cũ sau khi mọi máy đã theo gốc mới / let go of the old root once every host knows the new one
    Retire {
        /// Cả khi còn máy chưa theo; các máy đó phải ghi danh lại / also if hosts do not know it; they must enrol again
        #[arg(long)]
        force: bool,
    },
}

impl AuthorityCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Show => show(setting).await,
            Self::ExportRoot { file } => export_root(setting, file).await,
            Self::Rotate { root, root_key } => rotate(setting, root, root_key).await,
            Self::Retire { force } => retire(setting, force).await,
        }
    }
}

async fn show(setting: &Setting) -> anyhow::Result<()> {
    let authority = Authority::load(&setting.config.authority_dir())?;
    let pin = authority.pin();
    let behind = setting.store()?.read(move |db| certificates::not_trusting(db, pin)).await?;
    let changing = authority.roots().len() > 1;
    if setting.json {
        line(json!({
            "pin": pin,
            "root_ends_at": authority.root_ends()?,
            "root_key_is_offline": authority.root_key_is_offline(),
            "has_intermediate": authority.has_intermediate(),
            "issuer_ends_at": authority.issuer_ends(),
            "root_changing": changing,
            "hosts_without_root": behind,
        }));
        return Ok(());
    }
    setting.tell("cli-authority-root", &[("pin", &pin), ("until", &authority.root_ends()?)]);
    let place =
        if authority.root_key_is_offline() { "cli-authority-offline" } else { "cli-authority-online" };
    setting.tell(place, &[]);
    let issuer = if authority.has_intermediate() { "cli-authority-issuer" } else { "cli-authority-single" };
    setting.tell(issuer, &[("until", &authority.issuer_ends())]);
    if changing {
        setting.tell("cli-authority-changing", &[("count", &behind.len())]);
        for host in behind.iter().take(NAMED_MAX) {
            line(format!("  {host}"));
        }
    }

    Ok(())
}

async fn export_root(setting: &Setting, file: PathBuf) -> anyhow::Result<()> {
    let (dir, out) = (setting.config.authority_dir(), file.clone());
    tokio::task::spawn_blocking(move || change::export_root(&dir, &out)).await??;
    written(setting, "authority.root_exported", "").await?;
    setting.tell("cli-authority-exported", &[("file", &file.display())]);

    Ok(())
}

async fn rotate(setting: &Setting, root: bool, root_key: Option<PathBuf>) -> anyhow::Result<()> {
    let (dir, now) = (setting.config.authority_dir(), clock::now());
    let changed = tokio::task::spawn_blocking(move || match root {
        true => change::rotate_root(&dir, root_key.as_deref(), now),
        false => change::rotate(&dir, root_key.as_deref(), now),
    });
    changed.await??;
    let authority = Authority::load(&setting.config.authority_dir())?;
    let action = if root { "authority.root_rotated" } else { "authority.issuer_rotated" };
    written(setting, action, &format!("issuer until {}", authority.issuer_ends())).await?;
    setting.tell("cli-authority-rotated", &[("until", &authority.issuer_ends())]);
    if root {
        setting.tell("cli-authority-root-rotated", &[("pin", &authority.pin())]);
    }
    tell_restart(setting);

    Ok(())
}

async fn retire(setting: &Setting, force: bool) -> anyhow::Result<()> {
    let pin = Authority::load(&setting.config.authority_dir())?.pin();
    let behind = setting.store()?.read(move |db| certificates::not_trusting(db, pin)).await?.len();
    if behind > 0 && !force {
        bail!("{}", setting.say("cli-authority-behind", &[("count", &behind)]));
    }
    let dir = setting.config.authority_dir();
    tokio::task::spawn_blocking(move || change::retire(&dir)).await??;
    written(setting, "authority.root_retired", &format!("{behind} hosts without the new root")).await?;
    setting.tell("cli-authority-retired", &[]);
    tell_restart(setting);

    Ok(())
}

/// A running collector goes on with what it read when it started.
fn tell_restart(setting: &Setting) {
    if Running::read(&setting.config).is_some() {
        setting.tell("cli-authority-restart", &[]);
    }
}

/// Writes down what was done, under the root that now stands.
async fn written(setting: &Setting, action: &'static str, detail: &str) -> anyhow::Result<()> {
    let pin = Authority::load(&setting.config.authority_dir())?.pin().to_string();
    let (now, detail) = (clock::now(), detail.to_owned());

    setting.store()?.write(move |tx| note(tx, now, None, action, &pin, &detail)).await
}

//! `init`: everything that a collector needs before it can serve.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use vonggac_protocol::digest::Digest;

use super::running::console_url;
use super::{Setting, note};
use crate::authority::{Authority, make_private_dir};
use crate::clock;
use crate::config::Config;
use crate::console::sign_in_path;
use crate::print::line;
use crate::snapshot::key::SigningKey;
use crate::store::Store;
use crate::store::people::{self, PersonRole};

/// A sign-in link is used at once or not at all.
pub(super) const LINK_FOR: Duration = Duration::from_secs(3_600);

#[derive(Args, Debug)]
pub(super) struct Init {
    /// Tên quản trị viên đầu tiên / name of the first administrator
    #[arg(long, default_value = "quan-tri")]
    admin: String,
}

/// What `init` made.
#[derive(Clone, Debug, Serialize)]
pub struct Initialised {
    /// SHA-256 of the authority's certificate.
    pub pin: Digest,
    /// The public key of snapshots, in minisign's form: hand it over on paper.
    pub signing_key: String,
    /// The first administrator.
    pub admin: String,
    /// Path of the one-time sign-in link, below the console's address.
    pub link_path: String,
    /// The whole link, if the console's address is known already.
    pub link: Option<String>,
}

impl Init {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let made = initialise(&setting.config, &self.admin).await?;
        if setting.json {
            line(serde_json::to_string(&made)?);
            return Ok(());
        }
        setting.tell("cli-init-done", &[("dir", &setting.config.data_dir.display())]);
        setting.tell("cli-init-pin", &[("pin", &made.pin)]);
        setting.tell("snapshot-key", &[("key", &made.signing_key)]);
        setting.tell("cli-init-admin", &[("name", &made.admin)]);
        show_link(setting, made.link.as_deref(), &made.admin);
        setting.tell("cli-init-next", &[]);

        Ok(())
    }
}

/// Makes data folder, authority, signing key, database and first administrator.
///
/// # Errors
/// If the folder holds a collector already, or something cannot be written.
pub async fn initialise(config: &Config, admin: &str) -> anyhow::Result<Initialised> {
    let now = clock::now();
    if config.database_path().exists() {
        bail!("{} holds a collector already", config.data_dir.display());
    }
    make_private_dir(&config.data_dir)?;
    let authority = Authority::make(&config.authority_dir(), now)?;
    let signing_key = SigningKey::make(&config.keys_dir())?.public();
    let store = Store::open(&config.database_path())?;
    let (name, pin) = (admin.to_owned(), authority.pin());
    let secret = store
        .write(move |tx| {
            people::add(tx, &name, PersonRole::Admin, None, now)?;
            note(tx, now, None, "collector.initialised", &pin.to_string(), &name)?;
            people::make_link(tx, &name, now.plus(LINK_FOR))
        })
        .await?;
    let link_path = sign_in_path(&secret);
    let link = console_url(config).map(|url| format!("{url}{link_path}"));

    Ok(Initialised { pin, signing_key, admin: admin.to_owned(), link_path, link })
}

/// Where the console takes a one-time link's secret.
pub(super) fn show_link(setting: &Setting, link: Option<&str>, name: &str) {
    match link {
        Some(link) => {
            setting.tell("cli-link-once", &[("minutes", &(LINK_FOR.as_secs() / 60))]);
            line(format!("  {link}"));
        }
        None => setting.tell("cli-link-later", &[("name", &name)]),
    }
}

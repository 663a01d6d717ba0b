//! `rules pack|trust|import|packs|rollout|withdraw`: signed packs of rules, and which of them judges whom.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::release::Version;
use vonggac_rules::ruleset::RuleSet;

use super::Setting;
use super::feed_refused::worded;
use super::signed::{self, Trust};
use super::snapshot::refuse_existing;
use crate::clock;
use crate::judge::folder::{BrokenRules, Folder};
use crate::print::{line, plain};
use crate::rule_packs::{self, PACK_BYTES_MAX};
use crate::snapshot::key::{FEEDS, SigningKey};
use crate::store::Store;
use crate::store::audit::OPERATOR;
use crate::store::rule_packs::{self as kept, Order, Pack};

#[derive(Subcommand, Debug)]
pub(super) enum PackCommand {
    /// Đóng gói và ký bộ luật bằng khóa phát hành / pack a rule set and sign it with the release key
    Pack {
        /// Thư mục có packs/ / folder with packs/; without it the configured one
        dir: Option<PathBuf>,
        /// Tên gói: chữ thường, số, gạch nối / name of the pack: small letters, digits, `-`
        #[arg(long)]
        name: String,
        /// Phiên bản, ví dụ 2026.11.3 / version
        #[arg(long, value_parser = version)]
        version: Version,
        /// Tệp ghi ra / file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Tin khóa phát hành này, cho luật và nguồn tin / trust this release key, for rules and feeds alike
    Trust(Trust),
    /// Nhập một gói luật đã ký; chưa có hiệu lực / take a signed pack in; it judges nobody yet
    Import {
        /// Tệp / file
        file: PathBuf,
        /// Người nhập / the person who brings it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// Các gói đã nhập và gói nào có hiệu lực ở đâu / the packs taken in, and which judges whom
    Packs,
    /// Cho một gói có hiệu lực ở vài cơ quan trước, hoặc ở mọi nơi / let a pack judge some agencies first, or everybody
    Rollout {
        /// Tên gói / name of the pack
        name: String,
        /// Phiên bản / version
        #[arg(value_parser = version)]
        version: Version,
        /// Ở cơ quan này, nhiều lần được / in this agency; repeatable
        #[arg(long = "agency", conflicts_with = "all", required_unless_present = "all")]
        agencies: Vec<AgencyId>,
        /// Ở mọi nơi / everywhere
        #[arg(long)]
        all: bool,
        /// Lý do / reason
        #[arg(long, default_value = "")]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
    },
    /// Thôi thử gói; hoặc trở về luật của thư mục / stop trying a pack; or go back to the folder's rules
    Withdraw {
        /// Trở về luật của thư mục ở mọi nơi / back to the folder's rules everywhere
        #[arg(long)]
        to_folder: bool,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long)]
        by: String,
    },
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "2026.11.3".to_owned())
}

impl PackCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Pack { dir, name, version, out } => {
                let folder = Folder::of(dir.as_deref().or(setting.config.rules_dir.as_deref()));
                pack(setting, &folder, &name, &version, &out)
            }
            Self::Trust(trust) => trust.run(setting).await,
            Self::Import { file, by } => {
                import(setting, &file, by).await.map_err(|error| worded(setting, error))
            }
            Self::Packs => packs(setting).await,
            Self::Rollout { name, version, agencies, all, reason, by } => {
                let store = setting.store()?;
                let pack = named(setting, &store, &name, &version).await?;
                let agencies = agencies.iter().map(ToString::to_string).collect();
                let order = if all { Order::All(pack) } else { Order::Trial(pack, agencies) };
                give(setting, &store, order, by, reason).await
            }
            Self::Withdraw { to_folder, reason, by } => {
                let order = if to_folder { Order::Folder } else { Order::Withdraw };
                give(setting, &setting.store()?, order, by, reason).await
            }
        }
    }
}

/// Rules that load and whose tests pass.
fn tried(
    setting: &Setting,
    folder: &Folder,
    sources: Vec<vonggac_rules::ruleset::RuleSource>,
) -> anyhow::Result<std::sync::Arc<RuleSet>> {
    let language = setting.lang.of_rules();
    let clauses: BTreeSet<String> =
        folder.register(language)?.clauses().map(|clause| clause.id.clone()).collect();

    rule_packs::tried(sources, &clauses).map_err(|mistakes| {
        BrokenRules(mistakes.iter().map(|mistake| mistake.shown(language)).collect()).into()
    })
}

fn pack(setting: &Setting, folder: &Folder, name: &str, version: &Version, out: &Path) -> anyhow::Result<()> {
    refuse_existing(setting, out)?;
    let sources = folder.sources()?;
    let rules = tried(setting, folder, sources.clone())?;
    let key = SigningKey::ensure_for(&FEEDS, &setting.config.keys_dir())?;
    let bytes = rule_packs::pack(sources, rules.digest(), name, version, &key, clock::now())?;
    fs::write(out, &bytes).with_context(|| format!("write {}", out.display()))?;
    if setting.json {
        line(json!({ "name": name, "version": version.to_string(), "rule_set": rules.digest(),
            "rules": rules.rules().len(), "key": key.public() }));
    } else {
        let (path, rules, key) = (out.display(), rules.rules().len(), key.public());
        setting.tell("rules-packed", &[("path", &path), ("rules", &rules), ("key", &key)]);
    }

    Ok(())
}

async fn import(setting: &Setting, path: &Path, by: String) -> anyhow::Result<()> {
    let (opened, bytes) = signed::open(setting, path, PACK_BYTES_MAX, rule_packs::open).await?;
    let folder = Folder::of(setting.config.rules_dir.as_deref());
    let rules = tried(setting, &folder, opened.sources)
        .with_context(|| format!("the pack {} is refused", path.display()))?;
    let manifest = opened.manifest;
    ensure!(
        rules.digest() == manifest.rule_set,
        "the pack {} is refused: its rule set is not the one it names",
        path.display()
    );
    let (now, told) = (clock::now(), manifest.clone());
    let id = setting.store()?.write(move |tx| kept::take(tx, &manifest, &bytes, &by, now)).await?;
    if setting.json {
        line(json!({ "id": id, "name": told.name, "version": told.version, "rule_set": told.rule_set }));
    } else {
        let rules = rules.rules().len();
        let values: [(&'static str, &dyn std::fmt::Display); 3] =
            [("name", &told.name), ("version", &told.version), ("rules", &rules)];
        setting.tell("rules-imported", &values);
    }

    Ok(())
}

async fn named(setting: &Setting, store: &Store, name: &str, version: &Version) -> anyhow::Result<Pack> {
    let version = version.to_string();
    let found = store.read(kept::all).await?.into_iter();

    let mut fitting = found.filter(|pack| pack.name == name && pack.version == version);
    match fitting.next() {
        Some(pack) => Ok(pack),
        None => {
            bail!("{}", setting.say("rules-no-pack", &[("name", &plain(name)), ("version", &version)]))
        }
    }
}

async fn give(
    setting: &Setting,
    store: &Store,
    order: Order,
    by: String,
    reason: String,
) -> anyhow::Result<()> {
    let now = clock::now();
    store.write(move |tx| kept::order(tx, &order, &by, &reason, now)).await?;
    packs(setting).await
}

async fn packs(setting: &Setting) -> anyhow::Result<()> {
    let store = setting.store()?;
    let (all, standing) = store.read(|db| Ok((kept::all(db)?, kept::standing(db)?))).await?;
    if setting.json {
        line(json!({ "packs": all, "in_force": standing }));
        return Ok(());
    }
    for pack in &all {
        line(format!(
            "{}\t{}\t{}\t{}\t{}",
            pack.label(),
            pack.rule_set,
            pack.imported_at,
            plain(&pack.imported_by),
            pack.signed_by
        ));
    }
    match &standing.all {
        Some(pack) => setting.tell("rules-all-pack", &[("pack", &pack.label())]),
        None => setting.tell("rules-all-folder", &[]),
    }
    if let Some(pack) = &standing.trial {
        let agencies = standing.agencies.iter().cloned().collect::<Vec<_>>().join(", ");
        setting.tell("rules-trial", &[("pack", &pack.label()), ("agencies", &agencies)]);
    }

    Ok(())
}

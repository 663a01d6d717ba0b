//! `feed`: advisories that a person carries in, and bundles of them.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use vonggac_advisory::feed::Limits;
use vonggac_protocol::time::Timestamp;

use super::Setting;
use super::feed_refused::worded;
use super::signed::{self, Trust};
use super::snapshot::refuse_existing;
use crate::clock;
use crate::feeds::admit::Allowed;
use crate::feeds::age;
use crate::feeds::bundle::{self, BUNDLE_BYTES_MAX};
use crate::feeds::convert::{Converted, Said, convert};
use crate::feeds::part::Part;
use crate::print::{line, plain};
use crate::snapshot::key::{FEEDS, SigningKey};
use crate::store::audit::OPERATOR;
use crate::store::feeds::{self, Bundle, Kept};

#[derive(Subcommand, Debug)]
pub(super) enum Feed {
    /// Nhập tệp hoặc gói, tất cả hoặc không gì / take files or a bundle in, all or nothing
    Import(Import),
    /// Đóng gói và ký bằng khóa phát hành / pack files into a bundle and sign it with the release key
    Pack(Pack),
    /// Liệt kê, có tuổi dữ liệu / list, with the age of the data
    List,
    /// Một nguồn tin / one feed
    Show {
        /// Tên / name
        name: String,
    },
    /// Bỏ một nguồn tin; các phát hiện từ nó cũng mất / drop a feed; its findings go with it
    Drop {
        /// Tên / name
        name: String,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
        /// Người quyết định / the person who decided it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// In khóa công khai dùng để ký gói, tạo nếu chưa có / print the public key that signs bundles; made if there is none
    Key,
    /// Tin gói ký bằng khóa này / take bundles that this key signed
    Trust(Trust),
    /// Thôi tin khóa này / no longer take its bundles
    Distrust {
        /// Khóa công khai / public key
        key: String,
        /// Người quyết định / the person who decided it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// Các khóa được tin / the keys that are trusted
    Keys,
}

#[derive(Args, Debug)]
pub(super) struct Files {
    /// Tệp như đã tải về / files as they were had
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Tên thay cho tên tự đặt (chỉ một tệp) / a name instead of the one it would get (one file only)
    #[arg(long)]
    name: Option<String>,
    /// Lấy từ đâu / where it was had
    #[arg(long)]
    source: Option<String>,
    /// Ngày của dữ liệu / the date of the data
    #[arg(long, value_name = "DATE", value_parser = moment)]
    dated: Option<Timestamp>,
    /// Ngày tải về [theo tệp] / when it was had [the file's own time]
    #[arg(long, value_name = "DATE", value_parser = moment)]
    fetched: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(super) struct Import {
    #[command(flatten)]
    files: Files,
    /// Nhận cả dữ liệu cũ hơn / take it although it is older than what is held
    #[arg(long)]
    older: bool,
    /// Nhận cả khi ít hơn hẳn / take it although it has much less than what is held
    #[arg(long)]
    smaller: bool,
    /// Người nhập / the person who brings it
    #[arg(long, default_value = OPERATOR)]
    by: String,
}

#[derive(Args, Debug)]
pub(super) struct Pack {
    #[command(flatten)]
    files: Files,
    /// Gói ghi ra / the bundle to write
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
}

impl Feed {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Import(import) => import.run(setting).await.map_err(|error| worded(setting, error)),
            Self::Pack(pack) => pack.run(setting).map_err(|error| worded(setting, error)),
            Self::List => list(setting).await,
            Self::Show { name } => show(setting, &name).await,
            Self::Drop { name, reason, by } => {
                let (now, dropped) = (clock::now(), name.clone());
                setting.store()?.write(move |tx| feeds::drop(tx, &dropped, &by, &reason, now)).await?;
                setting.tell("feed-dropped", &[("name", &name)]);
                Ok(())
            }
            Self::Key => {
                line(SigningKey::ensure_for(&FEEDS, &setting.config.keys_dir())?.public());
                Ok(())
            }
            Self::Trust(trust) => trust.run(setting).await,
            Self::Distrust { key, by } => {
                let now = clock::now();
                setting.store()?.write(move |tx| feeds::distrust(tx, key.trim(), &by, now)).await?;
                setting.tell("feed-distrusted", &[]);
                Ok(())
            }
            Self::Keys => keys(setting).await,
        }
    }
}

impl Files {
    fn said(&self) -> Said {
        Said {
            name: self.name.clone(),
            source: self.source.clone(),
            dated: self.dated,
            fetched: self.fetched,
        }
    }

    fn convert(&self, setting: &Setting) -> anyhow::Result<Vec<Converted>> {
        if self.name.is_some() && self.files.len() > 1 {
            bail!("{}", setting.say("feed-one-name", &[]));
        }
        let said = self.said();

        self.files.iter().map(|path| convert(path, &said, &Limits::default())).collect()
    }
}

impl Import {
    async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let allowed = Allowed { older: self.older, smaller: self.smaller };
        let (now, by) = (clock::now(), self.by);
        let bundles =
            self.files.files.iter().map(|path| is_bundle(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let (parts, bundle) = match (self.files.files.as_slice(), bundles.as_slice()) {
            ([path], [true]) => {
                let (opened, _) = signed::open(setting, path, BUNDLE_BYTES_MAX, bundle::open).await?;
                let (made_at, key) = (opened.manifest.made_at, opened.manifest.key);
                (opened.parts, Some(Bundle { digest: opened.digest, made_at, key }))
            }
            (_, several) if several.contains(&true) => bail!("{}", setting.say("feed-one-bundle", &[])),
            (_, _) => (self.files.convert(setting)?, None),
        };
        let told: Vec<Part> = parts.iter().map(|it| it.part.clone()).collect();
        let signer = bundle.as_ref().map(|bundle| bundle.key.clone());
        store.write(move |tx| feeds::take(tx, parts, bundle.as_ref(), &by, allowed, now)).await?;
        for part in &told {
            tell(setting, part, now)?;
        }
        if !setting.json {
            match signer {
                Some(key) => setting.tell("feed-import-signed", &[("count", &told.len()), ("key", &key)]),
                None => setting.tell("feed-import-unsigned", &[("count", &told.len())]),
            }
        }

        Ok(())
    }
}

impl Pack {
    fn run(self, setting: &Setting) -> anyhow::Result<()> {
        refuse_existing(setting, &self.out)?;
        let parts = self.files.convert(setting)?;
        let now = clock::now();
        for converted in &parts {
            tell(setting, &converted.part, now)?;
        }
        let key = SigningKey::ensure_for(&FEEDS, &setting.config.keys_dir())?;
        let bytes = bundle::pack(parts, &key, now)?;
        fs::write(&self.out, &bytes).with_context(|| format!("write {}", self.out.display()))?;
        if !setting.json {
            let (path, key) = (self.out.display(), key.public());
            setting.tell("feed-packed", &[("path", &path), ("bytes", &bytes.len()), ("key", &key)]);
        }

        Ok(())
    }
}

fn is_bundle(path: &Path) -> anyhow::Result<bool> {
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.take(64).read_to_end(&mut head).with_context(|| format!("read {}", path.display()))?;

    Ok(bundle::is_bundle(&head))
}

/// What became of one file.
fn tell(setting: &Setting, part: &Part, now: Timestamp) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(part)?);
        return Ok(());
    }
    let covers: Vec<String> = part.covers.iter().map(ToString::to_string).collect();
    let covers = if covers.is_empty() { "-".to_owned() } else { covers.join(", ") };
    let days = age::days(part.dated, now);
    setting.tell(
        "feed-taken",
        &[
            ("name", &part.name),
            ("kind", &part.kind),
            ("rows", &part.rows),
            ("read", &part.read),
            ("advisories", &part.advisories),
        ],
    );
    let by = setting.say(&format!("feed-dated-{}", part.dated_by.word()), &[]);
    setting.tell(
        "feed-taken-date",
        &[("dated", &part.dated), ("days", &days), ("by", &by), ("covers", &covers)],
    );
    for (what, count) in &part.passed_over {
        setting.tell("feed-passed-over", &[("what", &plain(what)), ("count", count)]);
    }
    if part.disagreements > 0 {
        setting.tell("feed-disagreed", &[("count", &part.disagreements)]);
        for example in &part.examples {
            line(format!("  {}", plain(example)));
        }
    }

    Ok(())
}

async fn list(setting: &Setting) -> anyhow::Result<()> {
    let all = setting.store()?.read(feeds::list).await?;
    let now = clock::now();
    if setting.json {
        let all: Vec<_> =
            all.iter().map(|kept| age::Aged::of(kept, setting.config.feeds_days_max, now)).collect();
        line(serde_json::to_string(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("feed-none", &[]);
    }
    for kept in &all {
        let (part, days) = (&kept.part, age::days(kept.part.dated, now));
        let old = if days > i64::from(setting.config.feeds_days_max) {
            setting.say("feed-old", &[])
        } else {
            String::new()
        };
        let signed = signer(setting, kept);
        let source = plain(&part.source);
        let days = setting.say("feed-days", &[("days", &days)]);
        line(format!(
            "{}\t{}\t{}\t{days}{old}\t{}\t{signed}\t{source}",
            part.name, part.kind, part.dated, part.rows
        ));
    }

    Ok(())
}

fn signer(setting: &Setting, kept: &Kept) -> String {
    match (&kept.signed_by, &kept.signer) {
        (Some(key), name) => {
            let name = plain(name.as_deref().unwrap_or("?"));
            setting.say("feed-signed", &[("name", &name), ("key", key)])
        }
        (None, _) => setting.say("feed-unsigned", &[]),
    }
}

async fn show(setting: &Setting, name: &str) -> anyhow::Result<()> {
    let all = setting.store()?.read(feeds::list).await?;
    let now = clock::now();
    let Some(kept) = all.iter().find(|kept| kept.part.name == name) else {
        bail!("{}", setting.say("feed-absent", &[("name", &plain(name))]));
    };
    if setting.json {
        line(serde_json::to_string(&age::Aged::of(kept, setting.config.feeds_days_max, now))?);
        return Ok(());
    }
    tell(setting, &kept.part, now)?;
    let part = &kept.part;
    setting.tell(
        "feed-from",
        &[("source", &plain(&part.source)), ("fetched", &part.fetched), ("carried", &part.carried)],
    );
    let signed = signer(setting, kept);
    setting.tell(
        "feed-by",
        &[("at", &kept.imported_at), ("by", &plain(&kept.imported_by)), ("signed", &signed)],
    );

    Ok(())
}

async fn keys(setting: &Setting) -> anyhow::Result<()> {
    let all = setting.store()?.read(feeds::keys).await?;
    if setting.json {
        line(serde_json::to_string(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("feed-no-keys", &[]);
    }
    for key in all {
        let until =
            key.withdrawn_at.map_or_else(String::new, |at| setting.say("feed-withdrawn", &[("at", &at)]));
        line(format!("{}\t{}\t{}\t{}\t{until}", key.key, plain(&key.name), key.at, plain(&key.person)));
    }

    Ok(())
}

/// A moment, or the beginning of a day in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };

    whole.parse().map_err(|_| format!("{text}: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"))
}

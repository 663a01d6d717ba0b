//! `snapshot`: compliance snapshots, made here and verified anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::support::SupportTable;

use super::{Setting, note};
use crate::authority::write_private;
use crate::clock;
use crate::judge::folder::Folder;
use crate::judge::force;
use crate::print::{Lang, complain, line, message};
use crate::snapshot::book::Book;
use crate::snapshot::gather;
use crate::snapshot::key::SigningKey;
use crate::snapshot::make::{self, Made};
use crate::snapshot::verify;
use crate::store::rule_packs;
use crate::support;

#[derive(Subcommand, Debug)]
pub(super) enum Snapshot {
    /// Làm ảnh chụp tuân thủ / make a compliance snapshot
    Make(Make),
    /// Kiểm tra ảnh chụp, không cần cơ sở dữ liệu / verify one, without a database
    Verify(Verify),
    /// In khóa công khai / print the public key
    Key,
}

#[derive(Args, Debug)]
pub(super) struct Make {
    /// Tệp ghi ra / file to write [anh-chup-MOMENT.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Thời điểm quá khứ: hết ngày (UTC) hoặc thời điểm / a past moment: end of a day (UTC) or a moment
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Tên tỉnh hay máy chủ ghi trong tệp / name of the province or collector to write into it
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Tệp ảnh chụp / the snapshot
    file: PathBuf,
    /// Khóa công khai đã nhận khi bàn giao / the public key you were given
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Snapshot {
    /// All but checking a file do.
    pub(super) fn touches_data(&self) -> bool {
        match self {
            Self::Make(_) | Self::Key => true,
            Self::Verify(_) => false,
        }
    }

    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<ExitCode> {
        match self {
            Self::Make(make) => make.run(setting).await?,
            Self::Verify(verify) => return verify.run(setting),
            Self::Key => line(SigningKey::load(&setting.config.keys_dir())?.public()),
        }

        Ok(ExitCode::SUCCESS)
    }
}

impl Make {
    async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let now = clock::now();
        let as_of = match &self.as_of {
            None => now,
            Some(text) => {
                moment(text).with_context(|| setting.say("snapshot-bad-moment", &[("found", text)]))?
            }
        };
        if as_of > now {
            bail!("{}", setting.say("snapshot-future", &[("as-of", &as_of)]));
        }
        let path = self.out.clone().unwrap_or_else(|| default_path("anh-chup", as_of, "zip"));
        refuse_existing(setting, &path)?;
        let store = setting.store()?;
        let key = SigningKey::ensure(&setting.config.keys_dir())?;
        let folder = Folder::of(setting.config.rules_dir.as_deref());
        let mut tables = folder.tables()?;
        // The days that feeds brought by then stand in the file itself: it is checked by what is inside.
        if let Some(file) = tables.iter_mut().find(|file| file.path == "catalogue/support.toml")
            && let Ok(table) = SupportTable::load(file)
        {
            let current = store.read(move |db| support::current(db, table, as_of)).await?;
            *file = current.file().clone();
        }
        let sources = match store.read(rule_packs::standing).await?.all {
            Some(pack) => force::sources(&store, &pack).await?,
            None => folder.sources()?,
        };
        let book = Book::load(sources, &tables, setting.lang.of_rules())?;
        let facts = store.read(move |db| gather::gather(db, as_of)).await?;
        let made = make::make(&facts, &book, &key, &self.name, now)?;
        write_private(&path, &made.bytes)?;
        let content = made.manifest.content.to_string();
        store.write(move |tx| note(tx, now, None, "snapshot.made", &content, &as_of.to_string())).await?;
        self.tell(setting, &path, &made)
    }

    fn tell(&self, setting: &Setting, path: &Path, made: &Made) -> anyhow::Result<()> {
        let manifest = &made.manifest;
        if setting.json {
            let mut value = serde_json::to_value(manifest)?;
            value["path"] = path.display().to_string().into();
            line(value);
            return Ok(());
        }
        setting.tell(
            "snapshot-made",
            &[("path", &path.display()), ("bytes", &made.bytes.len()), ("as-of", &manifest.as_of)],
        );
        let count = |name: &str| manifest.counts.get(name).copied().unwrap_or(0);
        setting.tell(
            "snapshot-states",
            &[
                ("total", &count("clauses")),
                ("met", &count("clauses_met")),
                ("not-met", &count("clauses_not_met")),
                ("attested", &count("clauses_attested")),
                ("no-figure", &count("clauses_no_figure")),
                ("not-measurable", &count("clauses_not_measurable")),
            ],
        );
        setting.tell("snapshot-content", &[("digest", &manifest.content)]);
        setting.tell("snapshot-key", &[("key", &manifest.public_key)]);
        if manifest.unjudged > 0 {
            setting.tell("snapshot-unjudged", &[("count", &manifest.unjudged)]);
        }

        Ok(())
    }
}

impl Verify {
    fn run(&self, setting: &Setting) -> anyhow::Result<ExitCode> {
        let bytes = fs::read(&self.file).with_context(|| format!("read {}", self.file.display()))?;
        let path = self.file.display();
        let sound = match verify::verify(&bytes, self.key.as_deref()) {
            Ok(sound) => sound,
            Err(fault) if setting.json => {
                line(serde_json::json!({"sound": false, "part": fault.part, "problem": fault.problem}));
                return Ok(ExitCode::FAILURE);
            }
            Err(fault) => {
                let problem = match setting.lang {
                    Lang::Vi => &fault.problem.vi,
                    Lang::En => &fault.problem.en,
                };
                let values: [(&'static str, &dyn std::fmt::Display); 3] =
                    [("path", &path), ("part", &fault.part), ("problem", problem)];
                complain(message(setting.lang, "snapshot-altered", &values));
                return Ok(ExitCode::FAILURE);
            }
        };
        let manifest = &sound.manifest;
        if setting.json {
            line(serde_json::json!({
                "sound": true, "key_was_given": sound.key_was_given, "digests": sound.digests, "manifest": manifest,
            }));
            return Ok(ExitCode::SUCCESS);
        }
        let total = manifest.counts.get("clauses").copied().unwrap_or(0);
        setting.tell("snapshot-sound", &[("path", &path), ("digests", &sound.digests), ("total", &total)]);
        setting.tell(
            "snapshot-said",
            &[("collector", &manifest.collector), ("as-of", &manifest.as_of), ("made-at", &manifest.made_at)],
        );
        if sound.key_was_given {
            setting.tell("snapshot-key-given", &[]);
        } else {
            setting.tell("snapshot-key-inside", &[("key", &manifest.public_key)]);
        }

        Ok(ExitCode::SUCCESS)
    }
}

/// A moment, or the last millisecond of a day in UTC.
fn moment(text: &str) -> anyhow::Result<Timestamp> {
    if text.len() == 10 {
        return Ok(format!("{text}T23:59:59.999Z").parse()?);
    }

    Ok(text.parse()?)
}

/// A name that says what it is and of when, without letters that file systems quarrel about.
pub(super) fn default_path(what: &str, at: Timestamp, form: &str) -> PathBuf {
    let moment: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();

    PathBuf::from(format!("{what}-{moment}Z.{form}"))
}

/// A file that is there is not overwritten.
pub(super) fn refuse_existing(setting: &Setting, path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{}", setting.say("file-exists", &[("path", &path.display())]));
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_last_moment_and_a_moment_is_itself() {
        assert_eq!(moment("2026-11-22").unwrap().to_string(), "2026-11-22T23:59:59.999Z");
        assert_eq!(moment("2026-11-22T01:02:03Z").unwrap().to_string(), "2026-11-22T01:02:03.000Z");
        assert!(moment("22/11/2026").is_err());
        assert!(moment("2026-13-01").is_err());
    }

    #[test]
    fn a_default_name_has_no_accents_or_colons() {
        let path = default_path("anh-chup", moment("2026-11-22T01:02:03Z").unwrap(), "zip");

        assert_eq!(path, PathBuf::from("anh-chup-20261122T010203Z.zip"));
    }

    #[test]
    fn every_message_stands_in_both_languages() {
        let ids = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
            lines.filter_map(|line| Some(line.split_once(" =")?.0.to_owned())).collect()
        };
        let vi = include_str!("../../locales/vi/snapshot.ftl");
        let en = include_str!("../../locales/en/snapshot.ftl");

        assert_eq!(ids(vi), ids(en));
        assert_eq!(ids(vi).len(), 16);
    }
}

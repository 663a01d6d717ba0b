//! `backup`: everything a collector needs to come back, in one file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::snapshot::{default_path, refuse_existing};
use super::{Setting, note};
use crate::backup::{self, Checked};
use crate::clock;
use crate::print::{complain, line, message};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Backup {
    /// Tệp ghi ra / file to write [sao-luu-MOMENT.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Kiểm tra một bản sao lưu / check a backup
    Check {
        /// Tệp / the file
        file: PathBuf,
    },
}

impl Backup {
    /// Making one does; checking a file does not.
    pub(super) fn touches_data(&self) -> bool {
        self.command.is_none()
    }

    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<ExitCode> {
        if let Some(Command::Check { file }) = &self.command {
            return check(setting, file);
        }
        let now = clock::now();
        if !setting.config.database_path().exists() {
            bail!(
                "{}",
                setting.say("not-initialised", &[("path", &setting.config.database_path().display())])
            );
        }
        let path = self.out.unwrap_or_else(|| default_path("sao-luu", now, "zip"));
        refuse_existing(setting, &path)?;
        let made = backup::make(&setting.config, &path, now)?;
        let object = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        setting.store()?.write(move |tx| note(tx, now, None, "backup.made", &object, "")).await?;
        if setting.json {
            line(serde_json::to_string(&made)?);
        } else {
            setting.tell("backup-made", &[("path", &path.display()), ("bytes", &made.bytes)]);
        }

        Ok(ExitCode::SUCCESS)
    }
}

fn check(setting: &Setting, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let checked: Checked = match backup::check(file) {
        Ok(checked) => checked,
        Err(error) => {
            let values: [(&'static str, &dyn std::fmt::Display); 2] =
                [("path", &file.display()), ("problem", &format!("{error:#}"))];
            complain(message(setting.lang, "backup-altered", &values));
            return Ok(ExitCode::FAILURE);
        }
    };
    if setting.json {
        line(serde_json::to_string(&checked)?);
    } else {
        setting.tell(
            "backup-sound",
            &[
                ("path", &file.display()),
                ("files", &checked.manifest.files.len()),
                ("audit", &checked.audit_entries),
                ("made-at", &checked.manifest.made_at),
            ],
        );
    }

    Ok(ExitCode::SUCCESS)
}

//! `incident export`: an incident as a file for others.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::super::{Setting, note};
use crate::desk::exchange::{detail, why};
use crate::desk::words::Language;
use crate::exchange::make::{self, Asked, Format, Made};
use crate::print::{Lang, complain};
use crate::store::Store;
use crate::store::view::{Scope, Sight};

#[derive(Args, Debug)]
pub(in crate::cli) struct Export {
    /// Số / number
    id: i64,
    /// Dạng / format
    #[arg(long = "as", value_enum)]
    format: Format,
    /// Tệp ghi ra; - là đầu ra chuẩn / file to write; - is standard output
    #[arg(long, default_value = "-")]
    out: PathBuf,
    /// Nghĩa vụ báo cáo, cho docx / the duty whose report it is, for docx
    #[arg(long, required_if_eq("format", "docx"))]
    duty: Option<String>,
    /// Gửi cho ai; bắt buộc với TLP:RED / who is to get it; required under TLP:RED
    #[arg(long)]
    to: Option<String>,
}

impl Export {
    pub(super) async fn run(self, setting: &Setting, store: &Store, now: Timestamp) -> anyhow::Result<()> {
        let t = match setting.lang {
            Lang::Vi => Language::Vi,
            Lang::En => Language::En,
        };
        let (id, asked) = (self.id, Asked { format: self.format, duty: self.duty, to: self.to });
        let wanted = asked.clone();
        let sight = store.read(move |db| make::file(db, &Scope::All, id, &wanted)).await?;
        let bytes = match sight {
            Sight::Seen(Made::File(bytes)) => bytes,
            Sight::Seen(Made::Refused(refused)) => bail!(why(t, &refused)),
            Sight::Absent | Sight::Neighbours => bail!(setting.say("cli-incident-unknown", &[("id", &id)])),
        };
        let (detail, digest) = (detail(&asked, &bytes), Digest::of(&bytes));
        let object = format!("incident/{id}");
        store.write(move |tx| note(tx, now, None, "incident.exported", &object, &detail)).await?;
        if self.out == Path::new("-") {
            let mut out = io::stdout().lock();
            out.write_all(&bytes).context("write to standard output")?;
            return out.flush().context("write to standard output");
        }
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))
            .with_context(|| format!("make a file beside {}", self.out.display()))?;
        file.write_all(&bytes).context("write the file")?;
        file.as_file().sync_all().context("write the file")?;
        file.persist(&self.out).with_context(|| format!("put the file at {}", self.out.display()))?;
        complain(setting.say(
            "cli-incident-exported",
            &[("path", &self.out.display()), ("bytes", &bytes.len()), ("digest", &digest)],
        ));

        Ok(())
    }
}

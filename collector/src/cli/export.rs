//! `export`: bills of materials and whole lists as files, beside a running collector.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use vonggac_protocol::id::AgencyId;

use super::{Setting, note};
use crate::clock;
use crate::desk::exports::detail;
use crate::desk::words::Language;
use crate::entitlements::survey::Memory;
use crate::exports::gather;
use crate::exports::lists::{Asked, List, Source};
use crate::exports::make::{self, BillFormat, ListFormat, Made};
use crate::print::{Lang, complain};
use crate::store::view::{Scope, Sight};
use crate::store::{Store, hosts};
use crate::vulnerabilities::{Vulnerabilities, step};

#[derive(Subcommand, Debug)]
pub(super) enum Export {
    /// Bảng thành phần phần mềm, hoặc VEX / bill of materials, or VEX
    Sbom(Sbom),
    /// Một danh sách, đủ mọi dòng / a list, whole
    List(Listed),
}

#[derive(Args, Debug)]
pub(super) struct Sbom {
    /// Dạng / format
    #[arg(value_enum)]
    format: BillFormat,
    /// Máy: mã hoặc tên / host: id or name
    #[arg(long, required_unless_present = "agency", conflicts_with = "agency")]
    host: Option<String>,
    /// Cơ quan / agency
    #[arg(long)]
    agency: Option<AgencyId>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args, Debug)]
pub(super) struct Listed {
    /// Danh sách nào / which list
    #[arg(value_enum)]
    list: List,
    /// Dạng / format
    #[arg(long, value_enum, default_value = "csv")]
    format: ListFormat,
    /// Chỉ máy này: mã hoặc tên / this host only: id or name
    #[arg(long)]
    host: Option<String>,
    /// Chỉ cơ quan này / this agency only
    #[arg(long)]
    agency: Option<AgencyId>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args, Debug)]
struct Output {
    /// Tệp ghi ra; - là đầu ra chuẩn / file to write; - is standard output
    #[arg(long, default_value = "-")]
    output: PathBuf,
}

impl Export {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Sbom(sbom) => sbom.run(setting).await,
            Self::List(listed) => listed.run(setting).await,
        }
    }
}

impl Sbom {
    async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let shared = shared(setting, &store).await?;
        let (now, folder, format) = (clock::now(), store.folder().to_owned(), self.format);
        let (object, agency) = match (&self.host, &self.agency) {
            (Some(host), _) => (format!("sbom/host/{host}"), None),
            (None, agency) => {
                let id = agency.as_ref().map(ToString::to_string).unwrap_or_default();
                (format!("sbom/agency/{id}"), Some(id))
            }
        };
        let sight = store
            .read(move |db| {
                let bill = match (&self.host, &self.agency) {
                    (Some(host), _) => gather::of_host(
                        db,
                        &Scope::All,
                        &shared,
                        hosts::named(db, host)?.id,
                        format.cleared(),
                        now,
                    )?,
                    (None, Some(agency)) => {
                        gather::of_agency(db, &Scope::All, &shared, agency, format.cleared(), now)?
                    }
                    (None, None) => Sight::Absent,
                };
                Ok(match bill {
                    Sight::Seen(bill) => Some(make::bill(&bill, format, &folder)?),
                    Sight::Absent | Sight::Neighbours => None,
                })
            })
            .await?;
        let Some(made) = sight else {
            bail!("{}", setting.say("cli-no-agency", &[("agency", &agency.unwrap_or_default())]));
        };

        give(setting, &store, made, &self.output.output, (object, format.word().to_owned())).await
    }
}

impl Listed {
    async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let shared = shared(setting, &store).await?;
        let (now, folder) = (clock::now(), store.folder().to_owned());
        let t = match setting.lang {
            Lang::Vi => Language::Vi,
            Lang::En => Language::En,
        };
        let (list, format, host, agency) = (self.list, self.format, self.host, self.agency.clone());
        let (made, id) = store
            .read(move |db| {
                let host = host.map(|named| hosts::named(db, &named)).transpose()?.map(|host| host.id);
                let memory = Memory::default();
                let scope = &Scope::All;
                let source = Source { db, scope, vulnerabilities: &shared, memory: &memory, now, t };
                let asked = Asked { agency, host };
                Ok(match source.sight(&asked)? {
                    Sight::Seen(()) => (Some(make::list(&source, list, &asked, format, &folder)?), host),
                    Sight::Absent | Sight::Neighbours => (None, host),
                })
            })
            .await?;
        let Some(made) = made else {
            let agency = self.agency.map(|agency| agency.to_string()).unwrap_or_default();
            bail!("{}", setting.say("cli-no-agency", &[("agency", &agency)]));
        };
        let detail = detail(format.word(), id.as_ref(), self.agency.as_ref());

        give(setting, &store, made, &self.output.output, (format!("list/{}", list.word()), detail)).await
    }
}

/// Book and fleet as a running collector has them.
pub(super) async fn shared(setting: &Setting, store: &Store) -> anyhow::Result<Arc<Vulnerabilities>> {
    let shared = Arc::new(Vulnerabilities::new(setting.config.feeds_days_max));
    step::once(&shared, store).await?;

    Ok(shared)
}

/// Writes down that it was made, then gives it: to standard output, or as a whole file in place of one of that name.
async fn give(
    setting: &Setting,
    store: &Store,
    mut made: Made,
    output: &Path,
    (object, detail): (String, String),
) -> anyhow::Result<()> {
    let (now, rows) = (clock::now(), made.rows);
    store
        .write(move |tx| note(tx, now, None, "export.made", &object, &format!("{detail} rows={rows}")))
        .await?;
    if output == Path::new("-") {
        let mut out = io::stdout().lock();
        io::copy(&mut made.file, &mut out).context("write to standard output")?;
        return out.flush().context("write to standard output");
    }
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))
        .with_context(|| format!("make a file beside {}", output.display()))?;
    io::copy(&mut made.file, &mut file).context("write the file")?;
    file.as_file().sync_all().context("write the file")?;
    file.persist(output).with_context(|| format!("put the file at {}", output.display()))?;
    complain(
        setting.say("export-made", &[("path", &output.display()), ("rows", &rows), ("bytes", &made.bytes)]),
    );

    Ok(())
}

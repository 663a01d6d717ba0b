//! The command line. Each command is one small file; all write through the store, beside a running collector.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use vonggac_protocol::time::Timestamp;

use crate::config::{Config, LoadConfigError};
use crate::print::{self, Lang, complain, message};
use crate::run;
use crate::store::Store;
use crate::store::audit::{self, Action, OPERATOR};

mod agency;
mod authority;
mod backup;
mod decided;
mod entitlement;
mod exception;
mod export;
mod feed;
mod feed_refused;
mod host;
mod incident;
mod init;
mod licence;
mod owner;
mod patch;
mod person;
mod release;
mod risk;
mod rule_packs;
mod rules;
mod running;
mod send;
mod signed;
mod snapshot;
mod status;
mod token;
mod vulnerable;
mod window;

pub use init::{Initialised, initialise};
pub use running::Running;

/// Wrong configuration.
const EXIT_CONFIG: u8 = 64;

/// Vọng Gác – máy chủ thu thập / the collector.
#[derive(Parser, Debug)]
#[command(name = "vonggac-collector", version)]
struct Arguments {
    /// Tệp cấu hình / configuration file [/etc/vonggac/collector.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Thư mục dữ liệu, thay cho cấu hình / data folder instead of the configured one
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Ngôn ngữ / language
    #[arg(long, global = true, env = "VONGGAC_LANG", default_value = "vi")]
    lang: Lang,
    /// In JSON cho chương trình khác / print JSON for other programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Khởi tạo: nơi cấp chứng thư, cơ sở dữ liệu, quản trị viên đầu tiên / make authority, database, first administrator
    Init(init::Init),
    /// Chạy / run
    Serve,
    /// Tình trạng: ai đang nối, ai bị từ chối / who is connected, what was turned away
    Status,
    /// Kiểm tra cấu hình / check the configuration
    Check,
    /// Cơ quan / agencies
    #[command(subcommand)]
    Agency(agency::Agency),
    /// Mã ghi danh / enrolment tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Máy được giám sát / monitored hosts
    #[command(subcommand)]
    Host(host::Host),
    /// Sự cố / incidents
    #[command(subcommand)]
    Incident(incident::Incident),
    /// Khung giờ thay đổi / change windows
    #[command(subcommand)]
    Window(window::Window),
    /// Nguồn tin lỗ hổng / feeds of advisories
    #[command(subcommand)]
    Feed(feed::Feed),
    /// Tuổi của bản vá / the age of patches
    #[command(subcommand)]
    Patch(patch::Patch),
    /// Rủi ro được chấp nhận / accepted risks
    #[command(subcommand)]
    Risk(risk::RiskCommand),
    /// Ngoại lệ của luật / exceptions to rules
    #[command(subcommand)]
    Exception(exception::ExceptionCommand),
    /// Sổ bản quyền phần mềm / ledgers of software entitlements
    #[command(subcommand)]
    Entitlement(entitlement::EntitlementCommand),
    /// Bản quyền và nguồn mở / licences and open source
    #[command(subcommand)]
    Licence(licence::Licence),
    /// Kết xuất: thành phần phần mềm, danh sách / export bills of materials and lists
    #[command(subcommand)]
    Export(export::Export),
    /// Gửi ra ngoài: nơi nhận, hàng đợi, biên nhận / send to others: destinations, queue, receipts
    #[command(subcommand)]
    Send(send::Send),
    /// Luật phát hiện / detection rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Phiên bản của tác tử / versions of the agent
    #[command(subcommand)]
    Release(release::Release),
    /// Người dùng bảng điều khiển / people who use the console
    #[command(subcommand)]
    Person(person::Person),
    /// Nhật ký kiểm toán / the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Ảnh chụp tuân thủ / compliance snapshots
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// Nơi cấp chứng thư: gốc và nơi ký / the authority: root and issuer
    #[command(subcommand)]
    Authority(authority::AuthorityCommand),
    /// Sao lưu cơ sở dữ liệu, khóa và nơi cấp chứng thư / back up database, keys and authority
    Backup(backup::Backup),
}

impl Command {
    /// Whether it opens the data folder, which only the folder's owner may do.
    fn touches_data(&self) -> bool {
        match self {
            Self::Check => false,
            Self::Rules(rules) => rules.touches_data(),
            Self::Snapshot(snapshot) => snapshot.touches_data(),
            Self::Backup(backup) => backup.touches_data(),
            Self::Init(_)
            | Self::Serve
            | Self::Status
            | Self::Agency(_)
            | Self::Token(_)
            | Self::Host(_)
            | Self::Incident(_)
            | Self::Window(_)
            | Self::Entitlement(_)
            | Self::Licence(_)
            | Self::Feed(_)
            | Self::Risk(_)
            | Self::Exception(_)
            | Self::Export(_)
            | Self::Patch(_)
            | Self::Send(_)
            | Self::Person(_)
            | Self::Release(_)
            | Self::Audit(_)
            | Self::Authority(_) => true,
        }
    }
}

#[derive(Subcommand, Debug)]
enum Audit {
    /// Tính lại chuỗi băm / recompute the hash chain
    Verify,
}

/// What every command is given.
struct Setting {
    config: Config,
    config_path: Option<PathBuf>,
    lang: Lang,
    json: bool,
}

impl Setting {
    fn tell(&self, id: &str, values: &[(&'static str, &dyn std::fmt::Display)]) {
        print::tell(self.lang, id, values);
    }

    fn say(&self, id: &str, values: &[(&'static str, &dyn std::fmt::Display)]) -> String {
        message(self.lang, id, values)
    }

    /// Opens the store of an initialised collector.
    fn store(&self) -> anyhow::Result<Store> {
        let path = self.config.database_path();
        if !path.exists() {
            bail!("{}", self.say("cli-not-initialised", &[("path", &path.display())]));
        }

        Store::open(&path)
    }
}

/// Runs the program with these arguments, the first of which is its own name.
pub fn main_with<I>(args: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Asking for help is no mistake; clap knows where each goes.
            let code = if error.use_stderr() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS };
            error.print().ok();
            return code;
        }
    };
    let lang = arguments.lang;
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            complain(message(lang, "cli-error", &[("what", &format!("{error:#}"))]));
            let config = error.chain().any(|cause| cause.is::<LoadConfigError>());
            if config { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut config = Config::find(arguments.config.as_deref())?;
    if let Some(data_dir) = arguments.data_dir {
        config.data_dir = data_dir;
    }
    let setting =
        Setting { config, config_path: arguments.config, lang: arguments.lang, json: arguments.json };
    if arguments.command.touches_data() {
        owner::require(&setting)?;
    }
    if let Command::Serve = arguments.command {
        run::main(setting.config, setting.lang)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;

    runtime.block_on(async {
        match arguments.command {
            Command::Init(init) => init.run(&setting).await?,
            Command::Serve => {}
            Command::Status => status::run(&setting)?,
            Command::Check => check(&setting),
            Command::Agency(agency) => agency.run(&setting).await?,
            Command::Token(token) => token.run(&setting).await?,
            Command::Host(host) => host.run(&setting).await?,
            Command::Incident(incident) => incident.run(&setting).await?,
            Command::Window(window) => window.run(&setting).await?,
            Command::Feed(feed) => feed.run(&setting).await?,
            Command::Patch(patch) => patch.run(&setting).await?,
            Command::Risk(risk) => risk.run(&setting).await?,
            Command::Exception(exception) => exception.run(&setting).await?,
            Command::Entitlement(entitlement) => return entitlement.run(&setting).await,
            Command::Licence(licence) => licence.run(&setting).await?,
            Command::Export(export) => export.run(&setting).await?,
            Command::Send(send) => send.run(&setting).await?,
            Command::Rules(rules) => return rules.run(&setting).await,
            Command::Person(person) => person.run(&setting).await?,
            Command::Release(release) => release.run(&setting).await?,
            Command::Authority(authority) => authority.run(&setting).await?,
            Command::Snapshot(snapshot) => return snapshot.run(&setting).await,
            Command::Backup(backup) => return backup.run(&setting).await,
            Command::Audit(Audit::Verify) => {
                let count = setting.store()?.read(audit::verify).await?;
                setting.tell("cli-audit-good", &[("count", &count)]);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn check(setting: &Setting) {
    let default = PathBuf::from(crate::config::DEFAULT_PATH);
    match &setting.config_path {
        Some(path) => setting.tell("cli-config-good", &[("path", &path.display())]),
        None if default.exists() => setting.tell("cli-config-good", &[("path", &default.display())]),
        None => setting.tell("cli-config-defaults", &[]),
    }
}

/// Writes down what the command line did.
fn note(
    tx: &rusqlite::Transaction<'_>,
    now: Timestamp,
    agency: Option<&str>,
    action: &str,
    object: &str,
    detail: &str,
) -> anyhow::Result<()> {
    audit::append(tx, &Action { at: now, person: OPERATOR, agency, action, object, detail })
}

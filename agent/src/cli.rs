//! The command line: picks what to do and maps the result to an exit code.
//!
//! Exit codes: 0 done or stopped as asked, 64 wrong command line or configuration (`sysexits.h`), 1 anything else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use vonggac_protocol::enrolment::EnrolmentString;

use crate::clock;
use crate::config::{Config, LoadConfigError};
use crate::files::{self, FilesCommand};
use crate::identity::Identity;
use crate::link::sent;
use crate::machine::NeverEnrol;
use crate::os::{machine, paths};
use crate::print::{self, Lang, Message};
use crate::service::{self, ServiceCommand};
use crate::status::{Status, local};
use crate::upgrade::by_hand::{self, UpgradeCommand};
use crate::upgrade::keys::Keys;
use crate::waiting::Waiting;
use crate::{doctor, enrol, keep, life, version};

/// Wrong command line or configuration.
pub(crate) const EXIT_USAGE: u8 = 64;

#[derive(Parser, Debug)]
#[command(
    name = "vonggac-agent",
    version = version::own(),
    about = "Vọng Gác: tác tử giám sát trên một máy / the agent of one machine",
    disable_help_subcommand = true
)]
struct Arguments {
    /// Tệp cấu hình / configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Nơi giữ trạng thái, thay cho cấu hình / state folder, instead of the configuration's
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Ngôn ngữ / language
    #[arg(long, global = true, env = "VONGGAC_LANG", value_enum, default_value_t = Lang::Vi)]
    lang: Lang,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Ghi danh máy này bằng chuỗi vg1:… / enrol this machine with a string vg1:…
    Enrol {
        /// Chuỗi ghi danh, "-": đọc từ đầu vào / the enrolment string, "-": read it from standard input
        string: String,
        /// Thay danh tính đang có / replace the identity that stands
        #[arg(long)]
        again: bool,
        /// Tên máy, thay cho tên hệ thống / name of the machine, instead of the system's
        #[arg(long)]
        name: Option<String>,
    },
    /// Chạy tác tử (dịch vụ gọi lệnh này) / run the agent (the service does this)
    Run,
    /// Dịch vụ của máy này: cài, gỡ, chạy, dừng (Windows) / the service of this machine: install, remove, start, stop (Windows)
    Service {
        #[command(subcommand)]
        command: ServiceCommand,
    },
    /// Tình trạng của tác tử trên máy này / how the agent of this machine fares
    Status {
        /// Dạng JSON / as JSON
        #[arg(long)]
        json: bool,
    },
    /// Phiên bản của tác tử: đang chạy, được giữ lại, trở về / versions of the agent: which runs, which are kept, the way back
    Upgrade {
        #[command(subcommand)]
        command: UpgradeCommand,
    },
    /// Xem đúng những gì gần đây nhất đã rời khỏi máy này / see exactly what last left this machine
    Show {
        /// Bao nhiêu lần gửi gần nhất / how many of the last sendings
        #[arg(long, value_name = "COUNT", num_args = 0..=1, default_value_t = 1, default_missing_value = "1")]
        last: usize,
    },
    /// Tìm tầng hỏng giữa máy này và máy chủ thu thập / find the failing layer to the collector
    Doctor,
    /// Dấu vân tay của máy này; không gửi gì đi / this machine's fingerprint; sends nothing
    Fingerprint,
    /// Một thư mục, một lần: ghi đường cơ sở, so với đường cơ sở / one folder, once: record a baseline, compare with it
    Files {
        #[command(subcommand)]
        command: FilesCommand,
    },
    /// Kiểm tra cấu hình / check the configuration
    Check {
        /// Tệp cấu hình / configuration file
        file: Option<PathBuf>,
    },
}

/// What went wrong, by exit code.
pub(crate) enum Failure {
    Usage(String),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// The whole program: `args` begins with the program's name. Used by `main.rs`, and by the programs that start
/// themselves as an agent.
#[must_use]
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&args) {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    let lang = arguments.lang;
    match obey(arguments, args.get(1..).unwrap_or_default()) {
        Ok(code) => code,
        Err(Failure::Usage(text)) => {
            print::complain(text);
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failure::Other(error)) => {
            print::complain(print::chain(error.as_ref(), lang));
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: Arguments, args: &[OsString]) -> Result<ExitCode, Failure> {
    let lang = arguments.lang;
    let place = Place { config: arguments.config, state_dir: arguments.state_dir };
    match arguments.command {
        Command::Enrol { string, again, name } => enrol_machine(&place, lang, &string, again, name),
        Command::Run => Ok(life::live(place, args.to_vec(), lang)),
        Command::Service { command } => service::obey(&command, &place, lang),
        Command::Status { json } => show_status(&place.load(lang)?.state_dir, json, lang),
        Command::Upgrade { command } => by_hand::obey(&command, &place.load(lang)?.state_dir, lang),
        Command::Show { last } => show_last(&place.load(lang)?.state_dir, last, lang),
        Command::Doctor => examine(&place, lang),
        Command::Fingerprint => show_fingerprint(lang),
        Command::Files { command } => Ok(files::obey(&command, &place.load(lang)?, lang)),
        Command::Check { file } => check(&Place { config: file.or(place.config), ..place }, lang),
    }
}

fn check(place: &Place, lang: Lang) -> Result<ExitCode, Failure> {
    let config = place.load(lang)?;
    let path = place.config_path().display().to_string();
    print::tell(lang, &Message::new("config-good").with("path", path));
    let summary = Message::new("config-summary")
        .with("watch", config.watch.len())
        .with("exclude", config.exclude.0.len())
        .with("spool", print::bytes(config.spool_bytes_max));
    print::tell(lang, &summary);

    Ok(ExitCode::SUCCESS)
}

fn examine(place: &Place, lang: Lang) -> Result<ExitCode, Failure> {
    let config = place.load(lang)?;
    let findings = runtime()?.block_on(doctor::examine(&config));
    for finding in &findings {
        print::line(finding.say(lang));
    }
    if let Some(waiting) = Waiting::read(&config.state_dir).filter(|_| !Identity::stands(&config.state_dir)) {
        print::line(print::chain(&waiting.say(), lang));
    }
    match findings.iter().find(|finding| finding.is_bad()) {
        Some(bad) => {
            let layer = Message::new(bad.layer).say(lang);
            print::tell(lang, &Message::new("doctor-first-bad").with("layer", layer));
            Ok(ExitCode::FAILURE)
        }
        None => {
            print::tell(lang, &Message::new("doctor-all-good"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Before a byte leaves the machine.
pub(crate) fn check_never_enrol(config: &Config, lang: Lang) -> Result<(), Failure> {
    config.never_enrol.check().map_err(|refused| Failure::Usage(print::chain(&refused, lang)))
}

/// What a collector's list of machines never to be enrolled knows this machine by.
fn show_fingerprint(lang: Lang) -> Result<ExitCode, Failure> {
    let marks = crate::machine::marks();
    let mut told = false;
    for (id, mark) in
        [("fingerprint-hardware", marks.hardware), ("fingerprint-installation", marks.installation)]
    {
        if let Some(mark) = mark {
            print::line(format!("{mark}  {}", Message::new(id).say(lang)));
            told = true;
        }
    }
    for serial in &marks.serials {
        print::line(format!("{serial}  {}", Message::new("fingerprint-serial").say(lang)));
        told = true;
    }
    if !told {
        print::tell(lang, &Message::new("fingerprint-none"));
        return Ok(ExitCode::FAILURE);
    }

    Ok(ExitCode::SUCCESS)
}

fn show_status(state_dir: &Path, json: bool, lang: Lang) -> Result<ExitCode, Failure> {
    if let Some(waiting) = Waiting::read(state_dir).filter(|_| !Identity::stands(state_dir)) {
        if json {
            print::line(serde_json::to_string_pretty(&waiting).context("write the status")?);
        } else {
            print::line(print::chain(&waiting.say(), lang));
        }
        return Ok(ExitCode::FAILURE);
    }
    let Some(mut status) = Status::read(state_dir).context("read the status")? else {
        print::tell(lang, &Message::new("status-missing").with("path", state_dir.display()));
        return Ok(ExitCode::FAILURE);
    };
    if json {
        print::line(serde_json::to_string_pretty(&status).context("write the status")?);
        return Ok(ExitCode::SUCCESS);
    }
    let running = keep::is_locked(state_dir);
    status.judge_age(running, clock::now());
    let last = sent::last(state_dir, 1).context("read what was sent last")?;
    let at = last.first().and_then(|line| line["at"].as_str()).and_then(|at| at.parse().ok()).map(local);
    for line in status.say(running, at.as_deref(), lang) {
        print::line(line);
    }

    Ok(if status.problems(running).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_last(state_dir: &Path, count: usize, lang: Lang) -> Result<ExitCode, Failure> {
    let lines = sent::last(state_dir, count).context("read what was sent last")?;
    if lines.is_empty() {
        print::tell(lang, &Message::new("show-nothing"));
    }
    for line in lines {
        print::line(serde_json::to_string_pretty(&line).context("write what was sent")?);
    }

    Ok(ExitCode::SUCCESS)
}

/// Where configuration and state are, as the command line says.
pub(crate) struct Place {
    config: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl Place {
    pub(crate) fn config_path(&self) -> &Path {
        self.config.as_deref().unwrap_or_else(|| paths::config_path())
    }

    /// Where the state is if no configuration says.
    pub(crate) fn usual_state_dir(&self) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(|| paths::state_dir().to_owned())
    }

    /// The command line of a service that runs with these.
    pub(crate) fn arguments(&self) -> anyhow::Result<Vec<OsString>> {
        service::run_arguments(self.config.as_deref(), self.state_dir.as_deref())
            .context("find the state folder")
    }

    /// The configuration; the defaults if no file was named and none stands at the usual place.
    pub(crate) fn load(&self, lang: Lang) -> Result<Config, Failure> {
        let mut config = match Config::load(self.config_path()) {
            Ok(config) => config,
            Err(LoadConfigError::Read(_, error))
                if self.config.is_none() && error.kind() == std::io::ErrorKind::NotFound =>
            {
                Config::default()
            }
            Err(error) => return Err(Failure::Usage(error.say(lang))),
        };
        if let Some(state_dir) = &self.state_dir {
            config.state_dir = std::path::absolute(state_dir).context("find the state folder")?;
        }
        config.never_enrol = NeverEnrol::beside(self.config_path());
        config.release_keys = Keys::beside(self.config_path()).context("read the keys of releases")?;

        Ok(config)
    }
}

fn enrol_machine(
    place: &Place,
    lang: Lang,
    string: &str,
    again: bool,
    name: Option<String>,
) -> Result<ExitCode, Failure> {
    let config = place.load(lang)?;
    check_never_enrol(&config, lang)?;
    let string = match string {
        "-" => std::io::read_to_string(std::io::stdin()).context("read the enrolment string")?,
        string => string.to_owned(),
    };
    let string: EnrolmentString = string
        .parse()
        .map_err(|error| Failure::Usage(print::chain(&Message::new("enrol-string").because(error), lang)))?;
    let name = name.unwrap_or_else(machine::name);
    let outcome =
        runtime()?.block_on(enrol::enrol(&string, &name, &config.state_dir, again)).map_err(|error| {
            let cause = error.reallocate_into_boxed_dyn_error_without_backtrace();
            anyhow::Error::from(Message::new("enrol-failed").because(cause))
        })?;
    let done = Message::new("enrol-done")
        .with("host", outcome.names.host)
        .with("agency", &outcome.names.agency_name);
    print::tell(lang, &done);
    print::tell(lang, &Message::new(if outcome.approved { "enrol-approved" } else { "enrol-waiting" }));

    Ok(ExitCode::SUCCESS)
}

/// One thread runs all tasks: an agent waits most of its life. Disk work goes to at most four others.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("start the runtime")
}

//! `send`: where messages go by themselves, and what became of them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;

use super::{Running, Setting};
use crate::clock;
use crate::print::{line, plain};
use crate::sending::secret::{self, Secret};
use crate::sending::settings::{Event, MailTls, Misfit, Settings, SyslogLine, SyslogOver};
use crate::store::Store;
use crate::store::audit::OPERATOR;
use crate::store::sending::destinations::{self, Destination, Wanted};
use crate::store::sending::lists::{self, Filter, Sent};
use crate::store::sending::{announce, outgoing};
use crate::store::view::Scope;
use crate::store::view::words::Severity;
use crate::store::windows::Doer;

/// Messages listed.
const LISTED: usize = 200;

/// How long `send test` waits for the answer.
const TEST_MOST: Duration = Duration::from_secs(30);

/// How often it looks.
const TEST_LOOK: Duration = Duration::from_millis(200);

#[derive(Subcommand, Debug)]
pub(super) enum Send {
    /// Thêm nơi nhận / add a destination
    Add(Box<Adding>),
    /// Liệt kê nơi nhận / list destinations
    List,
    /// Bỏ nơi nhận; tin đang chờ bị rút lại / remove a destination; what waits is withdrawn
    Remove {
        /// Tên / name
        name: String,
    },
    /// Gửi thử và đợi biên nhận / send a test and wait for the receipt
    Test {
        /// Tên / name
        name: String,
    },
    /// Tin đã gửi, đang chờ, không gửi được / messages sent, waiting, given up
    Queue {
        /// Chỉ những tin chưa được xác nhận / only what is not confirmed
        #[arg(long)]
        open: bool,
        /// Chỉ của sự cố / only of this incident
        #[arg(long)]
        incident: Option<i64>,
    },
    /// Gửi lại tin đã bỏ cuộc / send again what was given up
    Retry {
        /// Số của tin; bỏ trống: tất cả / the message's number; absent: all
        id: Option<i64>,
    },
}

#[derive(clap::Args, Debug)]
pub(super) struct Adding {
    /// Tên / name
    name: String,
    /// Địa chỉ thư nhận; dùng được nhiều lần / mail to; may be repeated
    #[arg(long = "mail", value_name = "ADDRESS", requires = "from", group = "way")]
    to: Vec<String>,
    /// Webhook (https://…)
    #[arg(long, value_name = "URL", group = "way")]
    webhook: Option<String>,
    /// Máy chủ syslog / syslog server
    #[arg(long, value_name = "HOST", group = "way")]
    syslog: Option<String>,
    /// Thư từ / mail from
    #[arg(long, value_name = "ADDRESS", requires = "server")]
    from: Option<String>,
    /// Máy chủ thư / mail server
    #[arg(long, value_name = "HOST")]
    server: Option<String>,
    /// Cổng / port
    #[arg(long)]
    port: Option<u16>,
    /// Bảo vệ đường thư / how mail is protected
    #[arg(long, value_enum, default_value = "starttls")]
    mail_tls: MailTls,
    /// Tên đăng nhập máy chủ thư / name to sign in to the mail server
    #[arg(long, requires = "secret_file")]
    user: Option<String>,
    /// syslog đi bằng / what syslog travels in
    #[arg(long, value_enum, default_value = "tls")]
    over: SyslogOver,
    /// Nội dung syslog / what syslog says
    #[arg(long, value_enum, default_value = "rfc5424")]
    line: SyslogLine,
    /// Tệp chứa mật khẩu hoặc khóa (`whsec_…`); webhook không nêu thì khóa được tạo / file with the password or key; a webhook without one gets a new key
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Chứng thư (PEM) duy nhất được tin / certificates (PEM) that alone are trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Chỉ của cơ quan này / only of this agency
    #[arg(long)]
    agency: Option<AgencyId>,
    /// Từ mức này trở lên: low, medium, high, critical / this severity and graver
    #[arg(long, default_value = "high", value_parser = severity)]
    severity: Severity,
    /// opened, raised, warning; dùng được nhiều lần, mặc định cả ba / may be repeated, all three unless named
    #[arg(long = "event", value_parser = event)]
    events: Vec<Event>,
    /// Chỉ nhận báo cáo / reports only
    #[arg(long, conflicts_with = "events", requires = "role")]
    reports_only: bool,
    /// Vai nhận báo cáo theo bộ quy định, ví dụ police-unit / addressee of a legal profile
    #[arg(long)]
    role: Option<String>,
    /// Gửi cả diễn tập (có ghi rõ) / drills too, marked as such
    #[arg(long)]
    drills: bool,
    /// Cho phép địa chỉ của chính máy này / allow this machine's own addresses
    #[arg(long)]
    allow_local: bool,
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::of(text).ok_or_else(|| "low, medium, high, critical".to_owned())
}

fn event(text: &str) -> Result<Event, String> {
    let found = Event::ASKED.iter().copied().find(|known| known.word() == text);

    found.ok_or_else(|| "opened, raised, warning".to_owned())
}

fn operator<'a>(now: vonggac_protocol::time::Timestamp) -> Doer<'a> {
    Doer { person: OPERATOR, audited: OPERATOR, scope: &Scope::All, at: now }
}

impl Send {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let now = clock::now();
        match self {
            Self::Add(adding) => adding.run(setting, &store).await?,
            Self::List => list(setting, &store.read(|db| destinations::list(db, &Scope::All)).await?)?,
            Self::Remove { name } => {
                let found = named(setting, &store, name).await?;
                let removed =
                    store.write(move |tx| destinations::remove(tx, found.id, operator(now))).await?;
                if let Some(Some(file)) = removed {
                    secret::remove(store.folder(), &file);
                }
                setting
                    .tell("cli-send-removed", &[("name", &plain(&found.name)), ("waiting", &found.waiting)]);
            }
            Self::Test { name } => test(setting, &store, name).await?,
            Self::Queue { open, incident } => {
                let filter = Filter { incident, is_open: open, id: None };
                queue(
                    setting,
                    &store.read(move |db| lists::messages(db, &Scope::All, filter, LISTED)).await?,
                )?;
            }
            Self::Retry { id } => {
                let count = store.write(move |tx| outgoing::retry(tx, id, now)).await?;
                setting.tell("cli-send-retried", &[("count", &count)]);
            }
        }

        Ok(())
    }
}

async fn named(setting: &Setting, store: &Store, name: String) -> anyhow::Result<Destination> {
    let known = store.read(move |db| destinations::named(db, &name)).await?;

    known.with_context(|| setting.say("cli-send-absent", &[]))
}

impl Adding {
    fn settings(&self) -> anyhow::Result<Option<Settings>> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
        };
        let ca = self.ca.as_ref().map(read).transpose()?;
        Ok(match (&self.webhook, &self.syslog, &self.from, &self.server) {
            (Some(url), ..) => Some(Settings::Webhook { url: url.clone(), ca }),
            (None, Some(host), ..) => {
                let usual = if self.over == SyslogOver::Tls { 6514 } else { 514 };
                let (host, port) = (host.clone(), self.port.unwrap_or(usual));
                Some(Settings::Syslog { host, port, over: self.over, line: self.line, ca })
            }
            (None, None, Some(from), Some(host)) => {
                let usual = match self.mail_tls {
                    MailTls::Implicit => 465,
                    MailTls::Starttls => 587,
                    MailTls::None => 25,
                };
                Some(Settings::Mail {
                    host: host.clone(),
                    port: self.port.unwrap_or(usual),
                    tls: self.mail_tls,
                    user: self.user.clone(),
                    from: from.clone(),
                    to: self.to.clone(),
                    ca,
                })
            }
            _ => None,
        })
    }

    fn secret(&self, settings: &Settings) -> anyhow::Result<Result<Option<Secret>, Misfit>> {
        let given = match &self.secret_file {
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
                Some(Secret::of(&text))
            }
            None => None,
        };

        secret::fitting(settings, given)
    }

    async fn run(self, setting: &Setting, store: &Store) -> anyhow::Result<()> {
        let misfit = |misfit: Misfit| setting.say(&format!("cli-send-{}", misfit.word()), &[]);
        let Some(settings) = self.settings()? else { bail!("{}", setting.say("cli-send-way", &[])) };
        let secret = match self.secret(&settings)? {
            Ok(secret) => secret,
            Err(error) => bail!("{}", misfit(error)),
        };
        let events = match (self.reports_only, self.events.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => Event::ASKED.to_vec(),
            (false, false) => self.events,
        };
        let wanted = Wanted {
            name: self.name,
            settings,
            agency: self.agency.map(|agency| agency.to_string()),
            severity: self.severity,
            events,
            role: self.role,
            drills: self.drills,
            allow_local: self.allow_local,
        };
        let file = secret.map(|secret| secret::keep(store.folder(), &secret)).transpose()?;
        let (kept, now) = (file.clone(), clock::now());
        let added =
            store.write(move |tx| destinations::add(tx, &wanted, kept.as_deref(), operator(now))).await;
        if let (Some(file), Err(_) | Ok(Err(_))) = (&file, &added) {
            secret::remove(store.folder(), file);
        }
        match added? {
            Ok(id) if setting.json => line(json!({ "id": id })),
            Ok(id) => {
                setting.tell("cli-send-added", &[("id", &id)]);
                if let (Some(file), None) = (&file, &self.secret_file) {
                    let place = secret::place(store.folder(), file);
                    setting.tell("cli-send-key", &[("path", &place.display())]);
                }
            }
            Err(error) => bail!("{}", misfit(error)),
        }

        Ok(())
    }
}

async fn test(setting: &Setting, store: &Store, name: String) -> anyhow::Result<()> {
    let found = named(setting, store, name).await?;
    let now = clock::now();
    let queued = store.write(move |tx| announce::test(tx, found.id, OPERATOR, now)).await?;
    let Some(id) = queued else { bail!("{}", setting.say("cli-send-full", &[])) };
    if Running::read(&setting.config).is_none() {
        setting.tell("cli-send-waits", &[]);
        return Ok(());
    }
    let until = clock::instant() + TEST_MOST;
    loop {
        let filter = Filter { id: Some(id), ..Filter::default() };
        let found = store.read(move |db| lists::messages(db, &Scope::All, filter, 1)).await?.pop();
        let sent = found.context("the message is there")?;
        let tried = sent.tries > 0 && sent.state != "sending";
        if setting.json && (tried || clock::instant() >= until) {
            line(serde_json::to_string(&sent)?);
        }
        match sent.state.as_str() {
            "sent" => {
                setting.tell("cli-send-receipt", &[("receipt", &plain(&sent.receipt.unwrap_or_default()))]);
                return Ok(());
            }
            _ if tried || clock::instant() >= until => {
                bail!("{}", setting.say("cli-send-not-yet", &[("error", &plain(&sent.error))]));
            }
            _ => tokio::time::sleep(TEST_LOOK).await,
        }
    }
}

fn list(setting: &Setting, all: &[Destination]) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-send-none", &[]);
    }
    for one in all {
        let events: Vec<&str> = one.events.iter().map(|event| event.word()).collect();
        let (id, name, carrier, place) =
            (one.id, plain(&one.name), one.settings.carrier(), plain(&one.settings.place()));
        let (agency, role) = (one.agency.as_deref().unwrap_or("*"), one.role.as_deref().unwrap_or("-"));
        let severity = setting.say(&format!("cli-severity-{}", one.severity.word()), &[]);
        let (waiting, failed, held) = (one.waiting, one.failed, one.held);
        line(format!(
            "{id}\t{name}\t{carrier}\t{place}\t{agency}\t{severity}\t{}\t{role}\t{waiting}\t{failed}\t{held}",
            events.join(" ")
        ));
    }

    Ok(())
}

fn queue(setting: &Setting, all: &[Sent]) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-send-queue-none", &[]);
    }
    for one in all {
        let incident = one.incident.map_or_else(|| "-".to_owned(), |id| format!("#{id}"));
        let state = setting.say(&format!("cli-send-state-{}", one.state), &[]);
        let told = plain(one.receipt.as_deref().unwrap_or(&one.error));
        let (id, made, to, event, tries) =
            (one.id, one.made_at, plain(&one.destination), &one.event, one.tries);
        line(format!("{id}\t{made}\t{to}\t{incident}\t{event}\t{state}\t{tries}\t{told}"));
    }

    Ok(())
}

//! Carriers and their addresses: as written, checked. No secret is among them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Receivers of one mail at most.
const RECEIVERS_MAX: usize = 20;

/// Bytes of an address or a name at most.
const TEXT_MAX: usize = 500;

/// Bytes of certificates at most.
const CA_MAX: usize = 64 * 1024;

/// What a message tells of.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An incident was opened.
    #[value(help = "Sự cố mới / an incident was opened")]
    Opened,
    /// An incident became graver.
    #[value(help = "Sự cố nặng thêm / an incident became graver")]
    Raised,
    /// A clock is about to end, or has.
    #[value(help = "Sắp hết hạn hoặc đã quá hạn / a clock is about to end, or has")]
    Warning,
    /// A report on the form of a legal profile; sent by a person.
    #[value(help = "Báo cáo do người gửi / a report sent by a person")]
    Report,
    /// What a destination whose queue was full was not told; goes wherever any of the others does.
    #[value(
        help = "Những gì nơi nhận chưa được báo khi hàng đợi đầy / what a destination whose queue was full was not told"
    )]
    CaughtUp,
    /// A try of the destination.
    #[value(help = "Gửi thử / a try of the destination")]
    Test,
}

impl Event {
    /// Those that a destination may ask for.
    pub const ASKED: &[Self] = &[Self::Opened, Self::Raised, Self::Warning];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Raised => "raised",
            Self::Warning => "warning",
            Self::Report => "report",
            Self::CaughtUp => "caught_up",
            Self::Test => "test",
        }
    }
}

/// How mail is protected on its way to the first server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the first byte (port 465).
    #[value(help = "TLS từ byte đầu, cổng 465 / TLS from the first byte, port 465")]
    Implicit,
    /// STARTTLS, and nothing is sent without it (port 587).
    #[value(help = "STARTTLS bắt buộc, cổng 587 / STARTTLS, and nothing without it, port 587")]
    Starttls,
    /// None: only to this machine itself.
    #[value(help = "Không; chỉ tới chính máy này / none: only to this machine itself")]
    None,
}

/// What syslog lines travel in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SyslogOver {
    /// Datagrams (RFC 5426): nobody confirms them.
    #[value(help = "Gói tin rời, không ai xác nhận / datagrams (RFC 5426): nobody confirms them")]
    Udp,
    /// TCP with octet counting (RFC 6587).
    #[value(help = "TCP có đếm byte / TCP with octet counting (RFC 6587)")]
    Tcp,
    /// TLS (RFC 5425).
    #[value(help = "TLS (RFC 5425)")]
    Tls,
}

/// What syslog lines say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SyslogLine {
    /// RFC 5424 with structured data.
    #[value(help = "RFC 5424 có dữ liệu cấu trúc / RFC 5424 with structured data")]
    Rfc5424,
    /// CEF inside RFC 5424.
    #[value(help = "CEF trong RFC 5424 / CEF inside RFC 5424")]
    Cef,
}

/// A carrier and where it goes to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "carrier", rename_all = "snake_case", deny_unknown_fields)]
pub enum Settings {
    /// E-mail by a server that takes it from us.
    Mail {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// How the way there is protected.
        tls: MailTls,
        /// The name to sign in with; its password is the secret.
        user: Option<String>,
        /// From whom.
        from: String,
        /// To whom.
        to: Vec<String>,
        /// Certificates (PEM) that alone are trusted; absent: those that the system trusts.
        ca: Option<String>,
    },
    /// A webhook, signed by the Standard Webhooks specification.
    Webhook {
        /// Where to.
        url: String,
        /// Likewise.
        ca: Option<String>,
    },
    /// Syslog.
    Syslog {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What lines travel in.
        over: SyslogOver,
        /// What they say.
        line: SyslogLine,
        /// Likewise.
        ca: Option<String>,
    },
}

/// What cannot be a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misfit {
    /// The server's name is empty, too long or no name.
    #[error("the server's name")]
    Host,
    /// The address is no `https://` address.
    #[error("the address")]
    Url,
    /// `http://` and mail without TLS go to this machine only.
    #[error("the way is not protected")]
    Open,
    /// A sender or receiver is no mail address.
    #[error("a mail address")]
    Mailbox,
    /// The certificates are none.
    #[error("the certificates")]
    Ca,
    /// The name is empty, too long or taken.
    #[error("the name")]
    Name,
    /// No profile knows this addressee, or its carrier gives no receipt.
    #[error("the addressee")]
    Role,
    /// The secret is missing, or none that the carrier can use.
    #[error("the secret")]
    Secret,
    /// Nothing would ever be sent there.
    #[error("the events")]
    Events,
    /// There is no such agency.
    #[error("the agency")]
    Agency,
}

impl Misfit {
    /// Its word, for messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Url => "url",
            Self::Open => "open",
            Self::Mailbox => "mailbox",
            Self::Ca => "ca",
            Self::Name => "name",
            Self::Role => "role",
            Self::Secret => "secret",
            Self::Events => "events",
            Self::Agency => "agency",
        }
    }
}

impl Settings {
    /// The carrier's word.
    #[must_use]
    pub fn carrier(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Webhook { .. } => "webhook",
            Self::Syslog { .. } => "syslog",
        }
    }

    /// Where to, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Mail { host, port, to, .. } => format!("{} ({host}:{port})", to.join(", ")),
            Self::Webhook { url, .. } => url.clone(),
            Self::Syslog { host, port, .. } => format!("{host}:{port}"),
        }
    }

    /// Whether its receiver confirms what it took.
    #[must_use]
    pub fn confirms(&self) -> bool {
        !matches!(self, Self::Syslog { .. })
    }

    /// Whether anybody on the way can read what is sent.
    #[must_use]
    fn is_open(&self) -> bool {
        match self {
            Self::Mail { tls, .. } => *tls == MailTls::None,
            Self::Webhook { url, .. } => !url.starts_with("https://"),
            // Syslog without TLS is what many servers inside a network take; its operator decides.
            Self::Syslog { .. } => false,
        }
    }

    /// Looks it through.
    ///
    /// # Errors
    /// What of it cannot be.
    pub fn check(&self, allow_local: bool) -> Result<(), Misfit> {
        let ca = match self {
            Self::Mail { host, from, to, user, ca, .. } => {
                host_fits(host)?;
                let fits = |text: &String| {
                    text.len() <= TEXT_MAX && text.parse::<lettre::message::Mailbox>().is_ok()
                };
                if !fits(from) || to.is_empty() || to.len() > RECEIVERS_MAX || !to.iter().all(fits) {
                    return Err(Misfit::Mailbox);
                }
                if user.as_ref().is_some_and(|user| user.is_empty() || user.len() > TEXT_MAX) {
                    return Err(Misfit::Secret);
                }
                ca
            }
            Self::Webhook { url, ca } => {
                let uri: hyper::Uri = url.parse().map_err(|_| Misfit::Url)?;
                let known = matches!(uri.scheme_str(), Some("https" | "http"));
                let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
                if !known || has_user || url.len() > TEXT_MAX {
                    return Err(Misfit::Url);
                }
                host_fits(uri.host().ok_or(Misfit::Url)?)?;
                ca
            }
            Self::Syslog { host, ca, .. } => {
                host_fits(host)?;
                ca
            }
        };
        if self.is_open() && !allow_local {
            return Err(Misfit::Open);
        }
        if ca.as_ref().is_some_and(|ca| ca.len() > CA_MAX || super::tls::certificates(ca).is_err()) {
            return Err(Misfit::Ca);
        }

        Ok(())
    }
}

fn host_fits(host: &str) -> Result<(), Misfit> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let fits = !host.is_empty() && host.len() <= 253 && host.chars().all(known);

    if fits { Ok(()) } else { Err(Misfit::Host) }
}

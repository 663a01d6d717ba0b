//! E-mail. A try again has the same Message-ID, so a server or mailbox that had it already can tell.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::net::TcpStream;
use vonggac_protocol::time::Timestamp;

use super::guard;
use super::outcome::{Failure, Tried, said};
use super::secret::Secret;
use super::settings::MailTls;

/// One answer of the server may take so long.
const ANSWER_MOST: Duration = Duration::from_secs(20);

/// Where to and how, of [`super::Settings::Mail`].
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// How the way is protected.
    pub tls: MailTls,
    /// Name and password.
    pub credentials: Option<(&'a str, &'a Secret)>,
    /// From whom.
    pub from: &'a str,
    /// To whom.
    pub to: &'a [String],
    /// Certificates that alone are trusted.
    pub ca: Option<&'a str>,
    /// Whether the operator allows local addresses.
    pub allow_local: bool,
}

/// What the mail says.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// What receivers know it by.
    pub uid: &'a str,
    /// When it was made.
    pub made_at: Timestamp,
    /// Subject.
    pub subject: &'a str,
    /// Text.
    pub text: &'a str,
}

/// Gives one mail to the server; its answer, with the id of its queue, is the receipt.
///
/// # Errors
/// If the server does not take it.
pub async fn send(way: &Way<'_>, mail: &Mail<'_>) -> Tried {
    let refused = |error: String| Failure::Refused(error);
    let message = message(way, mail).map_err(|error| refused(format!("{error:#}")))?;
    let address = reachable(guard::resolve(way.host, way.port, way.allow_local).await?).await?;
    let tls = tls(way).map_err(|error| refused(format!("{error:#}")))?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(way.port)
        .tls(tls)
        .timeout(Some(ANSWER_MOST));
    if let Some((user, password)) = way.credentials {
        builder = builder.credentials(Credentials::new(user.to_owned(), password.reveal().to_owned()));
    }
    let transport: AsyncSmtpTransport<Tokio1Executor> = builder.build();

    match transport.send(message).await {
        Ok(answer) => {
            let words: Vec<&str> = answer.message().collect();
            Ok(said(&format!("{} {}", answer.code(), words.join(" "))))
        }
        Err(error) => {
            let told = said(&chain(&error));
            Err(if error.is_permanent() || error.is_client() {
                Failure::Refused(told)
            } else if error.is_transient() {
                Failure::Later(told)
            } else {
                Failure::Unreachable(told)
            })
        }
    }
}

fn chain(error: &lettre::transport::smtp::Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();

    if error.to_string().contains(source.trim_start_matches(": ")) {
        error.to_string()
    } else {
        format!("{error}{source}")
    }
}

fn message(way: &Way<'_>, mail: &Mail<'_>) -> anyhow::Result<Message> {
    let from: Mailbox = way.from.parse()?;
    let id = format!("<{}@{}>", mail.uid, from.email.domain());
    let made = Duration::from_millis(u64::try_from(mail.made_at.0).unwrap_or_default());
    let mut builder = Message::builder()
        .from(from)
        .message_id(Some(id))
        .date(SystemTime::UNIX_EPOCH + made)
        .subject(mail.subject);
    for to in way.to {
        builder = builder.to(to.parse()?);
    }

    Ok(builder.singlepart(SinglePart::plain(mail.text.to_owned()))?)
}

fn tls(way: &Way<'_>) -> anyhow::Result<Tls> {
    if way.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(way.host.to_owned());
    if let Some(ca) = way.ca {
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(ca.as_bytes())?);
    }
    let parameters = parameters.build_rustls()?;

    Ok(if way.tls == MailTls::Implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

/// The first address that takes connections; a lone one is not asked first.
async fn reachable(all: Vec<SocketAddr>) -> Result<SocketAddr, Failure> {
    let none = || Failure::Unreachable("the server has no address".to_owned());
    if let [only] = all[..] {
        return Ok(only);
    }
    let mut last = None;
    for address in all {
        match tokio::time::timeout(ANSWER_MOST / 4, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => last = Some(Failure::Unreachable(format!("reach {address}: {error}"))),
            Err(_) => last = Some(Failure::Unreachable(format!("reach {address}: no answer"))),
        }
    }

    Err(last.unwrap_or_else(none))
}

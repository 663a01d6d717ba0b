//! From `host:port` to a connection; every failure names its layer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn::{ConnectError, ConnectionError};
use vonggac_carrier::{Connection, Way, tcp};
use vonggac_protocol::hello::COLLECTOR_NAME;

use super::plain;
use super::tls::{Client, Verdict};

/// Ten seconds let a lost hello be sent again four times; who has not answered by then is not there.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who has answered is given the time that a modem of 64 kbit/s needs to bring all of a handshake, of which it loses
/// three datagrams in ten.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(40);

/// What was tried first has so long to itself before the other way is tried beside it.
pub const HEAD_START: Duration = Duration::from_secs(5);

/// At most so many addresses of a name are tried in one round.
const ADDRESSES_MAX: usize = 4;

/// A connection that did not come about, by layer.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the collector's name cannot be resolved")]
    Name(#[source] io::Error),
    /// This machine has no way to the address.
    #[error("there is no route to the collector")]
    Route(#[source] io::Error),
    /// Nothing answers on that UDP port.
    #[error("the collector does not answer over UDP")]
    Silent,
    /// Nothing answers on that TCP port.
    #[error("the collector does not answer over TCP")]
    SilentTcp,
    /// Nothing answers on that port, by either way.
    #[error("the collector answers neither over UDP nor over TCP")]
    SilentBoth,
    /// What answers over TCP, while QUIC brought no answer.
    #[error("over TCP: {0}")]
    OverTcp(#[source] Box<Self>),
    /// What answers is not the pinned collector.
    #[error("the collector's certificate is not of the pinned authority")]
    Pin,
    /// The certificate is not valid at this machine's time.
    #[error("the collector's certificate is not valid by this machine's clock")]
    Clock,
    /// The certificate is of the authority and still wrong.
    #[error("the collector's certificate is not acceptable: {0:?}")]
    Certificate(rustls::CertificateError),
    /// It answered and the handshake failed.
    #[error("the handshake failed")]
    Handshake(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection could not be begun.
    #[error("the connection cannot be begun")]
    Begin(#[source] ConnectError),
}

impl DialError {
    /// Whether something answered.
    fn is_answer(&self) -> bool {
        match self {
            Self::Pin | Self::Clock | Self::Certificate(_) | Self::Handshake(_) | Self::OverTcp(_) => true,
            Self::Name(_)
            | Self::Route(_)
            | Self::Silent
            | Self::SilentTcp
            | Self::SilentBoth
            | Self::Begin(_) => false,
        }
    }

    /// Whether the other way need not be tried: something answered over QUIC, so no firewall drops it.
    fn is_final(&self) -> bool {
        self.is_answer() && !matches!(self, Self::OverTcp(_))
    }

    /// What to tell of two failures.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Silent, Self::SilentTcp) | (Self::SilentTcp, Self::Silent) => Self::SilentBoth,
            (_, other) if other.is_answer() => other,
            (Self::SilentTcp, other) => other,
            (failed, _) => failed,
        }
    }

    /// The name of the message that tells a person.
    #[must_use]
    pub fn message_id(&self) -> &'static str {
        match self {
            Self::Name(_) => "dial-name",
            Self::Route(_) | Self::Begin(_) => "dial-route",
            Self::Silent => "dial-silent",
            Self::SilentTcp => "dial-silent-tcp",
            Self::OverTcp(error) => error.message_id(),
            Self::SilentBoth => "dial-silent-both",
            Self::Pin => "dial-pin",
            Self::Clock => "dial-clock",
            Self::Certificate(_) => "dial-certificate",
            Self::Handshake(_) => "dial-handshake",
        }
    }
}

/// The addresses of `host:port`, asked for anew each time.
///
/// # Errors
/// If there are none.
pub async fn resolve(address: &str) -> Result<Vec<SocketAddr>, DialError> {
    let found: Vec<SocketAddr> =
        tokio::net::lookup_host(address).await.map_err(DialError::Name)?.take(ADDRESSES_MAX).collect();
    if found.is_empty() {
        return Err(DialError::Name(io::Error::from(io::ErrorKind::NotFound)));
    }

    Ok(found)
}

/// Whether this machine has a way to the address; sends nothing.
///
/// # Errors
/// If it has none.
pub fn route(to: SocketAddr) -> Result<SocketAddr, DialError> {
    let socket = UdpSocket::bind(any(to)).map_err(DialError::Route)?;
    socket.connect(to).map_err(DialError::Route)?;

    socket.local_addr().map_err(DialError::Route)
}

fn any(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// Connects to one address by QUIC.
///
/// # Errors
/// With the layer that failed.
pub async fn connect_quic(to: SocketAddr, client: &Client) -> Result<Connection, DialError> {
    route(to)?;
    let endpoint = plain::endpoint(None, any(to)).map_err(DialError::Route)?;
    let mut connecting =
        endpoint.connect_with(client.quic.clone(), to, COLLECTOR_NAME).map_err(DialError::Begin)?;
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, connecting.handshake_data()).await.is_ok();
    let rest = if answered { HANDSHAKE_TIMEOUT - ANSWER_TIMEOUT } else { Duration::ZERO };
    let failure = match tokio::time::timeout(rest, connecting).await {
        Ok(Ok(connection)) => return Ok(Connection::Quic(connection, Some(endpoint))),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    let verdict = client.quic_verdict.read();

    Err(match (by_verdict(&verdict), failure) {
        (Some(error), _) => error,
        (None, None) => DialError::Silent,
        (None, Some(ConnectionError::TimedOut)) if verdict == Verdict::NotShown => DialError::Silent,
        (None, Some(error)) => DialError::Handshake(Box::new(error)),
    })
}

/// Connects to one address by TCP.
///
/// # Errors
/// With the layer that failed.
pub async fn connect_tcp(to: SocketAddr, client: &Client) -> Result<Connection, DialError> {
    let connecting = tcp::connect(to, client.tcp.clone(), COLLECTOR_NAME, client.idle);
    let failure = match tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => return Ok(connection.into()),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };

    Err(match (by_verdict(&client.tcp_verdict.read()), failure) {
        (Some(error), _) => error,
        (None, Some(error)) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Other) => {
            DialError::Handshake(Box::new(error))
        }
        // Refused, not routed, cut off: by whom, nobody says.
        (None, _) => DialError::SilentTcp,
    })
}

/// What the collector's certificate tells of a failure.
fn by_verdict(verdict: &Verdict) -> Option<DialError> {
    match verdict {
        Verdict::PinMissing => Some(DialError::Pin),
        Verdict::Invalid(
            rustls::CertificateError::Expired
            | rustls::CertificateError::ExpiredContext { .. }
            | rustls::CertificateError::NotValidYet
            | rustls::CertificateError::NotValidYetContext { .. },
        ) => Some(DialError::Clock),
        Verdict::Invalid(error) => Some(DialError::Certificate(error.clone())),
        Verdict::NotShown | Verdict::Good => None,
    }
}

/// Connects to `host:port`: by one way first, and, if that has brought nothing yet after [`HEAD_START`] or no answer
/// at all, by the other beside it. An answer over QUIC that is no connection is final; one over TCP is not, since on
/// TCP others may answer than the collector.
///
/// # Errors
/// With the layer that failed.
pub async fn dial(address: &str, client: &Client, first: Way) -> Result<Connection, DialError> {
    let found = resolve(address).await?;
    let (quic, tcp) = (by_quic(&found, client), by_tcp(&found, client));
    match first {
        Way::Quic => race(quic, tcp).await,
        Way::Tcp => race(tcp, quic).await,
    }
}

/// Connects to `host:port` by QUIC only.
///
/// # Errors
/// With the layer that failed at the last address.
pub async fn dial_quic(address: &str, client: &Client) -> Result<Connection, DialError> {
    by_quic(&resolve(address).await?, client).await
}

async fn by_quic(addresses: &[SocketAddr], client: &Client) -> Result<Connection, DialError> {
    let mut last = DialError::Silent;
    for to in addresses {
        match connect_quic(*to, client).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }

    Err(last)
}

async fn by_tcp(addresses: &[SocketAddr], client: &Client) -> Result<Connection, DialError> {
    let mut last = DialError::SilentTcp;
    for to in addresses {
        match connect_tcp(*to, client).await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.is_answer() => last = DialError::OverTcp(Box::new(error)),
            Err(error) => last = error,
        }
    }

    Err(last)
}

type Dialled = Result<Connection, DialError>;

async fn race(first: impl Future<Output = Dialled>, second: impl Future<Output = Dialled>) -> Dialled {
    tokio::pin!(first, second);
    let early = tokio::time::timeout(HEAD_START, &mut first).await.ok();
    let (failed, other) = match early {
        Some(Err(error)) if !error.is_final() => (error, second.await),
        Some(done) => return done,
        None => tokio::select! {
            done = &mut first => match done {
                Err(error) if !error.is_final() => (error, second.await),
                done => return done,
            },
            done = &mut second => match done {
                Err(error) if !error.is_final() => (error, first.await),
                done => return done,
            },
        },
    };

    other.map_err(|other| failed.and(other))
}

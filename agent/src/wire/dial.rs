//! From `host:port` to a connection; every failure names its layer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn::{ClientConfig, ConnectError, ConnectionError, Endpoint};
use vonggac_carrier::Connection;
use vonggac_protocol::hello::COLLECTOR_NAME;

use super::tls::{Verdict, VerdictCell};

/// A handshake takes one round trip; ten seconds let lost packets be sent again four times.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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
    Handshake(#[source] ConnectionError),
    /// The connection could not be begun.
    #[error("the connection cannot be begun")]
    Begin(#[source] ConnectError),
}

impl DialError {
    /// The name of the message that tells a person.
    #[must_use]
    pub fn message_id(&self) -> &'static str {
        match self {
            Self::Name(_) => "dial-name",
            Self::Route(_) | Self::Begin(_) => "dial-route",
            Self::Silent => "dial-silent",
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

/// Connects to one address.
///
/// # Errors
/// With the layer that failed.
pub async fn connect(
    to: SocketAddr,
    config: ClientConfig,
    verdict: &VerdictCell,
) -> Result<Connection, DialError> {
    route(to)?;
    let endpoint = Endpoint::client(any(to)).map_err(DialError::Route)?;
    let connecting = endpoint.connect_with(config, to, COLLECTOR_NAME).map_err(DialError::Begin)?;
    let failure = match tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => return Ok(Connection::Quic(connection, Some(endpoint))),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };

    Err(match (verdict.read(), failure) {
        (Verdict::PinMissing, _) => DialError::Pin,
        (
            Verdict::Invalid(
                rustls::CertificateError::Expired
                | rustls::CertificateError::ExpiredContext { .. }
                | rustls::CertificateError::NotValidYet
                | rustls::CertificateError::NotValidYetContext { .. },
            ),
            _,
        ) => DialError::Clock,
        (Verdict::Invalid(error), _) => DialError::Certificate(error),
        (Verdict::NotShown, None | Some(ConnectionError::TimedOut)) => DialError::Silent,
        (Verdict::NotShown | Verdict::Good, Some(error)) => DialError::Handshake(error),
        (Verdict::Good, None) => DialError::Silent,
    })
}

/// Connects to `host:port`, address by address.
///
/// # Errors
/// With the layer that failed at the last address.
pub async fn dial(
    address: &str,
    config: &ClientConfig,
    verdict: &VerdictCell,
) -> Result<Connection, DialError> {
    let mut last = DialError::Silent;
    for to in resolve(address).await? {
        match connect(to, config.clone(), verdict).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }

    Err(last)
}

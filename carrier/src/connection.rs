//! A connection: its channels, its end, its peer.

use std::net::SocketAddr;

use quinn::{ConnectionError, Endpoint, VarInt};
use rustls_pki_types::CertificateDer;
use vonggac_protocol::id::Lane;

use crate::closed::Closed;
use crate::stream::{RecvStream, SendStream};
use crate::tcp;

/// Bytes of headers that a datagram carries (RFC 791 and RFC 8200, with RFC 768): what a metered line counts too.
const IPV4_UDP_HEADERS: u64 = 20 + 8;
const IPV6_UDP_HEADERS: u64 = 40 + 8;

/// What carries a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// QUIC over UDP.
    Quic,
    /// TLS over TCP.
    Tcp,
}

impl Way {
    /// A word for it, for files and interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

/// Bytes that a connection moved, headers of IP and of UDP or TCP included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// By us.
    pub sent: u64,
    /// By the peer.
    pub received: u64,
}

/// A connection between an agent and its collector; cheap to clone.
#[derive(Clone, Debug)]
pub enum Connection {
    /// By QUIC; an agent's holds its endpoint, which serves nothing else.
    Quic(quinn::Connection, Option<Endpoint>),
    /// By TCP.
    Tcp(tcp::Connection),
}

impl From<tcp::Connection> for Connection {
    fn from(connection: tcp::Connection) -> Self {
        Self::Tcp(connection)
    }
}

impl From<quinn::Connection> for Connection {
    fn from(connection: quinn::Connection) -> Self {
        Self::Quic(connection, None)
    }
}

impl Connection {
    /// What carries it.
    #[must_use]
    pub fn way(&self) -> Way {
        match self {
            Self::Quic(..) => Way::Quic,
            Self::Tcp(_) => Way::Tcp,
        }
    }

    /// The agent's end of the control channel. What is said on it goes before batches.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn open_control(&self) -> Result<(SendStream, RecvStream), Closed> {
        match self {
            Self::Quic(connection, _) => {
                let (send, receive) = connection.open_bi().await?;
                // Without a stream there is no connection, and reading tells.
                send.set_priority(2).ok();
                Ok((send.into(), receive.into()))
            }
            Self::Tcp(connection) => {
                let (send, receive) = connection.control();
                Ok((send.into(), receive.into()))
            }
        }
    }

    /// The collector's end of the control channel, once the agent has spoken.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn accept_control(&self) -> Result<(SendStream, RecvStream), Closed> {
        match self {
            Self::Quic(connection, _) => {
                let (send, receive) = connection.accept_bi().await?;
                Ok((send.into(), receive.into()))
            }
            Self::Tcp(connection) => {
                let (send, receive) = connection.control();
                Ok((send.into(), receive.into()))
            }
        }
    }

    /// The agent's end of a lane's channel. What is prompt goes before what is bulk.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn open_lane(&self, lane: Lane) -> Result<SendStream, Closed> {
        match self {
            Self::Quic(connection, _) => {
                let send = connection.open_uni().await?;
                let priority = match lane {
                    Lane::Prompt => 1,
                    Lane::Bulk => 0,
                };
                send.set_priority(priority).ok();
                Ok(send.into())
            }
            Self::Tcp(connection) => Ok(connection.open_lane(lane).into()),
        }
    }

    /// The collector's end of the next lane that the agent opens.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn accept_lane(&self) -> Result<RecvStream, Closed> {
        match self {
            Self::Quic(connection, _) => Ok(connection.accept_uni().await?.into()),
            Self::Tcp(connection) => Ok(connection.accept_lane().await?.into()),
        }
    }

    /// Ends it now, with a reason for the peer; 0 is an ordinary end. What was not sent is not sent any more: wait
    /// for [`SendStream::finished`] first if it matters.
    pub fn close(&self, code: u32, reason: &[u8]) {
        match self {
            Self::Quic(connection, _) => connection.close(VarInt::from_u32(code), reason),
            Self::Tcp(connection) => connection.close(code, reason),
        }
    }

    /// Waits until it has ended.
    pub async fn closed(&self) -> Closed {
        match self {
            Self::Quic(connection, _) => connection.closed().await.into(),
            Self::Tcp(connection) => connection.closed().await,
        }
    }

    /// Why it ended; `None` if it has not.
    #[must_use]
    pub fn close_reason(&self) -> Option<Closed> {
        match self {
            Self::Quic(connection, _) => connection.close_reason().map(ConnectionError::into),
            Self::Tcp(connection) => connection.close_reason(),
        }
    }

    /// Waits until the peer has been told of the end. On an agent only.
    pub async fn wait_idle(&self) {
        match self {
            Self::Quic(_, Some(endpoint)) => endpoint.wait_idle().await,
            Self::Quic(_, None) => {}
            Self::Tcp(connection) => connection.wait_idle().await,
        }
    }

    /// The certificate that the peer showed, if it showed one.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        match self {
            Self::Quic(connection, _) => {
                let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
                chain.into_iter().next()
            }
            Self::Tcp(connection) => connection.certificate(),
        }
    }

    /// Where the peer is.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic(connection, _) => connection.remote_address(),
            Self::Tcp(connection) => connection.remote(),
        }
    }

    /// What it moved so far.
    #[must_use]
    pub fn moved(&self) -> Moved {
        match self {
            Self::Quic(connection, _) => {
                let stats = connection.stats();
                let headers =
                    if connection.remote_address().is_ipv6() { IPV6_UDP_HEADERS } else { IPV4_UDP_HEADERS };
                Moved {
                    sent: stats.udp_tx.bytes + stats.udp_tx.datagrams * headers,
                    received: stats.udp_rx.bytes + stats.udp_rx.datagrams * headers,
                }
            }
            Self::Tcp(connection) => connection.moved(),
        }
    }

    /// Goes on from another local address: the one before may be gone, or what translated it may have forgotten it.
    /// On an agent only; elsewhere, and where nothing can be done, nothing happens.
    ///
    /// # Errors
    /// If the system has no other address to give.
    pub fn rebind(&self) -> std::io::Result<()> {
        match self {
            Self::Quic(connection, Some(endpoint)) => {
                let any: std::net::IpAddr = if connection.remote_address().is_ipv6() {
                    std::net::Ipv6Addr::UNSPECIFIED.into()
                } else {
                    std::net::Ipv4Addr::UNSPECIFIED.into()
                };
                endpoint.rebind(std::net::UdpSocket::bind((any, 0))?)
            }
            Self::Quic(_, None) | Self::Tcp(_) => Ok(()),
        }
    }

    /// Whether these are two handles of one connection.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quic(one, _), Self::Quic(another, _)) => one.stable_id() == another.stable_id(),
            (Self::Tcp(one), Self::Tcp(another)) => one.is_same(another),
            (Self::Quic(..), Self::Tcp(_)) | (Self::Tcp(_), Self::Quic(..)) => false,
        }
    }
}

//! The door: one QUIC endpoint and, beside it, TCP; TLS 1.3 only, handshakes a few at a time, nobody in without a
//! reason.
//!
//! | file | subject |
//! |---|---|
//! | [`tcp`] | the second door, where UDP is blocked |
//! | [`tls`] | who we are and whom we believe |
//! | [`gate`] | how many from where |
//! | [`frames`] | frames on a stream, within limits |
//! | [`reset`] | telling agents of a collector that died |

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Endpoint, IdleTimeout, Incoming, TransportConfig, VarInt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vonggac_carrier::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK, RefusalCode};

use crate::authority::Authority;
use crate::clock;

pub mod frames;
pub mod gate;
pub mod reset;
mod tcp;
pub mod tls;

use frames::close_code;
use gate::{Gate, Missed, NoCertificate, Pass};
use reset::ResetSecret;
use tcp::TcpDoor;

/// Connections whose first packet has come and that wait for their turn; quinn refuses those beyond it. More than
/// our own queue may ever hold, so that it is the queue which decides.
const INCOMING_MAX: usize = 16_384;

/// Bytes of first packets kept for one, and for all, that wait; a hybrid hello needs two packets.
const INCOMING_BYTES_MAX: u64 = 8 * 1024;
const INCOMING_BYTES_ALL_MAX: u64 = 32 * 1024 * 1024;

/// Bytes of packets that the system keeps for us, if it allows as many.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// Arrivals that wait to be taken in; beyond it handshakes wait.
const ARRIVALS_MAX: usize = 64;

/// Streams a peer may open: one to talk on, one for each lane.
const BIDI_STREAMS_MAX: u32 = 1;
const UNI_STREAMS_MAX: u32 = 2;

/// Bytes on the way on one stream that we have not read. While the store is slow every agent fills it: this times the
/// connections is what a stalled collector holds. At 600 ms it still lets 800 kbit/s through.
const STREAM_WINDOW: u32 = 64 * 1024;
/// And on a connection: both lanes full leave room for a sign of life.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW + 32 * 1024;

/// Bytes we may have on the way to a peer that does not read: acknowledgements are small.
const SEND_WINDOW: u64 = 16 * 1024;

/// What the door needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// UDP address.
    pub listen: SocketAddr,
    /// TCP address.
    pub listen_tcp: ListenTcp,
    /// A connection without any packet for this long is over.
    pub idle: Duration,
    /// What tells agents of a collector that died that their connection is gone.
    pub reset: ResetSecret,
}

/// Whether agents whose network blocks UDP are served, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenTcp {
    /// On the address of UDP, under the same port number.
    AsUdp,
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// Somebody who came in.
pub enum Arrival {
    /// One with a certificate that our authority signed; whose it is, the store says.
    Link {
        /// The connection.
        connection: Connection,
        /// SHA-256 of the certificate.
        certificate: Digest,
        /// Its place in the count of its address.
        pass: Pass,
    },
    /// A machine that wants to become one of ours.
    Enrol {
        /// The connection.
        connection: Connection,
        /// Its place in the count of its address.
        pass: Pass,
    },
}

/// An open door.
pub struct Door {
    endpoint: Endpoint,
    tcp: Option<TcpDoor>,
    gate: Gate,
}

impl Door {
    /// Opens it.
    ///
    /// # Errors
    /// If the address cannot be used or the authority cannot issue our own certificate.
    pub fn open(authority: &Authority, settings: Settings, gate: Gate) -> anyhow::Result<Self> {
        let tls = tls::server(authority, clock::now())?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls::quic(Arc::clone(&tls))?));
        config
            .transport_config(Arc::new(transport(settings.idle)?))
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BYTES_MAX)
            .incoming_buffer_size_total(INCOMING_BYTES_ALL_MAX);
        let (socket, listener) = sockets(&settings)?;
        // As much as the system allows: thousands may come at one moment.
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)
            .context("set the receive buffer")?;
        let mut ours = quinn::EndpointConfig::new(Arc::new(settings.reset.tokens()));
        let reset = settings.reset.clone();
        ours.cid_generator(move || Box::new(reset.connection_ids()));
        let endpoint = Endpoint::new(ours, Some(config), socket, Arc::new(quinn::TokioRuntime))
            .with_context(|| format!("listen on UDP {}", settings.listen))?;

        let tcp = listener.map(|listener| TcpDoor { listener, tls, idle: settings.idle });

        Ok(Self { endpoint, tcp, gate })
    }

    /// The address that it is open on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.endpoint.local_addr().context("ask for our own UDP address")
    }

    /// The address that it is open on for TCP, if it is.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn tcp_address(&self) -> anyhow::Result<Option<SocketAddr>> {
        let tcp = self.tcp.as_ref().map(|tcp| tcp.listener.local_addr());

        tcp.transpose().context("ask for our own TCP address")
    }

    /// Lets people in until told to stop, then closes every connection.
    ///
    /// # Errors
    /// If the endpoint fails.
    pub async fn keep(self, arrivals: mpsc::Sender<Arrival>, stop: CancellationToken) -> anyhow::Result<()> {
        let tcp =
            self.tcp.map(|tcp| tokio::spawn(tcp.keep(self.gate.clone(), arrivals.clone(), stop.clone())));
        loop {
            let incoming = tokio::select! {
                () = stop.cancelled() => break,
                incoming = self.endpoint.accept() => incoming.context("the endpoint closed by itself")?,
            };
            if incoming.may_retry() && !incoming.remote_address_validated() && self.gate.asks_for_proof() {
                // It comes again with the proof, or it was never there; neither costs us memory.
                drop(incoming.retry());
                continue;
            }
            let address = incoming.remote_address().ip();
            let Some((pass, ticket)) = self.gate.knock(address) else {
                incoming.refuse();
                continue;
            };
            let (gate, arrivals) = (self.gate.clone(), arrivals.clone());
            tokio::spawn(async move {
                let turn = match gate.turn(ticket).await {
                    Ok(turn) => turn,
                    Err(Missed::Late) => return incoming.ignore(),
                    Err(Missed::PushedOut) => return incoming.refuse(),
                };
                if let Some(arrival) = gate.shake(address, turn, shake_hands(incoming, pass)).await {
                    // If nobody takes arrivals any more, we are stopping.
                    drop(arrivals.send(arrival).await);
                }
            });
        }
        self.endpoint.close(VarInt::from_u32(0), b"stopping");
        // Peers that do not confirm need not be waited for.
        drop(tokio::time::timeout(Duration::from_secs(2), self.endpoint.wait_idle()).await);

        match tcp {
            Some(tcp) => tcp.await.context("keep the door of TCP")?,
            None => Ok(()),
        }
    }
}

/// The sockets of both doors. If any free port will do, one is looked for that is free on both.
fn sockets(settings: &Settings) -> anyhow::Result<(UdpSocket, Option<TcpListener>)> {
    let udp =
        || UdpSocket::bind(settings.listen).with_context(|| format!("listen on UDP {}", settings.listen));
    let tcp = |at| tcp::listen(at).with_context(|| format!("listen on TCP {at}"));
    match settings.listen_tcp {
        ListenTcp::Off => Ok((udp()?, None)),
        ListenTcp::At(at) => Ok((udp()?, Some(tcp(at)?))),
        ListenTcp::AsUdp => {
            let mut tries = if settings.listen.port() == 0 { tcp::PORT_TRIES } else { 1 };
            loop {
                let socket = udp()?;
                tries -= 1;
                match tcp(socket.local_addr().context("ask for our own UDP address")?) {
                    Ok(listener) => return Ok((socket, Some(listener))),
                    Err(error) if tries == 0 => return Err(error),
                    Err(_) => {}
                }
            }
        }
    }
}

/// A channel for arrivals.
#[must_use]
pub fn arrivals() -> (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>) {
    mpsc::channel(ARRIVALS_MAX)
}

async fn shake_hands(incoming: Incoming, pass: Pass) -> anyhow::Result<Arrival> {
    let connection = incoming.accept()?.await?;
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = data.and_then(|data| data.protocol).unwrap_or_default();

    arrive(connection.into(), &protocol, pass)
}

/// Whom a connection is for, by the protocol that was agreed on.
fn arrive(connection: Connection, protocol: &[u8], pass: Pass) -> anyhow::Result<Arrival> {
    if protocol == ALPN_ENROL {
        return Ok(Arrival::Enrol { connection, pass });
    }
    match connection.peer_certificate() {
        Some(certificate) if protocol == ALPN_LINK => {
            let certificate = Digest::of(&certificate);
            Ok(Arrival::Link { connection, certificate, pass })
        }
        _ => {
            connection.close(close_code(RefusalCode::IdentityRevoked), b"a certificate is needed");
            Err(NoCertificate.into())
        }
    }
}

/// Most connections are idle most of the time, and what we say is small. Datagrams in bundles would cost each connection a
/// buffer of 13 KiB for good, a third of all that it takes; a search for larger datagrams would send some to everybody.
fn transport(idle: Duration) -> anyhow::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .enable_segmentation_offload(false)
        .mtu_discovery_config(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).context("set the idle time")?));

    Ok(transport)
}

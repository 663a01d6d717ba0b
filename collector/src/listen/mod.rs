//! The door: one QUIC endpoint, TLS 1.3 only, handshakes a few at a time, nobody in without a reason.
//!
//! | file | subject |
//! |---|---|
//! | [`tls`] | who we are and whom we believe |
//! | [`gate`] | how many from where |
//! | [`frames`] | frames on a stream, within limits |
//! | [`reset`] | telling agents of a collector that died |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Endpoint, IdleTimeout, Incoming, TransportConfig, VarInt};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use vonggac_carrier::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK, RefusalCode};

use crate::authority::Authority;
use crate::clock;

pub mod frames;
pub mod gate;
pub mod reset;
pub mod tls;

use frames::close_code;
use gate::{Gate, Pass};
use reset::ResetSecret;

/// A handshake that takes longer than this is given up; ours take milliseconds.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Connections whose first packet has come and that wait for a handshake permit; quinn refuses those beyond it.
const INCOMING_MAX: usize = 8_192;

/// Bytes of first packets kept for one, and for all, that wait; a hybrid hello needs two packets.
const INCOMING_BYTES_MAX: u64 = 8 * 1024;
const INCOMING_BYTES_ALL_MAX: u64 = 16 * 1024 * 1024;

/// Arrivals that wait to be taken in; beyond it handshakes wait.
const ARRIVALS_MAX: usize = 64;

/// Streams a peer may open: one to talk on, one for each lane.
const BIDI_STREAMS_MAX: u32 = 1;
const UNI_STREAMS_MAX: u32 = 2;

/// Bytes on the way on one stream, and on a connection: a batch is usually smaller than the first.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes we may have on the way to a peer: acknowledgements are small.
const SEND_WINDOW: u64 = 256 * 1024;

/// What the door needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// UDP address.
    pub listen: SocketAddr,
    /// Handshakes at once.
    pub handshakes_max: usize,
    /// Connections from one network address.
    pub connections_per_address_max: usize,
    /// A connection without any packet for this long is over.
    pub idle: Duration,
    /// What tells agents of a collector that died that their connection is gone.
    pub reset: ResetSecret,
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
    settings: Settings,
}

impl Door {
    /// Opens it.
    ///
    /// # Errors
    /// If the address cannot be used or the authority cannot issue our own certificate.
    pub fn open(authority: &Authority, settings: Settings) -> anyhow::Result<Self> {
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls::server(authority, clock::now())?));
        config
            .transport_config(Arc::new(transport(settings.idle)?))
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BYTES_MAX)
            .incoming_buffer_size_total(INCOMING_BYTES_ALL_MAX);
        let socket = std::net::UdpSocket::bind(settings.listen)
            .with_context(|| format!("listen on UDP {}", settings.listen))?;
        let mut ours = quinn::EndpointConfig::new(Arc::new(settings.reset.tokens()));
        let reset = settings.reset.clone();
        ours.cid_generator(move || Box::new(reset.connection_ids()));
        let endpoint = Endpoint::new(ours, Some(config), socket, Arc::new(quinn::TokioRuntime))
            .with_context(|| format!("listen on UDP {}", settings.listen))?;

        Ok(Self { endpoint, settings })
    }

    /// The address that it is open on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.endpoint.local_addr().context("ask for our own UDP address")
    }

    /// Lets people in until told to stop, then closes every connection.
    ///
    /// # Errors
    /// If the endpoint fails.
    pub async fn keep(self, arrivals: mpsc::Sender<Arrival>, stop: CancellationToken) -> anyhow::Result<()> {
        let permits = Arc::new(Semaphore::new(self.settings.handshakes_max));
        let gate = Gate::new(self.settings.connections_per_address_max);
        loop {
            // The permit first: whoever is not yet accepted waits in quinn's bounded queue at no cost.
            let permit = Arc::clone(&permits).acquire_owned().await.context("wait for a handshake permit")?;
            let incoming = tokio::select! {
                () = stop.cancelled() => break,
                incoming = self.endpoint.accept() => incoming.context("the endpoint closed by itself")?,
            };
            let Some(pass) = gate.enter(incoming.remote_address().ip()) else {
                incoming.refuse();
                continue;
            };
            let arrivals = arrivals.clone();
            tokio::spawn(async move {
                let arrived = tokio::time::timeout(HANDSHAKE_WITHIN, shake_hands(incoming, pass)).await;
                drop(permit);
                match arrived {
                    // If nobody takes arrivals any more, we are stopping.
                    Ok(Ok(arrival)) => drop(arrivals.send(arrival).await),
                    Ok(Err(error)) => debug!(%error, "Handshake failed"),
                    Err(_) => debug!("Handshake timed out"),
                }
            });
        }
        self.endpoint.close(VarInt::from_u32(0), b"stopping");
        // Peers that do not confirm need not be waited for.
        drop(tokio::time::timeout(Duration::from_secs(2), self.endpoint.wait_idle()).await);

        Ok(())
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
            anyhow::bail!("no certificate");
        }
    }
}

fn transport(idle: Duration) -> anyhow::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).context("set the idle time")?));

    Ok(transport)
}

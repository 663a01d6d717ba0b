//! The second door, for networks that let no UDP through: TLS over TCP on the same port number.
//!
//! Whoever has connected waits at little cost until it has said what it wants; only then it stands at the gate, the
//! same as QUIC's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use vonggac_carrier::tcp;

use super::gate::Gate;
use super::{Arrival, arrive};

/// A system that has no more descriptors is asked again after this.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Tries to find one number that is free on UDP and TCP both.
pub(super) const PORT_TRIES: usize = 16;

/// What the door needs to take up connections.
pub(super) struct TcpDoor {
    pub(super) listener: TcpListener,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) idle: Duration,
}

/// Opens the socket.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;

    TcpListener::from_std(listener)
}

impl TcpDoor {
    /// Lets people in until told to stop.
    pub(super) async fn keep(
        self,
        gate: Gate,
        arrivals: mpsc::Sender<Arrival>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                accepted = self.listener.accept() => accepted,
            };
            let (socket, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "A connection over TCP could not be taken");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let guest = gate.let_sit(remote.ip());
            let (gate, arrivals) = (gate.clone(), arrivals.clone());
            let (tls, idle, stop) = (Arc::clone(&self.tls), self.idle, stop.clone());
            tokio::spawn(async move {
                let visit = async {
                    // Whoever leaves this early is closed by being dropped.
                    let knock = gate.hear(guest, tcp::knock(socket, remote)).await?;
                    let (pass, ticket) = gate.knock(remote.ip())?;
                    let turn = gate.turn(ticket).await.ok()?;
                    let until = stop.clone();
                    let handshake = async {
                        let (connection, protocol) = knock.accept(tls, idle).await?;
                        tokio::spawn(connection.closer().close_when(async move { until.cancelled().await }));
                        arrive(connection.into(), &protocol, pass)
                    };
                    gate.shake(remote.ip(), turn, handshake).await
                };
                let arrived = tokio::select! {
                    arrived = visit => arrived,
                    () = stop.cancelled() => None,
                };
                if let Some(arrival) = arrived {
                    // If nobody takes arrivals any more, we are stopping.
                    drop(arrivals.send(arrival).await);
                }
            });
        }
    }
}

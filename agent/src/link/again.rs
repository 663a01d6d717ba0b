//! From TCP back to QUIC: tried from time to time beside the connection that stands.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::debug;
use vonggac_carrier::Connection;

use super::random;
use crate::wire::dial::{DialError, dial_quic};
use crate::wire::tls::Client;

/// Tries QUIC again and again.
#[derive(Debug)]
pub(super) struct Again {
    address: String,
    client: Client,
    every: Duration,
    at: Instant,
    running: Option<JoinHandle<Result<Connection, DialError>>>,
}

impl Again {
    pub(super) fn new(address: &str, client: Client, every: Duration) -> Self {
        Self { address: address.to_owned(), client, every, at: next(every), running: None }
    }

    /// Waits until QUIC stands. What has begun goes on when this is dropped and called again.
    pub(super) async fn stands(&mut self) -> (Connection, Client) {
        loop {
            if self.running.is_none() {
                tokio::time::sleep_until(self.at).await;
            }
            let running = self.running.get_or_insert_with(|| {
                let (address, client) = (self.address.clone(), self.client.clone());
                tokio::spawn(async move { dial_quic(&address, &client).await })
            });
            let tried = running.await;
            self.running = None;
            self.at = next(self.every);
            match tried {
                Ok(Ok(connection)) => return (connection, self.client.clone()),
                Ok(Err(error)) => debug!(%error, "UDP is still blocked"),
                Err(error) => debug!(%error, "UDP could not be tried"),
            }
        }
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

/// A fleet behind one firewall does not come at one moment when it opens.
fn next(every: Duration) -> Instant {
    Instant::now() + every.mul_f64(0.75 + random() / 2.0)
}

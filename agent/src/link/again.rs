//! From TCP back to QUIC: tried from time to time beside the connection that stands, ever more seldom while it fails.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::debug;
use vonggac_carrier::Connection;

use super::random;
use crate::wire::dial::{DialError, dial_quic};
use crate::wire::tls::Client;

/// The longest pause between two tries: one takes 11 kB of a day that should stay under 100 (`measure fallback`).
const SELDOM: Duration = Duration::from_secs(24 * 3600);

/// Tries QUIC again and again.
#[derive(Debug)]
pub(super) struct Again {
    address: String,
    client: Client,
    pause: Duration,
    at: Instant,
    running: Option<JoinHandle<Result<Connection, DialError>>>,
}

impl Again {
    pub(super) fn new(address: &str, client: Client, every: Duration) -> Self {
        Self { address: address.to_owned(), client, pause: every, at: next(every), running: None }
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
            self.pause = longer(self.pause);
            self.at = next(self.pause);
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

/// Twice as long, but no longer than [`SELDOM`], unless the configuration itself asks for more.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(SELDOM.max(pause))
}

/// A fleet behind one firewall does not come at one moment when it opens.
fn next(every: Duration) -> Instant {
    Instant::now() + every.mul_f64(0.75 + random() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_blocked_udp_soon_has_one_try_only() {
        let hour = Duration::from_secs(3600);
        let pauses: Vec<u64> = std::iter::successors(Some(hour), |pause| Some(longer(*pause)))
            .take(7)
            .map(|pause| pause.as_secs() / 3600)
            .collect();

        assert_eq!(pauses, [1, 2, 4, 8, 16, 24, 24]);
        assert_eq!(longer(40 * hour), 40 * hour, "what the configuration asks for stays");
    }
}

//! Who is connected, and the watch that closes those who may not be any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_carrier::Connection;
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::id::HostId;

use crate::listen::frames::close_code;
use crate::session::greet::refusal_of;
use crate::store::{Store, hosts};

/// How soon a revocation by another process closes a connection that says nothing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Connections by host; cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    inside: Arc<Mutex<BTreeMap<HostId, Connection>>>,
}

/// A host's place; given back when dropped.
pub struct Seat {
    registry: Registry,
    host: HostId,
    connection: Connection,
}

impl Registry {
    /// Puts a host's connection in; an older one of the same machine, whose end was not noticed yet, is closed.
    #[must_use]
    pub fn enter(&self, host: HostId, connection: Connection) -> Seat {
        let seat = Seat { registry: self.clone(), host, connection: connection.clone() };
        let before = self.lock().insert(host, connection);
        if let Some(before) = before {
            before.close(0, b"connected anew");
        }

        seat
    }

    /// Closes the connection of a host, if it is connected.
    pub fn close(&self, host: HostId, code: RefusalCode) {
        if let Some(connection) = self.lock().get(&host) {
            connection.close(close_code(code), b"the host may not work any more");
        }
    }

    /// How many are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this host is connected.
    #[must_use]
    pub fn holds(&self, host: HostId) -> bool {
        self.lock().contains_key(&host)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<HostId, Connection>> {
        self.inside.lock().expect("nobody panics while holding this lock")
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.registry.lock();
        if inside.get(&self.host).is_some_and(|connection| connection.is_same(&self.connection)) {
            inside.remove(&self.host);
        }
    }
}

/// Closes the connections of hosts that may not work, whoever decided so, until told to stop.
///
/// # Errors
/// Never; a store that cannot be read is looked at again.
pub async fn watch(store: Store, registry: Registry, stop: CancellationToken) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = look.tick() => {}
        }
        if registry.is_empty() {
            continue;
        }
        match store.read(hosts::barred).await {
            Ok(barred) => {
                failing = false;
                for (host, state) in barred.into_iter().filter(|(host, _)| registry.holds(*host)) {
                    info!(%host, ?state, "Connection of a barred host closed");
                    registry.close(host, refusal_of(state).code);
                }
            }
            Err(error) if !failing => {
                failing = true;
                warn!(error = format!("{error:#}"), "Barred hosts could not be looked up");
            }
            Err(_) => {}
        }
    }
}

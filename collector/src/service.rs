//! What the system's service manager hears from us, and how it asks us to stop.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::debug;

/// Waits until a signal asks us to stop.
///
/// # Errors
/// If the system does not let us wait for signals.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("wait for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }

    Ok(())
}

/// Says that every door is open.
pub fn tell_ready() {
    tell("READY=1");
}

/// Says that we are about to end.
pub fn tell_stopping() {
    tell("STOPPING=1");
}

/// Speaks the protocol of `sd_notify(3)`, if whoever started us listens.
fn tell(what: &str) {
    let Ok(path) = std::env::var("NOTIFY_SOCKET") else { return };
    let told = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    }
    .and_then(|address| UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address));
    if let Err(error) = told {
        debug!(%error, "The service manager could not be told");
    }
}

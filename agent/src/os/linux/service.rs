//! Being asked to stop.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::os::Started;

/// Runs `body`: here a service is a process like any other.
pub fn live(body: impl FnOnce(Started) -> u8 + Send + 'static) -> u8 {
    body(Started::Plainly)
}

/// Returns when the service manager (SIGTERM) or a person at the terminal (SIGINT) asks us to stop.
///
/// # Errors
/// If signals cannot be received; then we must not run, for nobody could stop us in order.
pub async fn stop_requested() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }

    Ok(())
}

/// Tells systemd a state such as `READY=1` (`sd_notify(3)`); does nothing where no manager listens.
///
/// # Errors
/// If a manager listens and cannot be told.
pub fn notify(state: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let name = name.to_string_lossy();
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name.as_ref())?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;

    Ok(())
}

/// Within which time the manager wants to hear `WATCHDOG=1` (`sd_watchdog_enabled(3)`); `None` if it does not.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    let micros: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;

    (micros > 0).then(|| Duration::from_micros(micros))
}

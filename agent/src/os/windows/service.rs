//! Being asked to stop.

use std::io;
use std::time::Duration;

use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};

/// Returns when a person at the console, the closing of the console or the shutdown of the system asks us to stop.
/// The control handler of a Windows service is not wired yet: the program runs as a console program there.
///
/// # Errors
/// If the control handler cannot be set; then we must not run, for nobody could stop us in order.
pub async fn stop_requested() -> io::Result<()> {
    let (mut person, mut close, mut shutdown) = (ctrl_c()?, ctrl_close()?, ctrl_shutdown()?);
    tokio::select! {
        _ = person.recv() => {}
        _ = close.recv() => {}
        _ = shutdown.recv() => {}
    }

    Ok(())
}

/// Does nothing: the agent is not a Windows service so far.
///
/// # Errors
/// Never.
pub fn notify(_state: &str) -> io::Result<()> {
    Ok(())
}

/// No manager watches us.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    None
}

//! Being asked to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

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

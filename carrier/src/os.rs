//! What one system has and another has not; the only file here that asks which it is.

use std::io;

use tokio::net::TcpStream;

/// Bounds what the system holds unsent, so that what is prompt does not wait behind what is bulk. Where the system
/// has no such bound its own buffer stands before it.
///
/// # Errors
/// If the system refuses.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn bound_unsent(socket: &TcpStream, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}

/// This system has no such bound.
///
/// # Errors
/// Never.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn bound_unsent(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}

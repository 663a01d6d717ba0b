//! Syslog: octet counting over TCP (RFC 6587) and TLS (RFC 5425), a datagram over UDP (RFC 5426).
//!
//! The protocol has no answer: the best that can be known is that the receiver's system took every byte, which it shows
//! by ending the connection after we did. Over UDP nothing is known, and the receipt says so.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::outcome::{Failure, Tried};
use super::settings::SyslogOver;
use super::webhook::connect;
use super::{guard, tls};

/// How long the receiver may take to end the connection.
const END_MOST: Duration = Duration::from_secs(3);

/// Where to, of [`super::Settings::Syslog`].
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// What lines travel in.
    pub over: SyslogOver,
    /// Certificates that alone are trusted.
    pub ca: Option<&'a str>,
    /// Whether the operator allows local addresses.
    pub allow_local: bool,
}

/// Sends one line.
///
/// # Errors
/// If the receiver cannot be reached or the line breaks.
pub async fn send(way: &Way<'_>, line: &str) -> Tried {
    let framed = format!("{} {line}", line.len());
    match way.over {
        SyslogOver::Udp => datagram(way, line).await,
        SyslogOver::Tcp => write(connect(way.host, way.port, way.allow_local).await?, &framed).await,
        SyslogOver::Tls => {
            let stream = connect(way.host, way.port, way.allow_local).await?;
            write(tls::over(stream, way.host, way.ca).await?, &framed).await
        }
    }
}

async fn datagram(way: &Way<'_>, line: &str) -> Tried {
    let broken = |error: std::io::Error| Failure::Unreachable(format!("send a datagram: {error}"));
    let all = guard::resolve(way.host, way.port, way.allow_local).await?;
    let to = *all.first().ok_or_else(|| Failure::Unreachable("the server has no address".to_owned()))?;
    let own = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await.map_err(broken)?;
    socket.send_to(line.as_bytes(), to).await.map_err(broken)?;

    Ok(format!("sent to {to} by UDP, which nobody confirms"))
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, framed: &str) -> Tried {
    let broken = |error: std::io::Error| Failure::Unreachable(format!("write the line: {error}"));
    stream.write_all(framed.as_bytes()).await.map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    let mut rest = [0_u8; 256];
    let ended = async {
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many end TLS without a word; what was written had been read by then or the line would have broken.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };

    match tokio::time::timeout(END_MOST, ended).await {
        Ok(Ok(())) => Ok("taken: the receiver ended the connection after the last byte".to_owned()),
        Ok(Err(error)) => Err(broken(error)),
        Err(_) => Ok("written; the receiver kept the connection open".to_owned()),
    }
}

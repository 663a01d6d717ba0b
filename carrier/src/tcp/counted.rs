//! Counts what a socket moves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::Moved;

/// Headers of a segment: IP (RFC 791, RFC 8200) and TCP with timestamps (RFC 9293, RFC 7323).
const IPV4_TCP_HEADERS: u64 = 20 + 32;
const IPV6_TCP_HEADERS: u64 = 40 + 32;

/// Bytes in a segment of an ordinary line.
const SEGMENT_BYTES: u64 = 1_400;

/// What a connection moved. The bytes of TLS are counted; how the system cut them into segments and how often it
/// acknowledged it does not tell, so headers are reckoned: a segment every 1,400 bytes, an acknowledgement a reading.
#[derive(Debug)]
pub(super) struct Count {
    headers: u64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Count {
    pub(super) fn read(&self) -> Moved {
        Moved { sent: self.sent.load(Ordering::Relaxed), received: self.received.load(Ordering::Relaxed) }
    }

    fn note(&self, bytes: usize, there: &AtomicU64, back: &AtomicU64) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes > 0 {
            there.fetch_add(bytes + bytes.div_ceil(SEGMENT_BYTES) * self.headers, Ordering::Relaxed);
            back.fetch_add(self.headers, Ordering::Relaxed);
        }
    }
}

/// A socket that is counted.
#[derive(Debug)]
pub(super) struct Counted {
    socket: TcpStream,
    count: Arc<Count>,
}

impl Counted {
    pub(super) fn new(socket: TcpStream, is_ipv6: bool) -> Self {
        let headers = if is_ipv6 { IPV6_TCP_HEADERS } else { IPV4_TCP_HEADERS };
        // The three packets that begin a connection carry no bytes.
        let begin = AtomicU64::new(2 * headers);
        let count = Arc::new(Count { headers, sent: begin, received: AtomicU64::new(headers) });

        Self { socket, count }
    }

    pub(super) fn count(&self) -> Arc<Count> {
        Arc::clone(&self.count)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(context, buffer);
        let count = &self.count;
        count.note(buffer.filled().len() - before, &count.received, &count.sent);

        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            let count = &self.count;
            count.note(written, &count.sent, &count.received);
        }

        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

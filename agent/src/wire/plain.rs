//! UDP for QUIC where the system refuses the socket options that quinn asks for: some network drivers of Windows,
//! and Wine, which answers them with error 10045. One datagram a call, no marks of congestion; nothing else differs.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, UdpPoller};
use tokio::io::ReadBuf;

/// An endpoint at this address: by quinn's own socket, or by a plain one where that cannot be had.
///
/// # Errors
/// If neither can be made.
pub fn endpoint(server: Option<ServerConfig>, at: SocketAddr) -> io::Result<Endpoint> {
    let runtime = Arc::new(TokioRuntime);
    let refused =
        match Endpoint::new(EndpointConfig::default(), server.clone(), UdpSocket::bind(at)?, runtime) {
            Ok(endpoint) => return Ok(endpoint),
            Err(error) => error,
        };
    tracing::debug!(error = %refused, "QUIC goes over a plain socket");

    plain_endpoint(server, at)
}

/// An endpoint at this address by a plain socket.
///
/// # Errors
/// If it cannot be made.
fn plain_endpoint(server: Option<ServerConfig>, at: SocketAddr) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    let socket = Arc::new(Plain(tokio::net::UdpSocket::from_std(socket)?));

    Endpoint::new_with_abstract_socket(EndpointConfig::default(), server, socket, Arc::new(TokioRuntime))
}

#[derive(Debug)]
struct Plain(tokio::net::UdpSocket);

impl AsyncUdpSocket for Plain {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { socket: self, waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.0.try_send_to(transmit.contents, transmit.destination) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            // A datagram that could not be sent is one that was lost on the way: sent again if it counts. Told to QUIC, one
            // unreachable moment would end the connection.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let mut read = ReadBuf::new(buffer);
        let addr = loop {
            match ready!(self.0.poll_recv_from(context, &mut read)) {
                Ok(addr) => break addr,
                Err(error) if is_of_one_datagram(&error) => read.clear(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        };
        let len = read.filled().len();
        *meta = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };

        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Whether an error tells of one datagram and not of the socket: an earlier one met a closed port (`WSAECONNRESET`) or came
/// too far (`WSAENETRESET`), or one that came is longer than anybody of ours sends (`WSAEMSGSIZE`), which anybody can send.
fn is_of_one_datagram(error: &io::Error) -> bool {
    const NET_RESET: i32 = 10_052;
    const TOO_LONG: i32 = 10_040;

    error.kind() == io::ErrorKind::ConnectionReset
        || matches!(error.raw_os_error(), Some(NET_RESET | TOO_LONG))
}

/// Each task that wants to write waits by itself: the socket remembers one only.
struct Writable {
    socket: Arc<Plain>,
    waiting: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>>,
}

impl std::fmt::Debug for Writable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writable").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket.clone();
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(async move { socket.0.writable().await }));
        let done = ready!(waiting.as_mut().poll(context));
        self.waiting = None;

        Poll::Ready(done)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use vonggac_protocol::hello::{ALPN_LINK, COLLECTOR_NAME};

    use super::*;
    use crate::wire::tests::Authority;
    use crate::wire::tls::{self, Credentials};

    #[test]
    fn an_error_of_one_datagram_is_no_end_of_the_socket() {
        for code in [10_040, 10_052] {
            assert!(is_of_one_datagram(&io::Error::from_raw_os_error(code)), "{code}");
        }
        assert!(is_of_one_datagram(&io::ErrorKind::ConnectionReset.into()));
        assert!(!is_of_one_datagram(&io::ErrorKind::NotConnected.into()));
    }

    #[tokio::test]
    async fn a_datagram_that_cannot_be_sent_is_a_lost_one_and_no_end() {
        let socket = Plain(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
        socket.0.writable().await.unwrap();
        // Longer than any datagram can be.
        let contents = vec![0; 70_000];
        let destination = socket.0.local_addr().unwrap();
        let transmit =
            Transmit { destination, ecn: None, contents: &contents, segment_size: None, src_ip: None };

        assert!(socket.0.try_send_to(&contents, destination).is_err());
        assert!(socket.try_send(&transmit).is_ok());
    }

    #[tokio::test]
    async fn ten_streams_of_a_megabyte_come_whole_over_plain_sockets() {
        const STREAMS: u8 = 10;
        let authority = Authority::new();
        let here = (Ipv4Addr::LOCALHOST, 0).into();
        let collector = plain_endpoint(Some(authority.server_config(tls::provider())), here).unwrap();
        let identity = authority.identity(collector.local_addr().unwrap());
        let own = Some((identity.certificate.clone(), identity.key.clone_key()));
        let credentials = Credentials { trust: identity.trust(), own };
        let client = tls::client_config(&credentials, ALPN_LINK, Duration::from_secs(60)).unwrap();
        let agent = plain_endpoint(None, here).unwrap();
        let to = collector.local_addr().unwrap();
        let connecting = agent.connect_with(client.quic.clone(), to, COLLECTOR_NAME).unwrap();
        let (accepted, connected) =
            tokio::join!(async { collector.accept().await.unwrap().await.unwrap() }, connecting);
        let connected = connected.unwrap();

        for number in 0..STREAMS {
            let mut stream = connected.open_uni().await.unwrap();
            tokio::spawn(async move {
                stream.write_all(&vec![number; 1 << 20]).await.unwrap();
                stream.finish().unwrap();
                stream.stopped().await.unwrap();
            });
        }
        let mut came = Vec::new();
        for _ in 0..STREAMS {
            let bytes = accepted.accept_uni().await.unwrap().read_to_end(2 << 20).await.unwrap();
            assert!(bytes.len() == 1 << 20 && bytes.iter().all(|byte| *byte == bytes[0]));
            came.push(bytes[0]);
        }

        came.sort_unstable();
        assert_eq!(came, (0..STREAMS).collect::<Vec<u8>>());
    }
}

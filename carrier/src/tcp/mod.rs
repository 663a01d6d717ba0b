//! The channels of a connection over TLS 1.3 on TCP, for networks that let no UDP through.
//!
//! | module | subject |
//! |---|---|
//! | [`piece`] | what is on the wire |
//! | [`state`] | the channels without a socket |
//! | [`drive`] | the task between channels and socket |
//! | [`counted`] | bytes that were moved |
//! | [`trial`] | what becomes of foreign bytes, for the fuzzer |

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::rustls::{self, ClientConfig, CommonState, ServerConfig};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, TlsConnector};
use vonggac_protocol::id::Lane;

use crate::closed::{Closed, ReadError};
use crate::connection::Moved;
use crate::os::bound_unsent;

mod counted;
mod drive;
mod piece;
mod state;
pub mod trial;

#[cfg(test)]
mod tests;

use counted::{Count, Counted};
use state::{CHANNELS, Side, State};

/// Unsent bytes that the system takes: what is prompt waits for no more of what is bulk.
const UNSENT_MAX: u32 = 16 * 1024;

const CONTROL: usize = 0;

/// What the handles, the channels and the task of a connection share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The task has something to write, or the end to say.
    writer: Notify,
    /// There is room on a channel.
    room: [Notify; CHANNELS],
    /// Something came on a channel.
    ready: [Notify; CHANNELS],
    ended: watch::Sender<bool>,
    driven: watch::Sender<bool>,
}

impl Shared {
    fn new(side: Side) -> Self {
        Self {
            state: Mutex::new(State::new(side)),
            writer: Notify::new(),
            room: [const { Notify::const_new() }; CHANNELS],
            ready: [const { Notify::const_new() }; CHANNELS],
            ended: watch::Sender::new(false),
            driven: watch::Sender::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: Closed, last: Option<Vec<u8>>) {
        self.lock().close(why, last);
        self.announce();
    }

    /// Wakes everybody who waits for what will not come any more.
    fn announce(&self) {
        self.ended.send_replace(true);
        self.writer.notify_one();
        for waiting in self.room.iter().chain(&self.ready) {
            waiting.notify_one();
        }
    }

    async fn closed(&self) -> Closed {
        // The sender lives as long as we do.
        self.ended.subscribe().wait_for(|ended| *ended).await.ok();

        self.lock().closed().cloned().unwrap_or(Closed::ByUs)
    }
}

/// Ends the connection when the last who holds it lets go.
#[derive(Debug)]
struct Hold(Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.end(Closed::ByUs, Some(piece::close(0, b"")));
    }
}

/// A connection over TCP; cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    hold: Arc<Hold>,
    remote: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
    count: Arc<Count>,
    /// Lanes that the collector has taken up.
    taken: Arc<AtomicUsize>,
}

impl Connection {
    fn begin<S: AsyncRead + AsyncWrite + Send + 'static>(
        stream: S,
        side: Side,
        idle: Duration,
        remote: SocketAddr,
        certificate: Option<CertificateDer<'static>>,
        count: Arc<Count>,
    ) -> Self {
        let shared = Arc::new(Shared::new(side));
        tokio::spawn(drive::drive(stream, Arc::clone(&shared), idle));

        Self { hold: Arc::new(Hold(shared)), remote, certificate, count, taken: Arc::default() }
    }

    fn shared(&self) -> &Shared {
        &self.hold.0
    }

    pub(crate) fn control(&self) -> (SendStream, RecvStream) {
        let (hold, channel) = (Arc::clone(&self.hold), CONTROL);

        (SendStream { hold: Arc::clone(&hold), channel }, RecvStream { hold, channel })
    }

    pub(crate) fn open_lane(&self, lane: Lane) -> SendStream {
        let channel = match lane {
            Lane::Prompt => 1,
            Lane::Bulk => 2,
        };

        SendStream { hold: Arc::clone(&self.hold), channel }
    }

    pub(crate) async fn accept_lane(&self) -> Result<RecvStream, Closed> {
        let channel = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if channel >= CHANNELS {
            return Err(self.closed().await);
        }

        Ok(RecvStream { hold: Arc::clone(&self.hold), channel })
    }

    pub(crate) fn close(&self, code: u32, reason: &[u8]) {
        self.shared().end(Closed::ByUs, Some(piece::close(code, reason)));
    }

    pub(crate) async fn closed(&self) -> Closed {
        self.shared().closed().await
    }

    pub(crate) fn close_reason(&self) -> Option<Closed> {
        self.shared().lock().closed().cloned()
    }

    pub(crate) async fn wait_idle(&self) {
        // The sender lives as long as we do.
        self.shared().driven.subscribe().wait_for(|driven| *driven).await.ok();
    }

    pub(crate) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.certificate.clone()
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(crate) fn moved(&self) -> Moved {
        self.count.read()
    }

    /// What ends it without keeping it.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer { hold: Arc::downgrade(&self.hold), ended: self.shared().ended.subscribe() }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hold, &other.hold)
    }
}

/// Ends a connection without keeping it.
#[derive(Debug)]
pub struct Closer {
    hold: Weak<Hold>,
    ended: watch::Receiver<bool>,
}

impl Closer {
    /// Ends it in order when something happens; ends itself with the connection.
    pub async fn close_when(mut self, happens: impl Future<Output = ()>) {
        tokio::select! {
            () = happens => {}
            _ = self.ended.wait_for(|ended| *ended) => return,
        }
        if let Some(hold) = self.hold.upgrade() {
            hold.0.end(Closed::ByUs, Some(piece::close(0, b"stopping")));
        }
    }
}

/// Where to write.
#[derive(Debug)]
pub struct SendStream {
    hold: Arc<Hold>,
    channel: usize,
}

impl SendStream {
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Closed> {
        let shared = &self.hold.0;
        loop {
            let written = shared.lock().write(self.channel, bytes)?;
            bytes = bytes.get(written..).unwrap_or_default();
            if written > 0 {
                shared.writer.notify_one();
            }
            if bytes.is_empty() {
                return Ok(());
            }
            shared.room[self.channel].notified().await;
        }
    }

    pub(crate) fn finish(&mut self) {
        self.hold.0.lock().finish(self.channel);
        self.hold.0.writer.notify_one();
    }

    pub(crate) async fn finished(&mut self) -> Result<(), Closed> {
        let shared = &self.hold.0;
        loop {
            {
                let state = shared.lock();
                if state.is_written(self.channel) {
                    return Ok(());
                }
                if let Some(closed) = state.closed() {
                    return Err(closed.clone());
                }
            }
            shared.room[self.channel].notified().await;
        }
    }
}

/// Where to read.
#[derive(Debug)]
pub struct RecvStream {
    hold: Arc<Hold>,
    channel: usize,
}

impl RecvStream {
    pub(crate) async fn read_some(&mut self, most: usize, into: &mut Vec<u8>) -> Result<usize, Closed> {
        let shared = &self.hold.0;
        loop {
            if let Some(read) = shared.lock().read(self.channel, most, into)? {
                // The peer may be allowed more.
                shared.writer.notify_one();
                return Ok(read);
            }
            shared.ready[self.channel].notified().await;
        }
    }

    pub(crate) async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ReadError> {
        let mut bytes = Vec::with_capacity(buffer.len());
        while bytes.len() < buffer.len() {
            let want = buffer.len() - bytes.len();
            if self.read_some(want, &mut bytes).await? == 0 {
                return Err(ReadError::Ended(bytes.len()));
            }
        }
        buffer.copy_from_slice(&bytes);

        Ok(())
    }
}

/// Takes up a connection to a collector.
///
/// # Errors
/// If there is no TCP connection, or TLS was refused: then the inner error is one of rustls.
pub async fn connect(
    to: SocketAddr,
    config: Arc<ClientConfig>,
    name: &'static str,
    idle: Duration,
) -> io::Result<Connection> {
    let socket = TcpStream::connect(to).await?;
    prepare(&socket)?;
    let counted = Counted::new(socket, to.is_ipv6());
    let count = counted.count();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let wanted = config.alpn_protocols.first().cloned();
    let stream = TlsConnector::from(config).connect(name, counted).await?;
    let common: &CommonState = stream.get_ref().1;
    if common.alpn_protocol().map(<[u8]>::to_vec) != wanted {
        return Err(io::Error::other("the peer speaks another protocol"));
    }
    let certificate = first(common);

    Ok(Connection::begin(stream, Side::Agent, idle, to, certificate, count))
}

/// A connection whose agent has said what it wants, before anything costly was done for it.
pub struct Knock {
    start: StartHandshake<Counted>,
    remote: SocketAddr,
    count: Arc<Count>,
}

/// Waits for an agent's first words.
///
/// # Errors
/// If they are not of TLS, or the connection ends.
pub async fn knock(socket: TcpStream, remote: SocketAddr) -> io::Result<Knock> {
    prepare(&socket)?;
    let counted = Counted::new(socket, remote.is_ipv6());
    let count = counted.count();
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), counted).await?;

    Ok(Knock { start, remote, count })
}

impl Knock {
    /// Takes it up; gives the protocol that was agreed on too.
    ///
    /// # Errors
    /// If TLS fails.
    pub async fn accept(
        self,
        config: Arc<ServerConfig>,
        idle: Duration,
    ) -> io::Result<(Connection, Vec<u8>)> {
        let stream = self.start.into_stream(config).await?;
        let common: &CommonState = stream.get_ref().1;
        let protocol = common.alpn_protocol().map(<[u8]>::to_vec).unwrap_or_default();
        let certificate = first(common);
        let connection =
            Connection::begin(stream, Side::Collector, idle, self.remote, certificate, self.count);

        Ok((connection, protocol))
    }
}

fn first(common: &CommonState) -> Option<CertificateDer<'static>> {
    common.peer_certificates().and_then(|chain| chain.first()).map(|own| own.clone().into_owned())
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;

    bound_unsent(socket, UNSENT_MAX)
}

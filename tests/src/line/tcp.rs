//! Connections to one server, through a forwarder that can go silent or shut.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;

/// What the forwarder does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Carries bytes both ways.
    Carries,
    /// Carries nothing and says nothing: connections stay, new ones begin, no byte comes through until it carries again.
    Swallows,
    /// Ends every connection, and each new one as it comes.
    Refuses,
    /// Has ended.
    Ended,
}

struct Shared {
    mood: Mutex<Mood>,
    changed: Condvar,
    /// Both ends of every connection that was accepted, to end them by.
    streams: Mutex<Vec<TcpStream>>,
    up: AtomicU64,
    down: AtomicU64,
}

impl Shared {
    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until bytes may go on; false if they never will.
    fn may_carry(&self) -> bool {
        let waiting = self.changed.wait_while(self.mood(), |mood| *mood == Mood::Swallows);

        *waiting.unwrap_or_else(PoisonError::into_inner) == Mood::Carries
    }

    fn end_all(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that has ended needs no end.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// The forwarder; ends with its connections when dropped.
pub struct Forwarder {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// One that carries to the server at this address.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn to(server: SocketAddr) -> anyhow::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), server)
    }

    /// The same on a port of our choice, such as that of a line for UDP.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn at(address: SocketAddr, server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).context("listen for connections")?;
        let address = listener.local_addr().context("ask for our own address")?;
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Carries),
            changed: Condvar::new(),
            streams: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        });
        let listening = std::thread::Builder::new().name("forwarder".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || listen(&listener, server, &shared)
        })?;

        Ok(Self { address, shared, listening: Some(listening) })
    }

    /// Where clients find the server now.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does.
    pub fn set(&self, mood: Mood) {
        *self.shared.mood() = mood;
        self.shared.changed.notify_all();
        if matches!(mood, Mood::Refuses | Mood::Ended) {
            self.shared.end_all();
        }
    }

    /// Bytes carried to the server, and from it.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.shared.up.load(Ordering::Relaxed), self.shared.down.load(Ordering::Relaxed))
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.set(Mood::Ended);
        // One more client, so that the listener looks up.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

fn listen(listener: &TcpListener, server: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mood = *shared.mood();
        match mood {
            Mood::Ended => break,
            Mood::Refuses => continue,
            Mood::Carries | Mood::Swallows => {}
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // A connection that gets no thread ends at once.
        drop(std::thread::Builder::new().spawn(move || serve(client, server, &shared)));
    }
    shared.end_all();
}

/// Carries one connection. Half a close is carried over as half a close.
fn serve(client: TcpStream, server: SocketAddr, shared: &Arc<Shared>) {
    if !shared.may_carry() {
        return;
    }
    let Ok(upstream) = TcpStream::connect(server) else { return };
    let copies = (client.try_clone(), upstream.try_clone(), client.try_clone(), upstream.try_clone());
    let (Ok(client_reader), Ok(upstream_writer), Ok(one), Ok(other)) = copies else { return };
    shared.streams.lock().unwrap_or_else(PoisonError::into_inner).extend([one, other]);
    let (here, there) = (Arc::clone(shared), Arc::clone(shared));
    let up = std::thread::Builder::new().spawn(move || copy(client_reader, upstream_writer, &here, &here.up));
    copy(upstream, client, &there, &there.down);
    if let Ok(up) = up {
        drop(up.join());
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Shared, count: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    while shared.may_carry() {
        let Ok(length @ 1..) = from.read(&mut buffer) else { break };
        // What was read while it went silent waits with the rest.
        if !shared.may_carry() {
            break;
        }
        // Counted first: who has received a byte finds it counted.
        count.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        if to.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

//! Datagrams between clients and one server, each way with its own faults. One thread carries everything: a heap of
//! datagrams under way, and a wait for the next one that is due or arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::fuzz::mutation::Numbers;
use crate::programs::instant;

/// Bytes of IPv4 and UDP headers of a datagram, which a metered line counts too.
pub const HEADER_BYTES: u64 = 20 + 8;

/// Clients with a port of their own; the one longest quiet makes room for the next.
const CLIENTS_MAX: usize = 64;

/// The largest UDP datagram.
const DATAGRAM_MAX: usize = 65_535;

/// What one direction does to datagrams. The default does nothing to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    /// Of a thousand, so many are lost. They have used the line: loss happens behind the modem.
    pub loss_permille: u32,
    /// Of a thousand, so many arrive twice.
    pub doubled_permille: u32,
    /// Of a thousand, so many are held back by [`Way::held_back`], so that later ones overtake them.
    pub reordered_permille: u32,
    /// How long a datagram that is reordered is held back.
    pub held_back: Duration,
    /// Of a thousand, so many have one bit turned.
    pub corrupted_permille: u32,
    /// From leaving the modem to arriving.
    pub delay: Duration,
    /// Bytes a second, headers counted; a datagram takes its length's time.
    pub bytes_per_sec: Option<u64>,
    /// Bytes that wait for the modem at most; a datagram that does not fit is lost. Only with a rate.
    pub queue_bytes: u64,
    /// Nothing gets through, and what is under way is lost.
    pub cut: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            loss_permille: 0,
            doubled_permille: 0,
            reordered_permille: 0,
            held_back: Duration::from_millis(30),
            corrupted_permille: 0,
            delay: Duration::ZERO,
            bytes_per_sec: None,
            queue_bytes: 64 * 1024,
            cut: false,
        }
    }
}

/// What one direction has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Datagrams put on the line.
    pub offered: u64,
    /// Their payload's bytes.
    pub offered_bytes: u64,
    /// Datagrams that arrived, doubles counted.
    pub arrived: u64,
    /// Their payload's bytes.
    pub arrived_bytes: u64,
    /// Lost by chance or by a cut.
    pub lost: u64,
    /// Lost because the queue was full.
    pub overflowed: u64,
    /// Sent twice.
    pub doubled: u64,
    /// Held back.
    pub reordered: u64,
    /// With one bit turned.
    pub corrupted: u64,
}

impl Count {
    /// Bytes put on the line, IPv4 and UDP headers included.
    #[must_use]
    pub fn offered_with_headers(&self) -> u64 {
        self.offered_bytes + self.offered * HEADER_BYTES
    }

    /// Bytes that arrived, IPv4 and UDP headers included.
    #[must_use]
    pub fn arrived_with_headers(&self) -> u64 {
        self.arrived_bytes + self.arrived * HEADER_BYTES
    }
}

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Direction {
    Up,
    Down,
}

/// What both threads share.
struct Shared {
    ways: Mutex<[Way; 2]>,
    counts: Mutex<[Count; 2]>,
    rebind: AtomicBool,
    ended: AtomicBool,
}

/// The line; ends when dropped.
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
    bell: UdpSocket,
    carrier: Option<JoinHandle<()>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// A line without faults to the server at this port of this machine. `seed` decides which datagrams faults meet.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn to(server: SocketAddr, seed: u64) -> anyhow::Result<Self> {
        let front = socket().context("listen for clients")?;
        let address = front.local_addr().context("ask for our own address")?;
        let ears = socket()?;
        let bell = socket()?;
        bell.connect(ears.local_addr()?)?;
        let shared = Arc::new(Shared {
            ways: Mutex::default(),
            counts: Mutex::default(),
            rebind: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let carrier = Carrier {
            server,
            front,
            ears,
            clients: Vec::new(),
            under_way: BinaryHeap::new(),
            serial: 0,
            free_at: [instant(); 2],
            numbers: Numbers::new(seed),
            shared: Arc::clone(&shared),
        };
        let carrier = std::thread::Builder::new().name("line".to_owned()).spawn(move || carrier.carry())?;

        Ok(Self { address, shared, bell, carrier: Some(carrier) })
    }

    /// Where clients find the server now.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Both directions become this from now on; what is under way keeps its time.
    pub fn set(&self, way: Way) {
        self.set_each(way, way);
    }

    /// The direction to the server, and the one from it.
    pub fn set_each(&self, up: Way, down: Way) {
        *locked(&self.shared.ways) = [up, down];
    }

    /// Cuts both directions, or restores them.
    pub fn cut(&self, cut: bool) {
        for way in locked(&self.shared.ways).iter_mut() {
            way.cut = cut;
        }
    }

    /// As an address translation does that has forgotten its table: every client comes from a new port from now on,
    /// and nobody is behind the old ones.
    pub fn rebind(&self) {
        self.shared.rebind.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// What went to the server, and what came from it.
    #[must_use]
    pub fn counts(&self) -> (Count, Count) {
        let [up, down] = *locked(&self.shared.counts);

        (up, down)
    }

    fn ring(&self) {
        // A bell that is full has been rung.
        drop(self.bell.send(&[1]));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.ring();
        if let Some(carrier) = self.carrier.take() {
            // A panic of the thread has been told on stderr.
            drop(carrier.join());
        }
    }
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;

    Ok(socket)
}

/// A datagram that arrives at a moment. Ordered by it, and by when it was put on the line.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    due: Instant,
    serial: u64,
    direction: Direction,
    client: SocketAddr,
    bytes: Vec<u8>,
}

/// A client and the port that the server knows it by.
struct Client {
    address: SocketAddr,
    outer: UdpSocket,
    heard: Instant,
}

/// What the thread owns.
struct Carrier {
    server: SocketAddr,
    front: UdpSocket,
    ears: UdpSocket,
    clients: Vec<Client>,
    under_way: BinaryHeap<Reverse<Datagram>>,
    serial: u64,
    /// When the modem of each direction has sent what waits.
    free_at: [Instant; 2],
    numbers: Numbers,
    shared: Arc<Shared>,
}

impl Carrier {
    fn carry(mut self) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        while !self.shared.ended.load(Ordering::SeqCst) {
            if self.shared.rebind.swap(false, Ordering::SeqCst) {
                for client in &mut self.clients {
                    // Without a new socket the old one stays, and the test sees no new port.
                    if let Ok(outer) = socket() {
                        client.outer = outer;
                    }
                }
            }
            self.receive_up(&mut buffer);
            self.receive_down(&mut buffer);
            self.deliver();
            self.wait();
        }
    }

    fn receive_up(&mut self, buffer: &mut [u8]) {
        while let Ok((length, from)) = self.front.recv_from(buffer) {
            let now = instant();
            match self.clients.iter_mut().find(|client| client.address == from) {
                Some(client) => client.heard = now,
                None => self.admit(from, now),
            }
            self.put(Direction::Up, from, buffer.get(..length).unwrap_or_default(), now);
        }
    }

    fn admit(&mut self, address: SocketAddr, now: Instant) {
        if self.clients.len() >= CLIENTS_MAX {
            let quietest = self.clients.iter().enumerate().min_by_key(|(_, client)| client.heard);
            if let Some((at, _)) = quietest {
                self.clients.swap_remove(at);
            }
        }
        if let Ok(outer) = socket() {
            self.clients.push(Client { address, outer, heard: now });
        }
    }

    fn receive_down(&mut self, buffer: &mut [u8]) {
        for at in 0..self.clients.len() {
            while let Some(client) = self.clients.get(at) {
                let (address, received) = (client.address, client.outer.recv_from(buffer));
                let Ok((length, from)) = received else { break };
                if from == self.server {
                    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                    self.put(Direction::Down, address, &bytes, instant());
                }
            }
        }
    }

    /// Puts a datagram on the line: it is counted, and meets its faults.
    fn put(&mut self, direction: Direction, client: SocketAddr, bytes: &[u8], now: Instant) {
        let shared = Arc::clone(&self.shared);
        let mut counts = locked(&shared.counts);
        let (way, count) = match direction {
            Direction::Up => (locked(&shared.ways)[0], &mut counts[0]),
            Direction::Down => (locked(&shared.ways)[1], &mut counts[1]),
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        count.offered += 1;
        count.offered_bytes += length;
        if way.cut {
            count.lost += 1;
            return;
        }
        let Some(sent_at) = self.through_modem(direction, &way, length + HEADER_BYTES, now) else {
            count.overflowed += 1;
            return;
        };
        if self.chance(way.loss_permille) {
            count.lost += 1;
            return;
        }
        let mut bytes = bytes.to_vec();
        let mut due = sent_at + way.delay;
        if self.chance(way.corrupted_permille) {
            count.corrupted += 1;
            let at = self.numbers.below(bytes.len());
            let bit = 1 << self.numbers.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        if self.chance(way.doubled_permille) {
            count.doubled += 1;
            self.push(due, direction, client, bytes.clone());
        }
        if self.chance(way.reordered_permille) {
            count.reordered += 1;
            due += way.held_back;
        }
        self.push(due, direction, client, bytes);
    }

    /// When the modem has sent it; `None` if its queue is full.
    fn through_modem(
        &mut self,
        direction: Direction,
        way: &Way,
        length: u64,
        now: Instant,
    ) -> Option<Instant> {
        let Some(rate) = way.bytes_per_sec else { return Some(now) };
        let free_at = match direction {
            Direction::Up => &mut self.free_at[0],
            Direction::Down => &mut self.free_at[1],
        };
        let start = (*free_at).max(now);
        let takes = |bytes: u64| Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1));
        if start - now > takes(way.queue_bytes) {
            return None;
        }
        *free_at = start + takes(length);

        Some(*free_at)
    }

    fn chance(&mut self, permille: u32) -> bool {
        // A number is drawn in any case, so that one fault does not move where another strikes.
        let drawn = self.numbers.below(1000);

        u32::try_from(drawn).is_ok_and(|drawn| drawn < permille)
    }

    fn push(&mut self, due: Instant, direction: Direction, client: SocketAddr, bytes: Vec<u8>) {
        self.serial += 1;
        self.under_way.push(Reverse(Datagram { due, serial: self.serial, direction, client, bytes }));
    }

    fn deliver(&mut self) {
        let now = instant();
        while self.under_way.peek().is_some_and(|next| next.0.due <= now) {
            let Some(Reverse(datagram)) = self.under_way.pop() else { break };
            let Some(client) = self.clients.iter().find(|client| client.address == datagram.client) else {
                continue;
            };
            let at = usize::from(datagram.direction == Direction::Down);
            let cut = locked(&self.shared.ways).get(at).is_some_and(|way| way.cut);
            // Locked while sending: who has received it finds it counted.
            let mut counts = locked(&self.shared.counts);
            let Some(count) = counts.get_mut(at) else { continue };
            let sent = !cut
                && match datagram.direction {
                    Direction::Up => client.outer.send_to(&datagram.bytes, self.server).is_ok(),
                    Direction::Down => self.front.send_to(&datagram.bytes, client.address).is_ok(),
                };
            if sent {
                count.arrived += 1;
                count.arrived_bytes += u64::try_from(datagram.bytes.len()).unwrap_or(u64::MAX);
            } else {
                count.lost += 1;
            }
        }
    }

    /// Until a datagram comes, one is due, or the bell rings.
    fn wait(&self) {
        let until = self.under_way.peek().map(|next| next.0.due.saturating_duration_since(instant()));
        let timeout = until.and_then(|until| Timespec::try_from(until).ok());
        let mut waits: Vec<PollFd<'_>> = [&self.front, &self.ears]
            .into_iter()
            .chain(self.clients.iter().map(|client| &client.outer))
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        // An interrupted wait is only a short one.
        let _ready = poll(&mut waits, timeout.as_ref()).unwrap_or(0);
        let mut ring = [0; 8];
        while self.ears.recv(&mut ring).is_ok() {}
    }
}

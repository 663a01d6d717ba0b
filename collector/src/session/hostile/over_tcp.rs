//! The same over TCP: those who dribble, those who do not read, those who freeze. Each is cut off within the time that it
//! is given, and an agent from another address comes in and works meanwhile.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use vonggac_carrier::{Closed, Connection, RecvStream, SendStream, tcp};

use super::*;
use crate::listen::frames;

/// What a busy machine may take beyond a deadline.
const SLACK: Duration = Duration::from_secs(20);

/// Between two bytes of one who dribbles.
const DRIBBLE: Duration = Duration::from_millis(100);

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(600);

impl World {
    async fn over_tcp(&self, number: u8, to: SocketAddr) -> Connection {
        let tls = Arc::new(self.tls(number));

        timeout(WITHIN, tcp::connect(to, tls, COLLECTOR_NAME, NEVER)).await.unwrap().unwrap().into()
    }

    async fn welcomed_over_tcp(&self, number: u8, to: SocketAddr) -> (Connection, SendStream, RecvStream) {
        let connection = self.over_tcp(number, to).await;
        let (mut send, mut receive) = connection.open_control().await.unwrap();
        frames::write(&mut send, &Frame::Hello(hello(number))).await.unwrap();
        let answer = timeout(WITHIN, frames::read(&mut receive, 1 << 20)).await.unwrap().unwrap();
        assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");

        (connection, send, receive)
    }

    /// An agent from the first address comes in and what it sends is kept.
    async fn honest_works(&self) {
        let (connection, _send, mut answers) = self.welcomed_over_tcp(0, self.link).await;
        let mut lane = connection.open_lane(Lane::Prompt).await.unwrap();
        frames::write(&mut lane, &Frame::Batch(batch_of(&[observation("honest")]))).await.unwrap();
        let ack = timeout(WITHIN, frames::read(&mut answers, 1 << 20)).await.unwrap().unwrap();
        assert!(matches!(&ack, Frame::Ack(ack) if ack.kept == Seq(1)), "{ack:?}");
        connection.close(0, b"");
    }

    /// A host's first TLS message.
    fn first_words(&self) -> Vec<u8> {
        let name = COLLECTOR_NAME.try_into().unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(self.tls(1)), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();

        bytes
    }
}

/// A connection from 127.0.0.`place`.
async fn from(place: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, place), 0).into()).unwrap();

    socket.connect(to).await.unwrap()
}

/// Reads until the other side ends it.
async fn cut_off(mut socket: TcpStream) {
    let mut bytes = [0; 4_096];
    while matches!(socket.read(&mut bytes).await, Ok(1..)) {}
}

/// A byte at a time, until the other side ends it.
async fn dribble(socket: TcpStream, bytes: Vec<u8>) {
    let (reading, mut writing) = socket.into_split();
    let mut pace = tokio::time::interval(DRIBBLE);
    let writes = async {
        for byte in bytes {
            pace.tick().await;
            if writing.write_all(&[byte]).await.is_err() {
                return;
            }
        }
        std::future::pending().await
    };
    let mut reading = reading;
    let mut answer = [0; 64];
    let ends = async { while matches!(reading.read(&mut answer).await, Ok(1..)) {} };
    tokio::select! {
        () = writes => {}
        () = ends => {}
    }
}

/// A peer behind this address is frozen when told to: nothing of it goes on, though its system keeps the connection.
/// The task ends when the collector has ended it.
async fn freezing(to: SocketAddr) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, freeze) = (listener.local_addr().unwrap(), CancellationToken::new());
    let frozen = freeze.clone();
    let relay = tokio::spawn(async move {
        let (mut agent, _) = listener.accept().await.unwrap();
        let mut collector = from(3, to).await;
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut agent, &mut collector) => panic!("it ended before it froze"),
            () = frozen.cancelled() => {}
        }
        cut_off(collector).await;
        drop(agent);
    });

    (at, freeze, relay)
}

async fn code_of(connection: &Connection) -> Option<u64> {
    match timeout(WITHIN, connection.closed()).await.ok()? {
        Closed::ByPeer { code, .. } => Some(code),
        Closed::ByUs | Closed::Silent | Closed::Reset | Closed::Failed(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_connect_and_say_nothing_keep_nobody_out_who_does() {
    let world = world_with(|config| {
        (config.limits.unspoken_max, config.limits.unspoken_per_address_max) = (8, 4);
        config.limits.patience.first_words = NEVER;
    })
    .await;
    let mut sitting = JoinSet::new();
    for place in [2, 3, 4].repeat(4) {
        sitting.spawn(cut_off(from(place, world.link).await));
    }

    world.honest_works().await;

    // Twelve came to eight places, and one more had to leave for the honest one.
    for _ in 0..5 {
        timeout(WITHIN, sitting.join_next()).await.expect("five make room");
    }
    assert!(sitting.try_join_next().is_none(), "and no more than that");
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_dribbles_its_first_words_has_no_more_time_for_them_than_others() {
    let patience = Duration::from_secs(2);
    let world = world_with(|config| config.limits.patience.first_words = patience).await;
    let words = world.first_words();
    let whole = DRIBBLE * u32::try_from(words.len()).unwrap();
    assert!(whole > patience + SLACK, "it would have dribbled them all");

    let start = Instant::now();
    let dribbling = tokio::spawn(dribble(from(2, world.link).await, words));
    world.honest_works().await;
    timeout(WITHIN, dribbling).await.unwrap().unwrap();

    let took = start.elapsed();
    assert!((patience..patience + SLACK).contains(&took), "{took:?}");
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_freezes_in_the_handshake_is_cut_off() {
    let patience = Duration::from_secs(2);
    let world = world_with(|config| config.limits.patience.handshake = patience).await;
    let mut socket = from(2, world.link).await;

    let start = Instant::now();
    socket.write_all(&world.first_words()).await.unwrap();
    let frozen = tokio::spawn(cut_off(socket));
    world.honest_works().await;
    timeout(WITHIN, frozen).await.unwrap().unwrap();

    let took = start.elapsed();
    assert!((patience..patience + SLACK).contains(&took), "{took:?}");
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_says_no_hello_or_dribbles_a_frame_is_cut_off_with_a_reason_and_counted() {
    let world = world().await;
    let silent = world.over_tcp(1, world.link).await;
    let (dribbling, _send, _answers) = world.welcomed_over_tcp(2, world.link).await;
    let mut lane = dribbling.open_lane(Lane::Prompt).await.unwrap();

    lane.write_all(&10_000_u32.to_be_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(DRIBBLE);
    let writing = async {
        while lane.write_all(&[0]).await.is_ok() {
            pace.tick().await;
        }
    };
    let (written, ()) = tokio::join!(timeout(WITHIN, writing), world.honest_works());

    written.expect("it is cut off long before the frame is whole");
    for (number, connection) in [(1, silent), (2, dribbling)] {
        assert_eq!(code_of(&connection).await, Some(u64::from(LIMIT_BROKEN)), "{number}");
        assert_eq!(world.misbehaved(number).await, 1, "{number}");
    }
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_reads_its_answers_is_cut_off() {
    let world = world().await;
    let (connection, _send, _unread) = world.welcomed_over_tcp(1, world.link).await;
    let mut lane = connection.open_lane(Lane::Prompt).await.unwrap();

    // The same batch again and again: each is answered, and no answer is read.
    let bytes = Frame::Batch(batch_of(&[observation("again")])).encode().repeat(100);
    let writing = async { while lane.write_all(&bytes).await.is_ok() {} };
    let (written, ()) = tokio::join!(timeout(WITHIN * 3, writing), world.honest_works());

    written.expect("nobody writes for ever who does not read");
    assert_eq!(code_of(&connection).await, Some(u64::from(LIMIT_BROKEN)));
    assert_eq!(world.misbehaved(1).await, 1);
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_freezes_while_connected_is_let_go_when_it_was_silent_for_too_long() {
    // Four promises without a word, and three seconds for the end.
    let promised = 1;
    let world = world_with(|config| config.promised_secs = promised).await;
    let (at, freeze, relay) = freezing(world.link).await;
    let (_connection, _send, _answers) = world.welcomed_over_tcp(1, at).await;

    freeze.cancel();
    let start = Instant::now();
    world.honest_works().await;
    timeout(WITHIN, relay).await.unwrap().unwrap();

    let took = start.elapsed();
    assert!(took < Duration::from_secs(4 * promised + 3) + SLACK, "{took:?}");
    world.stopped().await;
}

//! Clients made by hand that break one limit each, against the real listener, with an honest one beside them; over QUIC
//! here, over TCP in [`over_tcp`]; in [`slow`] one that breaks none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use minicbor::bytes::ByteVec;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::{Batch, Frame, Heartbeat};
use vonggac_protocol::hello::{ALPN_LINK, COLLECTOR_NAME, Hello, RefusalCode, WIRE_VERSION};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, Seq};
use vonggac_protocol::limits::{
    BATCH_OBSERVATIONS_MAX, BATCH_RAW_BYTES_MAX, OBSERVATION_BYTES_MAX, PATH_BYTES_MAX,
};
use vonggac_protocol::observation::{AgentHeard, AgentStopped, Kind, Observation};
use vonggac_protocol::time::Timestamp;

use crate::authority::Authority;
use crate::config::Config;
use crate::store::agencies::{self, Level};
use crate::store::hosts::HostState;
use crate::store::{Store, certificates, hosts};
use crate::{cli, clock, run};

mod over_tcp;
mod slow;

const WITHIN: Duration = Duration::from_secs(60);

/// Hosts of a world; the first is honest.
const HOSTS: u8 = 24;

const LIMIT_BROKEN: u32 = 0x103;
const MALFORMED: u32 = 0x104;

struct World {
    _folder: tempfile::TempDir,
    store: Store,
    database: std::path::PathBuf,
    link: SocketAddr,
    identities: Vec<(CertificateDer<'static>, Vec<u8>)>,
    root: CertificateDer<'static>,
    stop: CancellationToken,
    life: tokio::task::JoinHandle<anyhow::Result<()>>,
}

fn host(number: u8) -> HostId {
    HostId([number + 1; 16])
}

async fn world() -> World {
    world_with(|_| {}).await
}

async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::with_defaults();
    config.data_dir = folder.path().join("data");
    config.link.listen = "127.0.0.1:0".parse().unwrap();
    config.console.listen = "127.0.0.1:0".parse().unwrap();
    let patience = &mut config.limits.patience;
    (patience.hello, patience.frame, patience.reading) =
        (Duration::from_secs(3), Duration::from_secs(3), Duration::from_secs(3));
    change(&mut config);
    cli::initialise(&config, "quan-tri").await.unwrap();
    let authority = Authority::load(&config.authority_dir()).unwrap();
    let agency = AgencyId::new("so-tttt").unwrap();
    let mut identities = Vec::new();
    let mut issued = Vec::new();
    for number in 0..HOSTS {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let life = Duration::from_secs(3_600);
        let one = authority.issue(request.der(), host(number), &agency, life, clock::now()).unwrap();
        identities.push((CertificateDer::from(one.certificate.clone()), key.serialize_der()));
        issued.push(one);
    }
    let database = config.database_path();
    let store = Store::open(&database).unwrap();
    store
        .write(move |tx| {
            let now = clock::now();
            agencies::add(tx, &agency, "Sở", Level::Department, now)?;
            for (number, issued) in (0..HOSTS).zip(&issued) {
                hosts::add(tx, host(number), &agency, "may", HostState::Active, 180, now)?;
                certificates::add(tx, issued, host(number))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let life =
        tokio::spawn(run::serve(config, stop.clone(), move |running| tell.send(running.link).unwrap()));
    let link = told.await.unwrap();
    let root = authority.root().clone();

    World { _folder: folder, store, database, link, identities, root, stop, life }
}

impl World {
    /// What a host's TLS is made of.
    fn tls(&self, number: u8) -> rustls::ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (certificate, key) = self.identities[usize::from(number)].clone();
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        config.alpn_protocols = vec![ALPN_LINK.to_vec()];

        config
    }

    async fn connect(&self, number: u8) -> Connection {
        let tls = QuicClientConfig::try_from(self.tls(number)).unwrap();
        let mut config = ClientConfig::new(Arc::new(tls));
        let mut transport = TransportConfig::default();
        // So little that one who does not read is noticed.
        transport.stream_receive_window(VarInt::from_u32(1_024));
        config.transport_config(Arc::new(transport));
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        endpoint.set_default_client_config(config);

        endpoint.connect(self.link, COLLECTOR_NAME).unwrap().await.unwrap()
    }

    async fn welcomed(&self, number: u8) -> (Connection, SendStream, RecvStream) {
        let connection = self.connect(number).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&Frame::Hello(hello(number)).encode()).await.unwrap();
        let answer = read(&mut receive).await.unwrap();
        assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");

        (connection, send, receive)
    }

    /// Counted observations about a host, as soon as there is one.
    async fn misbehaved(&self, number: u8) -> i64 {
        let query = "SELECT count(*) FROM observation WHERE kind = 'host_misbehaved' AND host = ?1";
        let look = async {
            loop {
                let found: i64 = self
                    .store
                    .read(move |db| Ok(db.query_row(query, [host(number).0], |row| row.get(0))?))
                    .await
                    .unwrap();
                if found > 0 {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };

        tokio::time::timeout(WITHIN, look).await.unwrap_or(0)
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.life.await.unwrap().unwrap();
    }
}

fn hello(number: u8) -> Hello {
    Hello {
        wire: WIRE_VERSION,
        version: "0".to_owned(),
        fingerprint: Digest::of(&[number]),
        epoch: Epoch(3),
        lanes: Vec::new(),
        now: clock::now(),
        assignment: 0,
        trusts: None,
        tell_outer: None,
        platform: None,
        machine: None,
    }
}

async fn read(stream: &mut RecvStream) -> anyhow::Result<Frame> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let mut body = vec![0; Frame::length(prefix)?];
    stream.read_exact(&mut body).await?;

    Ok(Frame::decode(&body)?)
}

fn observation(reason: &str) -> Vec<u8> {
    let kind = Kind::AgentStopped(AgentStopped { reason: reason.to_owned() });

    Observation { at: Timestamp(5), kind }.encode()
}

fn batch_of(bodies: &[Vec<u8>]) -> Batch {
    Batch::pack(Epoch(3), Lane::Prompt, Seq(1), 0, bodies)
}

/// A batch whose content is what a limit forbids.
fn batch_with(raw: &[u8], count: usize) -> Vec<u8> {
    let mut batch = batch_of(&[observation("x")]);
    batch.count = u32::try_from(count).unwrap();
    batch.packed = zstd::bulk::compress(raw, 3).unwrap();

    Frame::Batch(batch).encode()
}

fn content(bodies: Vec<Vec<u8>>) -> Vec<u8> {
    minicbor::to_vec(bodies.into_iter().map(ByteVec::from).collect::<Vec<_>>()).unwrap()
}

/// A frame of these bytes.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);

    bytes
}

fn heartbeat() -> Vec<u8> {
    Frame::Heartbeat(Heartbeat { now: Timestamp(0) }).encode()
}

/// What a host says on a lane or on the control stream that breaks a rule, and what becomes of it.
fn attacks() -> Vec<(&'static str, bool, Vec<u8>, u32)> {
    let forged = Kind::AgentHeard(AgentHeard { silent_since: Timestamp(0) });
    let forged = Observation { at: Timestamp(0), kind: forged }.encode();
    let mut elsewhere = batch_of(&[observation("x")]);
    elsewhere.epoch = Epoch(4);
    let mut trailing = batch_of(&[observation("x")]);
    trailing.gap_before = 0;
    let mut trailing = Frame::Batch(trailing).encode().split_off(4);
    trailing.push(0);
    let many = vec![observation("x"); BATCH_OBSERVATIONS_MAX + 1];
    let (on_lane, on_control) = (true, false);

    vec![
        ("a length above every limit", on_lane, vec![0xff; 4], LIMIT_BROKEN),
        (
            "a length above that of control frames",
            on_control,
            1_000_000_u32.to_be_bytes().to_vec(),
            LIMIT_BROKEN,
        ),
        ("a bomb", on_lane, batch_with(&vec![0; BATCH_RAW_BYTES_MAX + 1], 1), LIMIT_BROKEN),
        (
            "too many observations",
            on_lane,
            batch_with(&content(many), BATCH_OBSERVATIONS_MAX + 1),
            LIMIT_BROKEN,
        ),
        (
            "another number than announced",
            on_lane,
            batch_with(&content(vec![observation("x")]), 2),
            LIMIT_BROKEN,
        ),
        (
            "an observation too long",
            on_lane,
            batch_with(&content(vec![observation(&"x".repeat(OBSERVATION_BYTES_MAX))]), 1),
            LIMIT_BROKEN,
        ),
        (
            "a text longer than any path",
            on_lane,
            batch_with(&content(vec![observation(&"x".repeat(PATH_BYTES_MAX + 1))]), 1),
            MALFORMED,
        ),
        (
            "what is not zstd",
            on_lane,
            {
                let mut batch = batch_of(&[observation("x")]);
                batch.packed = vec![7; 100];
                Frame::Batch(batch).encode()
            },
            LIMIT_BROKEN,
        ),
        (
            "a batch on the control stream",
            on_control,
            Frame::Batch(batch_of(&[observation("x")])).encode(),
            MALFORMED,
        ),
        ("a sign of life on a lane", on_lane, heartbeat(), MALFORMED),
        ("a second hello", on_control, Frame::Hello(hello(0)).encode(), MALFORMED),
        ("another epoch", on_lane, Frame::Batch(elsewhere).encode(), MALFORMED),
        ("garbage", on_lane, framed(&[0xa5; 400]), MALFORMED),
        ("bytes after a frame", on_lane, framed(&trailing), MALFORMED),
        ("what only a collector observes", on_lane, batch_with(&content(vec![forged]), 1), MALFORMED),
        ("a flood of signs of life", on_control, heartbeat().repeat(500), LIMIT_BROKEN),
        ("a frame that never ends", on_lane, 100_u32.to_be_bytes().to_vec(), LIMIT_BROKEN),
    ]
}

/// The number with which the collector closed the connection.
async fn closed_with(connection: &Connection) -> Option<u32> {
    let closed = tokio::time::timeout(WITHIN, connection.closed()).await.ok()?;
    let quinn::ConnectionError::ApplicationClosed(close) = closed else { return None };

    u32::try_from(close.error_code.into_inner()).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_breaks_a_limit_is_cut_off_with_a_reason_and_counted_and_harms_nobody_else() {
    let world = world().await;
    let (honest, _send, mut answers) = world.welcomed(0).await;
    let mut lane = honest.open_uni().await.unwrap();
    let mut kept = 0;

    for (number, (what, on_lane, bytes, code)) in (1..).zip(attacks()) {
        let (connection, mut control, _receive) = world.welcomed(number).await;
        if on_lane {
            let mut lane = connection.open_uni().await.unwrap();
            // It may be cut off before it has said everything.
            drop(lane.write_all(&bytes).await);
            assert_eq!(closed_with(&connection).await, Some(code), "{what}");
        } else {
            drop(control.write_all(&bytes).await);
            assert_eq!(closed_with(&connection).await, Some(code), "{what}");
        }
        assert_eq!(world.misbehaved(number).await, 1, "{what}");

        kept += 1;
        let mut batch = batch_of(&[observation("honest")]);
        batch.first = Seq(kept);
        lane.write_all(&Frame::Batch(batch).encode()).await.unwrap();
        let ack = tokio::time::timeout(WITHIN, read(&mut answers)).await.unwrap().unwrap();
        assert!(matches!(&ack, Frame::Ack(ack) if ack.kept == Seq(kept)), "{what}: {ack:?}");
    }

    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_hello_or_dribbles_it_or_makes_it_huge_is_cut_off_and_counted() {
    let world = world().await;
    let silent = world.connect(1).await;
    let dribbling = world.connect(2).await;
    let (mut dribble, _) = dribbling.open_bi().await.unwrap();
    dribble.write_all(&Frame::Hello(hello(2)).encode()[..9]).await.unwrap();
    let huge = world.connect(3).await;
    let (mut send, _) = huge.open_bi().await.unwrap();
    let long = Hello { version: "x".repeat(100_000), ..hello(3) };
    drop(send.write_all(&Frame::Hello(long).encode()).await);

    for (number, connection) in [(1, silent), (2, dribbling), (3, huge)] {
        assert_eq!(closed_with(&connection).await, Some(LIMIT_BROKEN), "{number}");
        assert_eq!(world.misbehaved(number).await, 1, "{number}");
    }
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_opens_no_more_streams_than_it_has_lanes_and_one_that_never_reads_is_cut_off() {
    let world = world().await;
    let (connection, _control, _unread) = world.welcomed(1).await;
    let mut first = connection.open_uni().await.unwrap();
    let _second = connection.open_uni().await.unwrap();
    let third = tokio::time::timeout(Duration::from_secs(1), connection.open_uni()).await;
    assert!(third.is_err(), "the transport allows two");

    // The same batch again and again: each is answered, and no answer is read.
    let bytes = Frame::Batch(batch_of(&[observation("again")])).encode().repeat(100);
    let writing = async { while first.write_all(&bytes).await.is_ok() {} };
    tokio::time::timeout(WITHIN * 3, writing).await.unwrap();

    assert_eq!(closed_with(&connection).await, Some(LIMIT_BROKEN));
    assert_eq!(world.misbehaved(1).await, 1);
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_goes_on_breaking_it_is_told_to_stay_away() {
    let world = world().await;
    for _ in 0..5 {
        let (connection, _control, _receive) = world.welcomed(1).await;
        let mut lane = connection.open_uni().await.unwrap();
        lane.write_all(&[0xff; 4]).await.unwrap();
        assert_eq!(closed_with(&connection).await, Some(LIMIT_BROKEN));
        world.misbehaved(1).await;
    }

    let answer = async {
        loop {
            let connection = world.connect(1).await;
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            send.write_all(&Frame::Hello(hello(1)).encode()).await.unwrap();
            let answer = read(&mut receive).await.unwrap();
            // The fifth mistake is counted a moment after its connection was closed.
            if !matches!(answer, Frame::Welcome(_)) {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(WITHIN, answer).await.unwrap();

    let Frame::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.code, RefusalCode::Busy);
    assert!(refusal.retry_after_secs.is_some_and(|secs| (30..=61).contains(&secs)), "{refusal:?}");
    assert_eq!(
        world.misbehaved(1).await,
        1,
        "five mistakes within a minute are one observation and a number to come"
    );
    world.welcomed(2).await;
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_held_lets_agents_wait_and_takes_everything_afterwards() {
    let world = world().await;
    let (connection, _control, mut answers) = world.welcomed(1).await;
    let mut lane = connection.open_uni().await.unwrap();
    let holder = rusqlite::Connection::open(&world.database).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();

    // An agent that goes on sending is stopped by the windows, and nothing is acknowledged.
    let mut noise = 0x9e37_79b9_u32;
    let mut frames = Vec::new();
    for first in 1..=200 {
        let text: String = (0..4_000)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'!' + u8::try_from(noise >> 24).unwrap() % 90)
            })
            .collect();
        let mut batch = batch_of(&[observation(&text)]);
        batch.first = Seq(first);
        frames.push(Frame::Batch(batch).encode());
    }
    let whole: usize = frames.iter().map(Vec::len).sum();
    let mut written = 0;
    let mut waiting = frames.into_iter();
    let stopped = loop {
        let Some(frame) = waiting.next() else { break None };
        match tokio::time::timeout(Duration::from_secs(2), lane.write_all(&frame)).await {
            Ok(done) => {
                done.unwrap();
                written += frame.len();
            }
            Err(_) => break Some(frame),
        }
    };
    assert!(
        stopped.is_some() && written < whole / 2,
        "{written} of {whole} bytes were taken by a store that stands still"
    );
    assert!(
        tokio::time::timeout(Duration::from_secs(1), read(&mut answers)).await.is_err(),
        "no answer before the commit"
    );

    holder.execute_batch("ROLLBACK").unwrap();
    let ack = tokio::time::timeout(WITHIN, read(&mut answers)).await.unwrap().unwrap();
    assert!(matches!(&ack, Frame::Ack(ack) if ack.kept == Seq(1)), "{ack:?}");
    world.stopped().await;
}

//! The link against a small collector that keeps books with the protocol's own inbox and cuts when told.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use quinn::Endpoint;
use vonggac_carrier::{Connection, RecvStream};
use vonggac_protocol::delivery::inbox::{Inbox, Verdict};
use vonggac_protocol::frame::{Ack, Batch, Frame};
use vonggac_protocol::hello::{Hello, LaneMark, RefusalCode, WIRE_VERSION};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{AgentStopped, Kind, Observation};
use vonggac_protocol::time::Timestamp;

use super::*;
use crate::spool::{Limits, Record};
use crate::wire::frames;
use crate::wire::tests::Authority;

/// What a batch meets at the collector, in turn.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Kept,
    /// Kept, and the connection is cut before the acknowledgement.
    KeptThenCut,
    /// The connection is cut before it is kept.
    Cut,
}

#[derive(Default)]
struct Books {
    inboxes: BTreeMap<(Epoch, Lane), Inbox>,
    kept: BTreeMap<Lane, Vec<Vec<u8>>>,
    missing: Vec<(Seq, Seq)>,
    hellos: usize,
    goodbyes: usize,
    batches: usize,
    /// Lanes of the batches, as they came.
    order: Vec<Lane>,
    /// Which dictionaries they were packed with.
    dictionaries: std::collections::BTreeSet<Option<u32>>,
}

fn observation(number: u64) -> Observation {
    let reason = format!("{number}");
    Observation {
        at: Timestamp(i64::try_from(number).unwrap()),
        kind: Kind::AgentStopped(AgentStopped { reason }),
    }
}

fn records(lane: Lane, numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers
        .map(|number| {
            let observation = observation(number);
            Record { lane, at: observation.at, bytes: observation.encode() }
        })
        .collect()
}

fn welcome(hello: &Hello, marks: Vec<LaneMark>) -> Welcome {
    Welcome {
        wire: WIRE_VERSION,
        marks,
        now: clock::now(),
        assignment: None,
        packages: None,
        standing: None,
        // A collector of today to some, one of yesterday to others.
        dictionary: hello.lanes.iter().any(|span| span.next > Seq(100)).then_some(1),
        line: None,
        next_step: None,
    }
}

/// Serves until `wanted` observations are kept and the agent has said goodbye.
async fn collect(
    endpoint: &Endpoint,
    mut fates: impl Iterator<Item = Fate>,
    wanted: usize,
    stop: CancellationToken,
) -> Books {
    let mut books = Books::default();
    loop {
        let connection = Connection::from(endpoint.accept().await.unwrap().await.unwrap());
        let (mut send, mut receive) = connection.accept_control().await.unwrap();
        let Ok(Frame::Hello(hello)) = frames::read(&mut receive).await else { panic!("no hello") };
        books.hellos += 1;
        let marks = Lane::ALL.map(|lane| LaneMark {
            lane,
            kept: books.inboxes.entry((hello.epoch, lane)).or_default().kept(),
            digest: None,
        });
        frames::write(&mut send, &Frame::Welcome(welcome(&hello, marks.to_vec()))).await.unwrap();

        let (sender, mut frames_in) = mpsc::channel(8);
        tokio::spawn(read_to(receive, sender.clone()));
        let lanes = connection.clone();
        tokio::spawn(async move {
            while let Ok(stream) = lanes.accept_lane().await {
                tokio::spawn(read_to(stream, sender.clone()));
            }
        });
        while let Some(frame) = frames_in.recv().await {
            match frame {
                Frame::Batch(batch) => {
                    let fate = fates.next().unwrap_or(Fate::Kept);
                    if fate == Fate::Cut {
                        break;
                    }
                    let ack = books.keep(&batch);
                    if fate == Fate::KeptThenCut {
                        break;
                    }
                    frames::write(&mut send, &Frame::Ack(ack)).await.unwrap();
                    if books.kept.values().map(Vec::len).sum::<usize>() >= wanted {
                        stop.cancel();
                    }
                }
                Frame::Goodbye(_) => {
                    books.goodbyes += 1;
                    return books;
                }
                Frame::Hello(_)
                | Frame::Welcome(_)
                | Frame::Refused(_)
                | Frame::Ack(_)
                | Frame::Heartbeat(_)
                | Frame::Assign(_)
                | Frame::EnrolRequest(_)
                | Frame::EnrolReply(_)
                | Frame::Outer(_)
                | Frame::Renew(_)
                | Frame::Renewed(_)
                | Frame::ReleaseOffer(_)
                | Frame::ReleaseWanted(_)
                | Frame::ReleasePiece(_)
                | Frame::StepKept(_) => {}
            }
        }
        connection.close(7, b"cut");
    }
}

async fn read_to(mut stream: RecvStream, sender: mpsc::Sender<Frame>) {
    while let Ok(frame) = frames::read(&mut stream).await {
        if sender.send(frame).await.is_err() {
            break;
        }
    }
}

impl Books {
    fn keep(&mut self, batch: &Batch) -> Ack {
        self.batches += 1;
        self.order.push(batch.lane);
        self.dictionaries.insert(batch.dictionary);
        let observations = batch.unpack().unwrap();
        let inbox = self.inboxes.entry((batch.epoch, batch.lane)).or_default();
        let verdict = inbox.handle_batch(batch.first, batch.gap_before, observations.len());
        let kept = inbox.kept();
        match verdict {
            Verdict::Keep { skip, missing } => {
                self.missing.extend(missing);
                self.kept.entry(batch.lane).or_default().extend(observations.into_iter().skip(skip));
            }
            Verdict::Known | Verdict::OutOfOrder => {}
        }

        Ack { epoch: batch.epoch, lane: batch.lane, kept, resend: verdict == Verdict::OutOfOrder }
    }
}

struct World {
    state: tempfile::TempDir,
    spool: SharedSpool,
    appended: watch::Sender<u64>,
    _pace: watch::Sender<Pace>,
    events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
}

fn world(authority: &Authority, address: std::net::SocketAddr) -> (World, Link) {
    let state = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(&state.path().join("spool"), Limits::default(), Epoch(77)).unwrap();
    let spool = Arc::new(Mutex::new(spool));
    let (appended, appended_receiver) = watch::channel(0);
    let (pace, pace_receiver) = watch::channel(Pace { version: 0, heartbeat_secs: 60 });
    let (events_sender, events) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let link = Link {
        identity: authority.identity(address),
        fingerprint: Digest::of(b"machine"),
        never_enrol: NeverEnrol::default(),
        outside: tokio::runtime::Handle::current(),
        state_dir: state.path().to_owned(),
        spool: spool.clone(),
        appended: appended_receiver,
        pace: pace_receiver,
        events: events_sender,
        wire: Arc::default(),
        pacing: Pacing::new(clock::instant()),
        stop: stop.clone(),
        grace: Duration::from_secs(20),
        udp_again: Duration::from_secs(3_600),
        ways: Ways::load(state.path(), clock::now()),
        standing: None,
        upgrades: None,
        heard: false,
    };

    (World { state, spool, appended, _pace: pace, events, stop }, link)
}

impl World {
    fn append(&self, records: &[Record]) {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).append(records).unwrap();
        self.appended.send_modify(|count| *count += 1);
    }

    fn waiting(&self) -> u64 {
        let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        Lane::ALL.iter().map(|lane| spool.waiting(*lane)).sum()
    }
}

fn expected(numbers: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    numbers.map(|number| observation(number).encode()).collect()
}

#[tokio::test]
async fn every_observation_arrives_once_and_in_order_through_cuts() {
    let authority = Authority::new();
    let endpoint = authority.listen();
    let (world, link) = world(&authority, endpoint.local_addr().unwrap());
    let fates = [Fate::Kept, Fate::KeptThenCut, Fate::Cut, Fate::Kept, Fate::Cut, Fate::KeptThenCut];
    world.append(&records(Lane::Prompt, 0..2_000));
    world.append(&records(Lane::Bulk, 0..700));

    let append_more = async {
        for group in 0..20 {
            world.append(&records(Lane::Prompt, 2_000 + group * 50..2_050 + group * 50));
            tokio::task::yield_now().await;
        }
    };
    let (books, (), ()) = tokio::join!(
        collect(&endpoint, fates.into_iter(), 3_700, world.stop.clone()),
        link.run(),
        append_more
    );

    assert_eq!(books.kept[&Lane::Prompt], expected(0..3_000));
    assert_eq!(books.kept[&Lane::Bulk], expected(0..700));
    assert_eq!((books.missing.len(), books.hellos, books.goodbyes), (0, 5, 1));
    assert_eq!(world.waiting(), 0);
}

/// A line that carries `bytes_per_second` towards the collector, holds back one second of it, and drops the rest.
async fn slow_line(collector: std::net::SocketAddr, bytes_per_second: u32) -> std::net::SocketAddr {
    let front = Arc::new(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let back = Arc::new(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
    back.connect(collector).await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        let (mut agent, mut free_at) = (None, tokio::time::Instant::now());
        loop {
            tokio::select! {
                got = front.recv_from(&mut up) => {
                    let Ok((length, from)) = got else { return };
                    agent = Some(from);
                    let now = tokio::time::Instant::now();
                    free_at = free_at.max(now);
                    if free_at - now > Duration::from_secs(1) {
                        continue;
                    }
                    free_at += Duration::from_secs(1) * u32::try_from(length).unwrap() / bytes_per_second;
                    let (at, bytes, back) = (free_at, up[..length].to_vec(), back.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep_until(at).await;
                        back.send(&bytes).await.ok();
                    });
                }
                got = back.recv(&mut down) => {
                    if let (Ok(length), Some(agent)) = (got, agent) {
                        front.send_to(&down[..length], agent).await.ok();
                    }
                }
            }
        }
    });

    address
}

#[tokio::test]
async fn on_a_slow_line_a_prompt_observation_overtakes_a_bulk_inventory_that_is_on_its_way() {
    let authority = Authority::new();
    let endpoint = authority.listen();
    let line = slow_line(endpoint.local_addr().unwrap(), 16_000).await;
    let (world, link) = world(&authority, line);
    let mut seed = 1_u64;
    let mut noise = || -> Vec<u8> {
        let next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(48 * 1024).collect()
    };
    for _ in 0..2 {
        world.append(&[Record { lane: Lane::Bulk, at: Timestamp(1), bytes: noise() }]);
    }

    let prompt_later = async {
        // A part of the inventory is on its way, which takes six seconds.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while sent::last(world.state.path(), 9).unwrap().len() < 2 {
            assert!(tokio::time::Instant::now() < deadline, "the inventory is on its way");
            tokio::task::yield_now().await;
        }
        world.append(&records(Lane::Prompt, 0..1));
    };
    let (books, (), ()) =
        tokio::join!(collect(&endpoint, std::iter::empty(), 3, world.stop.clone()), link.run(), prompt_later);

    assert_eq!(books.order, [Lane::Prompt, Lane::Bulk], "two records of bulk are one batch");
    assert_eq!(books.hellos, 1, "on one connection");
}

#[tokio::test]
async fn a_dictionary_is_used_only_if_the_collector_knows_it() {
    for (count, known) in [(50, None), (150, Some(1))] {
        let authority = Authority::new();
        let endpoint = authority.listen();
        let (world, link) = world(&authority, endpoint.local_addr().unwrap());
        world.append(&records(Lane::Prompt, 0..count));

        let wanted = usize::try_from(count).unwrap();
        let (books, ()) =
            tokio::join!(collect(&endpoint, std::iter::empty(), wanted, world.stop.clone()), link.run());

        assert_eq!(books.kept[&Lane::Prompt], expected(0..count));
        assert!(books.dictionaries.into_iter().eq([known]), "{count}");
    }
}

#[tokio::test]
async fn what_was_noted_as_sent_is_what_arrived() {
    let authority = Authority::new();
    let endpoint = authority.listen();
    let (world, link) = world(&authority, endpoint.local_addr().unwrap());
    world.append(&records(Lane::Prompt, 0..3));

    let (_books, ()) =
        tokio::join!(collect(&endpoint, std::iter::empty(), 3, world.stop.clone()), link.run());

    let lines = sent::last(world.state.path(), 10).unwrap();
    assert_eq!(
        lines.iter().map(|line| line["what"].as_str().unwrap()).collect::<Vec<_>>(),
        ["hello", "batch"]
    );
    let reasons: Vec<&str> = lines[1]["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|observation| observation["kind"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["0", "1", "2"]);
}

#[tokio::test]
async fn a_stop_without_a_collector_leaves_everything_in_the_spool() {
    let authority = Authority::new();
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (world, link) = world(&authority, nobody.local_addr().unwrap());
    world.append(&records(Lane::Prompt, 0..10));

    let stop = world.stop.clone();
    tokio::join!(link.run(), async {
        tokio::task::yield_now().await;
        stop.cancel();
    });

    assert_eq!(world.waiting(), 10);
    let World { spool, state, .. } = world;
    drop(spool);
    let (mut again, _) = Spool::open(&state.path().join("spool"), Limits::default(), Epoch(78)).unwrap();
    let read = again.read(Lane::Prompt, Seq(1), 100, 1 << 20).unwrap();
    assert_eq!(read.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), expected(0..10));
}

#[tokio::test]
async fn a_collector_of_another_authority_gets_neither_hello_nor_certificate() {
    let endpoint = Authority::new().listen();
    let authority = Authority::new();
    let (mut world, link) = world(&authority, endpoint.local_addr().unwrap());

    let link = tokio::spawn(link.run());
    let handshake = endpoint.accept().await.unwrap().await;
    let event = world.events.recv().await.unwrap();
    world.stop.cancel();
    link.await.unwrap();

    assert!(handshake.is_err());
    assert!(
        matches!(event, LinkEvent::Lost(Outage::Dial(DialError::Pin | DialError::Certificate(_)))),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_nothing_is_sent() {
    let authority = Authority::new();
    let endpoint = authority.listen();
    let (mut world, link) = world(&authority, endpoint.local_addr().unwrap());
    world.append(&records(Lane::Prompt, 0..1));

    let link = tokio::spawn(link.run());
    let connection = Connection::from(endpoint.accept().await.unwrap().await.unwrap());
    let (mut send, _receive) = connection.accept_control().await.unwrap();
    let refusal =
        Refusal { code: RefusalCode::WaitingForApproval, detail: String::new(), retry_after_secs: Some(60) };
    frames::write(&mut send, &Frame::Refused(refusal.clone())).await.unwrap();
    let event = world.events.recv().await.unwrap();
    world.stop.cancel();
    link.await.unwrap();

    assert!(matches!(event, LinkEvent::Lost(Outage::Refused(found)) if found == refusal));
    assert_eq!(world.waiting(), 1);
}

#[tokio::test]
async fn a_collector_that_knows_only_the_post_quantum_hybrid_is_reached() {
    let authority = Authority::new();
    let hybrid = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
    let ours = crate::wire::tls::provider();
    assert_eq!(ours.kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    let only_hybrid = rustls::crypto::CryptoProvider { kx_groups: hybrid, ..(*ours).clone() };
    let endpoint = authority.listen_with(Arc::new(only_hybrid));
    let (world, link) = world(&authority, endpoint.local_addr().unwrap());
    world.append(&records(Lane::Prompt, 0..1));

    let (books, ()) = tokio::join!(collect(&endpoint, std::iter::empty(), 1, world.stop.clone()), link.run());

    assert_eq!(books.kept[&Lane::Prompt], expected(0..1));
}

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::tcp::{Forwarder, Mood};
use super::udp::{Line, Way};
use crate::programs::{instant, wait_for};

const PATIENCE: Duration = Duration::from_secs(10);

/// A client and a server with a line between them.
struct Ends {
    client: UdpSocket,
    server: UdpSocket,
    line: Line,
}

fn ends(way: Way) -> Ends {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let line = Line::to(server.local_addr().unwrap(), 1).unwrap();
    line.set(way);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(line.address()).unwrap();
    for socket in [&client, &server] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    Ends { client, server, line }
}

fn receive(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2048];
    let (length, from) = server.recv_from(&mut bytes).unwrap();

    (bytes[..length].to_vec(), from)
}

#[test]
fn what_is_sent_arrives_and_the_answer_comes_back() {
    let Ends { client, server, line } = ends(Way::default());

    client.send(b"question").unwrap();
    let (question, from) = receive(&server);
    server.send_to(b"answer", from).unwrap();
    let mut answer = [0; 6];
    client.recv(&mut answer).unwrap();

    assert_eq!((question.as_slice(), answer.as_slice()), (b"question".as_slice(), b"answer".as_slice()));
    let (up, down) = line.counts();
    assert_eq!((up.arrived, up.arrived_with_headers()), (1, 8 + 28));
    assert_eq!((down.arrived, down.arrived_with_headers()), (1, 6 + 28));
}

#[test]
fn a_third_is_lost_and_each_loss_is_counted() {
    let Ends { client, line, .. } = ends(Way { loss_permille: 300, ..Way::default() });

    for round in 1..=100 {
        for _ in 0..10 {
            client.send(b"x").unwrap();
        }
        // Not faster than the line takes them.
        wait_for("the line", PATIENCE, || (line.counts().0.offered == round * 10).then_some(())).unwrap();
    }

    let up = wait_for("all", PATIENCE, || {
        let up = line.counts().0;
        (up.arrived + up.lost == 1000).then_some(up)
    })
    .unwrap();
    assert!((250..350).contains(&up.lost), "{up:?}");
}

#[test]
fn a_modem_takes_its_time_and_its_queue_has_an_end() {
    // 10 datagrams of 972 bytes and 28 of headers at 20,000 bytes a second are half a second.
    let way = Way { bytes_per_sec: Some(20_000), queue_bytes: 8_500, ..Way::default() };
    let Ends { client, server, line } = ends(way);

    let start = instant();
    for _ in 0..12 {
        client.send(&[7; 972]).unwrap();
    }
    let up = wait_for("the end of the queue", PATIENCE, || {
        let up = line.counts().0;
        (up.offered == 12 && up.arrived + up.overflowed == 12).then_some(up)
    })
    .unwrap();
    let took = start.elapsed();

    assert_eq!(up.overflowed, 3, "{up:?}");
    assert!(took >= Duration::from_millis(450), "{took:?}");
    for _ in 0..9 {
        assert_eq!(receive(&server).0.len(), 972);
    }
}

#[test]
fn delay_is_kept_and_what_is_held_back_is_overtaken() {
    let held = Way {
        delay: Duration::from_millis(50),
        reordered_permille: 1000,
        held_back: Duration::from_millis(100),
        ..Way::default()
    };
    let Ends { client, server, line } = ends(held);

    let start = instant();
    client.send(b"first").unwrap();
    wait_for("the first", PATIENCE, || (line.counts().0.offered == 1).then_some(())).unwrap();
    line.set(Way { delay: Duration::from_millis(50), ..Way::default() });
    client.send(b"second").unwrap();

    assert_eq!(receive(&server).0, b"second");
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(receive(&server).0, b"first");
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[test]
fn doubles_come_twice_and_corruption_turns_one_bit() {
    let Ends { client, server, line: _line } =
        ends(Way { doubled_permille: 1000, corrupted_permille: 1000, ..Way::default() });

    client.send(&[0; 64]).unwrap();
    let (one, two) = (receive(&server).0, receive(&server).0);

    assert_eq!(one, two);
    assert_eq!(one.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
}

#[test]
fn a_cut_line_carries_nothing_until_it_is_restored() {
    let Ends { client, server, line } = ends(Way::default());

    line.cut(true);
    client.send(b"lost").unwrap();
    wait_for("the loss", PATIENCE, || (line.counts().0.lost == 1).then_some(())).unwrap();
    line.cut(false);
    client.send(b"kept").unwrap();

    assert_eq!(receive(&server).0, b"kept");
}

#[test]
fn a_new_outer_port_is_another_one_and_the_old_one_is_deaf() {
    let Ends { client, server, line } = ends(Way::default());
    client.send(b"before").unwrap();
    let before = receive(&server).1;

    line.rebind();
    client.send(b"after").unwrap();
    let after = receive(&server).1;
    server.send_to(b"to the old port", before).unwrap();
    server.send_to(b"to the new port", after).unwrap();
    let mut answer = [0; 64];
    let length = client.recv(&mut answer).unwrap();

    assert_ne!(before, after);
    assert_eq!(&answer[..length], b"to the new port");
}

#[test]
fn a_forwarder_carries_swallows_and_refuses() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let forwarder = Forwarder::to(server.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(forwarder.address()).unwrap();
    let (mut inside, _) = server.accept().unwrap();
    let mut byte = [0];

    client.write_all(b"a").unwrap();
    inside.read_exact(&mut byte).unwrap();
    forwarder.set(Mood::Swallows);
    client.write_all(b"b").unwrap();
    inside.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let swallowed = inside.read(&mut byte);
    forwarder.set(Mood::Carries);
    inside.set_read_timeout(Some(PATIENCE)).unwrap();
    inside.read_exact(&mut byte).unwrap();
    forwarder.set(Mood::Refuses);
    let ended = inside.read(&mut byte).unwrap_or(0);

    assert!(swallowed.is_err(), "nothing comes through");
    assert_eq!(byte, *b"b");
    assert_eq!(ended, 0);
    assert_eq!(forwarder.bytes(), (2, 0));
}

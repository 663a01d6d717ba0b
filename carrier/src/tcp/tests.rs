use proptest::prelude::*;

use super::piece::{self, Kind};
use super::state::{Broken, Side, State};
use crate::closed::Closed;

fn read_all(state: &mut State, channel: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(1..)) = state.read(channel, 1_000, &mut bytes) {}

    bytes
}

#[test]
fn what_is_prompt_overtakes_what_is_bulk_and_control_overtakes_both() {
    let mut agent = State::new(Side::Agent);
    agent.write(2, &[2; 40_000]).unwrap();
    let first = agent.take(false);
    agent.write(1, &[1; 100]).unwrap();
    agent.write(0, &[0; 10]).unwrap();

    let second = agent.take(false);

    assert_eq!(first[..4], [0, 2, 0x3f, 0xfc]);
    assert_eq!(second[..4], [0, 0, 0, 10]);
    assert_eq!(second[14..18], [0, 1, 0, 100]);
    assert_eq!(second[118..120], [0, 2]);
    assert!(second.len() <= 16 * 1024, "{}", second.len());
}

#[test]
fn a_lane_that_is_not_read_takes_its_window_and_no_more_and_holds_up_nobody() {
    let (mut agent, mut collector) = (State::new(Side::Agent), State::new(Side::Collector));
    let mut sent = 0;
    for _ in 0..100 {
        sent += agent.write(2, &[2; 8_000]).unwrap();
        collector.feed(&agent.take(false)).unwrap();
        agent.feed(&collector.take(false)).unwrap();
    }
    agent.write(1, b"prompt").unwrap();
    collector.feed(&agent.take(false)).unwrap();

    assert_eq!(read_all(&mut collector, 1), b"prompt");
    let held = read_all(&mut collector, 2).len();
    assert_eq!(held, 64 * 1024);
    assert!(sent <= held + 64 * 1024, "what cannot be sent is not taken without bound: {sent}");
    agent.feed(&collector.take(false)).unwrap();
    assert!(!agent.take(false).is_empty(), "what was read may be sent anew");
}

#[test]
fn a_peer_that_breaks_a_rule_is_found_by_the_header_alone() {
    let cases: [(&[u8], Broken); 6] = [
        (&[0, 3, 0, 1], Broken::Channel),
        (&[2, 0, 0, 5], Broken::Length),
        (&[3, 0, 0, 3], Broken::Length),
        (&[3, 0, 0xff, 0xff], Broken::Length),
        (&[1, 0, 0, 1], Broken::Length),
        (&[0, 0, 0x80, 1], Broken::Credit),
    ];
    for (bytes, broken) in cases {
        assert_eq!(State::new(Side::Collector).feed(bytes), Err(broken), "{bytes:?}");
    }
    assert_eq!(State::new(Side::Agent).feed(&[0, 1, 0, 1]), Err(Broken::Credit), "a collector has no lanes");
    let mut ended = State::new(Side::Collector);
    ended.feed(&[1, 1, 0, 0]).unwrap();
    assert_eq!(ended.feed(&[0, 1, 0, 1]), Err(Broken::Channel));
}

#[test]
fn the_reason_of_a_close_arrives_and_what_came_before_it_can_still_be_read() {
    let mut collector = State::new(Side::Collector);
    let mut bytes = Vec::new();
    piece::put(&mut bytes, Kind::Bytes, 0, b"last words");
    bytes.extend([9, 0, 0, 2, 7, 7]);
    bytes.extend(piece::close(0x103, "vượt giới hạn".as_bytes()));

    collector.feed(&bytes).unwrap();

    assert_eq!(read_all(&mut collector, 0), b"last words");
    let ended = collector.read(0, 1, &mut Vec::new());
    assert_eq!(ended, Err(Closed::ByPeer { code: 0x103, reason: "vượt giới hạn".to_owned() }));
}

proptest! {
    #[test]
    fn bytes_arrive_whole_and_in_order_however_they_are_cut(
        written in proptest::collection::vec((0_usize..3, 1_usize..70_000), 1..12),
        cut in 1_usize..20_000,
    ) {
        let (mut agent, mut collector) = (State::new(Side::Agent), State::new(Side::Collector));
        let (mut sent, mut came) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        for (channel, length) in written {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let taken = agent.write(channel, rest).unwrap();
                sent[channel].extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
                for part in agent.take(false).chunks(cut) {
                    collector.feed(part).unwrap();
                }
                for (channel, came) in came.iter_mut().enumerate() {
                    came.extend(read_all(&mut collector, channel));
                }
                agent.feed(&collector.take(false)).unwrap();
            }
        }
        loop {
            let out = agent.take(false);
            if out.is_empty() {
                break;
            }
            collector.feed(&out).unwrap();
            for (channel, came) in came.iter_mut().enumerate() {
                came.extend(read_all(&mut collector, channel));
            }
            agent.feed(&collector.take(false)).unwrap();
        }

        prop_assert_eq!(sent, came);
    }

    #[test]
    fn foreign_bytes_never_make_it_hold_more_than_its_windows(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let mut collector = State::new(Side::Collector);
        // Whether they are of the protocol is not the question.
        collector.feed(&bytes).ok();
        let held: usize = (0..3).map(|channel| read_all(&mut collector, channel).len()).sum();
        prop_assert!(held <= bytes.len());
    }
}

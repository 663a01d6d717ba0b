use super::*;
use crate::observation::{AgentStopped, Kind, Observation};

fn observation(at: i64) -> Vec<u8> {
    Observation { at: Timestamp(at), kind: Kind::AgentStopped(AgentStopped { reason: "service".to_owned() }) }
        .encode()
}

#[test]
fn a_batch_unpacks_to_what_was_packed() {
    let packed = vec![observation(1), observation(2)];

    let frame = Frame::Batch(Batch::pack(Epoch(5), Lane::Prompt, Seq(1), 0, &packed));
    let bytes = frame.encode();
    let length = Frame::length(bytes[..4].try_into().unwrap()).unwrap();
    let Frame::Batch(batch) = Frame::decode(&bytes[4..4 + length]).unwrap() else { panic!("a batch") };

    assert_eq!(batch.unpack().unwrap(), packed);
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let raw = vec![0; BATCH_RAW_BYTES_MAX + 1];
    let packed = zstd::bulk::compress(&raw, 3).unwrap();
    let bomb = Batch { epoch: Epoch(1), lane: Lane::Bulk, first: Seq(1), gap_before: 0, count: 1, packed };

    assert!(matches!(bomb.unpack(), Err(UnpackBatchError::Unfold(_))));
}

#[test]
fn another_number_than_announced_is_refused() {
    let mut batch = Batch::pack(Epoch(1), Lane::Bulk, Seq(1), 0, &[observation(1)]);
    batch.count = 2;

    assert!(matches!(batch.unpack(), Err(UnpackBatchError::Count { announced: 2, found: 1 })));
}

#[test]
fn a_field_from_the_future_is_passed_over() {
    // Ack as map {0: epoch, 1: lane, 2: kept, 3: resend, 9: "new"}.
    let mut bytes = vec![0x82, 0x04, 0x81, 0xa5, 0, 7, 1, 0, 2, 3, 3, 0xf4, 9];
    bytes.extend_from_slice(&[0x63, b'n', b'e', b'w']);

    let frame = Frame::decode(&bytes).unwrap();

    assert_eq!(frame, Frame::Ack(Ack { epoch: Epoch(7), lane: Lane::Prompt, kept: Seq(3), resend: false }));
}

#[test]
fn a_prefix_above_the_limit_is_refused_unread() {
    assert!(matches!(Frame::length([0xff; 4]), Err(DecodeFrameError::TooLong { .. })));
}

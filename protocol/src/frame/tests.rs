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
fn a_batch_packed_with_a_dictionary_says_so_and_unpacks_to_what_was_packed() {
    let packed = vec![observation(1), observation(2)];

    let with = Batch::pack_with(Some(Dictionary::NEWEST), Epoch(5), Lane::Prompt, Seq(1), 0, &packed);
    let without = Batch::pack(Epoch(5), Lane::Prompt, Seq(1), 0, &packed);

    assert_eq!((with.dictionary, without.dictionary), (Some(1), None));
    assert_eq!((with.unpack().unwrap(), without.unpack().unwrap()), (packed.clone(), packed));
    assert!(with.packed.len() < without.packed.len());
}

#[test]
fn a_batch_is_not_unpacked_with_another_dictionary_than_it_was_packed_with() {
    let packed = vec![observation(1)];
    let with = Batch::pack_with(Some(Dictionary::NEWEST), Epoch(5), Lane::Prompt, Seq(1), 0, &packed);

    for dictionary in [None, Some(0), Some(2), Some(u32::MAX)] {
        assert!(Batch { dictionary, ..with.clone() }.unpack().is_err(), "{dictionary:?}");
    }
    let unknown = Batch { dictionary: Some(2), ..with }.unpack();
    assert!(matches!(unknown, Err(UnpackBatchError::DictionaryUnknown(2))));
}

#[test]
fn the_dictionary_that_both_sides_know_is_taken() {
    assert_eq!(Dictionary::shared(None), None);
    assert_eq!(Dictionary::shared(Some(0)), None);
    assert_eq!(Dictionary::shared(Some(1)), Dictionary::of_number(1));
    assert_eq!(Dictionary::shared(Some(99)), Some(Dictionary::NEWEST));
}

#[test]
fn a_released_dictionary_never_changes() {
    use crate::digest::Digest;

    let digest = Digest::of(Dictionary::of_number(1).unwrap().bytes()).to_string();

    assert_eq!(digest, "121be15082a29115dfc9e63d1796be2a49a3c9c3148cb0a4642ff4610c1d6715");
}

fn bomb(packed: Vec<u8>, dictionary: Option<u32>) -> Batch {
    Batch { epoch: Epoch(1), lane: Lane::Bulk, first: Seq(1), gap_before: 0, count: 1, packed, dictionary }
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let raw = vec![0; BATCH_RAW_BYTES_MAX + 1];
    for dictionary in [None, Some(Dictionary::NEWEST)] {
        let packed = dictionary::compress(&raw, dictionary);
        assert!(packed.len() < 1000);
        let bomb = bomb(packed, dictionary.map(|dictionary| u32::from(dictionary.number())));

        assert!(matches!(bomb.unpack(), Err(UnpackBatchError::Unfold(_))));
    }
}

#[test]
fn a_bomb_that_does_not_say_how_large_it_is_stops_at_the_limit() {
    // Written as a stream, a frame does not say how much it unfolds to.
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    for _ in 0..64 {
        std::io::Write::write_all(&mut encoder, &vec![0; 1024 * 1024]).unwrap();
    }
    let packed = encoder.finish().unwrap();
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&packed).unwrap(), None);

    assert!(matches!(bomb(packed, None).unpack(), Err(UnpackBatchError::Unfold(_))));
}

#[test]
fn a_bomb_in_a_second_zstd_frame_is_refused() {
    let mut packed = dictionary::compress(&[0x80], None);
    packed.extend(dictionary::compress(&vec![0; BATCH_RAW_BYTES_MAX], None));

    assert!(bomb(packed, None).unpack().is_err());
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

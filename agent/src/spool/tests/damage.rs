//! Torn tails, flipped bytes, lost files.

use super::segment::{HEADER_BYTES, Identity, PIECE_HEADER_BYTES};
use super::*;

fn segment_of(dir: &Path, first: u64) -> PathBuf {
    dir.join("prompt").join(format!("{first:020}.seg"))
}

/// The bytes of the first prompt segment up to the end of its last block; beyond is room.
fn written(dir: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(segment_of(dir, 1)).unwrap();
    let scan = Identity::new(EPOCH, Lane::Prompt, Seq(1)).scan(&bytes);
    assert_eq!(scan.good_end, scan.written);
    bytes.truncate(scan.good_end);

    bytes
}

#[test]
fn a_write_torn_at_any_byte_of_its_last_record_loses_only_that_record() {
    let (folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=3)).unwrap();
    let synced = written(&dir).len();
    spool.append(&prompt(4..=4)).unwrap();
    drop(spool);
    let whole = written(&dir);
    // The file ends there, or goes on with the zeros of room that was taken in advance.
    for (length, room) in (synced..whole.len()).flat_map(|length| [(length, 0), (length, 5000)]) {
        let copy = folder.path().join(format!("cut-{length}-{room}"));
        copy_folder(&dir, &copy);
        let mut bytes = whole[..length].to_vec();
        bytes.resize(length + room, 0);
        std::fs::write(segment_of(&copy, 1), bytes).unwrap();

        let (mut spool, recovered) = open(&copy);

        // Zeros that the torn write itself had are taken for room.
        assert!(recovered.torn_bytes <= u64::try_from(length - synced).unwrap(), "{length}");
        assert_eq!((recovered.lost.len(), recovered.aside.len()), (0, 0), "{length}");
        assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=3));
        spool.append(&prompt(4..=5)).unwrap();
        assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=5));
        drop(spool);
        let (mut spool, again) = open(&copy);
        assert!(again.is_clean(), "{length}: {again:?}");
        assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=5));
    }
}

#[test]
fn room_taken_in_advance_is_not_damage_and_is_written_into() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=3)).unwrap();
    let length = std::fs::metadata(segment_of(&dir, 1)).unwrap().len();
    drop(spool);
    let mut bytes = written(&dir);
    bytes.resize(bytes.len() + 5000, 0);
    std::fs::write(segment_of(&dir, 1), &bytes).unwrap();

    let (mut spool, recovered) = open(&dir);
    spool.append(&prompt(4..=4)).unwrap();

    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=4));
    assert_eq!(std::fs::metadata(segment_of(&dir, 1)).unwrap().len(), u64::try_from(bytes.len()).unwrap());
    assert!(length >= u64::try_from(written(&dir).len()).unwrap());
}

#[test]
fn a_closed_segment_gives_its_room_back_also_after_a_crash_in_between() {
    let (_folder, dir, mut spool) = new_spool();
    for number in 1..=300 {
        spool.append(&prompt(number..=number)).unwrap();
    }
    let closed = written(&dir);
    assert_eq!(std::fs::read(segment_of(&dir, 1)).unwrap(), closed, "closed files end with their last block");
    drop(spool);
    let mut bytes = closed.clone();
    bytes.resize(bytes.len() + 100_000, 0);
    std::fs::write(segment_of(&dir, 1), bytes).unwrap();

    let (mut spool, recovered) = open(&dir);

    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=300));
    assert_eq!(std::fs::read(segment_of(&dir, 1)).unwrap(), closed);
}

#[test]
fn a_flipped_byte_anywhere_costs_at_most_the_block_it_is_in_and_the_places_are_counted() {
    let (folder, dir, mut spool) = new_spool();
    for block in [1..=2, 3..=5, 6..=6, 7..=8] {
        spool.append(&prompt(block)).unwrap();
    }
    drop(spool);
    let whole = written(&dir);
    for (at, room) in (0..whole.len()).flat_map(|at| [(at, 0), (at, 700)]) {
        let copy = folder.path().join(format!("flip-{at}-{room}"));
        copy_folder(&dir, &copy);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes.resize(whole.len() + room, 0);
        std::fs::write(segment_of(&copy, 1), bytes).unwrap();

        let (mut spool, recovered) = open(&copy);

        let lost: Vec<u64> =
            recovered.lost.iter().flat_map(|lost| lost.first.0..=lost.last.0).filter(|&n| n <= 8).collect();
        let blocks: [&[u64]; 5] = [&[], &[1, 2], &[3, 4, 5], &[6], &[7, 8]];
        assert!(blocks.contains(&&lost[..]), "byte {at}: {lost:?}");
        assert_eq!(lost.is_empty(), at < HEADER_BYTES, "byte {at}");
        let rest = (1..=8).filter(|number| !lost.contains(number));
        assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, rest), "byte {at}");
        assert!(spool.span(Lane::Prompt).next >= Seq(9), "byte {at}: a used place is used again");
        let next = spool.span(Lane::Prompt).next;
        spool.append(&prompt(9..=9)).unwrap();
        drop(spool);
        let (mut spool, again) = open(&copy);
        assert!(again.is_clean(), "byte {at}: mended once is mended: {again:?}");
        assert_eq!(read_all(&mut spool, Lane::Prompt).last().unwrap().0, next.0);
    }
}

#[test]
fn a_damaged_file_is_kept_aside_as_it_was() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=1)).unwrap();
    spool.append(&prompt(2..=4)).unwrap();
    drop(spool);
    let mut bytes = std::fs::read(segment_of(&dir, 1)).unwrap();
    bytes[HEADER_BYTES + PIECE_HEADER_BYTES] ^= 0x80;
    std::fs::write(segment_of(&dir, 1), &bytes).unwrap();

    let (spool, recovered) = open(&dir);

    assert_eq!(recovered.lost, [Lost { lane: Lane::Prompt, first: Seq(1), last: Seq(1) }]);
    assert_eq!(std::fs::read(&recovered.aside[0]).unwrap(), bytes);
    assert_eq!(spool.span(Lane::Prompt), Span { kept_from: Seq(2), next: Seq(5) });
}

#[test]
fn pages_written_out_of_order_before_a_power_cut_harm_nothing_that_was_synced() {
    let (folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=10)).unwrap();
    let synced = written(&dir).len();
    spool.append(&prompt(11..=40)).unwrap();
    drop(spool);
    let whole = written(&dir);
    for hole in (synced..whole.len()).step_by(13) {
        let copy = folder.path().join(format!("pages-{hole}"));
        copy_folder(&dir, &copy);
        let mut bytes = whole.clone();
        let end = (hole + 200).min(bytes.len());
        bytes[hole..end].fill(0);
        std::fs::write(segment_of(&copy, 1), bytes).unwrap();

        let (mut spool, _) = open(&copy);

        let kept = read_all(&mut spool, Lane::Prompt);
        assert_eq!(kept[..10], expected(Lane::Prompt, 1..=10), "{hole}");
        assert!(kept.iter().all(|(seq, bytes)| *bytes == record(Lane::Prompt, *seq).bytes), "{hole}");
    }
}

#[test]
fn a_lost_segment_in_the_middle_is_a_hole() {
    let (_folder, dir, mut spool) = new_spool();
    for number in 1..=300 {
        spool.append(&prompt(number..=number)).unwrap();
    }
    drop(spool);
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir.join("prompt"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .collect();
    names.sort();
    std::fs::remove_file(&names[1]).unwrap();

    let (mut spool, _) = open(&dir);

    let [(first, last)] = spool.holes(Lane::Prompt)[..] else { panic!("one hole") };
    let rest = (1..=300).filter(|number| !(first.0..=last.0).contains(number));
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, rest));
    assert_eq!(spool.waiting(Lane::Prompt), 300 - (last.0 - first.0 + 1));
}

#[test]
fn a_lost_lane_begins_a_new_life_and_keeps_the_other_lane() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=3)).unwrap();
    drop(spool);
    std::fs::remove_dir_all(dir.join("bulk")).unwrap();

    let (mut spool, recovered) = open(&dir);

    assert!(recovered.epoch_is_new);
    assert_eq!(spool.epoch(), OTHER_EPOCH);
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=3));
}

#[test]
fn a_lost_epoch_file_is_found_again_in_the_segments() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=3)).unwrap();
    drop(spool);
    std::fs::write(dir.join("epoch"), "?").unwrap();

    let (mut spool, recovered) = open(&dir);

    assert!(!recovered.epoch_is_new);
    assert_eq!(spool.epoch(), EPOCH);
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=3));
}

#[test]
fn a_folder_that_cannot_be_understood_is_kept_aside() {
    let (_folder, dir, spool) = new_spool();
    drop(spool);
    std::fs::write(dir.join("epoch"), "?").unwrap();
    for lane in ["prompt", "bulk"] {
        std::fs::write(dir.join(lane).join("00000000000000000001.seg"), "nonsense").unwrap();
    }

    let (spool, recovered) = open(&dir);

    assert!(recovered.epoch_is_new);
    assert_eq!(spool.epoch(), OTHER_EPOCH);
    assert!(recovered.aside[0].join("prompt").exists());
}

#[test]
fn a_mark_beyond_the_records_is_believed() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=9)).unwrap();
    spool.forget(Lane::Prompt, Seq(9)).unwrap();
    drop(spool);
    let bytes = written(&dir);
    std::fs::write(segment_of(&dir, 1), &bytes[..HEADER_BYTES + 40]).unwrap();

    let (spool, _) = open(&dir);

    assert_eq!(spool.span(Lane::Prompt), Span { kept_from: Seq(10), next: Seq(10) });
}

#[test]
fn damage_that_comes_later_is_told_when_it_is_read() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=2)).unwrap();
    let mut bytes = std::fs::read(segment_of(&dir, 1)).unwrap();
    bytes[HEADER_BYTES + PIECE_HEADER_BYTES] ^= 1;
    std::fs::write(segment_of(&dir, 1), bytes).unwrap();

    let read = spool.read(Lane::Prompt, Seq(1), 10, 10_000);

    assert!(matches!(read, Err(ReadSpoolError::Damaged { lane: Lane::Prompt, seq: Seq(1) })));
}

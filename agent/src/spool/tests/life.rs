//! Numbering, limit, forgetting, renewal.

use super::*;

#[test]
fn each_lane_counts_from_one_and_goes_on_after_a_restart() {
    let (_folder, dir, mut spool) = new_spool();
    let mixed = [record(Lane::Prompt, 1), record(Lane::Bulk, 1), record(Lane::Prompt, 2)];
    let appended = spool.append(&mixed).unwrap();
    drop(spool);

    let (mut spool, recovered) = open(&dir);
    let later = spool.append(&[record(Lane::Bulk, 2)]).unwrap();

    assert_eq!(appended.places, [(Lane::Prompt, Seq(1)), (Lane::Bulk, Seq(1)), (Lane::Prompt, Seq(2))]);
    assert_eq!(later.places, [(Lane::Bulk, Seq(2))]);
    assert!(!recovered.epoch_is_new && recovered.is_clean());
    assert_eq!(spool.epoch(), EPOCH);
}

#[test]
fn what_was_forgotten_stays_forgotten_and_is_never_numbered_again() {
    let (_folder, dir, mut spool) = new_spool();
    for number in 1..=200 {
        spool.append(&prompt(number..=number)).unwrap();
    }
    let full = spool.bytes();
    spool.forget(Lane::Prompt, Seq(200)).unwrap();
    let empty = spool.bytes();
    drop(spool);

    let (mut spool, _) = open(&dir);

    assert!(empty < full / 3, "{empty} of {full}");
    assert_eq!(spool.span(Lane::Prompt), Span { kept_from: Seq(201), next: Seq(201) });
    assert_eq!(spool.waiting(Lane::Prompt), 0);
    assert_eq!(spool.append(&prompt(1..=1)).unwrap().places, [(Lane::Prompt, Seq(201))]);
}

#[test]
fn an_acknowledgement_from_the_future_forgets_nothing_more_than_there_is() {
    let (_folder, _dir, mut spool) = new_spool();
    spool.append(&prompt(1..=2)).unwrap();

    spool.forget(Lane::Prompt, Seq(1000)).unwrap();

    assert_eq!(spool.append(&prompt(3..=3)).unwrap().places, [(Lane::Prompt, Seq(3))]);
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 3..=3));
}

#[test]
fn a_full_spool_drops_bulk_first_then_the_oldest_prompt_and_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { bytes_max: 1024 * 1024, segment_bytes: 64 * 1024 };
    let (mut spool, _) = Spool::open(&folder.path().join("spool"), limits, EPOCH).unwrap();
    let big = |lane, at| Record { lane, at: Timestamp(at), bytes: noise(at) };
    let mut dropped = Vec::new();
    for at in 1..=600 {
        let lane = if at <= 300 { Lane::Bulk } else { Lane::Prompt };
        dropped.extend(spool.append(&[big(lane, at)]).unwrap().dropped);
        assert!(spool.bytes() <= limits.bytes_max - RESERVE_BYTES);
    }
    let only_bulk = dropped.clone();
    for at in 601..=1600 {
        dropped.extend(spool.append(&[big(Lane::Prompt, at)]).unwrap().dropped);
    }

    assert!(only_bulk.iter().all(|one| one.lane == Lane::Bulk), "{only_bulk:?}");
    let bulk: u64 = dropped.iter().filter(|one| one.lane == Lane::Bulk).map(|one| one.count).sum();
    let last = dropped.last().unwrap();
    assert_eq!(bulk, 300, "all of the bulk went before any prompt");
    assert_eq!(last.lane, Lane::Prompt);
    assert_eq!(last.kept_from, spool.span(Lane::Prompt).kept_from);
    let told: u64 = dropped.iter().map(|one| one.count).sum();
    assert_eq!(told + spool.waiting(Lane::Prompt), 1600, "every record is kept or told as dropped");
    assert_eq!(spool.dropped(), told);
    // Moments: a drop names the first and the last of what went.
    assert_eq!(dropped[0].from, Timestamp(1));
    assert_eq!(dropped[0].until.0 + 1, dropped[1].from.0);
}

#[cfg(unix)]
#[test]
fn the_limit_holds_for_what_the_disk_really_gives() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    let limits = Limits { bytes_max: 1024 * 1024, segment_bytes: 64 * 1024 };
    let (mut spool, _) = Spool::open(&dir, limits, EPOCH).unwrap();
    for at in 1..=3000 {
        let lane = if at % 3 == 0 { Lane::Bulk } else { Lane::Prompt };
        spool.append(&[Record { lane, at: Timestamp(at), bytes: noise(at) }]).unwrap();
        if at % 100 == 0 {
            let (files, given) = given(&dir);
            assert!(given <= limits.bytes_max, "{given} bytes of the disk");
            // A file in many pieces takes one unit more for the list of them.
            let said = spool.bytes();
            assert!(given <= said + files * 4096, "{given} bytes of the disk, {said} said, {files} files");
        }
    }
    assert!(spool.dropped() > 0);
}

/// How many segments there are, and what the disk gave to them.
#[cfg(unix)]
fn given(dir: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;

    ["prompt", "bulk"]
        .iter()
        .flat_map(|lane| std::fs::read_dir(dir.join(lane)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .map(|path| std::fs::metadata(path).unwrap().blocks() * 512)
        .fold((0, 0), |(files, given), bytes| (files + 1, given + bytes))
}

#[test]
fn there_is_always_room_for_the_notice() {
    let (_folder, _dir, mut spool) = new_spool();
    let big = Record { lane: Lane::Prompt, at: Timestamp(1), bytes: noise(1) };
    while spool.append(std::slice::from_ref(&big)).unwrap().dropped.is_empty() {}

    let notice = spool.append_notice(record(Lane::Prompt, 1)).unwrap();

    assert!(notice.dropped.is_empty());
}

#[test]
fn a_record_longer_than_an_observation_is_refused() {
    let (_folder, _dir, mut spool) = new_spool();
    let long = Record { lane: Lane::Bulk, at: Timestamp(1), bytes: vec![0; OBSERVATION_BYTES_MAX + 1] };

    assert!(matches!(spool.append(&[record(Lane::Prompt, 1), long]), Err(AppendError::RecordTooLong { .. })));
    assert_eq!(spool.waiting(Lane::Prompt), 0);
}

#[test]
fn two_processes_cannot_have_it_open() {
    let (_folder, dir, _spool) = new_spool();

    assert!(matches!(Spool::open(&dir, small(), EPOCH), Err(OpenSpoolError::Locked { .. })));
}

#[test]
fn a_renewed_spool_keeps_its_records_under_a_new_epoch() {
    let (_folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=30)).unwrap();
    spool.forget(Lane::Prompt, Seq(20)).unwrap();

    spool.renew(OTHER_EPOCH).unwrap();

    let kept: Vec<Vec<u8>> = read_all(&mut spool, Lane::Prompt).into_iter().map(|(_, bytes)| bytes).collect();
    let meant: Vec<Vec<u8>> = prompt(21..=30).into_iter().map(|record| record.bytes).collect();
    assert_eq!(kept, meant);
    assert_eq!(spool.span(Lane::Prompt), Span { kept_from: Seq(1), next: Seq(11) });
    drop(spool);
    let (spool, recovered) = Spool::open(&dir, small(), EPOCH).unwrap();
    assert!(!recovered.epoch_is_new);
    assert_eq!((spool.epoch(), spool.waiting(Lane::Prompt)), (OTHER_EPOCH, 10));
}

#[test]
fn a_crash_between_the_renames_of_a_renewal_leaves_a_whole_life() {
    let (folder, dir, mut spool) = new_spool();
    spool.append(&prompt(1..=3)).unwrap();
    drop(spool);
    std::fs::rename(&dir, folder.path().join("spool.old")).unwrap();

    let (mut spool, recovered) = open(&dir);

    assert!(!recovered.epoch_is_new);
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=3));
}

#[test]
fn a_disk_without_room_takes_nothing_of_the_group_and_says_so() {
    // /dev/full refuses every write with "no space left"; where there is none, this cannot be tried.
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let (_folder, _dir, mut spool) = new_spool();
    spool.append(&prompt(1..=2)).unwrap();
    spool.bulk.replace_newest(full).unwrap();

    let both = [record(Lane::Prompt, 3), record(Lane::Bulk, 1)];
    let refused = spool.append(&both);

    assert!(matches!(refused, Err(AppendError::DiskFull(_))), "{refused:?}");
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 1..=2));
    let later = spool.append(&both).unwrap();
    assert_eq!(later.places, [(Lane::Prompt, Seq(3)), (Lane::Bulk, Seq(1))]);
}

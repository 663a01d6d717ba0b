//! Spools that older versions wrote: read, drained, and gone on with in today's form.

use super::record::writing;
use super::segment::{Form, HEADER_BYTES, Identity, PIECE_HEADER_BYTES};
use super::*;

/// A folder that version 0.1.0 wrote: prompt 1 to 60 in groups of ten, confirmed up to 7, and bulk 1 to 5.
fn of_form_1(folder: &Path) -> PathBuf {
    let dir = folder.join("spool");
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/spool/tests/form-1"), &dir);

    dir
}

#[test]
fn a_spool_of_form_1_is_read_drained_and_gone_on_with_in_form_2() {
    let folder = tempfile::tempdir().unwrap();
    let dir = of_form_1(folder.path());

    let (mut spool, recovered) = open(&dir);

    assert!(recovered.is_clean() && !recovered.epoch_is_new, "{recovered:?}");
    assert_eq!(spool.epoch(), EPOCH);
    assert_eq!(spool.span(Lane::Prompt), Span { kept_from: Seq(8), next: Seq(61) });
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 8..=60));
    assert_eq!(read_all(&mut spool, Lane::Bulk), expected(Lane::Bulk, 1..=5));
    let both = [record(Lane::Prompt, 61), record(Lane::Bulk, 6)];
    assert_eq!(spool.append(&both).unwrap().places, [(Lane::Prompt, Seq(61)), (Lane::Bulk, Seq(6))]);
    drop(spool);
    let (mut spool, recovered) = open(&dir);
    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, 8..=61));
    assert_eq!(read_all(&mut spool, Lane::Bulk), expected(Lane::Bulk, 1..=6));

    spool.forget(Lane::Prompt, Seq(61)).unwrap();
    spool.forget(Lane::Bulk, Seq(6)).unwrap();
    let forms: Vec<Option<Form>> = Lane::ALL
        .iter()
        .flat_map(|lane| std::fs::read_dir(dir.join(lane.word())).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .map(|path| Identity::of_header(&std::fs::read(path).unwrap()).map(|identity| identity.form))
        .collect();
    assert_eq!(forms, [Some(Form::Blocks), Some(Form::Blocks)], "what was drained is gone");
}

#[test]
fn an_empty_lane_of_form_1_goes_on_in_form_2_under_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = of_form_1(folder.path());
    let path = dir.join("bulk").join("00000000000000000001.seg");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..HEADER_BYTES]).unwrap();

    let (mut spool, recovered) = open(&dir);

    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(spool.append(&[record(Lane::Bulk, 1)]).unwrap().places, [(Lane::Bulk, Seq(1))]);
    drop(spool);
    assert_eq!(read_all(&mut open(&dir).0, Lane::Bulk), expected(Lane::Bulk, 1..=1));
}

#[test]
fn a_flipped_byte_in_form_1_costs_at_most_the_record_it_is_in() {
    let identity = Identity::of_form(Form::Records, EPOCH, Lane::Prompt, Seq(1));
    let mut whole = identity.header().to_vec();
    for number in 1..=4 {
        let one = record(Lane::Prompt, number);
        writing::encode(&identity, Seq(number), one.at, &one.bytes, &mut whole);
    }
    for at in 0..whole.len() {
        let folder = tempfile::tempdir().unwrap();
        let dir = of_form_1(folder.path());
        std::fs::remove_dir_all(dir.join("prompt")).unwrap();
        std::fs::create_dir(dir.join("prompt")).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(dir.join("prompt").join("00000000000000000001.seg"), bytes).unwrap();

        let (mut spool, recovered) = open(&dir);

        let lost: Vec<u64> =
            recovered.lost.iter().flat_map(|lost| lost.first.0..=lost.last.0).filter(|&n| n <= 4).collect();
        assert!(lost.len() <= 1, "byte {at}: {lost:?}");
        assert_eq!(lost.is_empty(), at < HEADER_BYTES, "byte {at}");
        let rest = (1..=4).filter(|number| !lost.contains(number));
        assert_eq!(read_all(&mut spool, Lane::Prompt), expected(Lane::Prompt, rest), "byte {at}");
        let next = spool.span(Lane::Prompt).next;
        assert!(next >= Seq(5), "byte {at}: a used place is used again");
        spool.append(&prompt(9..=9)).unwrap();
        drop(spool);
        let (mut spool, again) = open(&dir);
        assert!(again.is_clean(), "byte {at}: {again:?}");
        assert_eq!(read_all(&mut spool, Lane::Prompt).last().unwrap().0, next.0);
    }
}

#[test]
fn form_1_torn_at_any_byte_loses_only_what_was_never_confirmed() {
    let identity = Identity::of_form(Form::Records, EPOCH, Lane::Prompt, Seq(1));
    let mut bytes = identity.header().to_vec();
    let mut ends = vec![bytes.len()];
    for number in 1..=3 {
        let one = record(Lane::Prompt, number);
        writing::encode(&identity, Seq(number), one.at, &one.bytes, &mut bytes);
        ends.push(bytes.len());
    }
    for length in HEADER_BYTES..bytes.len() {
        let scan = identity.scan(&bytes[..length]);
        let whole = ends.iter().filter(|&&end| end <= length).count() - 1;
        assert_eq!(scan.pieces.len(), whole, "{length}");
        assert_eq!(scan.tail == segment::Tail::Clean, ends.contains(&length), "{length}");
    }
    assert!(bytes.len() > PIECE_HEADER_BYTES);
}

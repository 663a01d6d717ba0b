//! Releases of the agent: what a person carries to the collector, and what a collector offers to an agent.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Instant;

use vonggac_agent::upgrade::fetch::{Fetch, Step, Upgrades};
use vonggac_agent::upgrade::keys::Keys;
use vonggac_agent::upgrade::plan::{Choice, Plan};
use vonggac_agent::upgrade::shelf::Shelf;
use vonggac_collector::releases;
use vonggac_collector::snapshot::container::{self, Entry};
use vonggac_collector::snapshot::key::{RELEASES, SigningKey};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::limits::{RELEASE_MANIFEST_BYTES_MAX, RELEASE_PIECE_BYTES};
use vonggac_protocol::release::{
    FORMAT, Manifest, ReleaseOffer, ReleasePiece, Version, pack_piece, unpack_piece,
};
use vonggac_protocol::time::Timestamp;

use super::parts;
use crate::programs::instant;

const NOW: Timestamp = Timestamp(1_795_312_345_678);

/// A program that needs more is not put together here.
const PROGRAM_BYTES_MAX: usize = 1024 * 1024;

/// The key of this run, and that it is trusted by a collector and by an agent.
static KEY: LazyLock<(SigningKey, BTreeSet<String>, Keys)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a place for files");
    let key = SigningKey::make_for(&RELEASES, folder.path()).expect("a key");
    let (trusted, keys) = (BTreeSet::from([key.public()]), Keys::of(&key.public()));

    (key, trusted, keys)
});

/// The bytes as everything of a release that is read: a frame, a piece, a file, a program, keys, a plan. Because a signature
/// would keep the fuzzer out, its manifest is signed by somebody who is believed: then agent and collector must agree about
/// it, and nothing comes to stand among the versions but what it names.
pub fn release(bytes: &[u8]) {
    let (key, trusted, keys) = &*KEY;
    let place = tempfile::tempdir().expect("a place for files");
    let own = Version::parse("0.1.0").expect("a version");
    let upgrades = Upgrades { keys: keys.clone(), own: own.clone(), state_dir: place.path().to_owned() };
    if let Ok(Frame::ReleaseOffer(offer)) = Frame::decode(bytes) {
        let step = upgrades.begin(offer, NOW).expect("a disk");
        assert!(matches!(step, Step::Refused(_)), "signed by nobody we know");
    }
    if let Ok(piece) = unpack_piece(bytes) {
        assert!(
            u64::try_from(piece.len()).is_ok_and(|length| length <= RELEASE_PIECE_BYTES),
            "no more than one"
        );
    }
    assert!(releases::open(bytes, trusted).is_err(), "signed by nobody we know");
    drop(releases::platform_of(bytes));

    let mut given = parts::named(bytes).into_iter();
    let Some((name, text)) = given.next() else { return };
    let rest: Vec<Vec<u8>> = given.map(|(_, bytes)| bytes).collect();
    let Ok(text) = String::from_utf8(text) else { return };
    match name.as_str() {
        "keys" => assert!(Keys::of(&text).open(&text, &text).is_err(), "signed by nobody we know"),
        "plan" => plan(&text, &own),
        "fit" => {
            let mut program = rest.concat();
            program.truncate(PROGRAM_BYTES_MAX);
            if let Some(text) = fitted(&text, &program, key) {
                offered(&upgrades, &text, &rest, Some(&program));
            }
        }
        _ => offered(&upgrades, &text, &rest, None),
    }
}

/// A plan of versions: whatever it says, one of what may run is chosen, no version for ever, and it says the same after it was
/// written again.
fn plan(text: &str, own: &Version) {
    let Ok(mut plan) = serde_json::from_str::<Plan>(text) else { return };
    let written = serde_json::to_string(&plan).expect("a plan is written");
    assert_eq!(serde_json::from_str::<Plan>(&written).ok().as_ref(), Some(&plan), "read, written, read");
    for _ in 0..10 {
        if let Choice::Settled(slot) | Choice::Trial(slot) = plan.clone().choose(own, |_| true) {
            assert!(Version::parse(&slot.version).is_some_and(|version| version > *own), "newer");
        }
        let is_tried = matches!(plan.choose(own, |_| true), Choice::Trial(_));
        assert_eq!(is_tried, plan.trial.is_some(), "counted or given up");
    }
    assert!(plan.trial.is_none(), "not tried for ever");
    assert_eq!(plan.choose(own, |_| false), Choice::Own, "what is damaged does not run");
}

/// The manifest with what belongs to this program.
fn fitted(text: &str, program: &[u8], key: &SigningKey) -> Option<String> {
    let mut manifest: Manifest = serde_json::from_str(text).ok()?;
    let piece = usize::try_from(RELEASE_PIECE_BYTES).ok()?;
    manifest.size = u64::try_from(program.len()).ok()?;
    manifest.sha256 = Digest::of(program);
    manifest.pieces = program.chunks(piece).map(Digest::of).collect();
    manifest.key = key.public();

    serde_json::to_string_pretty(&manifest).ok()
}

/// A signed manifest of this text, offered to an agent, with these as pieces; `program`: what it was fitted to.
fn offered(upgrades: &Upgrades, text: &str, pieces: &[Vec<u8>], program: Option<&[u8]>) {
    let (key, trusted, keys) = &*KEY;
    let signature = key.sign(text.as_bytes(), FORMAT).expect("a signature");
    let read = keys.open(text, &signature);
    if let Ok(manifest) = &read {
        must_fit(manifest, text);
    }
    let sealed = container::encode(&[
        Entry { name: "manifest.json".to_owned(), bytes: text.as_bytes().to_vec() },
        Entry { name: "manifest.json.minisig".to_owned(), bytes: signature.clone().into_bytes() },
        Entry { name: "program".to_owned(), bytes: program.map_or_else(|| pieces.concat(), <[u8]>::to_vec) },
    ]);
    if let Ok(opened) = sealed.map_err(drop).and_then(|sealed| releases::open(&sealed, trusted).map_err(drop))
    {
        assert_eq!(
            read.as_ref().ok(),
            Some(&opened.manifest),
            "what a collector takes, an agent reads alike"
        );
        assert_eq!(opened.text, text);
    }

    let offer = ReleaseOffer { order: 7, manifest: text.to_owned(), signature };
    let step = upgrades.begin(offer, NOW).expect("a disk");
    let Step::Fetching(fetch) = step else {
        let is_right = matches!(step, Step::Refused(_) | Step::Later);
        assert!(is_right, "refused, or not yet: {step:?}");
        return;
    };
    let manifest = read.expect("what is fetched can be read");
    match program {
        Some(program) => {
            let step = served(upgrades, fetch, &pieces_of(program));
            assert!(matches!(step, Step::Arrived(_)), "what fits arrives: {step:?}");
        }
        None => drop(served(upgrades, fetch, pieces)),
    }
    let shelf = Shelf::of(&upgrades.state_dir);
    let slot = vonggac_agent::upgrade::shelf::slot_of(&manifest);
    if let Ok(standing) = std::fs::read(shelf.program(&slot)) {
        assert_eq!(Digest::of(&standing), manifest.sha256, "only what was signed stands there");
        assert!(shelf.is_sound(&slot, keys));
    }
}

fn pieces_of(program: &[u8]) -> Vec<Vec<u8>> {
    let piece = usize::try_from(RELEASE_PIECE_BYTES).expect("a size");

    program.chunks(piece).map(pack_piece).collect()
}

/// What is asked for comes: the piece of that number, or the last there is; ends after as many as there may be.
fn served(upgrades: &Upgrades, fetch: Box<Fetch>, pieces: &[Vec<u8>]) -> Step {
    let now: Instant = instant();
    let mut step = Step::Fetching(fetch);
    for _ in 0..64 {
        let Step::Fetching(mut fetch) = step else { return step };
        let Some(wanted) = fetch.poll(now) else { return Step::Fetching(fetch) };
        let at = usize::try_from(wanted.piece).expect("a number");
        let packed = pieces.get(at).or_else(|| pieces.last()).cloned().unwrap_or_default();
        step = upgrades
            .take(fetch, &ReleasePiece { sha256: wanted.sha256, piece: wanted.piece, packed })
            .expect("a disk");
    }

    step
}

fn must_fit(manifest: &Manifest, text: &str) {
    assert!(text.len() <= RELEASE_MANIFEST_BYTES_MAX);
    assert!(manifest.check().is_ok() && Version::parse(&manifest.version).is_some(), "checked");
    let numbers = 0..u32::try_from(manifest.pieces.len()).expect("few pieces");
    let sum: u64 = numbers.clone().map(|number| manifest.piece_bytes(number).expect("each has bytes")).sum();
    assert_eq!(sum, manifest.size, "the pieces are the program");
    assert_eq!(manifest.piece_bytes(numbers.end), None);
    let name = vonggac_agent::upgrade::shelf::slot_of(manifest).name();
    assert!(
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)),
        "a plain name: {name}"
    );
}

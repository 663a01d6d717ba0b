//! Feeds of advisories that a person carries in, and the versions in them.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::LazyLock;

use vonggac_advisory::feed::{Item, Limits, Packer, read, read_packed};
use vonggac_advisory::version::Order;
use vonggac_collector::feeds::bundle::{self, Manifest};
use vonggac_collector::snapshot::container::{self, Entry};
use vonggac_collector::snapshot::key::{FEEDS, SigningKey};
use vonggac_protocol::digest::Digest;

use super::parts;

/// A carried file must not need more than this for a short one.
const LIMITS: Limits = Limits {
    unpacked_bytes: 4 * 1024 * 1024,
    ratio: 250,
    document_bytes: 1024 * 1024,
    documents: 100,
    rows: 20_000,
};

/// A carried file of any kind, by its content. What is read of it is the same every time, and the same after it was packed.
pub fn feed(bytes: &[u8]) {
    let Ok(first) = items(bytes) else { return };
    assert_eq!(items(bytes).as_ref(), Ok(&first), "read alike");
    let mut packer = Packer::new(Vec::new()).expect("memory takes any bytes");
    for item in first.iter().cloned() {
        packer.item(item).expect("memory takes any bytes");
    }
    let (packed, things) = packer.end().expect("memory takes any bytes");
    let mut again = Vec::new();
    let read = read_packed(packed.as_slice(), u64::MAX, &mut |item| {
        again.push(item);
        Ok(())
    });
    assert_eq!(read.ok(), Some(things), "what was packed can be read");
    assert_eq!(again, first, "packed, read");
}

fn items(bytes: &[u8]) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let given = read(Cursor::new(bytes), &LIMITS, &mut |item| {
        items.push(item);
        Ok(())
    });

    match given {
        Ok(_) => Ok(items),
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty(), "a refusal says why");
            Err(said)
        }
    }
}

/// A packed feed: as it is, and compressed as one is.
pub fn feed_packed(bytes: &[u8]) {
    let compressed = zstd::bulk::compress(bytes, 1).expect("memory takes any bytes");
    for packed in [bytes, compressed.as_slice()] {
        let mut items = 0_u64;
        let read = read_packed(packed, LIMITS.unpacked_bytes, &mut |_| {
            items += 1;
            Ok(())
        });
        assert!(read.is_err() || read.is_ok_and(|things| things == items), "as many as it says");
    }
}

/// The key of this run, and that it is trusted.
static KEY: LazyLock<(SigningKey, BTreeSet<String>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a place for files");
    let key = SigningKey::make_for(&FEEDS, folder.path()).expect("a key");
    let trusted = BTreeSet::from([key.public()]);

    (key, trusted)
});

/// A bundle of feeds: as it is, and, because digests and signature would keep the fuzzer out, its parts put together by
/// somebody whose key is trusted.
pub fn feed_bundle(bytes: &[u8]) {
    let (key, trusted) = &*KEY;
    assert!(bundle::open(bytes, trusted).is_err(), "signed by nobody we know");
    let Some(forged) = forged(bytes, key) else { return };
    if let Ok(opened) = bundle::open(&forged, trusted) {
        assert_eq!(opened.digest, Digest::of(&forged));
        assert_eq!(opened.parts.len(), opened.manifest.parts.len(), "every part that it names");
        assert!(bundle::open(&forged, &BTreeSet::new()).is_err(), "a stranger's is refused");
    }
}

fn forged(bytes: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let mut given = parts::named(bytes).into_iter();
    let mut manifest: Manifest = serde_json::from_slice(&given.next()?.1).ok()?;
    manifest.key = key.public();
    let mut feeds = Vec::new();
    for (part, (name, lines)) in manifest.parts.iter_mut().zip(given) {
        let packed = zstd::bulk::compress(&lines, 1).ok()?;
        part.packed = Digest::of(&packed);
        feeds.push(Entry { name, bytes: packed });
    }
    let mut text = serde_json::to_vec_pretty(&manifest).ok()?;
    text.push(b'\n');
    let signature = key.sign(&text, &format!("{} {}", manifest.format, manifest.made_at)).ok()?;
    let mut entries = vec![
        Entry { name: "manifest.json".to_owned(), bytes: text },
        Entry { name: "manifest.json.minisig".to_owned(), bytes: signature.into_bytes() },
    ];
    entries.extend(feeds);

    container::encode(&entries).ok()
}

/// Two versions, one a line: in every order there is one answer, whichever stands first, and blanks around them are none
/// of it.
pub fn version(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (left, right) = text.split_once('\n').unwrap_or((text, text));
    for order in [Order::Debian, Order::Rpm, Order::Alpine, Order::SemVer, Order::Pep440, Order::Numbers] {
        let (one, other) = (order.compare(left, right), order.compare(right, left));
        assert_eq!(one.clone().ok().map(Ordering::reverse), other.ok(), "{order:?}: one answer");
        if one.is_ok() {
            assert_eq!(order.compare(left, &format!(" {left} ")), Ok(Ordering::Equal), "{order:?}");
        }
    }
}

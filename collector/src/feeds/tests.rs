//! Bundles and what may replace what.

use std::collections::BTreeSet;
use std::path::Path;

use vonggac_advisory::feed::Limits;
use vonggac_protocol::time::Timestamp;

use super::admit::{Allowed, RefusePartError};
use super::bundle::{self, RefuseBundleError};
use super::convert::{Converted, Said, convert};
use crate::snapshot::container;
use crate::snapshot::key::{FEEDS, SigningKey};
use crate::store::feeds::{self, Bundle};
use crate::store::migrate;

const NOW: Timestamp = Timestamp(1_795_312_345_678);
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn osv(id: &str, package: &str, ecosystem: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-11-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},
        "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn converted(folder: &Path, text: &str, name: &str, days_ago: i64) -> Converted {
    let path = folder.join("carried");
    std::fs::write(&path, text).unwrap();
    let dated = Some(Timestamp(NOW.0 - days_ago * DAY));
    let said = Said { name: Some(name.to_owned()), dated, ..Said::default() };

    convert(&path, &said, &Limits::default()).unwrap()
}

fn store() -> rusqlite::Connection {
    let mut db = rusqlite::Connection::open_in_memory().unwrap();
    migrate::to_newest(&mut db).unwrap();

    db
}

fn take(
    db: &mut rusqlite::Connection,
    parts: Vec<Converted>,
    bundle: Option<&Bundle>,
    allowed: Allowed,
) -> anyhow::Result<()> {
    let tx = db.transaction().unwrap();
    feeds::take(&tx, parts, bundle, "an", allowed, NOW)?;
    tx.commit()?;

    Ok(())
}

fn names(db: &rusqlite::Connection) -> Vec<String> {
    feeds::list(db).unwrap().into_iter().map(|kept| kept.part.name).collect()
}

#[test]
fn a_bundle_opens_with_its_key_and_nothing_in_it_can_change_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make_for(&FEEDS, folder.path()).unwrap();
    let trusted = BTreeSet::from([key.public()]);
    let parts = vec![
        converted(folder.path(), &osv("DSA-1", "bash", "Debian:12", "2"), "two", 1),
        converted(folder.path(), &osv("DSA-2", "curl", "Debian:12", "2"), "one", 1),
    ];
    let bytes = bundle::pack(parts, &key, NOW).unwrap();

    let opened = bundle::open(&bytes, &trusted).unwrap();
    assert_eq!(opened.parts.iter().map(|it| it.part.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(bundle::is_bundle(&bytes));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(bundle::open(&altered, &trusted).is_err(), "byte {at}");
    }
    for until in (0..bytes.len()).step_by(7) {
        assert!(bundle::open(&bytes[..until], &trusted).is_err(), "cut at {until}");
    }
}

#[test]
fn a_bundle_that_nobody_signed_or_a_stranger_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make_for(&FEEDS, folder.path()).unwrap();
    let part = converted(folder.path(), &osv("DSA-1", "bash", "Debian:12", "2"), "one", 1);
    let bytes = bundle::pack(vec![part], &key, NOW).unwrap();
    let mut entries = container::decode(&bytes).unwrap();
    entries.remove(1);
    let unsigned = container::encode(&entries).unwrap();
    let trusted = BTreeSet::from([key.public()]);

    assert!(matches!(bundle::open(&unsigned, &trusted), Err(RefuseBundleError::Unsigned)));
    assert!(matches!(bundle::open(&bytes, &BTreeSet::new()), Err(RefuseBundleError::Stranger { .. })));
}

#[test]
fn a_manifest_that_names_a_trusted_key_but_is_signed_by_another_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ours_key = SigningKey::make_for(&FEEDS, ours.path()).unwrap();
    let their_key = SigningKey::make_for(&FEEDS, theirs.path()).unwrap();
    let part = converted(ours.path(), &osv("DSA-1", "bash", "Debian:12", "2"), "one", 1);
    let bytes = bundle::pack(vec![part], &their_key, NOW).unwrap();
    let mut entries = container::decode(&bytes).unwrap();
    let manifest = String::from_utf8(entries[0].bytes.clone()).unwrap();
    entries[0].bytes = manifest.replace(&their_key.public(), &ours_key.public()).into_bytes();
    entries[1].bytes = their_key.sign(&entries[0].bytes, "x").unwrap().into_bytes();
    let forged = container::encode(&entries).unwrap();

    let refused = bundle::open(&forged, &BTreeSet::from([ours_key.public()]));
    assert!(matches!(refused, Err(RefuseBundleError::WrongSignature)), "{refused:?}");
}

#[test]
fn parts_come_in_all_or_none_and_the_last_good_ones_stay() {
    let (folder, mut db) = (tempfile::tempdir().unwrap(), store());
    let of = |text: &str, name, days| converted(folder.path(), text, name, days);
    let (bash, curl) = (osv("DSA-1", "bash", "Debian:12", "2"), osv("DSA-2", "curl", "Debian:12", "2"));
    take(&mut db, vec![of(&bash, "one", 2)], None, Allowed::default()).unwrap();

    let refused = take(&mut db, vec![of(&curl, "two", 1), of(&bash, "one", 9)], None, Allowed::default());

    assert!(matches!(refused.unwrap_err().downcast_ref(), Some(RefusePartError::Older { .. })));
    assert_eq!(names(&db), ["one"], "the newer part of a refused import is not let in");
    take(
        &mut db,
        vec![of(&curl, "two", 1), of(&bash, "one", 9)],
        None,
        Allowed { older: true, smaller: false },
    )
    .unwrap();
    assert_eq!(names(&db), ["one", "two"]);
}

#[test]
fn what_would_silently_empty_findings_is_refused() {
    let (folder, mut db) = (tempfile::tempdir().unwrap(), store());
    let archive = |count: usize| {
        let path = folder.path().join("all.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for at in 0..count {
            let options =
                zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            zip.start_file(format!("{at}.json"), options).unwrap();
            let text = osv(&format!("DSA-{at}"), &format!("p{at}"), "Debian:12", "2");
            std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        convert(&path, &Said::default(), &Limits::default()).unwrap()
    };
    take(&mut db, vec![archive(9)], None, Allowed::default()).unwrap();
    assert_eq!(names(&db), ["osv-debian"]);

    let refused = take(&mut db, vec![archive(4)], None, Allowed::default()).unwrap_err();
    assert!(
        matches!(refused.downcast_ref(), Some(RefusePartError::Smaller { rows: 4, held: 9, .. })),
        "{refused}"
    );
    take(&mut db, vec![archive(4)], None, Allowed { smaller: true, older: false }).unwrap();
}

#[test]
fn data_from_the_future_and_a_bundle_before_the_newest_are_refused() {
    let (folder, mut db) = (tempfile::tempdir().unwrap(), store());
    let part = |days| converted(folder.path(), &osv("DSA-1", "bash", "Debian:12", "2"), "one", days);
    let made = |at| Bundle {
        digest: vonggac_protocol::digest::Digest::of(b"x"),
        made_at: Timestamp(at),
        key: "k".to_owned(),
    };

    let ahead = take(&mut db, vec![part(-3)], None, Allowed::default()).unwrap_err();
    assert!(matches!(ahead.downcast_ref(), Some(RefusePartError::Ahead { .. })));
    take(&mut db, vec![part(3)], Some(&made(NOW.0)), Allowed::default()).unwrap();
    let older = take(&mut db, vec![part(2)], Some(&made(NOW.0 - 1)), Allowed::default()).unwrap_err();
    assert!(older.to_string().contains("before the newest that was taken"), "{older}");
}

#[test]
fn a_single_advisory_gets_a_name_of_its_own_and_speaks_for_no_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, osv("DSA-5360-1", "bash", "Debian:12", "2")).unwrap();

    let part = convert(&path, &Said::default(), &Limits::default()).unwrap().part;

    assert_eq!(part.name, "osv-dsa-5360-1");
    assert!(part.covers.is_empty());
    assert_eq!(part.dated.to_string(), "2026-11-01T00:00:00.000Z");
}

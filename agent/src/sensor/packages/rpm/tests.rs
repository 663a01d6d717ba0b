use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use vonggac_protocol::package::{LicenceBasis, Manager, Package};
use vonggac_protocol::time::Timestamp;

use super::header::tests::header;
use crate::sensor::licences;
use crate::sensor::packages::{Inventory, ReadPackagesError, read};

/// Made by rpm 4.18 itself (`rpm -i --justdb`) from packages written for this test, then compacted.
const DATABASE: &[u8] = include_bytes!("fixture/rpmdb.sqlite");

/// What that rpm says of it: name, version, architecture, licence, time of installation.
const SAYS: &str = include_str!("fixture/rpm-qa.tsv");

fn host(file: &str, bytes: &[u8]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();

    root
}

fn read_all(root: &Path) -> Inventory {
    let inventory = read(root).unwrap();
    assert!(inventory.unread.is_empty(), "{:?}", inventory.unread);

    inventory
}

fn named<'p>(packages: &'p BTreeSet<Package>, name: &str) -> &'p Package {
    packages.iter().find(|package| package.name == name).unwrap()
}

#[test]
fn an_rpm_database_is_read_as_rpm_itself_reads_it() {
    let root = host("var/lib/rpm/rpmdb.sqlite", DATABASE);
    let theirs: BTreeSet<&str> = SAYS.lines().filter(|line| !line.starts_with("gpg-pubkey")).collect();

    let inventory = read_all(root.path());

    let ours = |p: &Package| {
        let secs = p.installed_at.map_or(0, |at| at.0 / 1_000);
        format!(
            "{}\t{}\t{}\t{}\t{secs}",
            p.name,
            p.version,
            p.architecture,
            p.licence.as_deref().unwrap_or_default()
        )
    };
    let ours: BTreeSet<String> = inventory.packages.iter().map(ours).collect();
    assert_eq!(ours.iter().map(String::as_str).collect::<BTreeSet<_>>(), theirs);
    assert_eq!(inventory.skipped, 0, "the key is no package and no mistake");
    assert_eq!(
        named(&inventory.packages, "bash").vendor.as_deref(),
        Some("AlmaLinux"),
        "without the address"
    );
    assert_eq!(named(&inventory.packages, "tzdata").section.as_deref(), Some("System Environment/Base"));
}

#[test]
fn the_label_of_a_module_gives_its_name_and_stream() {
    let of = |label: &str| {
        let texts = [(1000, "nodejs"), (1001, "18"), (1002, "1"), (5096, label)];
        crate::sensor::packages::package_of_header(&header(&texts, &[])).unwrap().module
    };

    assert_eq!(of("nodejs:18:8080020230915:e7ba6a2b").as_deref(), Some("nodejs:18"));
    assert_eq!(of("perl:5.32"), Some("perl:5.32".to_owned()));
    assert_eq!([of("(none)"), of(":"), of("a b:c:d"), of("")], [None, None, None, None]);
}

#[test]
fn reading_leaves_nothing_beside_the_database() {
    let root = host("usr/lib/sysimage/rpm/rpmdb.sqlite", DATABASE);

    let inventory = read_all(root.path());

    let folder = root.path().join("usr/lib/sysimage/rpm");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(fs::read(folder.join("rpmdb.sqlite")).unwrap(), DATABASE);
    assert_eq!(inventory.packages.len(), 7);
}

#[test]
fn what_stands_only_in_the_journal_is_seen() {
    let root = host("var/lib/rpm/rpmdb.sqlite", DATABASE);
    let writer = rusqlite::Connection::open(root.path().join("var/lib/rpm/rpmdb.sqlite")).unwrap();
    let blob = header(&[(1000, "new"), (1001, "2"), (1002, "1")], &[(1008, 1_700_000_000)]);
    writer.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).unwrap();

    let inventory = read_all(root.path());

    let new = named(&inventory.packages, "new");
    assert_eq!((new.version.as_str(), new.installed_at), ("2-1", Some(Timestamp(1_700_000_000_000))));
    drop(writer);
}

#[test]
fn a_damaged_header_is_counted_and_the_others_are_read() {
    let root = host("var/lib/rpm/rpmdb.sqlite", DATABASE);
    let path = root.path().join("var/lib/rpm/rpmdb.sqlite");
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer.execute("UPDATE Packages SET blob = x'0000000100' WHERE hnum = 1", []).unwrap();
    writer.execute("UPDATE Packages SET blob = 'text' WHERE hnum = 2", []).unwrap();
    drop(writer);

    let inventory = read_all(root.path());

    assert_eq!((inventory.packages.len(), inventory.skipped), (5, 2));
}

#[test]
fn licence_tags_of_both_dialects_become_spdx() {
    let root = host("var/lib/rpm/rpmdb.sqlite", DATABASE);

    let packages =
        licences::mark(root.path(), read_all(root.path()).packages, &mut licences::Cache::default());

    let licence = |name| named(&packages, name).licence.as_deref().unwrap().to_owned();
    assert_eq!(licence("openssl-libs"), "Apache-2.0");
    assert_eq!(licence("perl-interpreter"), "GPL-1.0-or-later OR Artistic-1.0-Perl");
    assert_eq!(licence("tzdata"), "LicenseRef-public-domain");
    assert_eq!(licence("ftp-tools"), "GPL-2.0-or-later AND LGPL-2.0-or-later AND LicenseRef-BSD");
    assert_eq!(
        licence("kernel-core"),
        "GPL-2.0-only AND LicenseRef-Callaway-Redistributable-no-modification-permitted"
    );
    assert!(packages.iter().all(|p| p.licence_basis == LicenceBasis::RpmTag && p.manager == Manager::Rpm));
}

#[test]
fn what_is_no_database_says_what_it_is_instead() {
    let old = host("var/lib/rpm/Packages", b"\0\0\0\0\0\0\0\0\0\0\0\0\x61\x15\x06\0");
    let text = host("var/lib/rpm/rpmdb.sqlite", b"not a database");
    let empty = host("var/lib/rpm/rpmdb.sqlite", b"");
    let ndb = host("usr/lib/sysimage/rpm/Packages.db", b"RpmP");

    assert!(matches!(read(old.path()), Err(ReadPackagesError::BerkeleyDb)));
    for root in [text, empty, ndb] {
        assert!(matches!(read(root.path()), Err(ReadPackagesError::Damaged { database: "rpm", .. })));
    }
}

#[test]
fn any_damage_to_a_database_is_an_error_or_a_count() {
    for at in (0..DATABASE.len()).step_by(991) {
        let mut bytes = DATABASE.to_vec();
        bytes[at] ^= 0xFF;
        let root = host("var/lib/rpm/rpmdb.sqlite", &bytes);

        if let Ok(inventory) = read(root.path()) {
            assert!(inventory.packages.len() <= 8);
        }
    }
}

/// A database of ndb with these headers, laid out as `lib/backend/ndb/rpmpkg.c` of rpm describes it.
fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let words = |words: [u32; 4]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let tag = |tag: &[u8; 4]| u32::from_le_bytes(*tag);
    let mut bytes = words([tag(b"RpmP"), 0, 1, 1]);
    bytes.extend(words([u32::try_from(headers.len()).unwrap() + 1, 0, 0, 0]));
    bytes.resize(4096, 0);
    for (at, header) in headers.iter().enumerate() {
        let number = u32::try_from(at).unwrap() + 1;
        let block = u32::try_from(bytes.len() / 16).unwrap();
        bytes.extend(words([tag(b"BlbS"), number, 1, u32::try_from(header.len()).unwrap()]));
        bytes.extend(header);
        bytes.resize(bytes.len().next_multiple_of(16) + 16, 0);
        let blocks = u32::try_from(bytes.len() / 16).unwrap() - block;
        bytes[32 + at * 16..48 + at * 16].copy_from_slice(&words([tag(b"Slot"), number, block, blocks]));
    }

    bytes
}

#[test]
fn a_database_of_suse_is_read_slot_by_slot() {
    let good = header(
        &[(1000, "zypper"), (1001, "1.14.77"), (1002, "1.1"), (1014, "GPL-2.0-or-later")],
        &[(1003, 2)],
    );
    let mut bytes = ndb(&[good.clone(), b"broken".to_vec(), good]);
    let last = 32 + 2 * 16;
    bytes[last + 8..last + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let root = host("usr/lib/sysimage/rpm/Packages.db", &bytes);

    let inventory = read_all(root.path());

    assert_eq!(named(&inventory.packages, "zypper").version, "2:1.14.77-1.1");
    assert_eq!((inventory.packages.len(), inventory.skipped), (1, 2));
}

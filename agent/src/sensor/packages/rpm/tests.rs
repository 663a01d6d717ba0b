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
    let btree = host("var/lib/rpm/Packages", &[0x62; 4096]);
    let text = host("var/lib/rpm/rpmdb.sqlite", b"not a database");
    let empty = host("var/lib/rpm/rpmdb.sqlite", b"");
    let ndb = host("usr/lib/sysimage/rpm/Packages.db", b"RpmP");

    for root in [text, empty, ndb, old, btree] {
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

/// A hash of Berkeley DB with these values under the numbers from 1 on, as `dbinc/db_page.h` has it: pages of 512 bytes, what
/// fits on the first page there, the rest in chains.
fn bdb(values: &[Vec<u8>], swapped: bool) -> Vec<u8> {
    let word = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if swapped { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let half = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if swapped { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let put = |page: &mut [u8], at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    let mut pages = vec![vec![0; 512], vec![0; 512]];
    put(&mut pages[1], 8, &word(1));
    pages[1][25] = 13;
    let (mut end, mut entries) = (512, 0);
    let mut add = |page: &mut Vec<u8>, entry: &[u8]| {
        end -= entry.len();
        put(page, end, entry);
        put(page, 26 + 2 * entries, &half(end));
        entries += 1;
        put(page, 20, &half(entries));
    };
    add(&mut pages[1], &[1, 0, 0, 0, 0]);
    add(&mut pages[1], &[&[1], word(values.len()).as_slice()].concat());
    for (number, value) in (1..).zip(values) {
        add(&mut pages[1], &[&[1], word(number).as_slice()].concat());
        if value.len() < 100 {
            add(&mut pages[1], &[&[1], value.as_slice()].concat());
            continue;
        }
        let first = pages.len();
        add(&mut pages[1], &[&[3, 0, 0, 0], word(first).as_slice(), &word(value.len())].concat());
        let pieces: Vec<&[u8]> = value.chunks(512 - 26).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let mut page = vec![0; 512];
            put(&mut page, 8, &word(first + at));
            put(&mut page, 16, &word(if at + 1 < pieces.len() { first + at + 1 } else { 0 }));
            put(&mut page, 22, &half(piece.len()));
            page[25] = 7;
            put(&mut page, 26, piece);
            pages.push(page);
        }
    }
    let last = pages.len() - 1;
    for (at, n) in [(12, 0x06_1561), (16, 9), (20, 512), (32, last)] {
        put(&mut pages[0], at, &word(n));
    }
    pages[0][25] = 8;

    pages.concat()
}

fn old_headers() -> Vec<Vec<u8>> {
    let licence = "GPL-2.0-or-later AND ".repeat(60) + "MIT";
    vec![
        header(&[(1000, "bash"), (1001, "4.4.20"), (1002, "4.el8"), (1014, &licence)], &[(1003, 3)]),
        header(&[(1000, "a"), (1001, "1"), (1002, "2")], &[]),
        b"broken".to_vec(),
    ]
}

#[test]
fn a_database_of_the_old_form_is_read_in_both_byte_orders() {
    for swapped in [false, true] {
        let root = host("var/lib/rpm/Packages", &bdb(&old_headers(), swapped));

        let inventory = read_all(root.path());

        assert_eq!(named(&inventory.packages, "bash").version, "3:4.4.20-4.el8");
        assert_eq!(named(&inventory.packages, "a").version, "1-2");
        assert_eq!((inventory.packages.len(), inventory.skipped), (2, 1));
    }
}

#[test]
fn any_damage_to_the_old_form_is_an_error_or_a_count() {
    let good = bdb(&old_headers(), false);
    let root = host("var/lib/rpm/Packages", &good);
    for at in 0..good.len() {
        for change in [0xFF, 0x01] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            fs::write(root.path().join("var/lib/rpm/Packages"), &bytes).unwrap();
            assert!(read(root.path()).map_or(true, |inventory| inventory.packages.len() <= 3));
        }
    }
    let cut = host("var/lib/rpm/Packages", &good[..good.len() - 512]);
    assert!(
        matches!(read(cut.path()), Err(ReadPackagesError::Damaged { .. })),
        "what is half written is not half told"
    );
}

#[test]
fn while_rpm_holds_its_lock_nothing_is_read() {
    let root = host("var/lib/rpm/rpmdb.sqlite", DATABASE);
    let lock = root.path().join("var/lib/rpm/.rpm.lock");
    fs::write(&lock, "").unwrap();
    assert_eq!(read(root.path()).unwrap().packages.len(), 7);

    // Of another process: a process sees none of its own locks.
    let script = "import fcntl, sys, time\nf = open(sys.argv[1], 'r+')\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()";
    let mut holder = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&lock)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut word = [0; 4];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut word).unwrap();
    let busy = read(root.path());
    drop(holder.stdin.take());
    holder.wait().unwrap();

    assert!(busy.is_err_and(|error| error.is_passing()));
    assert_eq!(read(root.path()).unwrap().packages.len(), 7);
}

#![expect(clippy::print_stderr, reason = "a test that could compare nothing says so")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::{Package, inventory_digest};
use vonggac_protocol::time::Timestamp;

use super::*;

const STATUS: &str = "\
Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Version: 5.2.15-2+b8
Source: bash (5.2.15-2)
Section: shells
Description: GNU Bourne Again SHell
 Package: not-a-package
 .
 Status: deinstall ok config-files

Package: libc6
Status: hold ok triggers-pending
Architecture: amd64
Version: 1:2.36-9+deb12u10
Source: glibc

Package: libc6
Status: install ok installed
Architecture: i386
Version: 1:2.36-9+deb12u10
Source: glibc

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: torn
Status: install reinstreq half-installed
Architecture: amd64
Version: 1.0

Package: bộ-gõ-tiếng-việt
Status: install ok installed
Architecture: all
Version: 2:1.0~rc_1/β

Package: phần-mềm
Status: install ok installed
Architecture: all
Version: not.by.policy_1

Package: no-version
Status: install ok installed
Architecture: all

garbage without a colon
Package: spoilt
Status: install ok installed
Version: 1
";

fn host(status: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/lib/dpkg/info")).unwrap();
    fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();

    root
}

fn named<'p>(packages: &'p BTreeSet<Package>, name: &str) -> Vec<&'p Package> {
    packages.iter().filter(|package| package.name == name).collect()
}

#[test]
fn a_status_file_is_read_as_dpkg_means_it() {
    let root = host(STATUS);
    fs::write(root.path().join("var/lib/dpkg/info/libc6:i386.list"), "").unwrap();

    let inventory = read(root.path()).unwrap();

    let bash = named(&inventory.packages, "bash")[0];
    assert_eq!(bash.version, "5.2.15-2+b8");
    assert_eq!((bash.source.as_deref(), bash.source_version.as_deref()), (None, Some("5.2.15-2")));
    assert_eq!(bash.vendor.as_deref(), Some("Matthias Klose"));
    assert_eq!(named(&inventory.packages, "libc6").len(), 2);
    let dated: Vec<bool> =
        named(&inventory.packages, "libc6").iter().map(|p| p.installed_at.is_some()).collect();
    assert_eq!(dated, [false, true]);
    assert_eq!(named(&inventory.packages, "phần-mềm")[0].version, "not.by.policy_1");
    for absent in ["gone", "torn", "no-version", "spoilt", "not-a-package", "bộ-gõ-tiếng-việt"] {
        assert!(named(&inventory.packages, absent).is_empty(), "{absent}");
    }
    assert_eq!(inventory.skipped, 3, "no version, a version with a slash, and a spoilt paragraph");
    assert_eq!(inventory.packages.len(), 4);
}

#[test]
fn the_journal_of_a_running_dpkg_overrides_the_status_file() {
    let root = host(STATUS);
    fs::create_dir(root.path().join("var/lib/dpkg/updates")).unwrap();
    let entry = "Package: bash\nStatus: install ok half-installed\nArchitecture: amd64\nVersion: 5.3\n";
    fs::write(root.path().join("var/lib/dpkg/updates/0000"), entry).unwrap();
    let entry = "Package: new\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
    fs::write(root.path().join("var/lib/dpkg/updates/0001"), entry).unwrap();
    fs::write(root.path().join("var/lib/dpkg/updates/tmp.i"), "Package: torn").unwrap();

    let inventory = read(root.path()).unwrap();

    assert!(named(&inventory.packages, "bash").is_empty());
    assert_eq!(named(&inventory.packages, "new").len(), 1);
}

#[test]
fn images_without_dpkg_keep_one_file_a_package() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("var/lib/dpkg/status.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("tzdata"), "Package: tzdata\nVersion: 2025b-0+deb12u1\nArchitecture: all\n")
        .unwrap();
    fs::write(folder.join("tzdata.md5sums"), "00  usr/share/zoneinfo\n").unwrap();

    let inventory = read(root.path()).unwrap();

    assert_eq!(named(&inventory.packages, "tzdata").len(), 1);
    assert_eq!((inventory.packages.len(), inventory.skipped), (1, 0));
}

#[test]
fn this_machines_packages_are_those_that_dpkg_counts() {
    let format =
        "-f=${db:Status-Status} ${Package} ${Architecture} ${Version} ${source:Package} ${source:Version}\n";
    let Ok(output) = Command::new("dpkg-query").args(["-W", format]).output() else {
        eprintln!("no dpkg-query on this machine: nothing was compared");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect();

    let inventory = read(Path::new("/")).unwrap();

    let ours = |p: &Package| {
        let source = p.source.as_ref().unwrap_or(&p.name);
        let source_version = p.source_version.as_ref().unwrap_or(&p.version);
        format!("{} {} {} {source} {source_version}", p.name, p.architecture, p.version)
    };
    let of_dpkg = inventory.packages.iter().filter(|p| p.manager == vonggac_protocol::package::Manager::Dpkg);
    assert_eq!(of_dpkg.map(ours).collect::<BTreeSet<_>>(), theirs);
    assert_eq!(inventory.skipped, 0);
    eprintln!("packages: ours {}, dpkg {}", inventory.packages.len(), theirs.len());
}

#[test]
fn the_whole_is_told_first_and_then_only_differences() {
    let before = read(host(STATUS).path()).unwrap().packages;
    let after = read(host(&STATUS.replace("5.2.15-2+b8", "5.2.15-2+b9")).path()).unwrap().packages;

    let first = report(None, None, &before).unwrap();
    let none = report(Some(&before), Some(inventory_digest(&before)), &before).unwrap();
    let then = report(Some(&before), Some(inventory_digest(&before)), &after).unwrap();
    let lost = report(Some(&before), Some(Digest::of(b"other")), &after).unwrap();

    assert!(matches!(first.as_slice(), [Kind::PackagesListed(part)] if part.packages.len() == before.len()));
    assert!(none.is_empty());
    let [Kind::PackagesChanged(changed)] = then.as_slice() else { panic!("{then:?}") };
    assert_eq!((changed.added.len(), changed.removed.len()), (1, 1));
    assert_eq!(changed.after, inventory_digest(&after));
    assert!(matches!(lost.as_slice(), [Kind::PackagesListed(_)]));
}

#[test]
fn a_large_inventory_is_cut_into_parts_within_the_limits() {
    let long = "x".repeat(500);
    let status: String = (0..5_000)
        .map(|n| format!("Package: p{n}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nSection: {long}\nMaintainer: {long}\n\n"))
        .collect();
    let packages = read(host(&status).path()).unwrap().packages;

    let parts = report(None, None, &packages).unwrap();

    let mut told = BTreeSet::new();
    for (number, kind) in parts.iter().enumerate() {
        let bytes = Observation { at: Timestamp(0), kind: kind.clone() }.encode();
        assert!(bytes.len() <= OBSERVATION_BYTES_MAX);
        let Kind::PackagesListed(part) = kind else { panic!("{kind:?}") };
        assert_eq!(
            (usize::try_from(part.part).unwrap(), usize::try_from(part.parts).unwrap()),
            (number, parts.len())
        );
        told.extend(part.packages.iter().cloned());
    }
    assert_eq!(told, packages);
    assert!(parts.len() > 3);
}

#[test]
fn a_kept_inventory_is_read_back_and_a_damaged_one_is_not() {
    let packages = read(host(STATUS).path()).unwrap().packages;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.cbor");

    assert_eq!(load(&path).unwrap(), None);
    save(&path, &packages).unwrap();
    assert_eq!(load(&path).unwrap(), Some(packages));

    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(load(&path).unwrap(), None);
}

#[test]
fn a_database_of_alpine_is_read_with_sources_and_licences() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("lib/apk/db");
    fs::create_dir_all(&folder).unwrap();
    let text = "C:Q1abc=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nm:A B <a@b.org>\nF:lib\nR:libcrypto.so.3\n\n\
                P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\n\nP:no-version\n\nP:two\nP:names\nV:1\n\nrubbish\nP:x\nV:1\n\n\
                P:last\nV:1-r0";
    fs::write(folder.join("installed"), text).unwrap();

    let inventory = read(root.path()).unwrap();

    let crypto = named(&inventory.packages, "libcrypto3")[0];
    assert_eq!((crypto.version.as_str(), crypto.source.as_deref()), ("3.1.4-r5", Some("openssl")));
    assert_eq!((crypto.licence.as_deref(), crypto.vendor.as_deref()), (Some("Apache-2.0"), Some("A B")));
    assert_eq!(named(&inventory.packages, "musl")[0].source, None);
    let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["last", "libcrypto3", "musl"]);
    assert_eq!(inventory.skipped, 3);
}

#[cfg(unix)]
#[test]
fn snaps_have_the_version_that_is_mounted_and_flatpaks_the_commit_in_use() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let state = r#"{"data": {"auth": {}, "snaps": {"hello": {"current": "20", "sequence": []}, "gone": {"current": "x1"},
        "../bad": {"current": "1"}}}, "changes": {}, "tasks": {}}"#;
    write("var/lib/snapd/state.json", state);
    write(
        "snap/hello/20/meta/snap.yaml",
        "name: hello\nversion: '2.10'\nlicense: GPL-3.0\napps:\n  version: 9\n",
    );
    let commit = "0123456789ab".repeat(5) + "0123";
    write(
        &format!("var/lib/flatpak/app/org.x.Y/x86_64/stable/{commit}/metadata"),
        "[Application]\nname=org.x.Y\n",
    );
    let branch = root.path().join("var/lib/flatpak/app/org.x.Y/x86_64/stable");
    std::os::unix::fs::symlink(&commit, branch.join("active")).unwrap();
    fs::create_dir_all(root.path().join("var/lib/flatpak/runtime/org.x.Z/x86_64/1")).unwrap();
    let out = root.path().join("var/lib/flatpak/runtime/org.x.Z/x86_64/1/active");
    std::os::unix::fs::symlink("../../../../../../../etc", out).unwrap();

    let inventory = read(root.path()).unwrap();

    let told: Vec<String> = inventory
        .packages
        .iter()
        .map(|it| format!("{:?} {} {} {}", it.manager, it.name, it.architecture, it.version))
        .collect();
    assert_eq!(
        told,
        ["Snap gone  revision-x1", "Snap hello  2.10", "Flatpak org.x.Y x86_64 stable@0123456789ab"]
    );
    assert_eq!(inventory.skipped, 2);
    fs::write(root.path().join("var/lib/snapd/state.json"), "{\"data\": {\"snaps\": {").unwrap();
    let torn = read(root.path()).unwrap();
    assert!(matches!(torn.unread.as_slice(), [ReadPackagesError::Damaged { database: "snap", .. }]));
}

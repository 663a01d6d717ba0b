#![expect(clippy::print_stderr, reason = "a test that could compare nothing says so")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use vonggac_protocol::time::Timestamp;

use super::*;
use crate::sensor::packages;

/// `name architecture installed candidate` of every update that apt lists for this root; `None` where apt cannot be asked.
fn apt_says(root: &Path) -> Option<BTreeSet<String>> {
    let output = Command::new("apt")
        .args(["list", "--upgradable", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="])
        .arg("-o")
        .arg(format!("Dir={}", root.display()))
        .arg("-o")
        .arg(format!("Dir::State::status={}", root.join("var/lib/dpkg/status").display()))
        // apt reads its own configuration before it is told of another root.
        .env("APT_CONFIG", root.join("etc/apt/apt.conf.d/99release"))
        .env("LC_ALL", "C")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let update = |line: &str| {
        let (name, rest) = line.split_once('/')?;
        let mut words = rest.split_whitespace().skip(1);
        let (candidate, architecture) = (words.next()?, words.next()?);
        let installed = line.rsplit_once("from: ")?.1.trim_end_matches(']');
        Some(format!("{name} {architecture} {installed} {candidate}"))
    };

    Some(text.lines().filter_map(update).collect())
}

fn ours(patches: &Patches) -> BTreeSet<String> {
    let update = |update: &vonggac_protocol::patch::PendingUpdate| {
        format!("{} {} {} {}", update.name, update.architecture, update.installed, update.candidate)
    };

    patches.state.pending.iter().map(update).collect()
}

#[test]
fn this_machines_pending_updates_are_those_that_apt_lists() {
    let root = Path::new("/");
    let Some(theirs) = apt_says(root) else {
        eprintln!("no apt on this machine: nothing was compared");
        return;
    };
    let installed = packages::read(root).unwrap().packages;

    let patches = read(root, Timestamp(0), &installed, &Running::default(), None);

    if patches.state.lists_at.is_none() {
        eprintln!("apt has no lists on this machine: nothing was compared");
        return;
    }
    assert_eq!(ours(&patches), theirs);
    eprintln!(
        "pending: ours {}, apt {}; security {:?}; lists of {:?}; last update {:?}; problems {:?}",
        patches.state.pending_count,
        theirs.len(),
        patches.state.security_count,
        patches.state.lists_at,
        patches.state.last_update,
        patches.problems
    );
}

const ARCHIVES: [(&str, &str, &str); 6] = [
    (
        "stable",
        "Origin: Debian\nLabel: Debian\nSuite: oldstable\nVersion: 12\nCodename: stable\n",
        "plain 2; epoch 1:1; both 2; skip 3; skip 2; wild-a 2; wild-b 2; held 2; torn 2; back 1; exp 1; same 1; newer 1; \
         of-source 2 (origin-src); tilde 1.0; old 5; pref 2; fixed 1.2.9; fixed 1.3; gone-pin 9; down 1",
    ),
    (
        "stable-security",
        "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nVersion: 12\nCodename: stable-security\n",
        "plain 1.5; both 2; sec 1.1; same 1+deb12u1; two 1.5; two 1.7",
    ),
    (
        "stable-backports",
        "Origin: Debian Backports\nLabel: Debian Backports\nSuite: oldstable-backports\nCodename: stable-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
        "back 3~bpo12+1; was-back 3~bpo12+2; was-back 3~bpo12+1; both 9~bpo12+1; two 4~bpo12+1",
    ),
    (
        "experimental",
        "Origin: Debian\nLabel: Debian\nSuite: experimental\nCodename: rc-buggy\nNotAutomatic: yes\n",
        "exp 9; was-exp 9; was-exp 8; plain 9",
    ),
    (
        "vendor",
        "Origin: Vendor\nLabel: Vendor\nSuite: any\nCodename: vendor\n",
        "vend 7; pref 9; two 9; wild-a 9",
    ),
    ("foreign", "Origin: Foreign\nSuite: other\n", "plain 3; two 3"),
];

const INSTALLED: &str = "plain 1; epoch 9; both 1; skip 1; wild-a 1; wild-b 1; held 1 hold ok installed; \
    torn 1 install ok unpacked; back 1; exp 1; same 1; newer 2; of-source 1; tilde 1.0~rc1; old 4; pref 1; fixed 1.0; sec 1.0; \
    was-back 3~bpo12+1; was-exp 8; vend 6; two 1; gone-pin 1; down 2; left 1 deinstall ok config-files; dpkg 1.21";

/// A host with these archives and preferences. Half of its packages are of architecture `all`.
fn host(preferences: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for folder in [
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "etc/apt/preferences.d",
        "etc/apt/apt.conf.d",
    ] {
        std::fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    let architecture =
        |name: &str| if name.len().is_multiple_of(2) && name != "dpkg" { "all" } else { "amd64" };
    let mut status = String::new();
    for entry in INSTALLED.split("; ") {
        let mut words = entry.trim().splitn(3, ' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        let state = words.next().unwrap_or("install ok installed");
        let arch = architecture(name);
        status += &format!(
            "Package: {name}\nStatus: {state}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: x <x@y>\nDescription: x\n\n"
        );
    }
    write("var/lib/dpkg/status", &status);
    let mut sources = String::new();
    for (suite, release, offers) in ARCHIVES {
        sources += &format!("deb [trusted=yes arch=amd64] http://{suite}.example.org/debian {suite} main\n");
        let start = format!("var/lib/apt/lists/{suite}.example.org_debian_dists_{suite}_");
        write(
            &format!("{start}Release"),
            &format!(
                "{release}Date: Fri, 20 Nov 2026 00:00:00 UTC\nArchitectures: amd64\nComponents: main\n"
            ),
        );
        let mut list = String::new();
        for offer in offers.split("; ") {
            let (offer, source) = offer.trim().split_once(" (").unwrap_or_else(|| (offer.trim(), ""));
            let (name, version) = offer.split_once(' ').unwrap();
            // One package changes its architecture on the way.
            let arch = if name == "both" { "amd64" } else { architecture(name) };
            let source = if source.is_empty() {
                String::new()
            } else {
                format!("Source: {}\n", source.trim_end_matches(')'))
            };
            list += &format!(
                "Package: {name}\n{source}Version: {version}\nArchitecture: {arch}\nMaintainer: x <x@y>\nFilename: pool/{name}_{version}.deb\nSize: 1\nSHA256: {}\nDescription: x\n\n",
                "0".repeat(64)
            );
        }
        write(&format!("{start}main_binary-amd64_Packages"), &list);
    }
    write("etc/apt/sources.list", &sources);
    for (path, text) in preferences {
        write(path, text);
    }

    root
}

fn apt_is_here() -> bool {
    Command::new("apt").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Compares our answer with that of apt for one host; without apt, returns ours unchecked and says so.
fn same_as_apt(preferences: &[(&str, &str)]) -> Patches {
    let root = host(preferences);
    let installed = packages::read(root.path()).unwrap().packages;
    let patches = read(root.path(), Timestamp(0), &installed, &Running::default(), None);
    if apt_is_here() {
        let theirs = apt_says(root.path()).unwrap();
        assert_eq!(ours(&patches), theirs, "ours left, apt's right, with {preferences:?}");
    } else {
        eprintln!("no apt on this machine: nothing was compared");
    }

    patches
}

/// Names and architectures of installed versions that apt finds in no list, only as installed here.
fn apt_finds_nowhere(root: &Path) -> Option<BTreeSet<(String, String)>> {
    let output = Command::new("apt")
        .args(["list", "--installed", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="])
        .arg("-o")
        .arg(format!("Dir={}", root.display()))
        .arg("-o")
        .arg(format!("Dir::State::status={}", root.join("var/lib/dpkg/status").display()))
        .env("LC_ALL", "C")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let nowhere = |line: &str| {
        let (name, rest) = line.split_once('/')?;
        let mut words = rest.split_whitespace();
        let (archives, architecture) = (words.next()?, words.nth(1)?);
        (archives == "now").then(|| (name.to_owned(), architecture.to_owned()))
    };

    Some(text.lines().filter_map(nowhere).collect())
}

fn exact(mark: &packages::Mark) -> bool {
    mark.origin.as_deref().is_some_and(|origin| !origin.starts_with('<'))
}

#[test]
fn versions_of_this_machine_without_an_archive_are_those_that_apt_finds_nowhere() {
    let root = Path::new("/");
    let Some(theirs) = apt_finds_nowhere(root) else {
        eprintln!("no apt on this machine: nothing was compared");
        return;
    };
    let installed = packages::read(root).unwrap().packages;

    let patches = read(root, Timestamp(0), &installed, &Running::default(), None);

    if patches.state.lists_at.is_none() {
        eprintln!("apt has no lists on this machine: nothing was compared");
        return;
    }
    let ours: BTreeSet<(String, String)> = patches
        .marks
        .iter()
        .filter(|(_, mark)| !exact(mark))
        .map(|(key, _)| (key.name.clone(), key.architecture.clone()))
        .collect();
    assert_eq!(ours, theirs);
    let former = patches.marks.values().filter(|mark| mark.origin.is_some() && !exact(mark)).count();
    eprintln!("in no list: {}, of these former versions of an archive's own: {former}", theirs.len());
}

#[test]
fn every_installed_version_has_the_archive_that_lists_it_the_distributions_own_first() {
    let root = host(&[]);
    let installed = packages::read(root.path()).unwrap().packages;

    let marks = read(root.path(), Timestamp(0), &installed, &Running::default(), None).marks;

    let origin = |name: &str| {
        let mark = marks.iter().find(|(key, _)| key.name == name).map(|(_, mark)| mark).unwrap();
        mark.origin.clone()
    };
    let expected = [
        ("same", Some("Debian/stable")),
        ("was-back", Some("Debian Backports/stable-backports")),
        ("was-exp", Some("Debian/rc-buggy")),
        ("plain", Some("<Debian/stable-security")),
        ("tilde", Some("<Debian/stable")),
        ("vend", Some("<Vendor/vendor")),
        ("newer", None),
        ("epoch", Some("<Debian/stable")),
        ("dpkg", None),
    ];
    assert_eq!(
        expected.map(|(name, _)| (name, origin(name))),
        expected.map(|(name, it)| (name, it.map(str::to_owned)))
    );
    assert_eq!(
        apt_is_here().then(|| apt_finds_nowhere(root.path()).unwrap()),
        apt_is_here().then(|| {
            let nowhere = marks.iter().filter(|(_, mark)| !exact(mark));
            nowhere.map(|(key, _)| (key.name.clone(), key.architecture.clone())).collect()
        })
    );
}

#[test]
fn a_local_package_with_the_name_of_the_distributions_has_no_archive() {
    let root = host(&[]);
    let status = root.path().join("var/lib/dpkg/status");
    let text = std::fs::read_to_string(&status).unwrap();
    let other = text.replace("Package: plain\n", "Package: plain\nX-Mark: x\n").replace(
        "Architecture: amd64\nMaintainer: x <x@y>\nDescription: x\n\nPackage: epoch",
        "Architecture: amd64\nMaintainer: Somebody <s@z>\nDescription: x\n\nPackage: epoch",
    );
    assert_ne!(text, other);
    std::fs::write(&status, other).unwrap();
    let installed = packages::read(root.path()).unwrap().packages;

    let marks = read(root.path(), Timestamp(0), &installed, &Running::default(), None).marks;

    let plain = marks.iter().find(|(key, _)| key.name == "plain").map(|(_, mark)| mark.clone()).unwrap();
    assert_eq!((plain.origin, plain.offered), (None, Some(true)));
}

#[test]
fn what_apt_installed_by_itself_is_told_from_what_was_asked_for() {
    let root = host(&[]);
    let mark = |name: &str| {
        let installed = packages::read(root.path()).unwrap().packages;
        let marks = read(root.path(), Timestamp(0), &installed, &Running::default(), None).marks;
        marks.iter().find(|(key, _)| key.name == name).and_then(|(_, mark)| mark.automatic)
    };
    let without_notes = mark("both");
    std::fs::write(
        root.path().join("var/lib/apt/extended_states"),
        "Package: both\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: skip\nArchitecture: amd64\nAuto-Installed: 0\n",
    )
    .unwrap();

    assert_eq!(
        (without_notes, mark("both"), mark("skip"), mark("plain")),
        (None, Some(true), Some(false), Some(false))
    );
}

fn candidate(patches: &Patches, name: &str) -> Option<String> {
    patches.state.pending.iter().find(|update| update.name == name).map(|update| update.candidate.clone())
}

#[test]
fn lists_of_a_source_that_was_taken_away_count_for_nothing_as_with_apt() {
    let disabled =
        "Enabled: no\nTypes: deb\nURIs: http://vendor.example.org/debian\nSuites: vendor\nComponents: main\n";
    let source = |suite: &str| format!("deb [trusted=yes] http://{suite}.example.org/debian {suite} main\n");

    let patches = same_as_apt(&[
        ("etc/apt/sources.list", &source("stable")),
        ("etc/apt/sources.list.d/foreign.list.disabled", &source("foreign")),
        ("etc/apt/sources.list.d/vendor.sources", disabled),
        ("etc/apt/sources.list.d/security.list", &source("stable-security")),
    ]);

    assert_eq!(candidate(&patches, "plain").as_deref(), Some("2"));
    assert_eq!(candidate(&patches, "sec").as_deref(), Some("1.1"));
    assert_eq!(candidate(&patches, "vend"), None);

    let patches = same_as_apt(&[("etc/apt/sources.list", "")]);
    assert_eq!((patches.state.pending_count, patches.state.lists_at), (0, None));
}

#[test]
fn default_priorities_choose_as_apt_does() {
    let patches = same_as_apt(&[]);

    assert_eq!(candidate(&patches, "plain").as_deref(), Some("3"));
    assert_eq!(candidate(&patches, "was-back").as_deref(), Some("3~bpo12+2"));
    assert_eq!(candidate(&patches, "was-exp"), None);
    assert_eq!(candidate(&patches, "back"), None);
    assert_eq!(candidate(&patches, "held").as_deref(), Some("2"), "what is on hold waits too");
    assert!(patches.problems.is_empty());
}

#[test]
fn a_security_update_counts_also_when_a_later_version_took_its_place() {
    let patches = same_as_apt(&[]);

    let update =
        |name: &str| patches.state.pending.iter().find(|update| update.name == name).unwrap().clone();
    assert!(update("plain").security && update("sec").security && update("same").security);
    assert!(!update("skip").security);
    assert_eq!(update("sec").origin, "Debian-Security stable-security");
    assert_eq!(update("vend").origin, "Vendor vendor");
    let security = patches.state.pending.iter().filter(|update| update.security).count();
    assert_eq!(patches.state.security_count, u64::try_from(security).ok());
}

#[test]
fn pins_choose_as_apt_does() {
    let preferences = "\
Explanation: a comment
Package: skip
Pin: version 2*
Pin-Priority: 900

Package: wild-*
Pin: origin \"vendor.example.org\"
Pin-Priority: -1

Package: vend
Pin: release o=Vendor, a=any
Pin-Priority: -10

Package: two
Pin: release n=stable-backports
Pin-Priority: 700

Package: two
Pin: release n=stable-backports
Pin-Priority: 10

Package: src:origin-src
Pin: release *
Pin-Priority: -1

Package: fixed gone-pin:amd64
Pin: version 1.2.*
Pin-Priority: 1001

Package: down
Pin: release l=Debian
Pin-Priority: 1001

Package: *
Pin: release l=Vendor
Pin-Priority: 50
";
    let patches = same_as_apt(&[("etc/apt/preferences", preferences)]);

    assert_eq!(candidate(&patches, "skip").as_deref(), Some("2"));
    assert_eq!(candidate(&patches, "wild-a").as_deref(), Some("2"));
    assert_eq!(candidate(&patches, "two").as_deref(), Some("4~bpo12+1"));
    assert_eq!(candidate(&patches, "vend"), None);
    assert_eq!(candidate(&patches, "fixed").as_deref(), Some("1.2.9"));
}

#[test]
fn files_of_preferences_are_taken_in_the_order_of_apt() {
    let pin = |priority: i32| format!("Package: *\nPin: release l=Vendor\nPin-Priority: {priority}\n");
    let cases: [&[(&str, String)]; 4] = [
        &[("etc/apt/preferences", pin(600)), ("etc/apt/preferences.d/a", pin(-1))],
        &[("etc/apt/preferences", pin(-1)), ("etc/apt/preferences.d/a", pin(600))],
        &[("etc/apt/preferences.d/b.pref", pin(-1)), ("etc/apt/preferences.d/a", pin(600))],
        &[("etc/apt/preferences.d/a.bak", pin(-1)), ("etc/apt/preferences.d/a~", pin(-1))],
    ];

    for case in cases {
        let files: Vec<(&str, &str)> = case.iter().map(|(path, text)| (*path, text.as_str())).collect();
        same_as_apt(&files);
    }
}

#[test]
fn a_default_release_chooses_as_apt_does() {
    let conf = |release: &str| format!("APT::Default-Release \"{release}\";\n");
    for release in ["stable", "stable-backports", "oldstable-security", "12"] {
        same_as_apt(&[("etc/apt/apt.conf.d/99release", &conf(release))]);
    }
}

#[test]
fn without_lists_nothing_is_known_and_that_is_said() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
    let status = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
    std::fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();
    let installed = packages::read(root.path()).unwrap().packages;

    let patches = read(root.path(), Timestamp(0), &installed, &Running::default(), None);

    assert_eq!((patches.state.lists_at, patches.state.security_count), (None, None));
    assert!(patches.marks.values().all(|mark| mark.offered.is_none() && mark.origin.is_none()));
    assert_eq!((patches.state.reboot_needed, patches.state.automatic), (None, None));
}

type Pack = fn(&[u8]) -> Vec<u8>;

#[test]
fn packed_lists_read_like_plain_ones_and_a_damaged_one_is_a_problem() {
    use std::io::Write as _;

    let plain = same_as_apt(&[]);
    let list = "var/lib/apt/lists/stable.example.org_debian_dists_stable_main_binary-amd64_Packages";
    let pack: [(&str, Pack); 4] = [
        ("gz", |text| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }),
        ("lz4", |text| {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }),
        ("zst", |text| zstd::encode_all(text, 1).unwrap()),
        ("xz", |mut text| {
            let mut packed = Vec::new();
            lzma_rs::xz_compress(&mut text, &mut packed).unwrap();
            packed
        }),
    ];
    for (end, pack) in pack {
        let root = host(&[]);
        let text = std::fs::read(root.path().join(list)).unwrap();
        std::fs::remove_file(root.path().join(list)).unwrap();
        let packed = root.path().join(format!("{list}.{end}"));
        std::fs::write(&packed, pack(&text)).unwrap();
        let installed = packages::read(root.path()).unwrap().packages;

        let whole = read(root.path(), Timestamp(0), &installed, &Running::default(), None);
        let bytes = std::fs::read(&packed).unwrap();
        std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
        let cut = read(root.path(), Timestamp(0), &installed, &Running::default(), None);

        assert_eq!(ours(&whole), ours(&plain), "{end}");
        assert!(whole.problems.is_empty(), "{end}: {:?}", whole.problems);
        assert_eq!(cut.problems.len(), 1, "{end}");
    }
}

#[test]
fn a_list_packed_with_xz_may_be_as_large_as_debians_own() {
    let root = host(&[]);
    let list = root
        .path()
        .join("var/lib/apt/lists/stable.example.org_debian_dists_stable_main_binary-amd64_Packages");
    let mut text = std::fs::read_to_string(&list).unwrap();
    let (mut number, whole) = (0, 24 * 1024 * 1024);
    while text.len() < whole {
        number += 1;
        text += &format!(
            "Package: other-{number}\nVersion: {number}\nArchitecture: amd64\nDescription: {number:x}\n\n"
        );
    }
    std::fs::remove_file(&list).unwrap();
    let mut packed = Vec::new();
    lzma_rs::xz_compress(&mut text.as_bytes(), &mut packed).unwrap();
    std::fs::write(format!("{}.xz", list.display()), &packed).unwrap();
    let installed = packages::read(root.path()).unwrap().packages;

    let patches = read(root.path(), Timestamp(0), &installed, &Running::default(), None);

    assert!(patches.problems.is_empty(), "{:?}", patches.problems);
    assert_eq!(candidate(&patches, "plain").as_deref(), Some("3"));
}

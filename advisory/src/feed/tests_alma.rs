//! AlmaLinux: one source built for several minor releases, fixes that differ by minor release, two modules.

use super::*;
use crate::book::{Book, Loading, Stream, Subject};
use crate::ecosystem::Ecosystem;
use crate::row::Names;
use crate::source::Feed;

/// The rows of one AlmaLinux advisory as they are kept, with how often a build of a known source was named.
fn kept(summary: &str, fixed: &[&str]) -> (Vec<Row>, u64, u64) {
    let affected: Vec<String> = fixed
        .iter()
        .map(|version| {
            format!(
                r#"{{"package":{{"ecosystem":"AlmaLinux:8","name":"perl-open"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{version}"}}]}}]}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"id":"ALSA-2026:1","modified":"2026-01-01T00:00:00Z","summary":"{summary}","related":["CVE-2026-1111"],"affected":[{}]}}"#,
        affected.join(",")
    );
    let (mut careful, mut kept) = (Careful::default(), Vec::new());
    rows(text.as_bytes(), &mut |row| kept.extend(careful.take(row))).unwrap();
    kept.extend(careful.end());

    (kept, careful.rebuilt(), careful.count())
}

/// Whether an installed version is told by these rows.
fn is_told(rows: &[Row], version: &str, stream: Stream<'_>) -> bool {
    let mut loading = Loading::new();
    rows.iter().cloned().for_each(|row| loading.push(row));
    let ecosystem = Ecosystem::AlmaLinux(8);
    let mut book = Book::new();
    let feed = Feed {
        name: "a".to_owned(),
        source: String::new(),
        dated: None,
        digest: vonggac_protocol::digest::Digest::of(b"a"),
        rows: 1,
        covers: std::collections::BTreeSet::from([ecosystem.clone()]),
    };
    book.put(feed, loading);
    let mut found = Vec::new();
    let subject = Subject {
        ecosystem: &ecosystem,
        names: Names::Binary,
        package: "perl-open",
        version,
        architecture: "noarch",
        stream,
    };
    book.judge(&subject, &mut found).unwrap();

    !found.is_empty()
}

#[test]
fn builds_of_one_source_for_several_minor_releases_all_have_the_fix() {
    let (rows, rebuilt, disagreements) = kept(
        "Moderate: perl:5.30 security update",
        &[
            "1.11-452.module_el8.4.0+2179+01326e37",
            "1.11-452.module_el8.5.0+160+d7199140",
            "1.11-452.module_el8.4.0+2367+01326e37",
        ],
    );

    assert_eq!((rows.len(), rebuilt, disagreements), (1, 2, 0));
    let named = Stream::Named("perl:5.30");
    assert!(
        !is_told(&rows, "1.11-452.module_el8.4.0+2179+01326e37", named),
        "fixed on the lower minor release"
    );
    assert!(!is_told(&rows, "1.11-452.module_el8.5.0+160+d7199140", named));
    assert!(is_told(&rows, "1.11-451.module_el8.5.0+160+d7199140", named));
}

#[test]
fn fixes_that_differ_by_minor_release_are_held_against_builds_of_that_release() {
    let (rows, rebuilt, disagreements) =
        kept("Moderate: samba security update", &["4.15.5-5.el8", "4.15.5-8.el8_6"]);

    assert_eq!((rows.len(), rebuilt, disagreements), (2, 0, 0));
    assert!(!is_told(&rows, "4.15.5-5.el8", Stream::None));
    assert!(is_told(&rows, "4.15.5-4.el8", Stream::None));
    assert!(is_told(&rows, "4.15.5-6.el8_6", Stream::None));
    assert!(!is_told(&rows, "4.15.5-8.el8_6.1", Stream::None));
    assert!(is_told(&rows, "4.15.5-6.el8_5", Stream::None), "no row of its own: the highest counts");
}

#[test]
fn both_modules_of_one_advisory_are_kept() {
    let fixed = ["1.11-452.module_el8.4.0+2179+01326e37"];
    let module = |summary| kept(summary, &fixed).0.remove(0).module;
    let two = "Low: virt:rhel and virt-devel:rhel security, bug fix, and enhancement update";
    let (rows, _, _) = kept(two, &fixed);

    assert_eq!(module(two).as_deref(), Some("virt-devel:rhel virt:rhel"));
    assert_eq!(module("ALSA-2022:5468: php:8.0 security update (Important)").as_deref(), Some("php:8.0"));
    assert_eq!(module("Moderate: security update").as_deref(), Some("?"));
    let old = "1.11-1.module_el8.4.0+2179+01326e37";
    assert!(is_told(&rows, old, Stream::Named("virt:rhel")));
    assert!(is_told(&rows, old, Stream::Named("virt-devel:rhel")));
    assert!(!is_told(&rows, old, Stream::Named("php:8.0")));
}

#[test]
fn a_build_says_for_which_minor_release_it_was_made() {
    for (version, minor, source) in [
        ("4.15.5-8.el8_6", Some("8.6"), "4.15.5-8"),
        ("4.15.5-5.el8", Some("8"), "4.15.5-5"),
        ("2.0-1.el9_2.alma.1", Some("9.2"), "2.0-1"),
        ("2.0-1.el8.2", Some("8"), "2.0-1"),
        ("1:1.11-452.module_el8.10.0+2179+01326e37", Some("8.10"), "1:1.11-452"),
        ("1.0-1.module+el8.3.0+1+2", Some("8.3"), "1.0-1"),
        ("1.0-1", None, "1.0-1"),
        ("1.0-1.elsewhere", None, "1.0-1.elsewhere"),
    ] {
        assert_eq!(crate::version::rpm::minor(version).as_deref(), minor, "{version}");
        assert_eq!(crate::version::rpm::without_dist(version), source, "{version}");
    }
}

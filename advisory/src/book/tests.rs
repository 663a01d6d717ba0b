use std::sync::Arc;

use vonggac_protocol::digest::Digest;

use super::*;
use crate::row::{Advisory, Row, Verdict};

fn feed(name: &str, covers: &[&str]) -> Feed {
    Feed {
        name: name.to_owned(),
        source: "a test".to_owned(),
        dated: None,
        digest: Digest::of(name.as_bytes()),
        rows: 0,
        covers: covers.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn names(ecosystem: &Ecosystem) -> Names {
    let of_source = matches!(ecosystem, Ecosystem::Debian(_) | Ecosystem::Ubuntu(..));

    if of_source { Names::Source } else { Names::Binary }
}

fn row(ecosystem: &str, package: &str, advisory: &str, verdict: Verdict) -> Row {
    let ecosystem: Ecosystem = ecosystem.parse().unwrap();
    Row {
        names: names(&ecosystem),
        ecosystem,
        package: package.to_owned(),
        module: None,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict,
        update: None,
        note: String::new(),
        advisory: Arc::new(Advisory {
            id: advisory.to_owned(),
            cves: vec![format!("CVE-{advisory}")],
            ..Advisory::default()
        }),
    }
}

fn fixed(version: &str) -> Verdict {
    Verdict::Fixed(version.to_owned())
}

fn loading(rows: impl IntoIterator<Item = Row>) -> Loading {
    let mut loading = Loading::new();
    rows.into_iter().for_each(|row| loading.push(row));

    loading
}

fn book(ecosystem: &str, rows: impl IntoIterator<Item = Row>) -> Book {
    let mut book = Book::new();
    book.put(feed("a", &[ecosystem]), loading(rows));

    book
}

/// Advisories that touch a version, with the doubt about them.
fn touching(book: &Book, subject: &Subject<'_>) -> Vec<(String, Doubt)> {
    let mut spans = Vec::new();
    book.judge(subject, &mut spans).unwrap();
    let mut found: Vec<_> = spans
        .iter()
        .flat_map(|span| book.rows_of(*span).map(|(_, row)| (row.advisory.id.clone(), span.doubt)))
        .collect();
    found.sort();

    found
}

fn subject<'a>(ecosystem: &'a Ecosystem, package: &'a str, version: &'a str) -> Subject<'a> {
    Subject {
        ecosystem,
        names: names(ecosystem),
        package,
        version,
        architecture: "x86_64",
        stream: Stream::None,
    }
}

fn sure(names: &[&str]) -> Vec<(String, Doubt)> {
    names.iter().map(|name| ((*name).to_owned(), Doubt::None)).collect()
}

#[test]
fn what_touches_a_version_is_mended_later_or_never() {
    let book = book(
        "Debian:12",
        [
            row("Debian:12", "curl", "1", fixed("7.88.1-10+deb12u1")),
            row("Debian:12", "curl", "2", fixed("7.88.1-10+deb12u5")),
            row("Debian:12", "curl", "3", fixed("1:0")),
            row("Debian:12", "curl", "4", Verdict::NoFix),
            row("Debian:12", "curl", "5", Verdict::WillNotFix),
            row("Debian:12", "curl", "6", Verdict::LastAffected("7.88.1-10+deb12u4".to_owned())),
            row("Debian:12", "wget", "7", Verdict::NoFix),
            row("Debian:11", "curl", "8", Verdict::NoFix),
        ],
    );
    let bookworm = Ecosystem::Debian(12);

    let at = |version| touching(&book, &subject(&bookworm, "curl", version));
    assert_eq!(at("7.88.1-10"), sure(&["1", "2", "3", "4", "5", "6"]));
    assert_eq!(at("7.88.1-10+deb12u1"), sure(&["2", "3", "4", "5", "6"]));
    assert_eq!(
        at("7.88.1-10+deb12u4"),
        sure(&["2", "3", "4", "5", "6"]),
        "the last one affected is affected"
    );
    assert_eq!(at("7.88.1-10+deb12u5"), sure(&["3", "4", "5"]), "an epoch is above all without");
    assert_eq!(at("1:0"), sure(&["4", "5"]));
    assert_eq!(touching(&book, &subject(&bookworm, "libcurl4", "1")), sure(&[]));
}

#[test]
fn a_source_is_not_a_package_of_the_same_name() {
    let mut of_binary = row("Debian:12", "curl", "1", Verdict::NoFix);
    of_binary.names = Names::Binary;
    let book = book("Debian:12", [of_binary]);

    assert_eq!(touching(&book, &subject(&Ecosystem::Debian(12), "curl", "1")), sure(&[]));
}

#[test]
fn limits_of_a_row_are_kept_to() {
    let mut later = row("AlmaLinux:9", "nodejs", "1", fixed("1:20.5-1.el9"));
    later.introduced = Some("1:18".to_owned());
    let mut arm = row("AlmaLinux:9", "nodejs", "2", fixed("1:20.5-1.el9"));
    arm.architectures = vec!["aarch64".to_owned()];
    let book = book("AlmaLinux:9", [later, arm]);
    let alma = Ecosystem::AlmaLinux(9);

    assert_eq!(touching(&book, &subject(&alma, "nodejs", "1:16.1-1.el9")), sure(&[]));
    assert_eq!(touching(&book, &subject(&alma, "nodejs", "1:18.1-1.el9")), sure(&["1"]));
    let arm = Subject { architecture: "aarch64", ..subject(&alma, "nodejs", "1:18.1-1.el9") };
    assert_eq!(touching(&book, &arm), sure(&["1", "2"]));
}

#[test]
fn a_row_of_a_stream_speaks_of_that_stream_only() {
    let mut of_18 = row("AlmaLinux:8", "nodejs", "1", fixed("1:18.20.4-1.module_el8.10.0+3000+a"));
    of_18.module = Some("nodejs:18".to_owned());
    let mut of_20 = row("AlmaLinux:8", "nodejs", "2", fixed("1:20.16.0-1.module_el8.10.0+3000+a"));
    of_20.module = Some("nodejs:20 nodejs-devel:20".to_owned());
    let mut of_some = row("AlmaLinux:8", "nodejs", "3", fixed("1:20.16.0-1.module_el8.10.0+3000+a"));
    of_some.module = Some("?".to_owned());
    let book = book("AlmaLinux:8", [of_18, of_20, of_some]);
    let alma = Ecosystem::AlmaLinux(8);

    let at = |stream| {
        touching(&book, &Subject { stream, ..subject(&alma, "nodejs", "1:18.1-1.module_el8.8.0+1+a") })
    };
    let doubtful = |name: &str| (name.to_owned(), Doubt::Stream);
    assert_eq!(at(Stream::Named("nodejs:18")), [sure(&["1"]), vec![doubtful("3")]].concat());
    assert_eq!(at(Stream::Named("nodejs-devel:20")), [sure(&["2"]), vec![doubtful("3")]].concat());
    assert_eq!(at(Stream::None), sure(&[]), "a package of no module");
    assert_eq!(at(Stream::Untold), vec![doubtful("1"), doubtful("2"), doubtful("3")]);
}

#[test]
fn not_affected_silences_its_own_feed_and_contradicts_another() {
    let mut book = book(
        "AlmaLinux:9",
        [
            row("AlmaLinux:9", "zlib", "1", Verdict::NoFix),
            row("AlmaLinux:9", "zlib", "1", Verdict::NotAffected),
        ],
    );
    let alma = Ecosystem::AlmaLinux(9);
    assert_eq!(touching(&book, &subject(&alma, "zlib", "1.2-1")), sure(&[]));

    book.put(feed("b", &["AlmaLinux:9"]), loading([row("AlmaLinux:9", "zlib", "1", fixed("1.3-1"))]));

    let mut spans = Vec::new();
    book.judge(&subject(&alma, "zlib", "1.2-1"), &mut spans).unwrap();
    let [span] = spans.as_slice() else { panic!("one row of b: {spans:?}") };
    let (_, found) = book.rows_of(*span).next().unwrap();
    assert_eq!(book.feed_of(found).unwrap().name, "b");
    assert_eq!(book.contradicting(*span, found).unwrap().name, "a");
}

#[test]
fn of_two_archives_of_ubuntu_the_one_that_the_version_is_from_decides() {
    let (main, pro) = ("Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS");
    let book = book(
        main,
        [
            // Open for everybody, mended in Pro.
            row(main, "zip", "1", Verdict::NoFix),
            row(pro, "zip", "1", fixed("3.0-12ubuntu1+esm1")),
            // Mended for everybody.
            row(main, "zip", "2", fixed("3.0-12ubuntu1")),
            row(pro, "zip", "2", fixed("3.0-12ubuntu1")),
            // Only Pro speaks of it.
            row(pro, "zip", "3", fixed("3.0-12ubuntu1+esm2")),
        ],
    );
    let ubuntu: Ecosystem = main.parse().unwrap();

    let at = |version| touching(&book, &subject(&ubuntu, "zip", version));
    let in_pro = |name: &str| (name.to_owned(), Doubt::Pro);
    assert_eq!(at("3.0-12"), [vec![in_pro("1")], sure(&["2"]), vec![in_pro("3")]].concat());
    assert_eq!(at("3.0-12ubuntu1"), [in_pro("1"), in_pro("3")]);
    assert_eq!(at("3.0-12ubuntu1+esm1"), sure(&["3"]));
    assert_eq!(at("3.0-12ubuntu1+esm2"), sure(&[]));
}

#[test]
fn an_import_tells_what_it_changed_and_nothing_else() {
    let one = || row("Debian:12", "curl", "1", fixed("1.0-1"));
    let two = || row("Debian:12", "wget", "2", fixed("1.0-1"));
    let mut book = book("Debian:12", [one(), two()]);

    let again = book.put(feed("a", &["Debian:12"]), loading([two(), one()]));
    assert_eq!(again.touched.len(), 0, "the same rows in another order change nothing");

    let without = book.put(feed("a", &["Debian:12"]), loading([one()]));
    assert_eq!(without.touched.iter().map(|place| &*place.package).collect::<Vec<_>>(), ["wget"]);
    assert_eq!(book.rows(), 1, "what a feed no longer says is gone");

    let part = book.put_part(feed("a", &["Debian:12"]), loading([two()]));
    assert_eq!(part.touched.len(), 1);
    assert_eq!(book.rows(), 2, "a part takes nothing away");
    assert_eq!(book.feeds().len(), 1);
}

#[test]
fn rows_without_sense_are_left_out_and_counted() {
    let mut fault = row("AlmaLinux:9", "tzdata", "ALBA-2024:1", fixed("2024a-1.el9"));
    fault.advisory = Arc::new(Advisory { id: "ALBA-2024:1".to_owned(), ..Advisory::default() });
    let mut book = Book::new();

    let loaded = book.put(
        feed("a", &["Debian:12", "AlmaLinux:9"]),
        loading([row("Debian:12", "curl", "1", fixed("one.two:3")), fault]),
    );

    assert_eq!((loaded.rows, loaded.refused, loaded.no_weakness), (0, 1, 1));
    assert_eq!(loaded.refused_named, ["Debian:12 curl one.two:3"]);
    assert_eq!(book.rows(), 0);
}

/// A row that speaks of these CVEs.
fn of_cves(package: &str, advisory: &str, cves: &[&str], verdict: Verdict) -> Row {
    let row = row("Debian:12", package, advisory, verdict);
    let cves = cves.iter().map(|cve| (*cve).to_owned()).collect();

    Row { advisory: Arc::new(Advisory { id: advisory.to_owned(), cves, ..Advisory::default() }), ..row }
}

/// The distribution's own feed and OSV's copy, put in in this order.
fn tracker_and_osv(own: &[Row], osv: &[Row], own_first: bool) -> Book {
    let mut book = Book::new();
    let put = |book: &mut Book, name: &str, rows: &[Row]| {
        book.put(feed(name, &["Debian:12"]), loading(rows.iter().cloned()));
    };
    if own_first {
        put(&mut book, "debian-tracker", own);
    }
    put(&mut book, "osv-debian-12", osv);
    if !own_first {
        put(&mut book, "debian-tracker", own);
    }

    book
}

#[test]
fn what_two_feeds_tell_of_is_one_finding_and_the_distributions_own_word_stands() {
    let own = [
        of_cves("curl", "CVE-1", &["CVE-1"], fixed("7.88-2")),
        of_cves("curl", "CVE-2", &["CVE-2"], fixed("7.88-3")),
        of_cves("curl", "CVE-3", &["CVE-3"], Verdict::NotAffected),
    ];
    let osv = [
        of_cves("curl", "DSA-1-1", &["CVE-1", "CVE-2"], fixed("7.88-4")),
        of_cves("curl", "DEBIAN-CVE-3", &["CVE-3"], Verdict::NoFix),
        of_cves("curl", "DSA-9-1", &["CVE-9"], fixed("7.88-4")),
    ];
    let bookworm = Ecosystem::Debian(12);
    for own_first in [true, false] {
        let book = tracker_and_osv(&own, &osv, own_first);

        let at = |version| touching(&book, &subject(&bookworm, "curl", version));
        assert_eq!(at("7.88-1"), sure(&["CVE-1", "CVE-2", "DSA-9-1"]));
        assert_eq!(at("7.88-2"), sure(&["CVE-2", "DSA-9-1"]), "the tracker says when it is mended");
        assert_eq!(book.rows(), 6, "none is lost");

        let mut spans = Vec::new();
        book.judge(&subject(&bookworm, "curl", "7.88-2"), &mut spans).unwrap();
        let (_, row) = book.rows_of(spans[0]).next().unwrap();
        let beside: Vec<_> = book
            .beside(spans[0], row)
            .into_iter()
            .map(|(other, version, feed)| (other.advisory.id.as_str(), version, feed.name.as_str()))
            .collect();
        assert_eq!(beside, [("DSA-1-1", Some("7.88-4"), "osv-debian-12")]);
    }
}

#[test]
fn when_the_distributions_own_feed_goes_osv_speaks_for_itself_again() {
    let own = [of_cves("curl", "CVE-1", &["CVE-1"], Verdict::NotAffected)];
    let osv = [of_cves("curl", "DSA-1-1", &["CVE-1"], fixed("7.88-4"))];
    let mut book = tracker_and_osv(&own, &osv, true);
    let bookworm = Ecosystem::Debian(12);
    assert_eq!(touching(&book, &subject(&bookworm, "curl", "7.88-1")), sure(&[]));

    book.put(feed("debian-tracker", &[]), loading([]));

    assert_eq!(touching(&book, &subject(&bookworm, "curl", "7.88-1")), sure(&["DSA-1-1"]));
}

#[test]
fn of_two_feeds_of_equal_rank_the_later_fix_stays_and_a_clearing_hides_nothing() {
    for names in [["a", "b"], ["b", "a"]] {
        let mut book = Book::new();
        let rows = [fixed("7.88-2"), fixed("7.88-4")];
        for (name, verdict) in names.iter().zip(rows) {
            let clear = of_cves("curl", "CVE-2", &["CVE-2"], Verdict::NotAffected);
            let open = of_cves("curl", "CVE-2", &["CVE-2"], fixed("7.88-9"));
            let second = if *name == "a" { clear } else { open };
            let rows = [of_cves("curl", &format!("{name}-1"), &["CVE-1"], verdict), second];
            book.put(feed(name, &["Debian:12"]), loading(rows));
        }
        let bookworm = Ecosystem::Debian(12);

        let later = format!("{}-1", names[1]);
        let expected: Vec<&str> = vec!["CVE-2", &later];
        for version in ["7.88-1", "7.88-3"] {
            assert_eq!(touching(&book, &subject(&bookworm, "curl", version)), sure(&expected), "{version}");
        }
        assert_eq!(touching(&book, &subject(&bookworm, "curl", "7.88-4")), sure(&["CVE-2"]));
    }
}

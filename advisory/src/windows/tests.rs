//! Windows judged by facts of our own making.

use std::collections::BTreeSet;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::{MissingUpdate, UpdateSearch, WindowsState};

use super::opinion::{Says, Silence};
use super::release::{is_windows, system};
use super::{Basis, Judged, NotJudged, Shelves, State};
use crate::book::{Book, Loading};
use crate::feed::{self, Item, Limits};
use crate::source::Feed;

const MAY: i64 = 1_778_000_000_000;

fn host(revision: Option<u32>, installed: Option<&[u32]>) -> WindowsState {
    WindowsState {
        build: 19_045,
        revision,
        product_name: "Windows 10 Pro".to_owned(),
        display_version: None,
        edition: None,
        installation: Some("Client".to_owned()),
        architecture: "x64".to_owned(),
        service_pack: None,
        installed: installed.map(<[u32]>::to_vec),
        search: None,
        components: None,
        reboot: None,
        untold: None,
        server: None,
    }
}

fn searched(mut state: WindowsState, at: i64, missing: &[(u32, Option<bool>)]) -> WindowsState {
    let missing = missing.iter().map(|(number, security)| MissingUpdate {
        numbers: vec![*number],
        title: String::new(),
        security: *security,
    });
    state.search = Some(UpdateSearch { at: Timestamp(at), data_at: None, missing: missing.collect() });

    state
}

/// A vulnerability of one product, and per fix update, build, what it takes the place of.
type Vulnerability<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

/// A month of Microsoft.
fn month(vulnerabilities: &[Vulnerability<'_>]) -> String {
    let mut products: Vec<&str> = vulnerabilities.iter().map(|(_, product, _)| *product).collect();
    products.sort_unstable();
    products.dedup();
    let id = |product: &str| products.iter().position(|known| *known == product).unwrap();
    let mut text = String::from(
        r#"<cvrf:cvrfdoc xmlns:cvrf="c" xmlns:v="v"><DocumentPublisher>secure@microsoft.com</DocumentPublisher><InitialReleaseDate>2026-04-14T08:00:00</InitialReleaseDate>"#,
    );
    for product in &products {
        text += &format!(r#"<FullProductName ProductID="{}">{product}</FullProductName>"#, id(product));
    }
    for (cve, product, fixes) in vulnerabilities {
        let id = id(product);
        text += &format!("<v:Vulnerability><v:Title>T</v:Title><v:CVE>{cve}</v:CVE>");
        text += &format!(
            r#"<v:ProductStatuses><v:Status Type="Known Affected"><v:ProductID>{id}</v:ProductID></v:Status></v:ProductStatuses><v:Remediations>"#
        );
        for (update, build, before) in *fixes {
            text += &format!(
                r#"<v:Remediation Type="Vendor Fix"><v:Description>{update}</v:Description><v:Supercedence>{before}</v:Supercedence><v:ProductID>{id}</v:ProductID><v:FixedBuild>{build}</v:FixedBuild></v:Remediation>"#
            );
        }
        text += "</v:Remediations></v:Vulnerability>";
    }

    text + "</cvrf:cvrfdoc>"
}

fn book(text: &str) -> Book {
    let (mut book, mut loading) = (Book::new(), Loading::new());
    let given = feed::read(std::io::Cursor::new(text), &Limits::default(), &mut |item| {
        match item {
            Item::Row(row) => loading.push(row),
            Item::Superseded(edge) => loading.superseded(edge),
            Item::Exploited(_) | Item::Score(_) | Item::Ended(_) => {}
        }
        Ok(())
    })
    .unwrap();
    let feed = Feed {
        name: "month".to_owned(),
        source: String::new(),
        dated: given.summary.dated,
        digest: Digest::of(b"month"),
        rows: given.summary.rows,
        covers: given.summary.covers,
    };
    book.put(feed, loading);

    book
}

const PRODUCT: &str = "Windows 10 Version 22H2 for x64-based Systems";

/// April mends one, May another; May takes the place of April.
fn two_months() -> Book {
    book(&month(&[
        ("CVE-2026-0004", PRODUCT, &[("5040004", "10.0.19045.4400", "5030003")]),
        ("CVE-2026-0005", PRODUCT, &[("5050005", "10.0.19045.4500", "5040004")]),
    ]))
}

fn open(judged: &Judged<'_>) -> Vec<(String, State, Option<Basis>)> {
    judged.findings.iter().map(|it| (it.advisory.id.clone(), it.state, it.basis)).collect()
}

#[test]
fn a_build_below_the_mending_one_is_open_and_one_at_it_is_not() {
    let book = two_months();
    let shelves = Shelves::of(&book);

    let judged = shelves.judge(&book, &host(Some(4_400), None), None).unwrap();

    assert_eq!(judged.product, PRODUCT);
    assert_eq!(open(&judged), [("CVE-2026-0005".to_owned(), State::Fixable, Some(Basis::Build))]);
    assert_eq!(judged.findings[0].fixed, Some("10.0.19045.4500"));
    assert_eq!((judged.mended, judged.missing), (1, BTreeSet::from([5_050_005])));
    assert!(judged.disagreements.is_empty());
}

#[test]
fn rows_of_another_architecture_or_edition_are_of_another_machine() {
    let book = book(&month(&[
        (
            "CVE-2026-0001",
            "Windows 10 Version 22H2 for 32-bit Systems",
            &[("5050005", "10.0.19045.4500", "")],
        ),
        ("CVE-2026-0002", "Windows Server 2022", &[("5050006", "10.0.20348.4500", "")]),
    ]));
    let shelves = Shelves::of(&book);

    let refused = shelves.judge(&book, &host(Some(1), None), None).unwrap_err();

    assert_eq!(refused, NotJudged::NoFeed(PRODUCT.to_owned()));
}

#[test]
fn a_build_of_another_release_in_the_row_decides_nothing_and_the_updates_do() {
    let book = book(&month(&[("CVE-2026-0001", PRODUCT, &[("5050005", "10.0.22621.9999", "5040004")])]));
    let shelves = Shelves::of(&book);

    let without = shelves.judge(&book, &host(Some(4_500), Some(&[5_040_004])), None).unwrap();
    let with = shelves.judge(&book, &host(Some(4_500), Some(&[5_050_005])), None).unwrap();

    assert_eq!(without.findings[0].opinions.build, Says::Nothing(Silence::OtherRelease));
    assert_eq!(without.findings[0].basis, Some(Basis::Record));
    assert_eq!((with.findings.len(), with.mended), (0, 1));
}

#[test]
fn without_builds_an_update_holds_all_that_it_took_the_place_of() {
    let product = "Windows Server 2012 R2";
    let book = book(&month(&[
        ("CVE-2026-0001", product, &[("4010001", "", "4000000")]),
        ("CVE-2026-0002", product, &[("4020002", "", "4010001")]),
        ("CVE-2026-0003", product, &[("4030003", "", "4020002")]),
        // Two updates, each of which mends it.
        ("CVE-2026-0004", product, &[("4030004", "", ""), ("4020002", "", "")]),
    ]));
    let shelves = Shelves::of(&book);
    let state = WindowsState {
        build: 9_600,
        installation: Some("Server".to_owned()),
        ..host(Some(22_000), Some(&[4_020_002]))
    };

    let judged = shelves.judge(&book, &state, None).unwrap();

    assert_eq!(open(&judged), [("CVE-2026-0003".to_owned(), State::Fixable, Some(Basis::Record))]);
    assert_eq!(judged.mended, 3);
}

#[test]
fn sources_that_differ_are_told_beside_what_was_decided() {
    let book = two_months();
    let shelves = Shelves::of(&book);
    // The build is that of May, nothing newer than April is recorded, and Windows Update wants May.
    let state = searched(host(Some(4_500), Some(&[5_040_004])), MAY, &[(5_050_005, Some(true))]);

    let judged = shelves.judge(&book, &state, None).unwrap();

    assert!(judged.findings.is_empty(), "the build decides");
    let [told] = judged.disagreements.as_slice() else { panic!("one disagreement") };
    assert_eq!(
        (told.opinions.build, told.opinions.record, told.opinions.system),
        (Says::Mended, Says::Open, Says::Open)
    );
    assert_eq!(told.advisories, BTreeSet::from(["CVE-2026-0005"]));
}

#[test]
fn an_update_that_is_recorded_and_waits_for_a_restart_is_no_disagreement() {
    let book = two_months();
    let shelves = Shelves::of(&book);
    let state = host(Some(4_400), Some(&[5_050_005]));

    let waiting = shelves.judge(&book, &state, Some(true)).unwrap();
    let restarted = shelves.judge(&book, &state, Some(false)).unwrap();

    assert_eq!(open(&waiting)[0].1, State::RebootPending);
    assert!(waiting.disagreements.is_empty() && waiting.missing.is_empty());
    assert_eq!(open(&restarted)[0].1, State::Fixable);
    assert_eq!(restarted.disagreements.len(), 1);
}

#[test]
fn windows_update_says_only_what_it_can_know() {
    let book = two_months();
    let shelves = Shelves::of(&book);
    let told = |at, missing: &[(u32, Option<bool>)]| {
        let judged = shelves.judge(&book, &searched(host(None, None), at, missing), None).unwrap();
        let of = |cve: &str| {
            judged
                .findings
                .iter()
                .find(|it| it.advisory.id == cve)
                .map_or(Says::Mended, |it| it.opinions.system)
        };
        (of("CVE-2026-0004"), of("CVE-2026-0005"))
    };

    assert_eq!(told(MAY, &[]), (Says::Mended, Says::Mended));
    assert_eq!(told(MAY, &[(5_050_005, None)]), (Says::Nothing(Silence::Held), Says::Open));
    assert_eq!(told(MAY, &[(5_040_004, None)]), (Says::Open, Says::Mended));
    let strange = Says::Nothing(Silence::UnknownUpdates);
    assert_eq!(told(MAY, &[(1_234_567, None)]), (strange, strange));
    assert_eq!(told(MAY, &[(1_234_567, Some(false))]), (Says::Mended, Says::Mended));
    let before = Says::Nothing(Silence::AskedBefore);
    assert_eq!(told(1_000, &[]), (before, before));
}

#[test]
fn a_revision_between_two_mending_builds_counts_only_with_its_update() {
    let book = book(&month(&[(
        "CVE-2026-0001",
        PRODUCT,
        &[("5050001", "10.0.19045.4450", ""), ("5050005", "10.0.19045.4500", "")],
    )]));
    let shelves = Shelves::of(&book);
    let says = |installed: Option<&[u32]>| {
        let judged = shelves.judge(&book, &host(Some(4_470), installed), None).unwrap();
        judged.findings.first().map(|it| (it.state, it.opinions.build))
    };

    assert_eq!(says(None), Some((State::Untold, Says::Nothing(Silence::Between))));
    assert_eq!(says(Some(&[5_050_001])), None);
    assert_eq!(says(Some(&[])), Some((State::Fixable, Says::Nothing(Silence::Between))));
}

#[test]
fn parts_that_a_machine_does_not_have_are_not_told() {
    let part = format!("Microsoft .NET Framework 3.5 AND 4.8 on {PRODUCT}");
    let text = month(&[("CVE-2026-0001", &part, &[("5050005", "4.8.4667.0", "")])]);
    let book = book(&text);
    let shelves = Shelves::of(&book);
    let with = |components: Option<&[&str]>| {
        let components = components.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        let state = WindowsState { components, ..host(Some(1), Some(&[])) };
        let judged = shelves.judge(&book, &state, None).unwrap();
        (judged.findings.first().map(|it| it.state), judged.absent)
    };

    assert_eq!(with(None), (Some(State::ComponentUntold), 0));
    assert_eq!(with(Some(&[".NET Framework 4.8"])), (Some(State::Fixable), 0));
    assert_eq!(with(Some(&["Internet Explorer 11"])), (None, 1));
}

#[test]
fn a_system_is_named_by_its_numbers_in_any_language() {
    let name = |build, product_name: &str, installation: Option<&str>, architecture: &str, pack| {
        let state = WindowsState {
            build,
            product_name: product_name.to_owned(),
            installation: installation.map(str::to_owned),
            architecture: architecture.to_owned(),
            service_pack: pack,
            ..host(None, None)
        };
        system(&state).map_or_else(|error| error.to_string(), |system| system.product)
    };

    assert_eq!(
        name(22_631, "Windows 10 Pro", None, "arm64", None),
        "Windows 11 Version 23H2 for ARM64-based Systems"
    );
    assert_eq!(name(17_763, "Windows Server 2019 Standard", None, "x64", None), "Windows Server 2019");
    let core = name(20_348, "", Some("Server Core"), "x64", None);
    assert_eq!(core, "Windows Server 2022 (Server Core installation)");
    assert_eq!(name(7_601, "", None, "x86", None), "Windows 7 for 32-bit Systems Service Pack 1");
    assert_eq!(
        name(3_790, "Server", None, "x64", Some(2)),
        "Microsoft Windows Server 2003 x64 Edition Service Pack 2"
    );
    assert_eq!(name(26_058, "", None, "x64", None), "no release of Windows is known with the build 26058");
    assert_eq!(
        name(19_045, "", Some("Server"), "x64", None),
        "no Windows Server is known with the build 19045"
    );
    assert_eq!(
        name(19_045, "", None, "mips", None),
        "not an architecture of Windows that is known here: mips"
    );
    for (product, is) in [
        (PRODUCT, true),
        ("Windows Server 2012 R2 (server core installation)", true),
        ("Microsoft Windows XP Professional x64 Edition Service Pack 2", true),
        ("Windows 10 HLK Version 22H2", false),
        ("Windows Admin Center", false),
        ("Microsoft Office 2016 (32-bit edition)", false),
    ] {
        assert_eq!(is_windows(product), is, "{product}");
    }
}

#[test]
fn updates_that_go_round_in_a_circle_end() {
    let mut supersedence = super::supersedence::Supersedence::default();
    for (update, before) in [(1, 2), (2, 3), (3, 1), (4, 3)] {
        supersedence.add(update, before);
    }

    assert_eq!(supersedence.held_by([2]), BTreeSet::from([1, 2, 3]));
    assert_eq!(supersedence.newest(2), BTreeSet::from([4]));
}

#[test]
fn wesngs_table_gives_rows_and_what_takes_the_place_of_what() {
    let table = "\"DatePosted\",\"CVE\",\"BulletinKB\",\"Title\",\"AffectedProduct\",\"AffectedComponent\",\"Severity\",\"Impact\",\"Supersedes\",\"Exploits\"\n\
        # a remark\n\
        \"20260414\",\"CVE-2026-0004\",\"5040004\",\"T\",\"Windows 10 Version 22H2 for x64-based Systems \",\"Kernel\",\"Critical\",\"X\",\"5030003\n\",\"\"\n\
        \"20260512\",\"CVE-2026-0005\",\"5050005\",\"T\",\"Windows 10 Version 22H2 for x64-based Systems\",\"Kernel\",\"\",\"X\",\"5040004;5030009\",\"\"\n\
        \"20260512\",\"CVE-2026-0005\",\"\",\"T\",\"Windows 10 Version 22H2 for x64-based Systems\",\"Kernel\",\"\",\"X\",\"\",\"\"\n\
        \"20260512\",\"CVE-2026-0006\",\"\",\"T\",\"Windows 10 Version 22H2 for x64-based Systems\",\"Kernel\",\"\",\"X\",\"\",\"\"\n\
        \"20260512\",\"CVE-2026-0007\",\"5050007\",\"T\",\"Microsoft Office 2016\",\"\",\"\",\"X\",\"\",\"\"\n";
    let book = book(table);
    let shelves = Shelves::of(&book);

    let judged = shelves.judge(&book, &host(Some(1), Some(&[5_050_005])), None).unwrap();

    assert_eq!((open(&judged), judged.mended), (vec![("CVE-2026-0006".to_owned(), State::NoFix, None)], 2));
    assert!(
        feed::read(
            std::io::Cursor::new(table.replace("\"Title\"", "\"Name\"")),
            &Limits::default(),
            &mut |_| Ok(())
        )
        .is_err()
    );
}

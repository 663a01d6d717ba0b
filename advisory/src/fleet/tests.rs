use std::sync::Arc;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::package::{LicenceBasis, Manager};

use super::*;
use crate::book::Loading;
use crate::feed::Exploited;
use crate::origin::Origin;
use crate::priority::Priorities;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::Feed;

fn deb(name: &str, version: &str, source: &str) -> Package {
    Package {
        manager: Manager::Dpkg,
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: version.to_owned(),
        source: (source != name).then(|| source.to_owned()),
        source_version: None,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

fn rpm(name: &str, version: &str, vendor: &str) -> Package {
    Package {
        manager: Manager::Rpm,
        architecture: "x86_64".to_owned(),
        vendor: Some(vendor.to_owned()),
        ..deb(name, version, name)
    }
}

fn row(ecosystem: &str, package: &str, advisory: &str, fixed: &str) -> Row {
    let ecosystem: Ecosystem = ecosystem.parse().unwrap();
    Row {
        names: if matches!(ecosystem, Ecosystem::AlmaLinux(_)) { Names::Binary } else { Names::Source },
        ecosystem,
        package: package.to_owned(),
        module: None,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict: if fixed.is_empty() { Verdict::NoFix } else { Verdict::Fixed(fixed.to_owned()) },
        update: None,
        note: String::new(),
        advisory: Arc::new(Advisory {
            id: advisory.to_owned(),
            cves: vec![format!("CVE-{advisory}")],
            ..Advisory::default()
        }),
    }
}

fn feed(ecosystem: &str) -> Feed {
    Feed {
        name: format!("of {ecosystem}"),
        source: "a test".to_owned(),
        dated: None,
        digest: Digest::of(b""),
        rows: 0,
        covers: [ecosystem.parse().unwrap()].into(),
    }
}

fn put(book: &mut Book, ecosystem: &str, rows: impl IntoIterator<Item = Row>) -> BTreeSet<Place> {
    let mut loading = Loading::new();
    rows.into_iter().for_each(|row| loading.push(row));

    book.put(feed(ecosystem), loading).touched
}

fn add(fleet: &mut Fleet<u32>, host: u32, machine: Machine, packages: &[Package]) {
    let items = fleet.number(machine.ecosystem.as_ref(), packages);
    fleet.set(host, machine, items);
}

fn machine(ecosystem: &str) -> Machine {
    Machine { ecosystem: Some(ecosystem.parse().unwrap()), ..Machine::default() }
}

fn told(fleet: &Fleet<u32>, book: &Book, host: u32) -> Vec<(String, State)> {
    fleet
        .findings(&host, book, &Priorities::default())
        .into_iter()
        .map(|finding| (finding.advisory.id.clone(), finding.state))
        .collect()
}

#[test]
fn packages_of_one_source_are_one_finding_and_all_are_named() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", [row("Debian:12", "openssl", "1", "3.0.11-1~deb12u2")]);
    let mut fleet = Fleet::new();
    let packages = [
        deb("openssl", "3.0.11-1~deb12u1", "openssl"),
        deb("libssl3", "3.0.11-1~deb12u1", "openssl"),
        deb("bash", "5.2", "bash"),
    ];
    add(&mut fleet, 1, machine("Debian:12"), &packages);
    fleet.judge(&book);

    let priorities = Priorities::default();
    let findings = fleet.findings(&1, &book, &priorities);

    let [finding] = findings.as_slice() else { panic!("one finding: {findings:?}") };
    assert_eq!(finding.fixed, Some("3.0.11-1~deb12u2"));
    assert_eq!(finding.feed.name, "of Debian:12");
    let installed: Vec<_> = finding.installed.iter().map(|it| (it.name, it.version)).collect();
    assert_eq!(installed, [("libssl3", "3.0.11-1~deb12u1"), ("openssl", "3.0.11-1~deb12u1")]);
    assert_eq!(fleet.counts_of(&1, &book), Counts { fixable: 1, ..Counts::default() });
}

#[test]
fn what_somebody_else_built_is_unknown_and_not_judged() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", ["curl", "redis"].map(|name| row("Debian:12", name, name, "99")));
    put(&mut book, "AlmaLinux:9", [row("AlmaLinux:9", "nginx", "nginx", "99-1")]);
    let mut fleet = Fleet::new();
    let mut removed = deb("redis", "7", "redis");
    removed.in_repository = Some(false);
    let of_epel = rpm("nginx", "1-1", "Fedora Project");
    add(&mut fleet, 1, machine("Debian:12"), &[deb("curl", "8.5-1~bpo12+1", "curl"), removed]);
    add(&mut fleet, 2, machine("AlmaLinux:9"), &[of_epel, rpm("nginx", "1-1", "AlmaLinux")]);
    add(&mut fleet, 3, machine("Debian:13"), &[deb("curl", "1", "curl")]);
    add(&mut fleet, 4, Machine::default(), &[deb("curl", "1", "curl")]);
    fleet.judge(&book);

    let unknown = |host| {
        let mut found: Vec<_> = fleet.unknown(&host).map(|(it, standing)| (it.name, standing)).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(
        unknown(1),
        [("curl", Standing::Foreign(Origin::Backports)), ("redis", Standing::Foreign(Origin::Unlisted))]
    );
    assert_eq!(told(&fleet, &book, 1), []);
    assert_eq!(unknown(2), [("nginx", Standing::Foreign(Origin::Other))]);
    assert_eq!(told(&fleet, &book, 2), [("nginx".to_owned(), State::Fixable)]);
    assert_eq!(unknown(3), [("curl", Standing::NoFeed)]);
    assert_eq!(fleet.counts_of(&1, &book).unknown_packages, 2);
    assert_eq!(fleet.counts_of(&4, &book), Counts::default(), "nobody knows what its packages are");
}

#[test]
fn the_archive_of_an_installed_version_decides_whether_it_is_judged() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", ["a"].map(|name| row("Debian:12", name, name, "99")));
    let mut fleet = Fleet::new();
    let of = |archive: Option<&str>| {
        let mut package = deb("a", "1", "a");
        package.in_repository = Some(true);
        package.origin = archive.map(str::to_owned);
        package
    };
    let mut bash = deb("bash", "5", "bash");
    bash.origin = Some("Debian/bookworm".to_owned());
    let cases = [
        (Some("Debian/bookworm"), None),
        (Some("Debian/bookworm-security"), None),
        (Some("<Debian/bookworm-security"), None),
        (Some("Debian/oldstable"), None),
        (Some("Debian Backports/bookworm-backports"), Some(Origin::Backports)),
        (Some("Debian/trixie"), Some(Origin::Other)),
        (Some("Debian/sid"), Some(Origin::Other)),
        (Some("Ubuntu/jammy"), Some(Origin::Other)),
        (Some("packages.example.vn/any"), Some(Origin::Other)),
        (Some("<nginx/bookworm"), Some(Origin::Other)),
        (None, Some(Origin::Local)),
    ];
    for (host, (archive, _)) in (1..).zip(&cases) {
        add(&mut fleet, host, machine("Debian:12"), &[of(*archive), bash.clone()]);
    }
    add(&mut fleet, 99, machine("Debian:12"), &[of(None), deb("bash", "5", "bash")]);
    fleet.judge(&book);

    for (host, (archive, foreign)) in (1..).zip(cases) {
        let standings: Vec<_> = fleet.unknown(&host).map(|(_, standing)| standing).collect();
        assert_eq!(standings, foreign.map(Standing::Foreign).into_iter().collect::<Vec<_>>(), "{archive:?}");
        assert_eq!(told(&fleet, &book, host).len(), usize::from(foreign.is_none()), "{archive:?}");
    }
    assert_eq!(told(&fleet, &book, 99).len(), 1, "an agent that tells no origins is judged as before");
}

#[test]
fn rows_of_a_module_speak_of_the_stream_that_is_installed_only() {
    let mut book = Book::new();
    let of_stream = |module: &str| Row {
        module: Some(module.to_owned()),
        ..row("AlmaLinux:9", "nodejs", module, "20-1.module_el9")
    };
    put(
        &mut book,
        "AlmaLinux:9",
        ["nodejs:18", "nodejs:20", "container-tools:rhel8 nodejs:16"].map(of_stream),
    );
    let mut fleet = Fleet::new();
    let named = |module: Option<&str>| Package {
        module: module.map(str::to_owned),
        ..rpm("nodejs", "16-1.module_el9", "AlmaLinux")
    };
    for (host, module) in [(1, Some("nodejs:18")), (2, Some("nodejs:16")), (3, Some("nodejs:22")), (4, None)]
    {
        add(&mut fleet, host, machine("AlmaLinux:9"), &[named(module)]);
    }
    fleet.judge(&book);

    let found = |host| told(&fleet, &book, host);
    assert_eq!(found(1), [("nodejs:18".to_owned(), State::Fixable)]);
    assert_eq!(found(2), [("container-tools:rhel8 nodejs:16".to_owned(), State::Fixable)]);
    assert_eq!(found(3), []);
    assert_eq!(found(4).len(), 3);
    assert!(found(4).iter().all(|(_, state)| *state == State::StreamUntold));
}

#[test]
fn a_kernel_built_anew_under_its_release_waits_for_the_reboot_too() {
    let mut book = Book::new();
    let rows = [
        row("Debian:12", "linux", "old", "6.1.153-1"),
        row("Debian:12", "linux", "new", "6.1.199-1"),
        row("Debian:12", "linux", "ancient", "6.1.1-1"),
    ];
    put(&mut book, "Debian:12", rows);
    let image = deb("linux-image-6.1.0-40-amd64", "6.1.153-1", "linux");
    let mut fleet = Fleet::new();
    for (host, build) in [(1, Some("6.1.148-1")), (2, Some("6.1.153-1")), (3, None), (4, Some("6.1.170-1"))] {
        let machine = Machine {
            kernel_running: "6.1.0-40-amd64".to_owned(),
            kernel_installed: Some("6.1.0-40-amd64".to_owned()),
            kernel_build: build.map(str::to_owned),
            ..machine("Debian:12")
        };
        let mut packages = vec![image.clone()];
        packages.extend(replaced_kernel(&machine, &packages));
        assert_eq!(packages.len(), if host == 1 { 2 } else { 1 }, "{build:?}");
        add(&mut fleet, host, machine, &packages);
    }
    fleet.judge(&book);

    let open = [("new".to_owned(), State::Fixable)];
    assert_eq!(told(&fleet, &book, 1), [open[0].clone(), ("old".to_owned(), State::RebootPending)]);
    for host in 2..=4 {
        assert_eq!(told(&fleet, &book, host), open);
    }
    assert_eq!(fleet.counts_of(&1, &book), Counts { fixable: 1, reboot_pending: 1, ..Counts::default() });
    assert_eq!(fleet.counts(&book).len(), 4);
}

#[test]
fn a_kernel_mended_on_disk_waits_for_the_reboot() {
    let mut book = Book::new();
    let rows = [
        row("Debian:12", "linux", "old", "6.1.76-1"),
        row("Debian:12", "linux", "new", "6.1.99-1"),
        row("Debian:12", "linux", "never", ""),
    ];
    put(&mut book, "Debian:12", rows);
    let mut fleet = Fleet::new();
    let packages = [
        deb("linux-image-6.1.0-17-amd64", "6.1.69-1", "linux-signed-amd64"),
        deb("linux-image-6.1.0-18-amd64", "6.1.76-1", "linux-signed-amd64"),
        deb("linux-libc-dev", "6.1.69-1", "linux"),
    ];
    let with = |running: &str, installed: Option<&str>| Machine {
        kernel_running: running.to_owned(),
        kernel_installed: installed.map(str::to_owned),
        ..machine("Debian:12")
    };
    add(&mut fleet, 1, with("6.1.0-17-amd64", Some("6.1.0-18-amd64")), &packages);
    add(&mut fleet, 2, with("6.1.0-18-amd64", Some("6.1.0-18-amd64")), &packages);
    add(&mut fleet, 3, with("5.10.0-1-pve", None), &packages);
    add(&mut fleet, 4, with("", Some("6.1.0-18-amd64")), &packages);
    add(&mut fleet, 5, with("6.1.0-17-amd64", None), &packages[2..]);
    fleet.judge(&book);

    let states = |host| {
        let mut found = told(&fleet, &book, host);
        found.sort();
        found.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(states(1), [State::NoFix, State::Fixable, State::RebootPending], "never, new, old");
    assert_eq!(states(2), [State::NoFix, State::Fixable, State::NotRunning], "the old one only lies there");
    assert_eq!(
        states(3),
        [State::NotRunning, State::NotRunning, State::NotRunning],
        "a container's host runs"
    );
    assert_eq!(
        states(4),
        [State::NoFix, State::Fixable, State::NotRunning],
        "the newest stands for what runs"
    );
    assert_eq!(states(5), [], "headers are no kernel");
    for (host, counts) in fleet.counts(&book) {
        assert_eq!(counts, fleet.counts_of(&host, &book));
    }
    assert_eq!(fleet.counts_of(&1, &book).reboot_pending, 1);
}

#[test]
fn a_machine_attached_to_pro_can_have_the_fix() {
    let mut book = Book::new();
    let (main, pro) = ("Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS");
    put(&mut book, main, [row(main, "zip", "1", ""), row(pro, "zip", "1", "3.0-12+esm1")]);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine(main), &[deb("zip", "3.0-12", "zip")]);
    add(&mut fleet, 2, Machine { pro: Some(true), ..machine(main) }, &[deb("zip", "3.0-12", "zip")]);
    fleet.judge(&book);

    assert_eq!(told(&fleet, &book, 1), [("1".to_owned(), State::FixableInPro)]);
    assert_eq!(told(&fleet, &book, 2), [("1".to_owned(), State::Fixable)]);
    assert_eq!(fleet.counts_of(&1, &book), Counts { fixable_in_pro: 1, ..Counts::default() });
    assert_eq!(fleet.counts_of(&2, &book), Counts { fixable: 1, ..Counts::default() });
}

#[test]
fn an_import_judges_again_what_it_touched_and_tells_whose_it_is() {
    let mut book = Book::new();
    let rows = || [row("Debian:12", "curl", "1", "2"), row("Debian:12", "wget", "2", "2")];
    put(&mut book, "Debian:12", rows());
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &[deb("curl", "1", "curl"), deb("libcurl4", "1", "curl")]);
    add(&mut fleet, 2, machine("Debian:12"), &[deb("wget", "1", "wget")]);
    assert_eq!(fleet.judge(&book), 3);
    assert_eq!(fleet.judge(&book), 0, "nothing is judged twice");

    let touched = put(&mut book, "Debian:12", rows().into_iter().chain([row("Debian:12", "curl", "3", "")]));
    let again = fleet.judge_again(&book, &touched);

    assert_eq!(again, Rejudged { items: 2, changed: 2, hosts: vec![1] });
    assert_eq!(told(&fleet, &book, 1).len(), 2);
    assert_eq!(fleet.counts_of(&1, &book), Counts { fixable: 1, no_fix: 1, ..Counts::default() });

    // The same span of rows, saying something else.
    let other = [
        row("Debian:12", "curl", "1", ""),
        row("Debian:12", "curl", "3", ""),
        row("Debian:12", "wget", "2", "2"),
    ];
    let touched = put(&mut book, "Debian:12", other);
    fleet.judge_again(&book, &touched);
    assert_eq!(fleet.counts_of(&1, &book), Counts { no_fix: 2, ..Counts::default() });

    let touched = put(&mut book, "Debian:12", []);
    let again = fleet.judge_again(&book, &touched);
    assert_eq!(again.hosts, [1, 2]);
    assert_eq!((told(&fleet, &book, 1), told(&fleet, &book, 2)), (vec![], vec![]));
}

#[test]
fn a_first_feed_makes_known_what_was_unknown() {
    let mut book = Book::new();
    let mut fleet = Fleet::new();
    let packages = [deb("curl", "1", "curl"), deb("bash", "1", "bash")];
    add(&mut fleet, 1, machine("Debian:12"), &packages);
    add(&mut fleet, 2, machine("Debian:13"), &packages);
    fleet.judge(&book);
    assert_eq!(fleet.counts_of(&1, &book).unknown_packages, 2);

    let touched = put(&mut book, "Debian:12", [row("Debian:12", "curl", "1", "2")]);
    let again = fleet.judge_again(&book, &touched);

    assert_eq!(again, Rejudged { items: 2, changed: 2, hosts: vec![1] });
    assert_eq!(fleet.counts_of(&1, &book), Counts { fixable: 1, ..Counts::default() });
    assert_eq!(fleet.counts_of(&2, &book).unknown_packages, 2, "of another release nothing is known");
}

#[test]
fn what_changes_in_pro_touches_machines_of_the_main_archive() {
    let (main, pro) = ("Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS");
    let mut book = Book::new();
    put(&mut book, main, [row(main, "zip", "1", "")]);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine(main), &[deb("zip", "3.0-12", "zip")]);
    fleet.judge(&book);
    assert_eq!(told(&fleet, &book, 1), [("1".to_owned(), State::NoFix)]);

    let touched = put(&mut book, pro, [row(pro, "zip", "1", "3.0-12+esm1")]);
    fleet.judge_again(&book, &touched);

    assert_eq!(told(&fleet, &book, 1), [("1".to_owned(), State::FixableInPro)]);
}

#[test]
fn two_versions_of_one_package_are_counted_as_they_are_listed() {
    let mut book = Book::new();
    let rows = [row("AlmaLinux:9", "gdbm", "1", "2-1"), row("AlmaLinux:9", "gdbm", "2", "3-1")];
    put(&mut book, "AlmaLinux:9", rows);
    let mut fleet = Fleet::new();
    let packages = [rpm("gdbm", "1-1", "AlmaLinux"), rpm("gdbm", "2-1", "AlmaLinux")];
    add(&mut fleet, 1, machine("AlmaLinux:9"), &packages);
    fleet.judge(&book);

    assert_eq!(told(&fleet, &book, 1).len(), 2);
    assert_eq!(fleet.counts_of(&1, &book).fixable, 2);
}

#[test]
fn a_fleet_that_was_kept_has_the_same_findings() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", [row("Debian:12", "openssl", "1", "3")]);
    put(&mut book, "AlmaLinux:9", [row("AlmaLinux:9", "nginx", "2", "1:2-1")]);
    let mut fleet = Fleet::new();
    let mut of_source = deb("libssl3", "2", "openssl");
    of_source.source_version = Some("2+b1".to_owned());
    let of_alma =
        fleet.number(machine("AlmaLinux:9").ecosystem.as_ref(), &[rpm("nginx", "1:1-1", "AlmaLinux")]);
    let of_debian = fleet.number(
        machine("Debian:12").ecosystem.as_ref(),
        &[of_source, deb("curl", "8~bpo12+1", "curl"), deb("é", "1", "é")],
    );

    let mut again = Fleet::new();
    for number in 0_u32.. {
        let Some(identity) = fleet.identity(number) else { break };
        assert_eq!(again.restore(identity), Some(number));
        assert_eq!(again.restore(&identity[1..]), None);
        assert_eq!(again.restore(&[identity, b"x"].concat()), None);
    }
    assert_eq!(again.items(), 4);
    for fleet in [&mut fleet, &mut again] {
        fleet.set(1, machine("Debian:12"), of_debian.clone());
        fleet.set(2, machine("AlmaLinux:9"), of_alma.clone());
        fleet.judge(&book);
    }

    for host in [1, 2] {
        assert_eq!(told(&fleet, &book, host).len(), 1);
        assert_eq!(told(&fleet, &book, host), told(&again, &book, host));
        assert_eq!(fleet.counts_of(&host, &book), again.counts_of(&host, &book));
    }
}

#[test]
fn what_is_exploited_comes_first_and_detects_nothing() {
    let mut book = Book::new();
    let rows =
        [row("Debian:12", "a", "1", "2"), row("Debian:12", "b", "2", "2"), row("Debian:12", "c", "3", "1")];
    put(&mut book, "Debian:12", rows);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &["a", "b", "c"].map(|name| deb(name, "1", name)));
    fleet.judge(&book);
    let mut priorities = Priorities::default();
    for cve in ["CVE-2", "CVE-3", "CVE-9"] {
        priorities.exploited(Exploited {
            cve: cve.to_owned(),
            added: "2025-01-01".to_owned(),
            due: None,
            ransomware: false,
        });
    }

    let found = fleet.findings(&1, &book, &priorities);

    let order: Vec<_> = found.iter().map(|it| (it.advisory.id.as_str(), it.priority.exploited)).collect();
    assert_eq!(order, [("2", true), ("1", false)]);
}

#[test]
fn what_an_earlier_advisory_mended_is_told_apart() {
    let mut book = Book::new();
    let mut again = row("Debian:12", "a", "2", "3");
    again.advisory = Arc::new(Advisory {
        id: "2".to_owned(),
        cves: vec!["CVE-1".to_owned(), "CVE-2".to_owned()],
        ..Advisory::default()
    });
    put(&mut book, "Debian:12", [row("Debian:12", "a", "1", "2"), again]);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &[deb("a", "1", "a")]);
    add(&mut fleet, 2, machine("Debian:12"), &[deb("a", "2", "a")]);
    fleet.judge(&book);

    let priorities = Priorities::default();
    let mended = |host| {
        let found = fleet.findings(&host, &book, &priorities);
        found.into_iter().map(|it| (it.advisory.id.clone(), it.mended_before)).collect::<Vec<_>>()
    };
    assert_eq!(mended(1), [("1".to_owned(), [].into()), ("2".to_owned(), [].into())]);
    assert_eq!(mended(2), [("2".to_owned(), ["CVE-1"].into())]);
}

#[test]
fn a_version_that_is_none_is_unknown() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", [row("Debian:12", "a", "1", "2")]);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &[deb("a", "x:1", "a"), deb("é", "1é", "é")]);
    fleet.judge(&book);

    assert_eq!(fleet.counts_of(&1, &book), Counts { unknown_packages: 1, ..Counts::default() });
}

#[test]
fn a_fleet_without_what_nobody_has_tells_the_same() {
    let mut book = Book::new();
    put(&mut book, "Debian:12", [row("Debian:12", "openssl", "1", "3"), row("Debian:12", "curl", "2", "9")]);
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &[deb("bash", "1", "bash"), deb("curl", "8", "curl")]);
    add(&mut fleet, 2, machine("Debian:12"), &[deb("openssl", "2", "openssl"), deb("curl", "8", "curl")]);
    add(&mut fleet, 1, machine("Debian:12"), &[deb("curl", "10", "curl")]);
    fleet.judge(&book);
    assert_eq!((fleet.items(), fleet.unused()), (4, 1));

    let mut less = fleet.compacted();
    less.judge(&book);

    assert_eq!((less.items(), less.unused()), (3, 0));
    for host in [1, 2] {
        assert_eq!(told(&fleet, &book, host), told(&less, &book, host));
        assert!(less.numbers_of(&host).unwrap().is_sorted());
    }
}

#[test]
fn what_is_kept_of_a_package_changes_only_with_its_form() {
    let mut fleet = Fleet::<u32>::new();
    let mut source = deb("libssl3", "3.0-1+b1", "openssl");
    source.source_version = Some("3.0-1".to_owned());
    source.in_repository = Some(true);
    let unlisted = Package { in_repository: Some(false), ..deb("é", "1", "é") };
    let rpms = [rpm("nginx", "1:1-1.module_el9", "AlmaLinux"), rpm("zoom", "5", "Zoom")];
    for (system, packages) in [
        ("Debian:12", vec![source, deb("curl", "8~bpo12+1", "curl"), unlisted]),
        (
            "Ubuntu:24.04:LTS",
            vec![deb("php", "8~ppa1", "php"), deb("linux-image-6.8", "6.8.1", "linux-signed")],
        ),
        ("AlmaLinux:9", rpms.to_vec()),
    ] {
        fleet.number(machine(system).ecosystem.as_ref(), &packages);
    }

    // FNV-1a: the same with every compiler.
    let bytes = (0..).map_while(|number| fleet.identity(number)).flatten();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });

    assert_eq!(
        (kept::FORM, hash),
        (2, 2_658_193_762_020_560_780),
        "packages are told apart otherwise than before: raise kept::FORM and put both figures here"
    );
}

#[test]
fn packages_of_languages_are_judged_by_their_registry_on_any_system() {
    let of = |manager, name: &str, version: &str| Package {
        manager,
        source: None,
        source_version: None,
        architecture: String::new(),
        ..deb(name, version, name)
    };
    let binary = |ecosystem, package, advisory, fixed| Row {
        names: Names::Binary,
        ..row(ecosystem, package, advisory, fixed)
    };
    let mut book = Book::new();
    put(&mut book, "PyPI", [binary("PyPI", "zope-interface", "py", "5.5")]);
    put(&mut book, "npm", [binary("npm", "@a/b", "js", "2.0.0")]);
    put(&mut book, "Debian:12", [row("Debian:12", "zope-interface", "deb", "99")]);
    let packages = [
        of(Manager::Python, "Zope.Interface", "5.4.post1"),
        of(Manager::Npm, "@a/b", "2.0.0-rc.1"),
        of(Manager::Jar, "org.a:b", "1"),
        of(Manager::Rpm, "zope-interface", "1-1"),
    ];
    let mut fleet = Fleet::new();
    add(&mut fleet, 1, machine("Debian:12"), &packages);
    add(&mut fleet, 2, Machine::default(), &packages);
    fleet.judge(&book);

    let named = |host| told(&fleet, &book, host).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(named(1), ["js", "py"]);
    assert_eq!(named(2), ["js", "py"], "a system that no feed speaks for changes nothing about that");
    let unknown: Vec<_> = fleet.unknown(&1).map(|(package, standing)| (package.name, standing)).collect();
    let elsewhere = Standing::Foreign(Origin::Elsewhere);
    assert_eq!(unknown, [("org.a:b", elsewhere), ("zope-interface", elsewhere)], "never by a fall-back");

    let touched = put(&mut book, "PyPI", [binary("PyPI", "zope-interface", "py", "5.0")]);
    let rejudged = fleet.judge_again(&book, &touched);
    assert_eq!((rejudged.changed, rejudged.hosts), (1, vec![1, 2]));
}

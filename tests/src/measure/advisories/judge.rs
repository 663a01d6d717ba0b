//! A fleet of 20,000 machines judged by real advisories, and an update of a feed that touches 1,000 packages.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_advisory::book::{Book, Loading};
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::fleet::{Fleet, Machine};
use vonggac_advisory::priority::Priorities;
use vonggac_advisory::row::{Advisory, Names, Row, Verdict};
use vonggac_advisory::source::Feed;
use vonggac_protocol::package::Package;

use super::super::{progress, rounded};
use super::data;
use super::made_fleet::{PACKAGES, Seen, System};
use super::start;

/// Real advisories of three releases, told as four distributions: the volume of a larger province.
const FILE: &str = "almalinux-osv-2026-08.tar.gz";

struct World {
    book: Book,
    feed: Feed,
    systems: Vec<System>,
    fleet: Fleet<u32>,
    identities: Vec<Box<[u8]>>,
    machines: Vec<(Machine, Box<[u32]>)>,
}

/// Seconds of processor time that this thread has had: the machine may do other things beside.
fn spent() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let whole = u32::try_from(time.tv_sec).unwrap_or(u32::MAX);
    let parts = u32::try_from(time.tv_nsec).unwrap_or(0);

    f64::from(whole) + f64::from(parts) / 1e9
}

struct Seconds {
    load: f64,
    number: f64,
    restore: f64,
    judge: f64,
}

fn machines() -> anyhow::Result<u32> {
    match std::env::var("VONGGAC_JUDGE_HOSTS") {
        Ok(text) => text.parse().context("VONGGAC_JUDGE_HOSTS"),
        Err(_) => Ok(20_000),
    }
}

/// The same row in the ecosystems of four distributions of that release.
fn told_by_four(row: &Row) -> [Row; 4] {
    let release = if let Ecosystem::AlmaLinux(release) = row.ecosystem { release } else { 0 };
    [
        Ecosystem::AlmaLinux(release),
        Ecosystem::RockyLinux(release),
        Ecosystem::RedHat(release),
        Ecosystem::AlmaLinux(release + 100),
    ]
    .map(|ecosystem| Row { ecosystem, ..row.clone() })
}

fn load() -> anyhow::Result<(Book, Feed, Vec<System>, f64)> {
    let path = data::file(FILE)?;
    let (mut book, mut loading, mut seen) = (Book::new(), Loading::new(), Seen::default());
    let mut covers = BTreeSet::new();
    let start = spent();
    let given = data::read(&path, &mut |row| {
        for row in told_by_four(&row) {
            covers.insert(row.ecosystem.clone());
            seen.note(&row);
            loading.push(row);
        }
    })?;
    let feed = Feed { covers, ..data::described("almalinux-by-four", &given) };
    let loaded = book.put(feed.clone(), loading);
    let seconds = spent() - start;
    anyhow::ensure!(loaded.refused == 0, "rows refused: {:?}", loaded.refused_named);

    Ok((book, feed, seen.systems(), seconds))
}

fn world() -> anyhow::Result<(World, Seconds)> {
    let (book, feed, systems, load) = load()?;
    progress(&format!("{} rows of {} packages in the book", book.rows(), book.packages()));
    let mut fleet = Fleet::<u32>::new();
    let mut machines_kept = Vec::new();
    let mut number = 0.0;
    let many = systems.len();
    for host in 0..machines()? {
        let system = systems.get(usize::try_from(host)? % many).context("no system")?;
        let packages = system.machine(u64::from(host) / u64::try_from(many)?);
        let start = spent();
        let items = fleet.number(Some(&system.ecosystem), packages.iter().copied());
        let kernel = packages.iter().find(|package| package.name == "kernel-core");
        machines_kept.push((machine(&system.ecosystem, kernel.copied()), items));
        number += spent() - start;
        if host % 5_000 == 4_999 {
            progress(&format!("{} machines", host + 1));
        }
    }
    // What judging costs by itself, packages and machines as they were kept; the whole start is measured in [`start`].
    let kept: Vec<Box<[u8]>> = (0..).map_while(|number| fleet.identity(number).map(Into::into)).collect();
    drop(fleet);
    let start = spent();
    let mut fleet = Fleet::new();
    for (identity, number) in kept.iter().zip(0_u32..) {
        anyhow::ensure!(
            fleet.restore(identity) == Some(number),
            "a package that was kept has its number again"
        );
    }
    for (host, (machine, items)) in (0_u32..).zip(&machines_kept) {
        fleet.set(host, machine.clone(), items.clone());
    }
    let restore = spent() - start;
    let start = spent();
    fleet.judge(&book);
    let judge = spent() - start;

    Ok((
        World { book, feed, systems, fleet, identities: kept, machines: machines_kept },
        Seconds { load, number, restore, judge },
    ))
}

fn machine(ecosystem: &Ecosystem, kernel: Option<&Package>) -> Machine {
    let release = kernel.map(|package| format!("{}.{}", package.version, package.architecture));

    Machine {
        ecosystem: Some(ecosystem.clone()),
        pro: None,
        kernel_running: release.clone().unwrap_or_default(),
        kernel_installed: release,
        kernel_build: None,
    }
}

pub(in super::super) fn fleet() -> anyhow::Result<Map<String, Value>> {
    let (world, seconds) = world()?;
    let start = spent();
    let counts = world.fleet.counts(&world.book);
    let count = spent() - start;
    let started = started(&world)?;
    let findings: u64 = counts.iter().map(|(_, counts)| u64::from(counts.fixable)).sum();
    let untold: u64 = counts.iter().map(|(_, counts)| u64::from(counts.stream_untold)).sum();

    let priorities = Priorities::default();
    let start = spent();
    let mut listed = 0;
    for host in 0..100 {
        listed += world.fleet.findings(&host, &world.book, &priorities).len();
    }
    let listing = (spent() - start) * 1_000.0 / 100.0;
    let (checked, differing) = beside_a_peer(&world)?;

    let mut map = Map::new();
    map.insert("hosts".to_owned(), world.fleet.hosts().into());
    map.insert("package_rows".to_owned(), (world.fleet.hosts() * PACKAGES).into());
    map.insert("distinct_packages".to_owned(), world.fleet.items().into());
    map.insert("advisory_rows".to_owned(), world.book.rows().into());
    map.insert("advisory_packages".to_owned(), world.book.packages().into());
    map.insert("findings_fixable".to_owned(), findings.into());
    map.insert("findings_stream_untold".to_owned(), untold.into());
    map.insert("start_seconds".to_owned(), started.get("cpu_seconds").cloned().unwrap_or_default());
    map.insert("start_wall_seconds".to_owned(), started.get("wall_seconds").cloned().unwrap_or_default());
    map.insert("mib".to_owned(), started.get("mib").cloned().unwrap_or_default());
    map.insert("start".to_owned(), START.into());
    map.insert("core_read_advisories_seconds".to_owned(), rounded(seconds.load));
    map.insert("core_restore_seconds".to_owned(), rounded(seconds.restore));
    map.insert("match_seconds".to_owned(), rounded(seconds.judge));
    map.insert("counts_seconds".to_owned(), rounded(count));
    map.insert("core_all_inventories_told_anew_seconds".to_owned(), rounded(seconds.number));
    map.insert("clock".to_owned(), "processor time; of the start all threads together".into());
    map.insert("findings_of_one_host".to_owned(), (listed / 100).into());
    map.insert("list_one_host_ms".to_owned(), rounded(listing));
    map.insert("checked_beside_rpm_version".to_owned(), checked.into());
    map.insert("differing".to_owned(), differing.into());

    Ok(map)
}

const START: &str = "another process opens a store file that holds the packed feed and the kept numbers, and does what the \
    collector's task does until all is judged; the inventories' own packages are not in the file, because it reads none";

/// A process of its own starts on a store of this world; it has to find of the first machine what was found here.
fn started(world: &World) -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    data::read(&data::file(FILE)?, &mut |row| rows.extend(told_by_four(&row)))?;
    let sown = start::Sown {
        feed: &world.feed,
        rows: Box::new(rows.into_iter()),
        identities: world.identities.clone(),
        machines: &world.machines,
    };
    start::sow(folder.path(), sown)?;
    progress("a store is sown");
    let started = start::started(folder.path())?;
    let here = world.fleet.findings(&0, &world.book, &Priorities::default()).len();
    let there = started.get("findings_of_first_host").and_then(Value::as_u64);
    anyhow::ensure!(
        there == u64::try_from(here).ok(),
        "the started process finds {there:?}, here are {here}"
    );

    Ok(started)
}

/// The findings of some machines, worked out the slow way with a comparison that others wrote.
fn beside_a_peer(world: &World) -> anyhow::Result<(usize, usize)> {
    let path = data::file(FILE)?;
    let mut rows = Vec::new();
    data::read(&path, &mut |row| rows.extend(told_by_four(&row)))?;
    let (mut checked, mut differing) = (0, 0);
    for host in [0_u32, 7, 4_001] {
        let many = world.systems.len();
        let Some(system) = world.systems.get(usize::try_from(host)? % many) else { continue };
        let packages = system.machine(u64::from(host) / u64::try_from(many)?);
        let slow = slowly(&rows, &system.ecosystem, &packages);
        let priorities = Priorities::default();
        let ours: BTreeSet<(String, String)> = world
            .fleet
            .findings(&host, &world.book, &priorities)
            .into_iter()
            .map(|finding| (finding.package.to_owned(), finding.advisory.id.clone()))
            .collect();
        if ours.is_empty() {
            continue;
        }
        checked += slow.len();
        differing += slow.symmetric_difference(&ours).count();
    }

    Ok((checked, differing))
}

fn slowly(rows: &[Row], ecosystem: &Ecosystem, packages: &[&Package]) -> BTreeSet<(String, String)> {
    const IMAGES: [&str; 4] = ["kernel-core", "kernel-rt-core", "kernel-64k-core", "kernel-debug-core"];
    let is_kernel = |name: &str| {
        let of_kernel = name == "kernel"
            || (name.starts_with("kernel-") && !name.starts_with("kernel-srpm-macros"))
            || ["perf", "python3-perf", "bpftool", "rtla", "rv", "libperf"].contains(&name);
        of_kernel && !IMAGES.contains(&name)
    };
    let mut found = BTreeSet::new();
    for row in rows.iter().filter(|row| row.ecosystem == *ecosystem) {
        let Verdict::Fixed(fixed) = &row.verdict else { continue };
        let mends_faults = row.advisory.cves.is_empty() && !row.advisory.id.starts_with("ALSA");
        if mends_faults || is_kernel(&row.package) {
            continue;
        }
        let touched = packages.iter().any(|package| {
            package.name == row.package
                && package.version.contains(".module") >= fixed.contains(".module")
                && rpm_version::rpm_evr_compare(&package.version, fixed).is_lt()
        });
        if touched {
            found.insert((row.package.clone(), row.advisory.id.clone()));
        }
    }

    found
}

pub(in super::super) fn update() -> anyhow::Result<Map<String, Value>> {
    /// As many packages as a busy day of a distribution names, and more.
    const TOUCHED: usize = 1_000;
    let (mut world, _) = world()?;
    let before = world.fleet.counts(&world.book);
    let system = world.systems.first().context("no system")?;
    let mut loading = Loading::new();
    let mut names = BTreeSet::new();
    for host in 0..u64::MAX {
        for package in system.machine(host) {
            if names.len() < TOUCHED
                && !package.name.starts_with("plain")
                && names.insert(package.name.clone())
            {
                loading.push(news(&system.ecosystem, &package.name));
            }
        }
        if names.len() == TOUCHED {
            break;
        }
    }
    let feed = Feed { name: "news".to_owned(), ..world.feed.clone() };
    let start = spent();
    let loaded = world.book.put_part(feed, loading);
    let put = (spent() - start) * 1_000.0;
    let start = spent();
    let again = world.fleet.judge_again(&world.book, &loaded.touched);
    let judge = (spent() - start) * 1_000.0;
    let start = spent();
    let after = world.fleet.counts(&world.book);
    let count = (spent() - start) * 1_000.0;
    let changed = before.iter().zip(&after).filter(|(one, other)| one != other).count();

    let mut map = Map::new();
    map.insert("packages_touched".to_owned(), loaded.touched.len().into());
    map.insert("versions_judged_again".to_owned(), again.items.into());
    map.insert("hosts_told".to_owned(), again.hosts.len().into());
    map.insert("hosts_with_other_counts".to_owned(), changed.into());
    map.insert("put_ms".to_owned(), rounded(put));
    map.insert("judge_ms".to_owned(), rounded(judge));
    map.insert("ms".to_owned(), rounded(put + judge));
    map.insert("clock".to_owned(), "processor time of one thread".into());
    map.insert("counts_of_all_hosts_ms".to_owned(), rounded(count));

    Ok(map)
}

/// A new advisory that touches every version.
fn news(ecosystem: &Ecosystem, package: &str) -> Row {
    Row {
        ecosystem: ecosystem.clone(),
        package: package.to_owned(),
        names: Names::Binary,
        module: None,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict: Verdict::Fixed("9999:1-1".to_owned()),
        update: None,
        note: String::new(),
        advisory: Arc::new(Advisory {
            id: format!("NEWS-{package}"),
            cves: vec!["CVE-2026-0001".to_owned()],
            ..Advisory::default()
        }),
    }
}

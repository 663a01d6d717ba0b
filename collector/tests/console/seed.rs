//! A province to look at: real rows, written through the store; incidents concluded by the real rules.

#![allow(dead_code, reason = "the dev server and the tests each use a part")]
#![expect(clippy::unwrap_used, reason = "a seed that cannot be sown fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use vonggac_collector::desk::knowledge::Knowledge;
use vonggac_collector::desk::{Desk, Settings};
use vonggac_collector::judge::bench::Bench;
use vonggac_collector::judge::folder::Folder;
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::observations::{self, LaneOf, Row};
use vonggac_collector::store::people::{self, PersonRole};
use vonggac_collector::store::{Store, incidents, windows};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Area, BaselineTaken, FileAction, FileChanged, FileKind, FileState};
use vonggac_protocol::host::{Health, HostDescribed, Role};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, Seq};
use vonggac_protocol::line::Traffic;
use vonggac_protocol::observation::{AgentSilent, AgentStarted, Kind, Observation};
use vonggac_protocol::package::{LicenceBasis, Manager, Package};
use vonggac_protocol::patch::{PatchState, PendingUpdate, StaleLibraries, StaleService};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

/// Agencies: id and name.
pub(crate) const AGENCIES: [(&str, &str, Level); 3] = [
    ("so-tttt", "Sở Thông tin và Truyền thông", Level::Department),
    ("so-y-te", "Sở Y tế", Level::Department),
    ("xa-hoa-binh", "UBND xã Hòa Bình", Level::Commune),
];

/// People: name, role, agency.
pub(crate) const PEOPLE: [(&str, PersonRole, Option<&str>); 5] = [
    ("an", PersonRole::Admin, None),
    ("binh", PersonRole::Analyst, None),
    ("chi", PersonRole::Agency, Some("xa-hoa-binh")),
    ("dung", PersonRole::Auditor, None),
    ("giang", PersonRole::Viewer, None),
];

const HOSTS: [(&str, &str, u8); 6] = [
    ("web-cong-thong-tin", "so-tttt", 1),
    ("csdl-can-bo", "so-tttt", 2),
    ("benh-an-01", "so-y-te", 3),
    ("benh-an-02", "so-y-te", 4),
    ("mot-cua-hoa-binh", "xa-hoa-binh", 5),
    ("van-thu-hoa-binh", "xa-hoa-binh", 6),
];

/// A seeded collector's desk.
pub(crate) struct Seed {
    pub(crate) desk: Desk,
    pub(crate) clock: Arc<AtomicI64>,
}

/// The id of the nth host.
pub(crate) fn host(n: u8) -> HostId {
    HostId([n; 16])
}

/// Sows a province into a new database in `folder`, as of `now`.
pub(crate) async fn sow(folder: &Path, now: Timestamp) -> Seed {
    let store = Store::open(&folder.join("collector.db")).unwrap();
    let rules = Folder::Dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"));
    let language = vonggac_rules::words::Language::En;
    let (set, register) = (rules.load(language).unwrap(), rules.register(language).unwrap());
    let knowledge = Knowledge::of(&set, &register);
    store
        .write(move |tx| {
            for (id, name, level) in AGENCIES {
                agencies::add(tx, &AgencyId::new(id).unwrap(), name, level, now)?;
            }
            for (name, role, agency) in PEOPLE {
                let agency = agency.map(|id| AgencyId::new(id).unwrap());
                people::add(tx, name, role, agency.as_ref(), now)?;
            }
            for (name, agency, n) in HOSTS {
                sow_host(tx, name, &AgencyId::new(agency).unwrap(), n, now)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    judge(&store, Arc::new(set), now).await;
    let clock = Arc::new(AtomicI64::new(now.0));
    let told = Arc::clone(&clock);
    let now = Arc::new(move || Timestamp(told.load(Ordering::SeqCst)));
    let settings = Settings { now, ..Settings::default() };
    let news = vonggac_collector::judge::news();

    Seed { desk: Desk::new(store, Arc::new(ArcSwap::from_pointee(knowledge)), news, settings), clock }
}

/// Judges what was sown, as the collector does.
pub(crate) async fn judge(store: &Store, set: Arc<vonggac_rules::ruleset::RuleSet>, now: Timestamp) {
    let mut bench = Bench::open(store, Arc::clone(&set)).await.unwrap();
    while let Some(weighed) = bench.weigh_next(store, 256, now).await.unwrap() {
        let set = Arc::clone(&set);
        store
            .write(move |tx| {
                for finding in &weighed.findings {
                    let rule = set.rule(&finding.rule).unwrap();
                    incidents::file_finding(tx, finding, rule, set.digest(), now)?;
                }
                for (window, observation) in &weighed.quiet {
                    windows::keep_quiet(tx, *window, *observation)?;
                }
                tx.execute("UPDATE judge SET cursor = ?1", [weighed.cursor])?;
                Ok(())
            })
            .await
            .unwrap();
    }
}

struct Spool<'a> {
    tx: &'a rusqlite::Transaction<'a>,
    host: HostId,
    next: u64,
}

impl Spool<'_> {
    fn keep(&mut self, at: Timestamp, kind: Kind) -> anyhow::Result<i64> {
        self.next += 1;
        let of = LaneOf { host: self.host, epoch: Epoch(7), lane: kind.lane() };
        let word = kind.word();
        let body = Observation { at, kind }.encode();
        let row = Row { seq: Seq(self.next), at, kind: word, body: &body };
        let id = observations::insert(self.tx, of, row, at.plus(Duration::from_millis(140)))?;
        if matches!(word, "host_described" | "patch_state" | "health") {
            observations::set_latest(self.tx, self.host, word, id)?;
        }
        Ok(id)
    }
}

/// A host tells of its patches anew.
pub(crate) fn tell_patches(
    tx: &rusqlite::Transaction<'_>,
    n: u8,
    at: Timestamp,
    patches: PatchState,
) -> anyhow::Result<()> {
    let mut spool = Spool { tx, host: host(n), next: 1_000 + u64::try_from(at.0 % 1_000)? };
    spool.keep(at, Kind::PatchState(patches))?;

    Ok(())
}

/// A page of a host's web root is made.
pub(crate) fn tell_page(
    tx: &rusqlite::Transaction<'_>,
    n: u8,
    at: Timestamp,
    path: &str,
) -> anyhow::Result<()> {
    let mut spool = Spool { tx, host: host(n), next: 5_000 + u64::try_from(at.0 / 1_000 % 100_000)? };
    spool.keep(at, created(path, Area::Web))?;

    Ok(())
}

fn sow_host(
    tx: &rusqlite::Transaction<'_>,
    name: &str,
    agency: &AgencyId,
    n: u8,
    now: Timestamp,
) -> anyhow::Result<()> {
    let ago = |minutes: u64| now.minus(Duration::from_secs(60 * minutes));
    hosts::add(tx, host(n), agency, name, HostState::Active, 180, ago(30_000))?;
    tx.execute(
        "UPDATE host SET last_heard_at = ?2, agent_version = '0.1.0', address = ?3, clock_offset_ms = 12 WHERE id = ?1",
        rusqlite::params![host(n).0, ago(if n == 4 { 95 } else { 0 }).0, format!("10.20.{n}.15:51820")],
    )?;
    let mut spool = Spool { tx, host: host(n), next: 0 };
    let started = AgentStarted { version: "0.1.0".to_owned(), after_crash: n == 2, watched_until: None };
    spool.keep(ago(600), Kind::AgentStarted(started))?;
    spool.keep(ago(599), Kind::HostDescribed(described(name, ago(9_000))))?;
    let baseline = spool.keep(ago(598), Kind::BaselineTaken(baseline()))?;
    spool.keep(ago(597), Kind::PatchState(patches(n, now)))?;
    spool.keep(ago(2), Kind::Health(health(n)))?;
    match n {
        1 => {
            spool.keep(ago(14), web_change())?;
            spool.keep(ago(13), created("/var/www/html/wp-content/uploads/anh.php", Area::Web))?;
        }
        3 => {
            for place in 0..12 {
                let path = format!("/srv/benh-an/2026/11/{place:02} <b>hồ sơ</b>.pdf");
                spool.keep(ago(40), rewritten(&path, Area::Data, u64::from(n) + place))?;
            }
        }
        5 => {
            spool.keep(ago(7), rewritten("/etc/passwd", Area::Configuration, 5))?;
            spool.keep(ago(6), created("/root/.ssh/authorized_keys", Area::Access))?;
        }
        _ => {}
    }
    if n == 4 {
        hosts::set_silent(tx, host(n), Some(ago(92)))?;
        let silent = AgentSilent { last_heard: ago(95), promised_secs: 180 };
        observations::insert_own(tx, host(n), Kind::AgentSilent(silent), ago(92))?;
    }

    sow_packages(tx, host(n), baseline, now)
}

fn sow_packages(
    tx: &rusqlite::Transaction<'_>,
    host: HostId,
    observation: i64,
    now: Timestamp,
) -> anyhow::Result<()> {
    let package = |name: &str, section: &str, licence: Option<&str>| Package {
        manager: Manager::Dpkg,
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: "1.2.3-4+deb12u1".to_owned(),
        source: None,
        source_version: None,
        section: Some(section.to_owned()),
        vendor: Some("Debian".to_owned()),
        licence: licence.map(str::to_owned),
        licence_basis: licence.map_or(LicenceBasis::Unknown, |_| LicenceBasis::CopyrightFile),
        installed_at: Some(now),
        in_repository: Some(true),
        origin: Some("Debian/bookworm".to_owned()),
        automatic: Some(true),
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    };
    let packages = [
        package("bash", "shells", Some("GPL-3.0-or-later")),
        package("openssl", "utils", Some("Apache-2.0")),
        package("nginx", "httpd", Some("BSD-2-Clause")),
        package("libreoffice-writer", "editors", Some("MPL-2.0")),
        package("firmware-misc", "non-free-firmware/kernel", None),
    ];
    for package in &packages {
        tx.execute(
            "INSERT INTO package VALUES (?1, 0, ?2, ?3, ?4, ?5)",
            rusqlite::params![
                host.0,
                package.name,
                package.architecture,
                package.version,
                minicbor::to_vec(package)?
            ],
        )?;
    }
    tx.execute(
        "INSERT INTO inventory VALUES (?1, ?2, ?3, ?4)",
        rusqlite::params![host.0, Digest::of(b"inventory").0, now.0, observation],
    )?;

    Ok(())
}

fn described(name: &str, booted_at: Timestamp) -> HostDescribed {
    HostDescribed {
        name: name.to_owned(),
        role: Role::Server,
        os_family: "linux".to_owned(),
        os_id: "debian".to_owned(),
        os_version: "12".to_owned(),
        os_name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        kernel: "6.1.0-27-amd64".to_owned(),
        architecture: "x86_64".to_owned(),
        processor: "Intel(R) Xeon(R) E-2314 CPU @ 2.80GHz".to_owned(),
        processors: 4,
        memory_bytes: 16_700_000_000,
        disk_bytes: 960_000_000_000,
        vendor: "Dell Inc.".to_owned(),
        model: "PowerEdge T150".to_owned(),
        firmware_date: Some("2022-03-09".to_owned()),
        addresses: vec!["10.20.1.15".to_owned(), "fe80::1".to_owned()],
        booted_at,
        virtualisation: None,
        domain: None,
        workgroup: None,
    }
}

fn baseline() -> BaselineTaken {
    BaselineTaken {
        root: HostPath::from_text("/etc"),
        area: Area::Configuration,
        paths: 1_874,
        bytes: 6_291_456,
        digest: Digest::of(b"tree"),
        unreadable: 2,
        took_ms: 812,
        by: None,
        previous: None,
        reason: None,
    }
}

pub(crate) fn patches(n: u8, now: Timestamp) -> PatchState {
    let old = now.minus(Duration::from_secs(86_400 * 40));
    let update = |name: &str, security: bool| PendingUpdate {
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        installed: "3.0.15-1~deb12u1".to_owned(),
        candidate: "3.0.17-1~deb12u3".to_owned(),
        security,
        origin: "Debian-Security bookworm-security".to_owned(),
        first_seen: old,
    };
    let pending = if n % 2 == 1 { vec![update("openssl", true), update("bash", false)] } else { Vec::new() };

    PatchState {
        lists_at: Some(now.minus(Duration::from_secs(7_200))),
        last_update: Some(old),
        pending_count: u64::try_from(pending.len()).unwrap(),
        security_count: Some(u64::from(n % 2)),
        pending,
        reboot_needed: Some(n == 2),
        kernel_running: "6.1.0-27-amd64".to_owned(),
        kernel_installed: Some("6.1.0-28-amd64".to_owned()),
        automatic: Some(false),
        refreshed_at: Some(now.minus(Duration::from_secs(3_600))),
        upgraded_at: Some(old),
        pro: None,
        kernel_build: Some("6.1.115-1".to_owned()),
        stale: Some(StaleLibraries {
            services: vec![StaleService {
                name: "nginx.service".to_owned(),
                processes: 3,
                packages: vec!["libssl3".to_owned()],
            }],
            services_count: 1,
            unreadable: 2,
        }),
        windows: None,
    }
}

fn health(n: u8) -> Health {
    Health {
        uptime_secs: 35_880,
        waiting: 0,
        waiting_bytes: 0,
        dropped: if n == 2 { 14 } else { 0 },
        watch_losses: 0,
        memory_bytes: 18_350_080,
        processor_ms: 41_000,
        baseline_paths: 21_450,
        exclusions: 2,
        clock_offset_ms: Some(12),
        watch_mode: None,
        traffic: Some(Traffic {
            sent_today: 41_200,
            received_today: 19_800,
            budget: Some(524_288),
            beat_secs: 240,
            moves: 0,
        }),
    }
}

fn state(content: u64, mode: u32) -> FileState {
    FileState {
        kind: FileKind::File,
        size: 1_843 + content,
        digest: Some(Digest::of(&content.to_be_bytes())),
        mode,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: Timestamp(1_790_000_000_000 + i64::try_from(content).unwrap() * 60_000),
        changed: Timestamp(1_790_000_000_000 + i64::try_from(content).unwrap() * 60_000),
        link_target: None,
        attributes: None,
        flags: None,
    }
}

fn change(path: &str, area: Area, action: FileAction, before: Option<FileState>, after: FileState) -> Kind {
    let root = path.split('/').take(2).collect::<Vec<_>>().join("/");

    Kind::FileChanged(FileChanged {
        path: HostPath::from_text(path),
        area,
        root: HostPath::from_text(root),
        action,
        before,
        after: Some(after),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: None,
    })
}

/// A file whose content is another now.
pub(crate) fn rewritten(path: &str, area: Area, content: u64) -> Kind {
    change(path, area, FileAction::Modified, Some(state(content, 0o644)), state(content + 90, 0o666))
}

fn created(path: &str, area: Area) -> Kind {
    change(path, area, FileAction::Created, None, state(3, 0o600))
}

fn web_change() -> Kind {
    rewritten("/var/www/html/index.php", Area::Web, 21)
}

/// Which lane nothing of this seed uses, for observations of a test's own.
pub(crate) const FREE_LANE: Lane = Lane::Bulk;

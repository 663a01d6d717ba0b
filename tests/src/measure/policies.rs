//! Policies about the state of hosts: what a full evaluation of the fleet costs, and what one host's change does.
//!
//! The judge that the collector runs, over records in a store as agents send them: descriptions, patch states, and
//! whole inventories whose packages have the names of this machine's, where it has dpkg.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};
use vonggac_collector::clock;
use vonggac_collector::judge::bench::Bench;
use vonggac_collector::judge::folder::Folder;
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::observations::{self, LaneOf, Row};
use vonggac_collector::store::{Store, packages};
use vonggac_protocol::host::{HostDescribed, Role};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Seq};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::{LicenceBasis, Manager, Package, PackagesListed, inventory_digest};
use vonggac_protocol::patch::{PatchState, PendingUpdate};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::packs;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::words::Language;

use super::{progress, rounded};
use crate::programs::instant;

const HOSTS: u32 = 10_000;
const POLICIES: usize = 50;
const PACKAGES: usize = 211;
const CHANGES: u64 = 50;
const AT_ONCE: u32 = 100;

/// The ten policies that decision 0038 has in both forms; each stands here with five bounds.
const SELECTIONS: [(&str, &str); 10] = [
    ("patch-late", "security_pending|gte: 1\n    oldest_security_days|gte: {n}"),
    ("lists-stale", "lists_age_days|gte: {n}"),
    ("reboot-late", "reboot_needed: true\n    reboot_days|gte: {n}"),
    ("kernel-behind", "kernel_behind: true\n    lists_age_days|gte: {n}"),
    ("support-ended", "support_ended: true\n    lists_age_days|gte: {n}"),
    ("support-near", "support_days_left|gte: 0\n    support_days_left|lte: {n}"),
    ("licence-missing", "unlicensed|exists: true\n    packages|gte: {n}"),
    ("activator", "activators|exists: true\n    packages|gte: {n}"),
    ("posture", "host_role: workstation\n    missing_tools: antimalware\n    packages|gte: {n}"),
    ("open-source-share", "os_family: linux\n    oss_share_percent|lt: {n}"),
];

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let count: u32 = match std::env::var("VONGGAC_POLICY_HOSTS") {
        Ok(text) => text.parse()?,
        Err(_) => HOSTS,
    };
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    runtime.block_on(async {
        let store = Store::open(&folder.path().join("collector.db"))?;
        let now = clock::now();
        let names = Arc::new(names());
        fill(&store, count, &names, now).await?;
        let rules = policies()?;
        let policies = rules.rules().len();
        let mut bench = Bench::open(&store, rules).await?;
        // What came in before is weighed first: the full evaluation is of states alone.
        while bench.weigh_next(&store, 256, now).await?.is_some() {}

        let began = instant();
        let weighed = bench.weigh_states(&store, now).await?;
        let fleet_seconds = began.elapsed().as_secs_f64();

        let mut host_ms = Vec::new();
        for n in 0..CHANGES {
            let host = host_of(u32::try_from(n * 7)? % count);
            keep(&store, host, 10 + n, Kind::PatchState(patches(u32::try_from(n)?, now)), now).await?;
            let began = instant();
            let judged = bench.weigh_next(&store, 256, now).await?.context("the change was not weighed")?;
            host_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
            anyhow::ensure!(judged.cursor > 0, "the cursor moved");
        }
        host_ms.sort_by(f64::total_cmp);

        let mut map = Map::new();
        map.insert("hosts".to_owned(), count.into());
        map.insert("policies".to_owned(), policies.into());
        map.insert("packages_a_host".to_owned(), names.len().into());
        map.insert("fleet_seconds".to_owned(), rounded(fleet_seconds));
        map.insert("findings".to_owned(), weighed.findings.len().into());
        map.insert("host_ms".to_owned(), rounded(host_ms[host_ms.len() / 2]));
        map.insert("host_ms_most".to_owned(), rounded(host_ms[host_ms.len() - 1]));

        Ok(map)
    })
}

/// Names of packages of this machine; made up where it has no dpkg.
fn names() -> Vec<String> {
    let status = std::fs::read_to_string("/var/lib/dpkg/status").unwrap_or_default();
    let mut names: BTreeSet<String> =
        status.lines().filter_map(|line| line.strip_prefix("Package: ")).map(str::to_owned).collect();
    names.extend((names.len()..PACKAGES).map(|n| format!("goi-{n}")));

    names.into_iter().take(PACKAGES).collect()
}

/// Fifty policies: a rule of the packs with another name, id and selection.
fn policies() -> anyhow::Result<Arc<RuleSet>> {
    let clauses = Folder::BuiltIn.register(Language::En)?.clauses().map(|clause| clause.id.clone()).collect();
    let late = packs::embedded().into_iter().find(|source| source.path == "packs/patch/late.yml");
    let late = late.context("the pack has a rule about late patches")?.text;
    let (head, rest) = late.split_once("  selection:\n").context("its selection")?;
    let (_, tail) = rest.split_once("  condition:").context("its condition")?;
    let mut sources = Vec::new();
    for n in 0..POLICIES {
        let (name, selection) = SELECTIONS[n % SELECTIONS.len()];
        let bound = (7 * (1 + n / SELECTIONS.len())).to_string();
        let text =
            format!("{head}  selection:\n    {}\n  condition:{tail}", selection.replace("{n}", &bound))
                .replace("name: security-patches-late", &format!("name: {name}-{bound}"))
                .replace(
                    "0902e878-ec52-5abf-8dfb-4acd341f66d4",
                    &format!("0902e878-ec52-5abf-8dfb-4acd341f{n:04}"),
                );
        sources.push(RuleSource { path: format!("packs/policies/{n}.yml"), text });
    }
    match RuleSet::load(sources, &clauses) {
        Ok(rules) => Ok(Arc::new(rules)),
        Err(mistakes) => {
            let first = mistakes.first().map(|mistake| mistake.shown(Language::En)).unwrap_or_default();
            bail!("{} mistakes in the policies: {first}", mistakes.len())
        }
    }
}

fn host_of(n: u32) -> HostId {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());

    HostId(id)
}

async fn fill(store: &Store, count: u32, names: &Arc<Vec<String>>, now: Timestamp) -> anyhow::Result<()> {
    let agency = AgencyId::new("so-van-hoa")?;
    let added = agency.clone();
    store.write(move |tx| agencies::add(tx, &added, "Sở", Level::Department, now)).await?;
    for from in (0..count).step_by(usize::try_from(AT_ONCE)?) {
        let (agency, names) = (agency.clone(), Arc::clone(names));
        store
            .write(move |tx| {
                for n in from..count.min(from + AT_ONCE) {
                    let host = host_of(n);
                    hosts::add(tx, host, &agency, &format!("may-{n}"), HostState::Active, 180, now)?;
                    let told = put(tx, host, 1, Kind::HostDescribed(described(n, now)), now)?;
                    put(tx, host, 2, Kind::PatchState(patches(n, now)), now)?;
                    let inventory: BTreeSet<Package> = names.iter().map(|name| package(name, n)).collect();
                    let listed = PackagesListed {
                        digest: inventory_digest(&inventory),
                        part: 0,
                        parts: 1,
                        packages: inventory.into_iter().collect(),
                    };
                    packages::list(tx, host, &listed, now, told)?;
                }
                Ok(())
            })
            .await?;
        if from % 1_000 == 0 {
            progress(&format!("kept {from} hosts"));
        }
    }

    Ok(())
}

async fn keep(store: &Store, host: HostId, seq: u64, kind: Kind, at: Timestamp) -> anyhow::Result<()> {
    store.write(move |tx| put(tx, host, seq, kind, at).map(drop)).await
}

/// Keeps an observation as the intake does.
fn put(
    tx: &rusqlite::Transaction<'_>,
    host: HostId,
    seq: u64,
    kind: Kind,
    at: Timestamp,
) -> anyhow::Result<i64> {
    let of = LaneOf { host, epoch: Epoch(1), lane: kind.lane() };
    let word = kind.word();
    let body = Observation { at, kind }.encode();
    let id = observations::insert(tx, of, Row { seq: Seq(seq), at, kind: word, body: &body }, at)?;
    observations::set_latest(tx, host, word, id)?;

    Ok(id)
}

fn described(n: u32, now: Timestamp) -> HostDescribed {
    let version = ["10", "11", "12"][usize::try_from(n % 3).unwrap_or(0)];
    HostDescribed {
        name: format!("may-{n}"),
        role: if n.is_multiple_of(4) { Role::Server } else { Role::Workstation },
        os_family: "linux".to_owned(),
        os_id: "debian".to_owned(),
        os_version: version.to_owned(),
        os_name: format!("Debian GNU/Linux {version}"),
        kernel: "6.1.0-9-amd64".to_owned(),
        architecture: "x86_64".to_owned(),
        processor: String::new(),
        processors: 4,
        memory_bytes: 8_000_000_000,
        disk_bytes: 256_000_000_000,
        vendor: String::new(),
        model: String::new(),
        firmware_date: None,
        addresses: Vec::new(),
        booted_at: ago(now, 60),
        virtualisation: None,
        domain: None,
        workgroup: None,
    }
}

fn patches(n: u32, now: Timestamp) -> PatchState {
    let update = |at: u32| PendingUpdate {
        name: format!("goi-{at}"),
        architecture: "amd64".to_owned(),
        installed: "1.0-1".to_owned(),
        candidate: "1.0-2".to_owned(),
        security: at.is_multiple_of(2),
        origin: "Debian-Security:12/stable-security".to_owned(),
        first_seen: ago(now, u64::from(at % 60)),
    };
    let pending: Vec<PendingUpdate> = (0..n % 20).map(|at| update(at + n % 7)).collect();
    let security = pending.iter().filter(|update| update.security).count();
    PatchState {
        lists_at: Some(ago(now, u64::from(n % 30))),
        last_update: Some(ago(now, u64::from(n % 40))),
        pending_count: u64::from(n % 20),
        security_count: u64::try_from(security).ok(),
        pending,
        reboot_needed: Some(n.is_multiple_of(5)),
        kernel_running: "6.1.0-9-amd64".to_owned(),
        kernel_installed: Some(
            if n.is_multiple_of(3) { "6.1.0-18-amd64" } else { "6.1.0-9-amd64" }.to_owned(),
        ),
        automatic: Some(true),
        refreshed_at: None,
        upgraded_at: None,
        pro: None,
        kernel_build: None,
        stale: None,
        windows: None,
    }
}

fn package(name: &str, n: u32) -> Package {
    Package {
        manager: Manager::Dpkg,
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: format!("1.2.{}-4", n % 9),
        source: None,
        source_version: None,
        section: Some("utils".to_owned()),
        vendor: Some("Debian".to_owned()),
        licence: Some("GPL-2.0-or-later".to_owned()),
        licence_basis: LicenceBasis::CopyrightFile,
        installed_at: None,
        in_repository: Some(true),
        origin: Some("Debian/bookworm".to_owned()),
        automatic: Some(true),
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

fn ago(now: Timestamp, days: u64) -> Timestamp {
    now.minus(Duration::from_secs(days * 86_400 + 60))
}

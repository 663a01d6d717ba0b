//! The start of a collector with a whole province in its store: a process of its own does what the collector's task
//! does, with the collector's own functions, on a real store file.
//!
//! What is not in that store: the packages of each inventory (36.6 million rows), which such a start does not read, and
//! observations but one for each machine. What is not in the figure: rules, doors, and the console.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, params};
use serde_json::{Map, Value};
use vonggac_advisory::feed::{Item, Kind, Packer};
use vonggac_advisory::fleet::Machine;
use vonggac_advisory::row::Row;
use vonggac_advisory::source::Feed;
use vonggac_collector::clock;
use vonggac_collector::feeds::admit::Allowed;
use vonggac_collector::feeds::convert::Converted;
use vonggac_collector::feeds::part::{DatedBy, Part};
use vonggac_collector::store::fleet::{self, Batch, KeptHost};
use vonggac_collector::store::{Store, feeds};
use vonggac_collector::vulnerabilities::report::Report;
use vonggac_collector::vulnerabilities::{Vulnerabilities, step};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;

use super::super::idle::memory_mib;
use super::super::rounded;

const FOLDER: &str = "VONGGAC_START_FLEET";

/// Machines kept in one batch, as the collector does.
const HOSTS_AT_ONCE: usize = 256;

/// What a store is sown with.
pub(super) struct Sown<'a> {
    pub(super) feed: &'a Feed,
    pub(super) rows: Box<dyn Iterator<Item = Row> + 'a>,
    pub(super) identities: Vec<Box<[u8]>>,
    pub(super) machines: &'a [(Machine, Box<[u32]>)],
}

/// The id of the machine of this number.
pub(super) fn host(number: usize) -> HostId {
    HostId(u128::try_from(number).unwrap_or(0).to_be_bytes())
}

/// Writes a store as a collector leaves it that has judged these machines.
pub(super) fn sow(folder: &Path, sown: Sown<'_>) -> anyhow::Result<()> {
    let path = folder.join("collector.db");
    drop(Store::open(&path)?);
    let mut db = Connection::open(&path)?;
    let now = clock::now();
    let tx = db.transaction()?;
    tx.execute("INSERT INTO agency VALUES ('province', 'Province', 'province', 0)", [])?;
    let mut kept = Vec::new();
    for (number, (machine, numbers)) in sown.machines.iter().enumerate() {
        let (id, order) = (host(number), i64::try_from(number)? + 1);
        let inventory = Digest::of(&id.0);
        tx.prepare_cached(
            "INSERT INTO host (id, agency, name, state, enrolled_at) VALUES (?1, 'province', ?2, 'active', 0)",
        )?
        .execute(params![id.0, format!("host-{number}")])?;
        tx.prepare_cached("INSERT INTO observation VALUES (?1, ?2, 0, 0, 0, 0, 0, 'host_described', x'00')")?
            .execute(params![order, id.0])?;
        tx.prepare_cached("INSERT INTO latest VALUES (?1, 'host_described', ?2)")?
            .execute(params![id.0, order])?;
        tx.prepare_cached("INSERT INTO inventory VALUES (?1, ?2, 0, ?3)")?.execute(params![
            id.0,
            inventory.0,
            order
        ])?;
        let (machine, numbers) = (machine.clone(), Some(numbers.clone()));
        kept.push(KeptHost { host: id, inventory, observation: order, machine, numbers });
    }
    let items = u32::try_from(sown.identities.len())?;
    let first = Batch { from: None, identities: sown.identities, hosts: Vec::new(), gone: Vec::new() };
    ensure!(fleet::keep(&tx, &first)?, "the packages were not kept");
    for hosts in kept.chunks(HOSTS_AT_ONCE) {
        let batch =
            Batch { from: Some(items), identities: Vec::new(), hosts: hosts.to_vec(), gone: Vec::new() };
        ensure!(fleet::keep(&tx, &batch)?, "the machines were not kept");
    }
    let feed = packed(sown.feed, sown.rows)?;
    feeds::take(&tx, vec![feed], None, "measure", Allowed::default(), now)?;
    tx.commit()?;

    Ok(())
}

/// A feed of these rows, as an import packs it.
fn packed(feed: &Feed, given: impl Iterator<Item = Row>) -> anyhow::Result<Converted> {
    let now = clock::now();
    let mut packer = Packer::new(Vec::new())?;
    for row in given {
        packer.item(Item::Row(row))?;
    }
    let (bytes, rows) = packer.end()?;
    let part = Part {
        name: feed.name.clone(),
        kind: Kind::Osv,
        source: "measure".to_owned(),
        dated: now,
        dated_by: DatedBy::Person,
        fetched: now,
        carried: Digest::of(&bytes),
        packed: Digest::of(&bytes),
        rows,
        read: rows,
        advisories: rows,
        covers: feed.covers.clone(),
        passed_over: std::collections::BTreeMap::default(),
        disagreements: 0,
        examples: Vec::new(),
    };

    Ok(Converted { part, bytes })
}

/// A new process starts on the store of this folder; what it says.
pub(super) fn started(folder: &Path) -> anyhow::Result<Map<String, Value>> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).arg("start-fleet").env(FOLDER, folder).output()?;
    ensure!(output.status.success(), "the start failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let whole: Value = text
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .or_else(|| serde_json::from_str(&text).ok())
        .context("the start said nothing")?;
    let found = whole.get("start-fleet").unwrap_or(&whole);

    found.as_object().cloned().context("the start did not say figures")
}

/// Seconds of processor time of this process, all threads together.
fn spent() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let whole = u32::try_from(time.tv_sec).unwrap_or(u32::MAX);

    f64::from(whole) + f64::from(u32::try_from(time.tv_nsec).unwrap_or(0)) / 1e9
}

/// The start itself, in the folder that the environment names.
pub(in super::super) fn start() -> anyhow::Result<Map<String, Value>> {
    let folder = std::env::var(FOLDER).with_context(|| format!("{FOLDER}: judge-fleet names the folder"))?;
    let path = PathBuf::from(folder).join("collector.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = clock::instant();
    let (shared, spent_at_start) = (Arc::new(Vulnerabilities::default()), spent());
    runtime.block_on(async {
        let store = Store::open(&path)?;
        step::once(&shared, &store).await
    })?;
    let (cpu, wall) = (spent() - spent_at_start, begun.elapsed().as_secs_f64());
    let mib = memory_mib(std::process::id(), "VmHWM:")?;
    let first = Report::of(&shared, host(0), None, clock::now());

    let mut map = Map::new();
    map.insert("cpu_seconds".to_owned(), rounded(cpu));
    map.insert("wall_seconds".to_owned(), rounded(wall));
    map.insert("mib".to_owned(), rounded(mib));
    map.insert("findings_of_first_host".to_owned(), (first.with_fix.len() + first.without_fix.len()).into());
    map.insert("packages_not_judged_of_first_host".to_owned(), first.unknown.len().into());

    Ok(map)
}

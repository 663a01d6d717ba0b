//! Bills of materials of this machine, held to the public validators.
//!
//! The inventory goes through a real store into the files that a person would get, under a tracker of our own making that
//! mends, does not mend and clears, with one risk accepted; `validate_sbom.py` of the shared
//! folder asks `cyclonedx-python-lib` and `spdx-tools`.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};
use vonggac_advisory::feed::Limits;
use vonggac_agent::sensor::{host as host_sensor, licences, packages};
use vonggac_collector::clock;
use vonggac_collector::exports::bill::Bill;
use vonggac_collector::exports::gather;
use vonggac_collector::exports::make::{self, BillFormat};
use vonggac_collector::feeds::admit::Allowed;
use vonggac_collector::feeds::convert::{Said, convert};
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::decided::{Done, Extent};
use vonggac_collector::store::feeds;
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::packages::Outcome;
use vonggac_collector::store::risks::{self, Wanted};
use vonggac_collector::store::view::{Scope, Sight};
use vonggac_collector::store::windows::Doer;
use vonggac_collector::store::{Store, observations, packages as kept};
use vonggac_collector::vulnerabilities::{Vulnerabilities, step};
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::limits::INVENTORY_PART_PACKAGES_MAX;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::package::{Manager, Package, PackagesListed, inventory_digest};
use vonggac_protocol::time::Timestamp;

use super::{progress, rounded};
use crate::programs::instant;

/// Packages of the sample: the SPDX validator takes minutes for a whole machine.
const SAMPLE: usize = 50;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let root = Path::new("/");
    let inventory = packages::read(root)?;
    let marked: Vec<Package> =
        licences::mark(root, inventory.packages, &mut licences::Cache::default()).into_iter().collect();
    let step = marked.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<Package> = marked.iter().step_by(step).cloned().collect();
    let folder = tempfile::tempdir()?;
    let mut map = Map::new();
    map.insert("packages".to_owned(), marked.len().into());
    for (size, packages, formats) in
        [("sample", &sample, BillFormat::ALL.as_slice()), ("whole", &marked, BillFormat::ALL.as_slice())]
    {
        let bill = bill(&folder.path().join(size), packages)?;
        for format in formats {
            let name = format!("{size}_{}", format.word());
            let start = instant();
            let mut made = make::bill(&bill, *format, folder.path())?;
            map.insert(format!("{name}_make_ms"), rounded(start.elapsed().as_secs_f64() * 1_000.0));
            map.insert(format!("{name}_bytes"), made.bytes.into());
            if *format == BillFormat::Vex {
                let statements = statements(&made.file)?;
                ensure!(statements > 0, "a document without a statement shows nothing");
                map.insert(format!("{name}_statements"), statements.into());
                made.file.rewind()?;
            }
            let path = folder.path().join(format!("{name}.{}", format.ending()));
            let mut file = std::fs::File::create(&path)?;
            std::io::copy(&mut made.file, &mut file)?;
            file.flush()?;
            judge(&name, &path, &mut map)?;
        }
    }

    Ok(map)
}

/// How many statements a document has.
fn statements(file: &std::fs::File) -> anyhow::Result<usize> {
    let document: Value = serde_json::from_reader(std::io::BufReader::new(file))?;

    Ok(document["vulnerabilities"].as_array().map_or(0, Vec::len))
}

/// The bill of a host with these packages, through a store of its own.
fn bill(folder: &Path, packages: &[Package]) -> anyhow::Result<Bill> {
    std::fs::create_dir(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (host, at) = (HostId([7; 16]), clock::now());
    let (tracker, accepted) = tracker(packages);
    let packages = packages.to_vec();

    runtime.block_on(async {
        let store = Store::open(&folder.join("collector.db"))?;
        store
            .write(move |tx| {
                let agency = AgencyId::new("xa-thu-nghiem")?;
                agencies::add(tx, &agency, "Xã Thử Nghiệm", Level::Commune, at)?;
                hosts::add(tx, host, &agency, "may-nay", HostState::Active, 180, at)?;
                take(tx, host, &packages, at)
            })
            .await?;
        let shared = Arc::new(Vulnerabilities::new(3_650));
        let path = folder.join("carried");
        std::fs::write(&path, &tracker)?;
        let parts = vec![convert(&path, &Said { dated: Some(at), ..Said::default() }, &Limits::default())?];
        store
            .write(move |tx| {
                feeds::take(tx, parts, None, "an", Allowed::default(), at)?;
                accept(tx, host, &accepted, at)
            })
            .await?;
        step::once(&shared, &store).await?;
        let sight = store
            .read(move |db| gather::of_host(db, &Scope::All, &shared, host, gather::Cleared::Told, at))
            .await?;
        let Sight::Seen(bill) = sight else { anyhow::bail!("the host is not there") };
        Ok(bill)
    })
}

/// A tracker of this machine's sources in which one in four is open, mended later, cleared or mended, and the name and
/// package of one that is open.
fn tracker(packages: &[Package]) -> (String, (String, String)) {
    let mut sources: Map<String, Value> = Map::new();
    let mut accepted = ("CVE-2026-0".to_owned(), "-".to_owned());
    let debs = packages.iter().filter(|package| package.manager == Manager::Dpkg);
    for (number, package) in (10_000_u32..).zip(debs) {
        let version = package.source_version.as_ref().unwrap_or(&package.version);
        let release = match number % 4 {
            0 => json!({"status": "open", "urgency": "not yet assigned"}),
            1 => {
                json!({"status": "resolved", "fixed_version": format!("{version}+later"), "urgency": "high"})
            }
            2 => json!({"status": "resolved", "fixed_version": "0", "urgency": "low"}),
            _ => json!({"status": "resolved", "fixed_version": version, "urgency": "low"}),
        };
        let (source, cve) = (package.source.as_ref().unwrap_or(&package.name), format!("CVE-2026-{number}"));
        if number.is_multiple_of(4) {
            accepted = (cve.clone(), source.clone());
        }
        let issues = sources.entry(source.clone()).or_insert_with(|| json!({}));
        if let Some(issues) = issues.as_object_mut() {
            issues.insert(cve, json!({"releases": {"bookworm": release}}));
        }
    }

    (Value::Object(sources).to_string(), accepted)
}

/// Accepts the risk that was named, for the host.
fn accept(
    tx: &rusqlite::Transaction<'_>,
    host: HostId,
    (name, package): &(String, String),
    at: Timestamp,
) -> anyhow::Result<()> {
    let wanted = Wanted {
        name: name.clone(),
        package: package.clone(),
        extent: Extent::Host(host),
        last_day: Some(vonggac_rules::entitlement::day_of(at)),
        reason: "Máy sắp thay".to_owned(),
    };
    let doer = Doer { person: "an", audited: "an", scope: &Scope::All, at };
    let done = risks::accept(tx, doer, &wanted)?;
    ensure!(matches!(done, Done::Kept(_)), "{done:?}");

    Ok(())
}

fn take(
    tx: &rusqlite::Transaction<'_>,
    host: HostId,
    packages: &[Package],
    at: Timestamp,
) -> anyhow::Result<()> {
    let described = host_sensor::read(Path::new("/"), None, None);
    let observation = observations::insert_own(tx, host, Kind::HostDescribed(described), at)?;
    observations::set_latest(tx, host, "host_described", observation)?;
    let digest = inventory_digest(&packages.iter().cloned().collect());
    let pieces: Vec<&[Package]> = packages.chunks(INVENTORY_PART_PACKAGES_MAX).collect();
    let parts = u32::try_from(pieces.len())?;
    for (part, piece) in (0..).zip(pieces) {
        let listed = PackagesListed { digest, part, parts, packages: piece.to_vec() };
        let outcome = kept::list(tx, host, &listed, at, observation)?;
        ensure!(matches!(outcome, Outcome::Waiting | Outcome::Applied), "{outcome:?}");
    }

    Ok(())
}

/// Asks the validators about one file; without them the figures say so.
fn judge(name: &str, path: &Path, map: &mut Map<String, Value>) -> anyhow::Result<()> {
    let Some(script) = script() else {
        map.insert("validator".to_owned(), "validate_sbom.py is not there: nothing was validated".into());
        return Ok(());
    };
    let python = std::env::var("VONGGAC_SBOM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    progress(&format!("validating {name}"));
    let start = instant();
    let output = Command::new(&python).arg(&script).arg(path).output().context("run the validators")?;
    map.insert(format!("{name}_validate_seconds"), rounded(start.elapsed().as_secs_f64()));
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        map.insert(format!("{name}_faults"), format!("not validated: {why}").into());
        return Ok(());
    }
    let word_before = |word: &str| {
        let (before, _) = said.split_once(word)?;
        before.trim_end().rsplit([' ', ',']).next()?.parse::<u64>().ok()
    };
    map.insert(format!("{name}_components"), word_before(" components").into());
    map.insert(format!("{name}_faults"), word_before(" faults").into());
    progress(&said);

    Ok(())
}

/// The script in the shared folder beside the work tree, or where `VONGGAC_SBOM_VALIDATOR` says.
fn script() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("VONGGAC_SBOM_VALIDATOR").map(PathBuf::from);
    let beside =
        ["../../shared", "../../../shared"].map(|place| root.join(place).join("measure/validate_sbom.py"));

    named.into_iter().chain(beside).find(|place| place.is_file())
}

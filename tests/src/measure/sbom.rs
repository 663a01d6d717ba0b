//! Bills of materials of this machine, held to the public validators.
//!
//! The inventory goes through a real store into the files that a person would get; `validate_sbom.py` of the shared
//! folder asks `cyclonedx-python-lib` and `spdx-tools`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};
use vonggac_agent::sensor::{host as host_sensor, licences, packages};
use vonggac_collector::clock;
use vonggac_collector::exports::bill::Bill;
use vonggac_collector::exports::gather;
use vonggac_collector::exports::make::{self, BillFormat};
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::packages::Outcome;
use vonggac_collector::store::view::{Scope, Sight};
use vonggac_collector::store::{Store, observations, packages as kept};
use vonggac_collector::vulnerabilities::Vulnerabilities;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::limits::INVENTORY_PART_PACKAGES_MAX;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::package::{Package, PackagesListed, inventory_digest};
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
            let path = folder.path().join(format!("{name}.{}", format.ending()));
            let mut file = std::fs::File::create(&path)?;
            std::io::copy(&mut made.file, &mut file)?;
            file.flush()?;
            judge(&name, &path, &mut map)?;
        }
    }

    Ok(map)
}

/// The bill of a host with these packages, through a store of its own.
fn bill(folder: &Path, packages: &[Package]) -> anyhow::Result<Bill> {
    std::fs::create_dir(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (host, at) = (HostId([7; 16]), clock::now());
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
        let shared = Arc::new(Vulnerabilities::default());
        let sight = store.read(move |db| gather::of_host(db, &Scope::All, &shared, host, at)).await?;
        let Sight::Seen(bill) = sight else { anyhow::bail!("the host is not there") };
        Ok(bill)
    })
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

//! This machine's inventory against the package manager's own answers, in one run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_agent::os::machine;
use vonggac_agent::sensor::{licences, packages, patches};
use vonggac_protocol::package::{LicenceBasis, Package};

use super::{progress, rounded};
use crate::programs::instant;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let root = Path::new("/");
    let start = instant();
    let inventory = packages::read(root)?;
    let read_ms = start.elapsed().as_secs_f64() * 1000.0;
    let start = instant();
    let marked = licences::mark(root, inventory.packages, &mut licences::Cache::default());
    let licences_ms = start.elapsed().as_secs_f64() * 1000.0;
    let now = vonggac_agent::clock::now();
    let start = instant();
    let running = patches::Running { release: machine::kernel_release(), build: machine::kernel_build() };
    let state = patches::read(root, now, &marked, &running, None).state;
    let patches_ms = start.elapsed().as_secs_f64() * 1000.0;

    let start = instant();
    let theirs = of_dpkg()?;
    let dpkg_ms = start.elapsed().as_secs_f64() * 1000.0;
    let ours: BTreeSet<_> = marked.iter().map(written).collect();
    let pending: BTreeSet<String> =
        state.pending.iter().map(|update| format!("{} {}", update.name, update.candidate)).collect();
    let apt = of_apt()?;
    for name in pending.symmetric_difference(&apt) {
        progress(&format!("one side only: {name}"));
    }

    let known = marked.iter().filter(|package| package.licence_basis != LicenceBasis::Unknown).count();
    let share = f64::from(u32::try_from(known)?) / f64::from(u32::try_from(marked.len().max(1))?);
    let mut map = Map::new();
    map.insert("packages_ours".to_owned(), marked.len().into());
    map.insert("packages_dpkg".to_owned(), theirs.len().into());
    map.insert("packages_differing".to_owned(), ours.symmetric_difference(&theirs).count().into());
    map.insert("pending_ours".to_owned(), pending.len().into());
    map.insert("pending_apt".to_owned(), apt.len().into());
    map.insert("pending_differing".to_owned(), pending.symmetric_difference(&apt).count().into());
    map.insert("pending_security".to_owned(), state.security_count.into());
    map.insert("licences_known".to_owned(), known.into());
    map.insert("licences_unknown".to_owned(), (marked.len() - known).into());
    map.insert("licences_known_percent".to_owned(), rounded(share * 100.0));
    map.insert("packages_ms".to_owned(), rounded(read_ms));
    map.insert("licences_cold_ms".to_owned(), rounded(licences_ms));
    map.insert("patches_ms".to_owned(), rounded(patches_ms));
    map.insert("dpkg_query_ms".to_owned(), rounded(dpkg_ms));
    map.insert("ratio_to".to_owned(), "dpkg-query -W and apt list --upgradable on the same machine".into());

    Ok(map)
}

fn written(package: &Package) -> String {
    format!("{} {} {}", package.name, package.architecture, package.version)
}

fn of_dpkg() -> anyhow::Result<BTreeSet<String>> {
    let format = "${db:Status-Status} ${Package} ${Architecture} ${Version}\n";
    let output = Command::new("dpkg-query").args(["-W", "-f", format]).output().context("run dpkg-query")?;
    let text = String::from_utf8(output.stdout)?;

    // Everything unpacked at least; `config-files` and `not-installed` have no files on the machine.
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(status, _)| !matches!(*status, "config-files" | "not-installed"))
        .map(|(_, package)| package.to_owned())
        .collect())
}

fn of_apt() -> anyhow::Result<BTreeSet<String>> {
    let output =
        Command::new("apt").args(["list", "--upgradable"]).env("LC_ALL", "C").output().context("run apt")?;
    let text = String::from_utf8(output.stdout)?;
    let line = |line: &str| {
        let (name, rest) = line.split_once('/')?;
        Some(format!("{name} {}", rest.split_whitespace().nth(1)?))
    };

    Ok(text.lines().filter_map(line).collect())
}

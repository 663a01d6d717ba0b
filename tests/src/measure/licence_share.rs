//! How many packages of this machine have a known licence, and how far that agrees with `licensecheck`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_agent::sensor::{licences, packages};
use vonggac_protocol::package::{LicenceBasis, Package};

use super::{progress, rounded};
use crate::programs::instant;

/// Packages that are compared.
const SAMPLE: usize = 200;

/// Bytes of a file that `licensecheck` is asked about: it took more than eight minutes for one of 200 KiB.
const THEIRS_BYTES_MAX: u64 = 48 * 1024;

/// What the sample is drawn by, unless `VONGGAC_LICENCE_SEED` says otherwise; recorded with the figures.
const SEED: u64 = 20_261_122;

/// Licences as two programs tell them.
enum Verdict {
    /// The same set.
    Equal,
    /// All of ours are among theirs; theirs are of every file, ours of the package.
    Within,
    /// Some of ours are not among theirs.
    Differing,
    /// Theirs tells none.
    TheirsUnknown,
    /// Ours tells none.
    OursUnknown,
}

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let root = Path::new("/");
    let inventory = packages::read(root)?;
    let start = instant();
    let marked = licences::mark(root, inventory.packages, &mut licences::Cache::default());
    let cold_ms = start.elapsed().as_secs_f64() * 1000.0;
    let unknown: Vec<&Package> =
        marked.iter().filter(|package| package.licence_basis == LicenceBasis::Unknown).collect();
    for package in &unknown {
        progress(&format!("unknown: {}", package.name));
    }
    let known = marked.len() - unknown.len();
    let mut map = Map::new();
    map.insert("packages".to_owned(), marked.len().into());
    map.insert("known".to_owned(), known.into());
    map.insert("unknown".to_owned(), unknown.len().into());
    map.insert("known_percent".to_owned(), percent(known, marked.len())?);
    map.insert("licences_cold_ms".to_owned(), rounded(cold_ms));
    for (basis, count) in bases(&marked) {
        map.insert(format!("known_by_{basis}"), count.into());
    }
    compare(&marked, &mut map)?;

    Ok(map)
}

fn percent(part: usize, whole: usize) -> anyhow::Result<Value> {
    Ok(rounded(f64::from(u32::try_from(part)?) * 100.0 / f64::from(u32::try_from(whole.max(1))?)))
}

fn bases(marked: &BTreeSet<Package>) -> BTreeMap<String, usize> {
    let mut bases = BTreeMap::new();
    for package in marked.iter().filter(|package| package.licence_basis != LicenceBasis::Unknown) {
        let word = serde_json::to_value(package.licence_basis).ok();
        let word = word.as_ref().and_then(Value::as_str).unwrap_or("other").to_owned();
        *bases.entry(word).or_insert(0) += 1;
    }

    bases
}

/// Draws packages and asks `licensecheck`; without that program the figures say so.
fn compare(marked: &BTreeSet<Package>, map: &mut Map<String, Value>) -> anyhow::Result<()> {
    let seed = std::env::var("VONGGAC_LICENCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    map.insert("sample_seed".to_owned(), seed.into());
    if Command::new("licensecheck").arg("--version").output().is_err() {
        map.insert("licensecheck".to_owned(), "not installed: agreement was not measured".into());
        return Ok(());
    }
    let (mut counts, mut differing) = (BTreeMap::new(), Vec::new());
    let drawn = draw(marked, seed);
    let small = |file: &Path| file.metadata().is_ok_and(|found| found.len() <= THEIRS_BYTES_MAX);
    let (drawn, large): (Vec<_>, Vec<_>) = drawn.into_iter().partition(|(_, file)| small(file));
    map.insert("sample_too_large_for_licensecheck".to_owned(), large.len().into());
    let told = theirs(&drawn)?;
    for (package, file) in &drawn {
        let theirs = told.get(&file.display().to_string()).cloned().unwrap_or_default();
        let ours = ids(package.licence.as_deref().unwrap_or_default());
        let word = match verdict(&ours, &theirs) {
            Verdict::Equal => "agreed_equal",
            Verdict::Within => "agreed_within",
            Verdict::TheirsUnknown => "licensecheck_unknown",
            Verdict::OursUnknown => "ours_unknown",
            Verdict::Differing => {
                let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
                differing.push(format!("{}: ours {}; theirs {}", package.name, list(&ours), list(&theirs)));
                "differing"
            }
        };
        *counts.entry(word).or_insert(0_u64) += 1;
    }
    map.insert("sample".to_owned(), drawn.len().into());
    for word in ["agreed_equal", "agreed_within", "differing", "ours_unknown", "licensecheck_unknown"] {
        map.insert(word.to_owned(), counts.get(word).copied().unwrap_or(0).into());
    }
    map.insert("differing_list".to_owned(), differing.into());
    map.insert("ratio_to".to_owned(), "licensecheck -l 0 on the same copyright files".into());

    Ok(())
}

/// Packages with a copyright file, drawn by a seed: the same seed draws the same.
fn draw(marked: &BTreeSet<Package>, seed: u64) -> Vec<(&Package, PathBuf)> {
    let mut all: Vec<(&Package, PathBuf)> = marked
        .iter()
        .map(|package| (package, Path::new("/usr/share/doc").join(&package.name).join("copyright")))
        .filter(|(_, path)| path.is_file())
        .collect();
    let mut state = seed;
    let mut drawn = Vec::new();
    while drawn.len() < SAMPLE && !all.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap_or(0) % all.len();
        drawn.push(all.swap_remove(at));
    }

    drawn
}

/// What `licensecheck` tells of all files, in one run.
fn theirs(drawn: &[(&Package, PathBuf)]) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new("licensecheck")
        .args(["-l", "0", "--shortname-scheme=spdx", "--machine"])
        .args(drawn.iter().map(|(_, file)| file))
        .output()
        .context("run licensecheck")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();

    let line = |line: &str| {
        let (file, licences) = line.split_once('\t')?;
        Some((file.to_owned(), ids(licences.split('\t').next().unwrap_or_default())))
    };

    Ok(text.lines().filter_map(line).collect())
}

/// The names in an expression of either program, brought to one form.
fn ids(expression: &str) -> BTreeSet<String> {
    let words = expression.split([' ', '(', ')', '/', '|']).map(str::trim);
    let joins = ["", "and", "or", "AND", "OR", "WITH", "with", "and/or", "UNKNOWN", "*No", "copyright*"];

    words.filter(|word| !joins.contains(word)).map(in_one_form).collect()
}

/// `licensecheck` writes some names in another way.
fn in_one_form(name: &str) -> String {
    let name = name.trim_start_matches("LicenseRef-");
    match name {
        "Expat" => "MIT".to_owned(),
        "MIT-Open-Group" => "MIT-open-group".to_owned(),
        "Artistic" | "Artistic-1.0" => "Artistic-1.0-Perl".to_owned(),
        "Perl" => "GPL-1.0-or-later".to_owned(),
        other => match other.strip_prefix('L').unwrap_or(other).strip_prefix("GPL-") {
            // What Debian calls GPL-2 is this version alone, as SPDX' old GPL-2.0 was.
            Some("2" | "2.0" | "2.1" | "3" | "3.0") => {
                let whole = if other.contains('.') { "" } else { ".0" };
                format!("{other}{whole}-only")
            }
            _ => other.to_owned(),
        },
    }
}

fn verdict(ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Verdict {
    if ours.is_empty() {
        Verdict::OursUnknown
    } else if theirs.is_empty() {
        Verdict::TheirsUnknown
    } else if ours == theirs {
        Verdict::Equal
    } else if ours.is_subset(theirs) {
        Verdict::Within
    } else {
        Verdict::Differing
    }
}

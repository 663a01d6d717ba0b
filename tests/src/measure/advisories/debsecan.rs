//! Our verdicts beside debsecan's: the same advisories, the same packages, two programs.
//!
//! `debsecan_feed.py` of the shared folder makes of Debian's lists of advisories what debsecan reads, the rows that we
//! read, and a list of installed packages: every source at one of its own fixed versions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_advisory::book::{Book, Loading};
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::fleet::{Fleet, Machine};
use vonggac_advisory::priority::Priorities;
use vonggac_advisory::row::{Advisory, Names, Row, Verdict};
use vonggac_advisory::source::Feed;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::super::{progress, rounded};
use super::data;
use crate::programs::instant;

const LISTS: &str = "debian-dsa-dla-2023-04.tar.gz";

/// A CVE of an installed package.
type Pair = (String, String);

pub(in super::super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let lists = data::file(LISTS)?;
    let shared = lists.parent().and_then(Path::parent).context("the shared folder")?;
    let script = shared.join("measure").join("debsecan_feed.py");
    anyhow::ensure!(script.is_file(), "{} is needed: it makes debsecan's feed", script.display());
    let folder = tempfile::tempdir()?;
    run(Command::new("tar").arg("xzf").arg(&lists).arg("-C").arg(folder.path()))?;
    let mut map = Map::new();
    for (release, number) in [("buster", 10), ("bullseye", 11)] {
        let made = folder.path().join(release);
        let lists = ["DSA", "DLA"].map(|kind| folder.path().join(kind).join("list"));
        run(Command::new("python3").arg(&script).arg(release).arg(&made).args(lists))?;
        let theirs = debsecan(release, &made)?;
        let start = instant();
        let ours = ours(number, &made)?;
        map.insert(format!("{release}_ms"), rounded(start.elapsed().as_secs_f64() * 1_000.0));
        for (source, cve) in ours.difference(&theirs) {
            progress(&format!("{release}, ours only: {source} {cve}"));
        }
        for (source, cve) in theirs.difference(&ours) {
            progress(&format!("{release}, theirs only: {source} {cve}"));
        }
        map.insert(format!("{release}_equal"), ours.intersection(&theirs).count().into());
        map.insert(format!("{release}_ours_only"), ours.difference(&theirs).count().into());
        map.insert(format!("{release}_theirs_only"), theirs.difference(&ours).count().into());
    }
    map.insert("ratio_to".to_owned(), "debsecan, the same advisories and packages".into());

    Ok(map)
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("run {:?}", command.get_program()))?;
    anyhow::ensure!(
        output.status.success(),
        "{:?} failed: {}",
        command.get_program(),
        String::from_utf8_lossy(&output.stderr)
    );

    Ok(String::from_utf8(output.stdout)?)
}

fn debsecan(release: &str, made: &Path) -> anyhow::Result<BTreeSet<Pair>> {
    let program = std::env::var("VONGGAC_DEBSECAN").unwrap_or_else(|_| "debsecan".to_owned());
    let told = run(Command::new(&program)
        .args(["--config", "/dev/null", "--format", "simple", "--suite", release])
        .arg("--source")
        .arg(format!("file://{}", made.display()))
        .arg("--status")
        .arg(made.join("status")))
    .context("debsecan (apt-get install debsecan, or name it in VONGGAC_DEBSECAN)")?;
    let pair = |line: &str| {
        let (cve, package) = line.split_once(' ')?;
        Some((package.to_owned(), cve.to_owned()))
    };

    Ok(told.lines().filter_map(pair).collect())
}

fn ours(number: u16, made: &Path) -> anyhow::Result<BTreeSet<Pair>> {
    let ecosystem = Ecosystem::Debian(number);
    let mut book = Book::new();
    let loaded =
        book.put(feed(&ecosystem), rows(&ecosystem, &std::fs::read_to_string(made.join("rows.tsv"))?)?);
    anyhow::ensure!(loaded.refused == 0, "rows refused: {:?}", loaded.refused_named);
    let packages = installed(&std::fs::read_to_string(made.join("status"))?);
    let mut fleet = Fleet::new();
    let items = fleet.number(Some(&ecosystem), &packages);
    fleet.set(0_u32, Machine { ecosystem: Some(ecosystem), ..Machine::default() }, items);
    fleet.judge(&book);
    let mut pairs = BTreeSet::new();
    for finding in fleet.findings(&0, &book, &Priorities::default()) {
        let named = finding.advisory.cves.iter().filter(|cve| !finding.mended_before.contains(cve.as_str()));
        pairs.extend(named.map(|cve| (finding.package.to_owned(), cve.clone())));
    }

    Ok(pairs)
}

fn feed(ecosystem: &Ecosystem) -> Feed {
    Feed {
        name: "dsa-dla".to_owned(),
        source: LISTS.to_owned(),
        dated: None,
        digest: Digest::of(LISTS.as_bytes()),
        rows: 0,
        covers: [ecosystem.clone()].into(),
    }
}

/// Lines `source, fixed version, advisory, CVE`, by advisory and package.
fn rows(ecosystem: &Ecosystem, text: &str) -> anyhow::Result<Loading> {
    let mut advisories: BTreeMap<(&str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines() {
        let [source, fixed, advisory, cve] = line.split('\t').collect::<Vec<_>>()[..] else {
            anyhow::bail!("a row of four fields was expected: {line}");
        };
        advisories.entry((source, fixed, advisory)).or_default().insert(cve);
    }
    let mut loading = Loading::new();
    for ((source, fixed, advisory), cves) in advisories {
        loading.push(Row {
            ecosystem: ecosystem.clone(),
            package: source.to_owned(),
            names: Names::Source,
            module: None,
            architectures: Vec::new(),
            minor: None,
            introduced: None,
            verdict: Verdict::Fixed(fixed.to_owned()),
            update: None,
            note: String::new(),
            advisory: Arc::new(Advisory {
                id: advisory.to_owned(),
                cves: cves.into_iter().map(str::to_owned).collect(),
                ..Advisory::default()
            }),
        });
    }

    Ok(loading)
}

/// Packages of a dpkg status file made for this: names, versions, nothing else.
///
/// It installs sources under their own names; a kernel's source is no package and has no image to attack, so it stands
/// here as the image built from it.
fn installed(status: &str) -> Vec<Package> {
    let field = |paragraph: &str, name: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let package = |paragraph: &str| {
        let source = field(paragraph, "Package:")?;
        let is_kernel = source == "linux"
            || source
                .strip_prefix("linux-")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        Some(Package {
            manager: Manager::Dpkg,
            name: if is_kernel { "linux-image-1.0.0-amd64".to_owned() } else { source.clone() },
            architecture: field(paragraph, "Architecture:")?,
            version: field(paragraph, "Version:")?,
            source: is_kernel.then_some(source),
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
        })
    };

    status.split("\n\n").filter_map(package).collect()
}

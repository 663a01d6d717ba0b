//! Our verdicts beside rpm's own comparison: AlmaLinux' advisories, a list of packages for each of three releases.
//!
//! The oracle shares nothing with us but the advisories: it takes their JSON apart by itself, pairs every affected
//! package that is installed, and asks rpm (`rpm.vercmp`) which version is newer. What both leave out by the same
//! rule: advisories that mend faults only, companions of the kernel, modular fixes for packages of no module.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_advisory::book::{Book, Loading};
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::fleet::{Fleet, Machine};
use vonggac_advisory::priority::Priorities;
use vonggac_protocol::package::Package;

use super::super::{progress, rounded};
use super::data;
use super::made_fleet::{Seen, System};
use crate::programs::instant;

const FILE: &str = "almalinux-osv-2026-08.tar.gz";

/// A package and the advisory that touches it.
type Pair = (String, String);

pub(in super::super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let path = data::file(FILE)?;
    let (mut book, mut loading, mut seen) = (Book::new(), Loading::new(), Seen::default());
    let given = data::read(&path, &mut |row| {
        seen.note(&row);
        loading.push(row);
    })?;
    let loaded = book.put(data::described("almalinux", &given), loading);
    let folder = tempfile::tempdir()?;
    let unpacked = Command::new("tar").arg("xzf").arg(&path).arg("-C").arg(folder.path()).status()?;
    anyhow::ensure!(unpacked.success(), "tar could not unpack {}", path.display());

    let mut map = Map::new();
    map.insert("rows".to_owned(), loaded.rows.into());
    map.insert("rows_without_weakness".to_owned(), loaded.no_weakness.into());
    map.insert("rows_refused".to_owned(), loaded.refused.into());
    for system in seen.systems() {
        let Ecosystem::AlmaLinux(release) = system.ecosystem else { continue };
        let packages: Vec<&Package> = system.machine(5);
        let start = instant();
        let ours = ours(&book, &system, &packages);
        let ms = start.elapsed().as_secs_f64() * 1_000.0;
        let theirs = theirs(&folder.path().join("advisories"), release, &packages)?;
        for (package, advisory) in ours.symmetric_difference(&theirs) {
            progress(&format!("AlmaLinux {release}, one side only: {package} {advisory}"));
        }
        map.insert(format!("alma{release}_packages"), packages.len().into());
        map.insert(format!("alma{release}_equal"), ours.intersection(&theirs).count().into());
        map.insert(format!("alma{release}_ours_only"), ours.difference(&theirs).count().into());
        map.insert(format!("alma{release}_rpm_only"), theirs.difference(&ours).count().into());
        map.insert(format!("alma{release}_ms"), rounded(ms));
    }
    map.insert("ratio_to".to_owned(), "rpm.vercmp over the advisories' own JSON".into());

    Ok(map)
}

fn ours(book: &Book, system: &System, packages: &[&Package]) -> BTreeSet<Pair> {
    let mut fleet = Fleet::new();
    let items = fleet.number(Some(&system.ecosystem), packages.iter().copied());
    fleet.set(0_u32, Machine { ecosystem: Some(system.ecosystem.clone()), ..Machine::default() }, items);
    fleet.judge(book);

    fleet
        .findings(&0, book, &Priorities::default())
        .into_iter()
        .map(|finding| (finding.package.to_owned(), finding.advisory.id.clone()))
        .collect()
}

fn theirs(folder: &Path, release: u16, packages: &[&Package]) -> anyhow::Result<BTreeSet<Pair>> {
    let ecosystem = format!("AlmaLinux:{release}");
    let mut questions = Vec::new();
    // An advisory of one release may speak of another's packages as well.
    for of_release in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        for entry in std::fs::read_dir(of_release?.path())? {
            let advisory: Value = serde_json::from_slice(&std::fs::read(entry?.path())?)?;
            ask(&advisory, &ecosystem, packages, &mut questions);
        }
    }
    anyhow::ensure!(!questions.is_empty(), "no advisory speaks of an installed package");
    let file = tempfile::NamedTempFile::new()?;
    let mut text = String::new();
    for (installed, fixed, _) in &questions {
        writeln!(text, "{installed} {fixed}")?;
    }
    std::fs::write(file.path(), text)?;
    let script = format!(
        "%{{lua: for line in io.lines('{}') do local a, b = line:match('(%S+) (%S+)'); print(rpm.vercmp(a, b)..'\\n') end}}",
        file.path().display()
    );
    let output =
        Command::new("rpm").args(["--eval", &script]).output().context("rpm (apt-get install rpm)")?;
    let answers = String::from_utf8(output.stdout)?;
    let answers: Vec<&str> = answers.split_whitespace().collect();
    anyhow::ensure!(
        answers.len() == questions.len(),
        "rpm answered {} of {} comparisons: {}",
        answers.len(),
        questions.len(),
        String::from_utf8_lossy(&output.stderr)
    );

    Ok(questions
        .into_iter()
        .zip(answers)
        .filter(|(_, answer)| *answer == "-1")
        .map(|((_, _, pair), _)| pair)
        .collect())
}

/// What has to be compared for one advisory: installed, fixed, and whose it is.
fn ask(
    advisory: &Value,
    ecosystem: &str,
    packages: &[&Package],
    questions: &mut Vec<(String, String, Pair)>,
) {
    const IMAGES: [&str; 4] = ["kernel-core", "kernel-rt-core", "kernel-64k-core", "kernel-debug-core"];
    const COMPANIONS: [&str; 6] = ["perf", "python3-perf", "bpftool", "rtla", "rv", "libperf"];
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let id = text(advisory, "id");
    let names = |key: &str| advisory[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let weak =
        id.starts_with("ALSA") || names("related").chain(names("aliases")).any(|it| it.starts_with("CVE-"));
    for affected in advisory["affected"].as_array().into_iter().flatten().filter(|_| weak) {
        let name = text(&affected["package"], "name");
        let of_kernel = name == "kernel"
            || (name.starts_with("kernel-") && !name.starts_with("kernel-srpm-macros"))
            || COMPANIONS.contains(&name.as_str());
        let of_another = affected["package"]["ecosystem"].as_str() != Some(ecosystem);
        if of_another || (of_kernel && !IMAGES.contains(&name.as_str())) {
            continue;
        }
        let ranges = affected["ranges"].as_array().into_iter().flatten();
        for event in ranges.flat_map(|range| range["events"].as_array().into_iter().flatten()) {
            let Some(fixed) = event["fixed"].as_str() else { continue };
            for package in packages.iter().filter(|package| package.name == name) {
                if package.version.contains(".module") || !fixed.contains(".module") {
                    let pair = (name.clone(), id.clone());
                    questions.push((package.version.clone(), fixed.to_owned(), pair));
                }
            }
        }
    }
}

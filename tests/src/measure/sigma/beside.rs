//! Chainsaw and Zircolite on the same rules and the same records, where the environment names their programs.
//!
//! `VONGGAC_CHAINSAW` is its program and `VONGGAC_CHAINSAW_MAPPING` its `mappings/sigma-event-logs-all.yml`;
//! `VONGGAC_ZIRCOLITE` is its checkout and `VONGGAC_ZIRCOLITE_PYTHON` an interpreter that has what it requires. Each is
//! held to one core and runs twice, on all records and on one, so that reading 3,000 rules is not counted as judging.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_rules::ruleset::RuleSource;

use crate::measure::{peers, progress, rounded};

/// A field of ours for Chainsaw, which takes no record without a time that it can read.
const TIME_FIELD: &str = "vonggac_time";

/// Adds events a second of each peer that is named, how many times faster we are, and how much it found.
pub(super) fn add(
    map: &mut Map<String, Value>,
    sources: &[RuleSource],
    lines: &[String],
    ours: f64,
) -> anyhow::Result<()> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let chainsaw = named("VONGGAC_CHAINSAW").zip(named("VONGGAC_CHAINSAW_MAPPING"));
    let zircolite = named("VONGGAC_ZIRCOLITE").zip(named("VONGGAC_ZIRCOLITE_PYTHON"));
    if chainsaw.is_none() && zircolite.is_none() {
        return Ok(());
    }
    let work = tempfile::tempdir()?;
    let rules = work.path().join("rules");
    fs::create_dir(&rules)?;
    for (at, source) in sources.iter().enumerate() {
        fs::write(rules.join(format!("{at:04}.yml")), &source.text)?;
    }

    if let Some((program, mapping)) = chainsaw {
        let run = Chainsaw { program, mapping: flat_mapping(work.path(), &mapping)? };
        let (per_s, found) = run.events_per_s(work.path(), &rules, lines)?;
        tell(map, "chainsaw", per_s, found, ours);
    }
    if let Some((checkout, python)) = zircolite {
        let run = Zircolite { checkout, python };
        let (per_s, found) = run.events_per_s(work.path(), &rules, lines)?;
        tell(map, "zircolite", per_s, found, ours);
    }

    Ok(())
}

fn tell(map: &mut Map<String, Value>, peer: &str, per_s: f64, found: usize, ours: f64) {
    map.insert(format!("{peer}_events_per_s"), rounded(per_s));
    map.insert(format!("{peer}_matches"), found.into());
    map.insert(format!("times_{peer}"), rounded(ours / per_s));
}

/// A program that reads rules and a file of records.
trait Peer {
    /// Seconds of a processor over these records, and how many pairs of rule and record it told.
    fn run(&self, work: &Path, rules: &Path, lines: &[String]) -> anyhow::Result<(f64, usize)>;

    fn events_per_s(&self, work: &Path, rules: &Path, lines: &[String]) -> anyhow::Result<(f64, usize)> {
        let (load, _) = self.run(work, rules, lines.get(..1).context("no records")?)?;
        let (whole, found) = self.run(work, rules, lines)?;
        progress(&format!("{found} matches; {whole:.1} s of a processor, {load:.1} s of them to load"));

        Ok((f64::from(u32::try_from(lines.len())?) / (whole - load).max(f64::EPSILON), found))
    }
}

struct Chainsaw {
    program: PathBuf,
    mapping: PathBuf,
}

impl Peer for Chainsaw {
    fn run(&self, work: &Path, rules: &Path, lines: &[String]) -> anyhow::Result<(f64, usize)> {
        let records = work.join("records.json");
        let timed = lines.iter().map(|line| {
            let mut record: Value = serde_json::from_str(line)?;
            record[TIME_FIELD] = "2026-01-01T00:00:00.000Z".into();
            Ok(record)
        });
        fs::write(&records, serde_json::to_vec(&timed.collect::<anyhow::Result<Vec<Value>>>()?)?)?;
        let found = work.join("chainsaw.jsonl");
        let took = on_one_core(
            &self.program,
            &[
                "hunt".as_ref(),
                records.as_os_str(),
                "--sigma".as_ref(),
                rules.as_os_str(),
                "--mapping".as_ref(),
                self.mapping.as_os_str(),
                "--skip-errors".as_ref(),
                "--jsonl".as_ref(),
                "--output".as_ref(),
                found.as_os_str(),
            ],
            &work.join("out"),
        )?;

        Ok((took, fs::read_to_string(&found)?.lines().count()))
    }
}

/// Chainsaw's own mapping of event logs, told where the fields of flat records are.
fn flat_mapping(work: &Path, mapping: &Path) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(mapping).with_context(|| format!("read {}", mapping.display()))?;
    let flat = text
        .replace("kind: evtx", "kind: json")
        .replace("timestamp: Event.System.TimeCreated", &format!("timestamp: {TIME_FIELD}"))
        .replace("to: Event.System.Provider\n", "to: Provider_Name\n")
        .replace("to: Event.System.", "to: ")
        .replace("to: Event.EventData.", "to: ");
    let path = work.join("mapping.yml");
    fs::write(&path, flat)?;

    Ok(path)
}

struct Zircolite {
    checkout: PathBuf,
    python: PathBuf,
}

impl Peer for Zircolite {
    fn run(&self, work: &Path, rules: &Path, lines: &[String]) -> anyhow::Result<(f64, usize)> {
        let records = work.join("records.jsonl");
        fs::write(&records, lines.join("\n"))?;
        let found = work.join("zircolite.json");
        let (script, config) = (self.checkout.join("zircolite.py"), self.checkout.join("config/config.yaml"));
        let took = on_one_core(
            &self.python,
            &[
                script.as_os_str(),
                "--events".as_ref(),
                records.as_os_str(),
                "--json-input".as_ref(),
                "--config".as_ref(),
                config.as_os_str(),
                "--ruleset".as_ref(),
                rules.as_os_str(),
                "--pipeline".as_ref(),
                "sysmon".as_ref(),
                "windows-logsources".as_ref(),
                "--outfile".as_ref(),
                found.as_os_str(),
                "--logfile".as_ref(),
                work.join("zircolite.log").as_os_str(),
            ],
            &work.join("out"),
        )?;
        let rules: Vec<Value> = serde_json::from_slice(&fs::read(&found)?)?;
        let matches = rules.iter().filter_map(|rule| Some(rule.get("matches")?.as_array()?.len())).sum();

        Ok((took, matches))
    }
}

fn on_one_core(program: &Path, args: &[&OsStr], out: &Path) -> anyhow::Result<f64> {
    let mut held: Vec<&OsStr> = vec!["-c".as_ref(), "0".as_ref(), program.as_os_str()];
    held.extend(args);

    Ok(peers::time("taskset".as_ref(), &held, out, &[0])?.cpu)
}

//! What a scan costs beside its peers, in one run on one machine; and what the whole agent holds in memory meanwhile.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::corpora;
use super::peers::{self, Aide, Rounds, Took};
use super::{idle, progress, rounded, this_executable};
use crate::programs::{AS_AGENT, Province, wait_for};

/// Rounds, each with every peer in turn; medians are told.
fn rounds() -> u32 {
    std::env::var("VONGGAC_FIM_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Our own one-shot commands, by this executable as the agent.
struct Own {
    exe: PathBuf,
    work: PathBuf,
}

impl Own {
    fn new(work: &Path) -> anyhow::Result<Self> {
        Ok(Self { exe: this_executable()?, work: work.to_owned() })
    }

    /// Records anew.
    fn create(&self, dir: &Path, processors: u32) -> anyhow::Result<Took> {
        for suffix in ["", "-wal", "-shm"] {
            let path = self.work.join(format!("baseline{suffix}"));
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }

        self.run("create", dir, &["--processors".into(), processors.to_string().into()])
    }

    fn check(&self, dir: &Path) -> anyhow::Result<Took> {
        self.run("check", dir, &[])
    }

    fn run(&self, verb: &str, dir: &Path, more: &[OsString]) -> anyhow::Result<Took> {
        let baseline = self.work.join("baseline");
        let args: [&OsStr; 6] = [
            AS_AGENT.as_ref(),
            "files".as_ref(),
            verb.as_ref(),
            dir.as_os_str(),
            "--baseline".as_ref(),
            baseline.as_os_str(),
        ];
        let args: Vec<&OsStr> = args.into_iter().chain(more.iter().map(OsString::as_os_str)).collect();

        peers::time(self.exe.as_os_str(), &args, &self.work.join("own"), &[0])
    }
}

/// First scan of a copy of `/usr`.
pub(super) fn first() -> anyhow::Result<Map<String, Value>> {
    let dir = corpora::programs()?;
    let folder = tempfile::tempdir()?;
    let own = Own::new(folder.path())?;
    let aide = Aide::new(&dir, folder.path())?;
    let hashers: Vec<(&str, &str)> =
        [("sha256sum", "sha256sum"), ("openssl", "openssl dgst -sha256 -r"), ("shasum", "shasum -a 256")]
            .into_iter()
            // `shasum` is a script of Perl and never the fastest; it stands in where nothing else does.
            .filter(|(program, _)| peers::is_installed(program))
            .take(2)
            .collect();
    warm(&dir)?;
    let mut rounds_taken = Rounds::default();
    for _ in 0..rounds() {
        rounds_taken.add("own", own.create(&dir, 1)?);
        rounds_taken.add("own_two", own.create(&dir, 2)?);
        for (program, command) in &hashers {
            rounds_taken.add(program, peers::hash_all(command, &dir, folder.path())?);
        }
        if let Some(aide) = &aide {
            rounds_taken.add("aide", aide.create()?);
        }
    }
    let fastest = hashers
        .iter()
        .filter_map(|(program, _)| Some((*program, rounds_taken.cpu(program)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .context("no program for SHA-256 is installed: apt install coreutils openssl")?
        .0;

    let mut map = corpus("usr", &dir)?;
    map.insert("cpu_ratio_to_aide".to_owned(), figure(rounds_taken.ratio("own", "aide", |took| took.cpu)));
    map.insert(
        "cpu_ratio_to_fastest_sha256".to_owned(),
        figure(rounds_taken.ratio("own", fastest, |took| took.cpu)),
    );
    map.insert("fastest_sha256".to_owned(), fastest.into());
    map.insert(
        "wall_ratio_two_cores".to_owned(),
        figure(rounds_taken.ratio("own_two", "own", |took| took.wall)),
    );
    for (name, _) in [("own", ""), ("own_two", ""), ("aide", "")].iter().chain(&hashers) {
        map.insert(format!("{name}_cpu_s"), figure(rounds_taken.cpu(name)));
    }
    map.insert("rounds".to_owned(), rounds().into());
    note_absence(&mut map, aide.is_some());
    map.insert(
        "ratio_to".to_owned(),
        "aims: 0.12 of AIDE's create, 0.5 of the fastest SHA-256, 0.6 of one core".into(),
    );

    Ok(map)
}

/// A scan of folders that have not changed.
pub(super) fn check() -> anyhow::Result<Map<String, Value>> {
    let mut map = Map::new();
    let mut worst: Option<f64> = None;
    let mut has_aide = false;
    for (name, dir) in [("usr", corpora::programs()?), ("small", corpora::small_files(200_000)?)] {
        let folder = tempfile::tempdir()?;
        let own = Own::new(folder.path())?;
        let aide = Aide::new(&dir, folder.path())?;
        has_aide = aide.is_some();
        own.create(&dir, 2)?;
        if let Some(aide) = &aide {
            aide.create()?;
        }
        let mut taken = Rounds::default();
        for _ in 0..rounds() {
            taken.add("find", peers::find(&dir, folder.path())?);
            taken.add("own", own.check(&dir)?);
            if let Some(aide) = &aide {
                taken.add("aide", aide.check()?);
            }
        }
        let to_aide = taken.ratio("own", "aide", |took| took.cpu);
        worst = worst.into_iter().chain(to_aide).max_by(f64::total_cmp);
        map.extend(corpus(name, &dir)?);
        map.insert(format!("cpu_ratio_to_aide_{name}"), figure(to_aide));
        map.insert(format!("cpu_ratio_to_find_{name}"), figure(taken.ratio("own", "find", |took| took.cpu)));
        for peer in ["own", "find", "aide"] {
            map.insert(format!("{peer}_cpu_s_{name}"), figure(taken.cpu(peer)));
        }
    }
    map.insert("cpu_ratio_to_aide".to_owned(), figure(worst));
    let to_find = map.get("cpu_ratio_to_find_small").cloned().unwrap_or_default();
    map.insert("cpu_ratio_to_find".to_owned(), to_find);
    map.insert("rounds".to_owned(), rounds().into());
    note_absence(&mut map, has_aide);
    map.insert(
        "ratio_to".to_owned(),
        "aims: 0.05 of AIDE's check on both, 0.7 of find -printf on 200,000 files".into(),
    );

    Ok(map)
}

/// Peak memory of an enrolled agent through its first scan.
pub(super) fn memory() -> anyhow::Result<Map<String, Value>> {
    let mut map = Map::new();
    for (count, name) in [(200_000, "peak_mib_200k"), (1_000_000, "peak_mib_1m")] {
        let dir = corpora::small_files(count)?;
        let folder = tempfile::tempdir()?;
        let province = Province::found(&this_executable()?, folder.path())?;
        let collector = province.serve()?;
        province.enrol("agent", &format!("cpu_percent = 100\n{}", Province::watch_only("data", &dir)))?;
        let agent = province.watch("agent")?;
        progress(&format!("waiting for the first scan of {count} files"));
        wait_for("the first scan", Duration::from_secs(3_600), || {
            let id = province.get("/api/v1/hosts").ok()?["items"].get(0)?["id"].as_str()?.to_owned();
            let host = province.get(&format!("/api/v1/hosts/{id}")).ok()?;
            (!host["roots"].as_array()?.is_empty()).then_some(())
        })?;
        map.insert(name.to_owned(), rounded(idle::memory_mib(agent.id(), "VmHWM:")?));
        map.extend(corpus(&count.to_string(), &dir)?);
        agent.stop(Duration::from_secs(60))?;
        drop(collector);
    }
    map.insert("ratio_to".to_owned(), "aims: 30 MiB at 200,000 files, 40 MiB at 1,000,000".into());

    Ok(map)
}

/// What was scanned.
fn corpus(name: &str, dir: &Path) -> anyhow::Result<Map<String, Value>> {
    let (files, bytes) = corpora::size(dir)?;
    let text = format!("{}: {files} files, {} MiB", dir.display(), bytes >> 20);

    Ok(Map::from_iter([(format!("corpus_{name}"), text.into())]))
}

fn note_absence(map: &mut Map<String, Value>, has_aide: bool) {
    if !has_aide {
        map.insert("left_out".to_owned(), "aide is not installed: apt install aide".into());
    }
}

/// Three decimals, for ratios of a hundredth.
fn figure(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| ((value * 1_000.0).round() / 1_000.0).into())
}

/// Reads everything once, so that no peer pays for the disk.
fn warm(dir: &Path) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    peers::hash_all("cat", dir, work.path()).map(drop)
}

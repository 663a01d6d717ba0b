//! How fast records are judged: 3,000 rules of SigmaHQ, and our own packs, on one core.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{
    Area, FileAction, FileChanged, FileKind, FileState, FromPackage, PackageVerdict,
};
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::foreign::ForeignSet;
use vonggac_rules::judge::{Context, Judge};
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::RuleSet;

use super::{beside, folder, stream};
use crate::measure::{progress, rounded};

const RULES: usize = 3_000;
const RECORDS_MIN: usize = 20_000;
const ROUNDS: usize = 3;
const OBSERVATIONS: u32 = 100_000;

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = folder::named()?;
    let sources = evenly(folder::active_rules(&folder)?, RULES);
    let (set, _) = ForeignSet::load(&sources);
    let (lines, made_of) = stream::lines(&folder)?;
    if lines.len() < RECORDS_MIN {
        bail!("{made_of} has {} records, at least {RECORDS_MIN} are needed", lines.len());
    }
    let parse = best(|| parse_all(&lines))?;
    progress(&format!("bare parse of {} records: {parse:?}", lines.len()));
    let mut matches = 0;
    let judged = best(|| {
        matches = judge_all(&set, &lines)?;
        Ok(())
    })?;
    let events_per_s = per_second(lines.len(), judged)?;
    let parse_per_s = per_second(lines.len(), parse)?;
    let own = own_rules()?;
    let quiet = own_packs(&own, quiet_change)?;
    let noisy = own_packs(&own, change)?;

    let mut map = Map::new();
    map.insert("rules".to_owned(), set.compiled().into());
    map.insert("records".to_owned(), lines.len().into());
    map.insert("bytes".to_owned(), lines.iter().map(String::len).sum::<usize>().into());
    map.insert("made_of".to_owned(), made_of.into());
    map.insert("matches".to_owned(), matches.into());
    map.insert("parse_per_s".to_owned(), rounded(parse_per_s));
    map.insert("events_per_s_3000".to_owned(), rounded(events_per_s));
    map.insert("share_of_parse_limit".to_owned(), ((events_per_s / parse_per_s * 1e4).round() / 1e4).into());
    map.insert("own_rules".to_owned(), own.rules().len().into());
    map.insert("observations_per_s_own_packs".to_owned(), rounded(quiet));
    map.insert("observations_per_s_each_a_finding".to_owned(), rounded(noisy));
    map.insert("time".to_owned(), "processor time of one thread".into());
    map.insert("cores".to_owned(), 1.into());
    beside::add(&mut map, &sources, &lines, events_per_s)?;

    Ok(map)
}

/// So many items, drawn evenly from the whole.
fn evenly<T>(items: Vec<T>, most: usize) -> Vec<T> {
    let all = items.len().max(1);
    let kept = |at: usize| at * most / all != (at + 1) * most / all;

    items.into_iter().enumerate().filter(|(at, _)| all <= most || kept(*at)).map(|(_, item)| item).collect()
}

/// The best of some rounds, in processor time: what else the machine does is not counted.
fn best(mut round: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let before = processor_time()?;
        round()?;
        best = best.min(processor_time()?.saturating_sub(before));
    }

    Ok(best)
}

/// What this thread has had of a processor.
fn processor_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().context("schedstat is empty")?.parse()?;

    Ok(Duration::from_nanos(nanoseconds))
}

fn per_second(count: usize, took: Duration) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(count)?) / took.as_secs_f64())
}

fn parse_all(lines: &[String]) -> anyhow::Result<()> {
    for line in lines {
        std::hint::black_box(serde_json::from_str::<Value>(line)?);
    }

    Ok(())
}

/// From the text of a record to the rules that match it.
fn judge_all(set: &ForeignSet, lines: &[String]) -> anyhow::Result<usize> {
    let mut matches = 0;
    for line in lines {
        let record: Value = serde_json::from_str(line)?;
        matches += set.matches(&stream::origin(&record), &record).len();
    }

    Ok(matches)
}

/// The rules that this program carries.
fn own_rules() -> anyhow::Result<Arc<RuleSet>> {
    let clauses: BTreeSet<String> = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    match RuleSet::load(packs::embedded(), &clauses) {
        Ok(rules) => Ok(Arc::new(rules)),
        Err(mistakes) => bail!("{} mistakes in the packs", mistakes.len()),
    }
}

/// Observations a second through the whole judge.
fn own_packs(rules: &Arc<RuleSet>, change: fn(u32) -> FileChanged) -> anyhow::Result<f64> {
    let host = HostId([7; 16]);
    let agency = AgencyId::new("so-van-hoa")?;
    let observations: Vec<(Context, Observation)> = (0..OBSERVATIONS)
        .map(|n| {
            let at = Timestamp(1_767_225_600_000 + i64::from(n) * 250);
            let context = Context {
                id: ObservationId { host, epoch: Epoch(1), lane: Lane::Prompt, seq: Seq(n.into()) },
                host,
                agency: agency.clone(),
                host_name: "may-12".to_owned(),
                role: Role::Server,
                at,
            };
            (context, Observation { at, kind: Kind::FileChanged(change(n)) })
        })
        .collect();
    let mut findings = 0;
    let took = best(|| {
        let mut judge = Judge::new(Arc::clone(rules));
        findings = observations.iter().map(|(context, o)| judge.weigh(context, o, context.at).len()).sum();
        Ok(())
    })?;
    progress(&format!("own packs: {findings} findings of {} observations", observations.len()));

    per_second(observations.len(), took)
}

/// Changes of an upgrade, as the package brought them, and one in fifty that is not: most of what a fleet tells.
fn quiet_change(n: u32) -> FileChanged {
    let mut change = change(n);
    if !n.is_multiple_of(50) {
        change.area = Area::Configuration;
        change.root = HostPath::from_text("/etc");
        change.path = HostPath::from_text(format!("/etc/goi-{}/tep-{n}.conf", n % 300));
        change.package = Some(FromPackage {
            name: format!("goi-{}", n % 300),
            version: "1.2-3".to_owned(),
            verdict: PackageVerdict::Matches,
        });
    }

    change
}

/// Changes as a busy web server has them: one in fifty is of a place that rules are about.
pub(super) fn change(n: u32) -> FileChanged {
    let state = |seed: u32| FileState {
        kind: FileKind::File,
        size: u64::from(seed % 9_000),
        digest: Some(Digest::of(&seed.to_le_bytes())),
        mode: 0o644,
        owner: "www-data".to_owned(),
        group: "www-data".to_owned(),
        modified: Timestamp(1_767_225_600_000),
        changed: Timestamp(1_767_225_600_000),
        link_target: None,
        attributes: None,
        flags: None,
    };
    let (root, path, area) = match n % 50 {
        0 => ("/etc", format!("/etc/cron.d/viec-{}", n % 900), Area::Persistence),
        of if of % 2 == 0 => ("/srv/du-lieu", format!("/srv/du-lieu/{n}/bao-cao-{n}.docx"), Area::Data),
        _ => ("/var/lib/ung-dung", format!("/var/lib/ung-dung/phien/{n}.json"), Area::Application),
    };

    FileChanged {
        path: HostPath::from_text(path),
        area,
        root: HostPath::from_text(root),
        action: FileAction::Modified,
        before: Some(state(n)),
        after: Some(state(n + 1)),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: None,
    }
}

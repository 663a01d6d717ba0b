//! A week of a million observations weighed again by a changed rule: how long, and that nothing is raised.

use std::sync::Arc;

use anyhow::bail;
use serde_json::{Map, Value};
use vonggac_collector::clock;
use vonggac_collector::judge::folder::Folder;
use vonggac_collector::judge::replay::replay;
use vonggac_collector::store::Store;
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::observations::{self, LaneOf, Row};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, Seq};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::packs;
use vonggac_rules::ruleset::RuleSet;
use vonggac_rules::words::Language;

use super::rate::change;
use crate::measure::{progress, rounded};
use crate::programs::instant;

const OBSERVATIONS: u32 = 1_000_000;
const AT_ONCE: u32 = 10_000;
const HOSTS: u8 = 100;
const WEEK_MS: i64 = 7 * 86_400_000;

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    runtime.block_on(async {
        let store = Store::open(&folder.path().join("collector.db"))?;
        let observations: u32 = match std::env::var("VONGGAC_REPLAY_OBSERVATIONS") {
            Ok(text) => text.parse()?,
            Err(_) => OBSERVATIONS,
        };
        let start = clock::now().minus(std::time::Duration::from_secs(7 * 86_400));
        fill(&store, start, observations).await?;
        let rules = changed_rules()?;
        let before = raised(&store).await?;
        let began = instant();
        let replayed = replay(&store, rules, start).await?;
        let seconds = began.elapsed().as_secs_f64();
        let findings: u64 = replayed.rules.values().map(|fired| fired.findings).sum();
        let fired = replayed.rules.get("boot-file-changed").map_or(0, |fired| fired.findings);

        let mut map = Map::new();
        map.insert("observations".to_owned(), replayed.observations.into());
        map.insert("seconds".to_owned(), rounded(seconds));
        map.insert("raised".to_owned(), (raised(&store).await? - before).into());
        map.insert("would_have_found".to_owned(), findings.into());
        map.insert("by_the_changed_rule".to_owned(), fired.into());
        map.insert("rules_that_would_fire".to_owned(), replayed.rules.len().into());

        Ok(map)
    })
}

/// The packs, with the rule about boot files changed to be about persistence.
fn changed_rules() -> anyhow::Result<Arc<RuleSet>> {
    let clauses = Folder::BuiltIn.register(Language::En)?.clauses().map(|clause| clause.id.clone()).collect();
    let mut sources = packs::embedded();
    for source in sources.iter_mut().filter(|source| source.path.ends_with("integrity/boot.yml")) {
        source.text = source.text.replace("area: boot\n", "area: persistence\n");
    }
    match RuleSet::load(sources, &clauses) {
        Ok(rules) => Ok(Arc::new(rules)),
        Err(mistakes) => bail!("{} mistakes in the changed packs", mistakes.len()),
    }
}

async fn raised(store: &Store) -> anyhow::Result<i64> {
    store
        .read(|db| {
            let count = "SELECT (SELECT count(*) FROM incident) + (SELECT count(*) FROM finding)";
            Ok(db.query_row(count, [], |row| row.get(0))?)
        })
        .await
}

async fn fill(store: &Store, start: Timestamp, observations: u32) -> anyhow::Result<()> {
    let agency = AgencyId::new("so-van-hoa")?;
    store
        .write(move |tx| {
            agencies::add(tx, &agency, "Sở", Level::Department, start)?;
            for host in 0..HOSTS {
                let name = format!("may-{host}");
                hosts::add(tx, HostId([host; 16]), &agency, &name, HostState::Active, 180, start)?;
            }
            Ok(())
        })
        .await?;
    let step_ms = WEEK_MS / i64::from(observations.max(1));
    for from in (0..observations).step_by(usize::try_from(AT_ONCE)?) {
        store
            .write(move |tx| {
                for n in from..observations.min(from + AT_ONCE) {
                    let host = HostId([u8::try_from(n % u32::from(HOSTS))?; 16]);
                    let of = LaneOf { host, epoch: Epoch(1), lane: Lane::Prompt };
                    let at = Timestamp(start.0 + 1 + i64::from(n) * step_ms);
                    let kind = Kind::FileChanged(change(n));
                    let word = kind.word();
                    let body = Observation { at, kind }.encode();
                    let seq = Seq(u64::from(n / u32::from(HOSTS)) + 1);
                    observations::insert(tx, of, Row { seq, at, kind: word, body: &body }, at)?;
                }
                Ok(())
            })
            .await?;
        if from % 100_000 == 0 {
            progress(&format!("kept {from} observations"));
        }
    }

    Ok(())
}

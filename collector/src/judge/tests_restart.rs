//! Show 5: correlations over a restart of the collector: nothing lost, nothing doubled.

use std::sync::Arc;

use vonggac_protocol::id::{Epoch, HostId, Lane, Seq};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::RuleSet;

use super::tests::{World, page_changed, world};
use super::*;
use crate::store::observations::{self, LaneOf, Row};

const HOST: HostId = HostId([5; 16]);

const START: Timestamp = Timestamp(1_795_000_000_000);

const DAY: u64 = 86_400;

const TOUCHED: &str = "title: Page touched
id: 6bd1f2fc-6a2e-4b2e-8c5c-5ad2f6f3e001
name: page-touched
status: test
description: The first step of a test.
author: Vọng Gác
date: 2026-11-22
logsource:
  product: vonggac
  category: file_changed
detection:
  selection:
    name: index.html
  condition: selection
---
";

/// One rule of two steps within a day: a page, then an account; in this order or in any.
fn rules(kind: &str) -> Arc<RuleSet> {
    let mut all = packs::embedded();
    all.retain(|source| source.path == "packs/integrity/tool-then-account.yml");
    let text = &mut all[0].text;
    *text = format!("{TOUCHED}{text}")
        .replace("    - attack-tool-installed", "    - page-touched")
        .replace("kind: packages_changed, added: [hydra]", "kind: file_changed, name: index.html")
        .replace("type: temporal_ordered", &format!("type: {kind}"));
    let clauses = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();

    Arc::new(RuleSet::load(all, &clauses).unwrap())
}

/// What is seen, by seconds after the start: the steps, and steps again while the rule is quiet.
const SEEN: [(u64, &str); 6] = [
    (0, "/etc/passwd"),
    (60, "/srv/www/index.html"),
    (120, "/etc/shadow"),
    (180, "/srv/www/index.html"),
    (DAY - 60, "/etc/passwd"),
    (DAY, "/etc/shadow"),
];

async fn see(world: &World, at: Timestamp, path: &'static str) {
    world
        .store
        .write(move |tx| {
            let of = LaneOf { host: HOST, epoch: Epoch(1), lane: Lane::Prompt };
            let seq: Seq = observations::mark(tx, of)?.next();
            let kind = page_changed(path);
            let word = kind.word();
            let body = Observation { at, kind }.encode();
            observations::insert(tx, of, Row { seq, at, kind: word, body: &body }, at)?;
            observations::set_mark(tx, of, seq)
        })
        .await
        .unwrap();
}

async fn judge_one(world: &World, bench: &mut Bench, files: bool) {
    let Some(weighed) = bench.weigh_next(&world.store, 1, clock::now()).await.unwrap() else { return };
    if files {
        world.store.write(move |tx| file_in(tx, &weighed)).await.unwrap();
    }
}

/// Evidence of every finding of the rule, and the incidents that it opened.
async fn told(world: &World) -> (Vec<String>, i64) {
    world
        .store
        .read(|db| {
            let mut all =
                db.prepare("SELECT evidence FROM finding WHERE rule = 'tool-then-account' ORDER BY id")?;
            let findings = all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let count = "SELECT count(*) FROM incident WHERE rule = 'tool-then-account'";
            Ok((findings, db.query_row(count, [], |row| row.get(0))?))
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_correlation_concludes_the_same_wherever_the_collector_stops_or_crashes() {
    for kind in ["temporal_ordered", "temporal"] {
        let rules = rules(kind);
        let whole = world().await;
        let mut bench = Bench::open(&whole.store, Arc::clone(&rules)).await.unwrap();
        for (secs, path) in SEEN {
            see(&whole, START.plus(Duration::from_secs(secs)), path).await;
            judge_one(&whole, &mut bench, true).await;
        }
        let expected = told(&whole).await;
        assert_eq!((expected.0.len(), expected.1), (1, 1), "{kind}: once, then it is quiet");

        for stop in 0..SEEN.len() {
            for crashes in [false, true] {
                let world = world().await;
                let mut bench = Bench::open(&world.store, Arc::clone(&rules)).await.unwrap();
                for (at, (secs, path)) in SEEN.into_iter().enumerate() {
                    see(&world, START.plus(Duration::from_secs(secs)), path).await;
                    // A crash comes after the weighing and before the filing.
                    judge_one(&world, &mut bench, !(crashes && at == stop)).await;
                    if at == stop {
                        bench = Bench::open(&world.store, Arc::clone(&rules)).await.unwrap();
                        judge_one(&world, &mut bench, true).await;
                    }
                }
                assert_eq!(told(&world).await, expected, "{kind}, stopped after {stop}, crash: {crashes}");
            }
        }
    }
}

#[tokio::test]
async fn a_second_step_that_arrives_days_after_the_collector_stopped_still_meets_the_first() {
    let world = world().await;
    let rules = rules("temporal_ordered");
    let mut bench = Bench::open(&world.store, Arc::clone(&rules)).await.unwrap();
    see(&world, START, "/srv/www/index.html").await;
    judge_one(&world, &mut bench, true).await;

    // The present is long after START: only what was heard before the stop tells how far to look back.
    let mut bench = Bench::open(&world.store, Arc::clone(&rules)).await.unwrap();
    see(&world, START.plus(Duration::from_secs(600)), "/etc/shadow").await;
    judge_one(&world, &mut bench, true).await;

    assert_eq!(told(&world).await.1, 1);
}

//! The world in a box, many of them: hours, seeds, faults, broken laws; and whether the laws notice what is planted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::progress;
use crate::simulation::{Mistake, Outcome, run};

/// Hours of simulated world clock in all; `VONGGAC_SIMULATE_HOURS` changes it.
const HOURS: u64 = 1_000_000;

/// Worlds; `VONGGAC_SIMULATE_SEEDS` changes it.
const SEEDS: u64 = 2_000;

/// Worlds in which a planted mistake may hide, and how long each runs.
const PLANTED_SEEDS: u64 = 200;
const PLANTED_HOURS: u64 = 200;

/// Threads over seeds.
const THREADS: usize = 2;

/// What all worlds together came to.
#[derive(Debug, Default)]
struct Sum {
    hours: u64,
    seeds: u64,
    steps: u64,
    checks: u64,
    records: usize,
    missing: usize,
    counts: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
    failures: Vec<String>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: anyhow::Result<Outcome>) {
        self.seeds += 1;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.failures.push(format!("seed {seed}: {error:#}")),
        };
        self.hours += outcome.hours;
        self.steps += outcome.steps;
        self.checks += outcome.checks;
        self.records += outcome.records;
        self.missing += outcome.missing;
        for (what, count) in outcome.counts {
            *self.counts.entry(what).or_default() += count;
        }
        if let Some(first) = outcome.broken.first() {
            progress(&format!("seed {seed}: {first}; what happened last:\n{}", outcome.trace.join("\n")));
            self.violations.push(format!("seed {seed}: {first}"));
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs all worlds and plants every mistake.
pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let seeds = number("VONGGAC_SIMULATE_SEEDS", SEEDS).max(1);
    let hours = number("VONGGAC_SIMULATE_HOURS", HOURS).div_ceil(seeds);
    let first = number("VONGGAC_SIMULATE_FIRST", 1);
    let planted = Mistake::ALL;
    let mut found = Map::new();
    for mistake in planted {
        let seed = (1..=PLANTED_SEEDS).find(|seed| is_noticed(*seed, mistake));
        progress(&format!("{mistake:?} noticed with seed {seed:?}"));
        found.insert(format!("{mistake:?}"), json!(seed));
    }
    let planted_found = found.values().filter(|seed| !seed.is_null()).count();

    let (sum, next) = (Mutex::new(Sum::default()), AtomicU64::new(first));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let outcome = run(seed, hours, None);
                    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    sum.add(seed, outcome);
                    if sum.seeds % 100 == 0 {
                        progress(&format!("{} worlds, {} hours", sum.seeds, sum.hours));
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    anyhow::ensure!(sum.failures.is_empty(), "{:#?}", sum.failures);
    let faults: u64 = sum.counts.values().sum();

    Ok(Map::from_iter([
        ("hours".to_owned(), json!(sum.hours)),
        ("seeds".to_owned(), json!(sum.seeds)),
        ("violations".to_owned(), json!(sum.violations.len())),
        ("violated".to_owned(), json!(sum.violations.iter().take(20).collect::<Vec<_>>())),
        ("planted".to_owned(), json!(planted.len())),
        ("planted_found".to_owned(), json!(planted_found)),
        ("planted_seeds".to_owned(), Value::Object(found)),
        ("steps".to_owned(), json!(sum.steps)),
        ("checks".to_owned(), json!(sum.checks)),
        ("records".to_owned(), json!(sum.records)),
        ("named_missing".to_owned(), json!(sum.missing)),
        ("happened".to_owned(), json!(faults)),
        ("happened_by_kind".to_owned(), json!(sum.counts)),
    ]))
}

/// Whether this seed's world breaks a law, and does not without the mistake.
fn is_noticed(seed: u64, mistake: Mistake) -> bool {
    let breaks = |mistake| run(seed, PLANTED_HOURS, mistake).is_ok_and(|outcome| !outcome.broken.is_empty());

    breaks(Some(mistake)) && !breaks(None)
}

//! Kept history weighed again, by rules that may be others than those in force: what would have fired.
//!
//! Nothing is filed, no cursor moves, nobody is told. What change windows kept quiet then stays quiet. Rules about
//! states and ledgers are left out: what was known of a host then is not kept as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Finding;
use vonggac_rules::incident::join_key;
use vonggac_rules::ruleset::RuleSet;

use super::bench::Bench;
use crate::store::{Store, observations};

/// Observations in memory at once.
const STRETCH: usize = 2_000;

/// What a replay came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// Observations since the moment.
    pub observations: u64,
    /// Observations before it that only filled the counts.
    pub warmed: u64,
    /// What each rule would have concluded; rules that would not have fired are left out.
    pub rules: BTreeMap<String, Fired>,
}

/// What one rule would have concluded.
#[derive(Clone, Debug, Serialize)]
pub struct Fired {
    /// Findings.
    pub findings: u64,
    /// Matters that they are about: no more incidents than that.
    pub matters: usize,
    /// Machines.
    pub hosts: usize,
    /// When the first happened.
    pub first_at: Timestamp,
    /// When the last happened.
    pub last_at: Timestamp,
}

#[derive(Default)]
struct Tally {
    findings: u64,
    matters: BTreeSet<String>,
    hosts: BTreeSet<HostId>,
    moments: Option<(Timestamp, Timestamp)>,
}

/// Weighs what arrived since a moment, up to what is kept now.
///
/// # Errors
/// If the store cannot be read.
pub async fn replay(store: &Store, rules: Arc<RuleSet>, since: Timestamp) -> anyhow::Result<Replayed> {
    let span = rules.longest_span();
    let (first, from, end) = store
        .read(move |db| {
            let end = observations::newest(db)?;
            let first = observations::first_since(db, since, end)?;
            Ok((first, observations::first_since(db, since.minus(span), end)?, end))
        })
        .await?;
    let (Some(first), Some(from)) = (first, from) else { return Ok(Replayed::default()) };
    let mut bench = Bench::at(store, rules, from - 1).await?;
    let mut replayed = Replayed::default();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    while bench.cursor() < end {
        let until = if bench.cursor() < first - 1 { first - 1 } else { end };
        let most = usize::try_from(until - bench.cursor()).map_or(STRETCH, |left| left.min(STRETCH));
        let Some((weighed, findings)) = bench.weigh_history(store, most).await? else { break };
        let weighed = u64::try_from(weighed)?;
        if until < first {
            replayed.warmed += weighed;
            continue;
        }
        replayed.observations += weighed;
        for finding in &findings {
            tallies.entry(finding.rule.clone()).or_default().add(finding);
        }
    }
    replayed.rules = tallies.into_iter().filter_map(|(rule, tally)| Some((rule, tally.fired()?))).collect();

    Ok(replayed)
}

impl Tally {
    fn add(&mut self, finding: &Finding) {
        self.findings += 1;
        self.matters.insert(join_key(finding));
        self.hosts.insert(finding.host);
        let (first, last) = self.moments.unwrap_or((finding.at, finding.at));
        self.moments = Some((first.min(finding.at), last.max(finding.at)));
    }

    fn fired(self) -> Option<Fired> {
        let (first_at, last_at) = self.moments?;

        Some(Fired {
            findings: self.findings,
            matters: self.matters.len(),
            hosts: self.hosts.len(),
            first_at,
            last_at,
        })
    }
}

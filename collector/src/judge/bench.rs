//! The judge with what it knows of hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;
use tracing::warn;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Finding;
use vonggac_rules::judge::{Context, Judge};
use vonggac_rules::ruleset::RuleSet;

use crate::clock;
use crate::store::observations::{self, Kept, UNKNOWN_KIND};
use crate::store::{Store, hosts, rule_sets};

/// Observations weighed again at once while a judge that has just started fills its windows.
const WARMING_STRETCH: usize = 2_000;

/// Weighs observations in their order of arrival.
pub struct Bench {
    judge: Judge,
    cursor: i64,
    faces: BTreeMap<HostId, Face>,
}

/// What findings say of a host.
#[derive(Clone, Debug)]
struct Face {
    name: String,
    role: Role,
}

/// What a stretch of observations led to.
#[derive(Debug)]
pub struct Weighed {
    /// The rules it was weighed with.
    pub rules: Arc<RuleSet>,
    /// What they concluded.
    pub findings: Vec<Finding>,
    /// The last observation of the stretch.
    pub cursor: i64,
    /// When.
    pub now: Timestamp,
}

impl Bench {
    /// A judge at the durable cursor, whose windows hold what they held before the collector stopped.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn open(store: &Store, rules: Arc<RuleSet>) -> anyhow::Result<Self> {
        let span = rules.longest_span();
        let (cursor, from, faces) = store
            .read(move |db| {
                let cursor = rule_sets::cursor(db)?;
                let since = clock::now().minus(span);
                let first = observations::first_since(db, since, cursor)?;
                Ok((cursor, first.map_or(cursor, |first| first - 1), faces(db)?))
            })
            .await?;
        let mut bench = Self { judge: Judge::new(rules), cursor: from, faces };
        while bench.cursor < cursor {
            let most = WARMING_STRETCH.min(usize::try_from(cursor - bench.cursor).unwrap_or(WARMING_STRETCH));
            // What this concludes was filed before the stop: only the counting is wanted.
            if bench.weigh_next(store, most, clock::now()).await?.is_none() {
                break;
            }
        }
        bench.cursor = cursor;

        Ok(bench)
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        self.judge.rules()
    }

    /// Puts other rules in force, from the next observation on.
    pub fn replace(&mut self, rules: Arc<RuleSet>) {
        self.judge.replace(rules);
    }

    /// Weighs the next observations, at most so many; `None` if there are none.
    ///
    /// # Errors
    /// If the store cannot be read; nothing was weighed.
    pub async fn weigh_next(
        &mut self,
        store: &Store,
        most: usize,
        now: Timestamp,
    ) -> anyhow::Result<Option<Weighed>> {
        let cursor = self.cursor;
        let stretch = store.read(move |db| observations::after(db, cursor, most)).await?;
        let Some(last) = stretch.last().map(|kept| kept.order) else { return Ok(None) };
        let unknown = stretch.iter().filter(|kept| !self.faces.contains_key(&kept.id.host)).count();
        if unknown > 0 {
            self.faces = store.read(faces).await?;
        }
        let mut findings = Vec::new();
        for kept in &stretch {
            findings.extend(self.weigh(kept));
        }
        self.cursor = last;

        Ok(Some(Weighed { rules: Arc::clone(self.judge.rules()), findings, cursor: last, now }))
    }

    fn weigh(&mut self, kept: &Kept) -> Vec<Finding> {
        // A kind newer than this program is kept, not judged.
        if kept.kind == UNKNOWN_KIND {
            return Vec::new();
        }
        let (Ok(observation), Ok(agency)) = (Observation::decode(&kept.body), AgencyId::new(&kept.agency))
        else {
            warn!(observation = kept.order, "A kept observation cannot be read");
            return Vec::new();
        };
        if let Kind::HostDescribed(described) = &observation.kind {
            let face = Face { name: described.name.clone(), role: described.role };
            self.faces.insert(kept.id.host, face);
        }
        let face = self.faces.get(&kept.id.host);
        let context = Context {
            id: kept.id,
            host: kept.id.host,
            agency,
            host_name: face.map_or_else(|| kept.id.host.to_string(), |face| face.name.clone()),
            role: face.map_or(Role::Unknown, |face| face.role),
            at: kept.at,
        };

        self.judge.weigh(&context, &observation, kept.received_at)
    }
}

fn faces(db: &Connection) -> anyhow::Result<BTreeMap<HostId, Face>> {
    let mut faces = BTreeMap::new();
    for host in hosts::list(db)? {
        let described = observations::latest(db, host.id, "host_described")?;
        let role = described.and_then(|(_, body)| {
            let Kind::HostDescribed(described) = Observation::decode(&body).ok()?.kind else { return None };
            Some(described.role)
        });
        faces.insert(host.id, Face { name: host.name, role: role.unwrap_or(Role::Unknown) });
    }

    Ok(faces)
}

//! The judge with what it knows of hosts.

use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, HostId, ObservationId};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Finding;
use vonggac_rules::in_force::InForce;
use vonggac_rules::judge::{Context, Judge};

use super::ledgers::Ledgers;
use super::state::{self, Known, Tables};
use super::windows::{can_be_quiet, quiet_by};
use crate::clock;
use crate::store::observations::{self, Kept, UNKNOWN_KIND};
use crate::store::windows::{self, Window};
use crate::store::{Store, hosts, rule_sets};

/// Observations weighed again at once while a judge that has just started fills its windows.
const WARMING_STRETCH: usize = 2_000;

/// Hosts whose whole state is in memory at once.
const STATES_AT_ONCE: usize = 16;

/// Weighs observations in their order of arrival.
pub struct Bench {
    judge: Judge,
    cursor: i64,
    faces: BTreeMap<HostId, Face>,
    tables: Tables,
    ledgers: Ledgers,
}

/// What findings say of a host.
#[derive(Clone, Debug)]
struct Face {
    name: String,
    agency: String,
    role: Role,
}

/// What a stretch of observations led to.
#[derive(Debug)]
pub struct Weighed {
    /// The rules it was weighed with.
    pub rules: InForce,
    /// What they concluded.
    pub findings: Vec<Finding>,
    /// What change windows kept quiet: window and observation.
    pub quiet: Vec<(i64, i64)>,
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
    pub async fn open(store: &Store, rules: impl Into<InForce>) -> anyhow::Result<Self> {
        let rules = rules.into();
        let span = rules.longest_span();
        let (cursor, from, faces) = store
            .read(move |db| {
                let cursor = rule_sets::cursor(db)?;
                // What fired is quiet for one span after, and rests on what happened within one before. Hosts that
                // were not heard while the collector was down tell of the time before it stopped.
                let heard = observations::received_at(db, cursor)?;
                let heard = heard.map_or_else(clock::now, |at| at.min(clock::now()));
                let since = heard.minus(span * 2);
                let first = observations::first_since(db, since, cursor)?;
                Ok((cursor, first.map_or(cursor, |first| first - 1), faces(db)?))
            })
            .await?;
        let mut bench = Self {
            judge: Judge::new(rules),
            cursor: from,
            faces,
            tables: Tables::built_in(),
            ledgers: Ledgers::default(),
        };
        if let Err(error) = bench.support_changed(store, clock::now()).await {
            warn!(
                error = format!("{error:#}"),
                "Ends of support of feeds cannot be read; those built in count"
            );
        }
        while bench.cursor < cursor {
            let most = WARMING_STRETCH.min(usize::try_from(cursor - bench.cursor).unwrap_or(WARMING_STRETCH));
            // What this concludes was filed before the stop: only the counting is wanted.
            if bench.warm(store, most).await? == 0 {
                break;
            }
        }
        bench.cursor = cursor;

        Ok(bench)
    }

    /// A judge at a place in history, whose windows hold nothing; it is never filed what it concludes.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn at(store: &Store, rules: impl Into<InForce>, cursor: i64) -> anyhow::Result<Self> {
        Ok(Self {
            judge: Judge::new(rules),
            cursor,
            faces: store.read(faces).await?,
            tables: Tables::built_in(),
            ledgers: Ledgers::default(),
        })
    }

    /// The last observation that it weighed.
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &InForce {
        self.judge.rules()
    }

    /// Puts other rules in force, from the next stretch on: what was weighed is filed by the rules that weighed it.
    pub fn replace(&mut self, rules: impl Into<InForce>) {
        self.judge.replace(rules);
    }

    /// Weighs the next observations, at most so many, and the states that they changed; `None` if there are none.
    ///
    /// # Errors
    /// If the store cannot be read; nothing was weighed.
    pub async fn weigh_next(
        &mut self,
        store: &Store,
        most: usize,
        now: Timestamp,
    ) -> anyhow::Result<Option<Weighed>> {
        let Some((stretch, last)) = self.read_next(store, most).await? else { return Ok(None) };
        let changed: BTreeSet<HostId> =
            stretch.iter().filter(|kept| state::changes_state(&kept.kind)).map(|kept| kept.id.host).collect();
        // Read before anything is counted, so that an error here leaves nothing half weighed.
        if !changed.is_empty() {
            self.ledgers.read(store).await?;
        }
        let states = self.read_states(store, changed.into_iter().collect()).await?;
        let windows = read_windows(store, &stretch).await?;
        let (mut findings, mut quiet) = (Vec::new(), Vec::new());
        for kept in &stretch {
            match self.window_over(&windows, kept) {
                Some(window) => quiet.push((window, kept.order)),
                None => findings.extend(self.weigh(kept)),
            }
        }
        for known in &states {
            findings.extend(self.weigh_state(known, now));
            self.ledgers.is_due(&known.agency);
        }
        self.cursor = last;

        Ok(Some(self.weighed(findings, quiet, now)))
    }

    /// Weighs what is known of every host: a patch becomes late, a support ends, without anything happening.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn weigh_states(&mut self, store: &Store, now: Timestamp) -> anyhow::Result<Weighed> {
        self.faces = store.read(faces).await?;
        self.ledgers.read(store).await?;
        let hosts: Vec<HostId> = self.faces.keys().copied().collect();
        let mut findings = Vec::new();
        for some in hosts.chunks(STATES_AT_ONCE) {
            for known in self.read_states(store, some.to_vec()).await? {
                findings.extend(self.weigh_state(&known, now));
                self.ledgers.is_due(&known.agency);
            }
        }

        Ok(self.weighed(findings, Vec::new(), now))
    }

    /// Takes ends of support that were carried in; whether there are others than before.
    ///
    /// # Errors
    /// If they cannot be read; those that were known go on to count.
    pub async fn support_changed(&mut self, store: &Store, now: Timestamp) -> anyhow::Result<bool> {
        self.tables.look_at_feeds(store, now).await
    }

    /// Whether a ledger is another than the one that states were last weighed with.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn ledgers_changed(&self, store: &Store) -> anyhow::Result<bool> {
        self.ledgers.changed(store).await
    }

    /// Holds the software of agencies where something changed against their ledgers; `None` if nothing did.
    ///
    /// # Errors
    /// If the store cannot be read; they stay due.
    pub async fn weigh_balances(&mut self, store: &Store, now: Timestamp) -> anyhow::Result<Option<Weighed>> {
        let Some(balances) = self.ledgers.balances(store, now).await? else { return Ok(None) };
        let mut findings = Vec::new();
        for balance in balances {
            let Some(context) = self.context(balance.rests_on, &balance.agency, now) else { continue };
            findings.extend(self.judge.weigh_balance(&context, balance.event, &balance.ledger, now));
        }

        Ok(Some(self.weighed(findings, Vec::new(), now)))
    }

    /// Counts observations that were judged before the collector stopped.
    async fn warm(&mut self, store: &Store, most: usize) -> anyhow::Result<usize> {
        Ok(self.weigh_history(store, most).await?.map_or(0, |(weighed, _)| weighed))
    }

    /// Weighs observations that were judged before: how many, and what the rules conclude; `None` if there are none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) async fn weigh_history(
        &mut self,
        store: &Store,
        most: usize,
    ) -> anyhow::Result<Option<(usize, Vec<Finding>)>> {
        let Some((stretch, last)) = self.read_next(store, most).await? else { return Ok(None) };
        // As it was concluded then, whatever happened to the windows since.
        let first = stretch.first().map_or(last, |kept| kept.order);
        let quiet = store.read(move |db| windows::quiet_between(db, first, last)).await?;
        let heard = stretch.iter().filter(|kept| !quiet.contains(&kept.order));
        let findings = heard.flat_map(|kept| self.weigh(kept)).collect();
        self.cursor = last;

        Ok(Some((stretch.len(), findings)))
    }

    async fn read_next(&mut self, store: &Store, most: usize) -> anyhow::Result<Option<(Vec<Kept>, i64)>> {
        let cursor = self.cursor;
        let stretch = store.read(move |db| observations::after(db, cursor, most)).await?;
        let Some(last) = stretch.last().map(|kept| kept.order) else { return Ok(None) };
        if stretch.iter().any(|kept| !self.faces.contains_key(&kept.id.host)) {
            self.faces = store.read(faces).await?;
        }

        Ok(Some((stretch, last)))
    }

    async fn read_states(&self, store: &Store, hosts: Vec<HostId>) -> anyhow::Result<Vec<Known>> {
        if hosts.is_empty() {
            return Ok(Vec::new());
        }
        let agency = |host: &HostId| self.faces.get(host).map(|face| face.agency.clone());
        let asked: Vec<(HostId, String)> =
            hosts.iter().filter_map(|host| Some((*host, agency(host)?))).collect();

        store
            .read(move |db| {
                asked
                    .iter()
                    .filter_map(|(host, agency)| state::known(db, *host, agency).transpose())
                    .collect()
            })
            .await
    }

    fn weighed(&self, findings: Vec<Finding>, quiet: Vec<(i64, i64)>, now: Timestamp) -> Weighed {
        Weighed { rules: self.judge.rules().clone(), findings, quiet, cursor: self.cursor, now }
    }

    /// The number of the window that keeps this observation quiet.
    fn window_over(&self, windows: &[Window], kept: &Kept) -> Option<i64> {
        if windows.is_empty() || !can_be_quiet(&kept.kind) {
            return None;
        }
        let observation = Observation::decode(&kept.body).ok()?;
        let host = kept.id.host;

        quiet_by(windows, host, &kept.agency, &observation, kept.received_at).map(|window| window.id)
    }

    fn weigh_state(&mut self, known: &Known, now: Timestamp) -> Vec<Finding> {
        let Some(context) = self.context(known.rests_on, &known.agency, now) else { return Vec::new() };
        let event = self.tables.event(known, &self.ledgers.entitled(&known.agency, now), now);

        self.judge.weigh_state(&context, event, now)
    }

    fn weigh(&mut self, kept: &Kept) -> Vec<Finding> {
        // A kind newer than this program is kept, not judged.
        if kept.kind == UNKNOWN_KIND {
            return Vec::new();
        }
        let Ok(observation) = Observation::decode(&kept.body) else {
            warn!(observation = kept.order, "A kept observation cannot be read");
            return Vec::new();
        };
        if let Kind::HostDescribed(described) = &observation.kind {
            let (name, role, agency) = (described.name.clone(), described.role, kept.agency.clone());
            self.faces.insert(kept.id.host, Face { name, agency, role });
        }
        let Some(context) = self.context(kept.id, &kept.agency, kept.at) else { return Vec::new() };

        self.judge.weigh(&context, &observation, kept.received_at)
    }

    fn context(&self, id: ObservationId, agency: &str, at: Timestamp) -> Option<Context> {
        let face = self.faces.get(&id.host);

        Some(Context {
            id,
            host: id.host,
            agency: AgencyId::new(agency).ok()?,
            host_name: face.map_or_else(|| id.host.to_string(), |face| face.name.clone()),
            role: face.map_or(Role::Unknown, |face| face.role),
            at,
        })
    }
}

/// The windows that may cover something of this stretch.
async fn read_windows(store: &Store, stretch: &[Kept]) -> anyhow::Result<Vec<Window>> {
    // A burst may be counted up to a little after the moment that it was told of, never after its arrival.
    let moments = || stretch.iter().filter(|kept| can_be_quiet(&kept.kind));
    let first = moments().map(|kept| kept.at.min(kept.received_at)).min();
    let last = moments().map(|kept| kept.received_at).max();
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };

    store.read(move |db| windows::in_force(db, first, last)).await
}

fn faces(db: &Connection) -> anyhow::Result<BTreeMap<HostId, Face>> {
    let mut faces = BTreeMap::new();
    for host in hosts::list(db)? {
        let described = observations::latest(db, host.id, "host_described")?;
        let role = described.and_then(|kept| {
            let Kind::HostDescribed(described) = Observation::decode(&kept.body).ok()?.kind else {
                return None;
            };
            Some(described.role)
        });
        let role = role.unwrap_or(Role::Unknown);
        faces.insert(host.id, Face { name: host.name, agency: host.agency, role });
    }

    Ok(faces)
}

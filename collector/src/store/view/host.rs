//! One host with everything about it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::activation::Activation;
use vonggac_protocol::host::{Health, HostDescribed};
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::package::Package;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::posture::Posture;
use vonggac_protocol::time::Timestamp;

use super::hosts::{self, HostLine};
use super::observations::{self, Evidence};
use super::scope::{Scope, Sight};

/// Changes shown of one host.
const CHANGES_SHOWN: usize = 30;

/// What went wrong with the watching itself, shown of one host.
const TROUBLES_SHOWN: usize = 20;

/// One host and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Host {
    /// As in the list.
    #[serde(flatten)]
    pub line: HostLine,
    /// How it described itself, and in which observation.
    #[schema(value_type = Option<Object>)]
    pub described: Option<HostDescribed>,
    /// Its patches.
    #[schema(value_type = Option<Object>)]
    pub patches: Option<PatchState>,
    /// When the patches were read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub patches_at: Option<Timestamp>,
    /// How it is protected; each part a known state, or why it is not known.
    #[schema(value_type = Option<Object>)]
    pub posture: Option<Posture>,
    /// When that was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub posture_at: Option<Timestamp>,
    /// How Windows and Office are activated, and traces of activation tools.
    #[schema(value_type = Option<Object>)]
    pub activation: Option<Activation>,
    /// When that was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub activation_at: Option<Timestamp>,
    /// How our agent fares on it.
    #[schema(value_type = Option<Object>)]
    pub health: Option<Health>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub health_at: Option<Timestamp>,
    /// When its inventory was read; `null` if none is whole yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub inventory_at: Option<Timestamp>,
    /// How many packages it has.
    pub package_count: u64,
    /// Its newest changes, newest first.
    pub changes: Vec<Evidence>,
    /// Losses, silences, refusals: what limits what we know of it.
    pub troubles: Vec<Evidence>,
    /// Roots under watch, from their newest baselines.
    pub roots: Vec<Evidence>,
}

/// One host by its id.
///
/// # Errors
/// If the store cannot be read.
pub fn one(db: &Connection, scope: &Scope, id: HostId) -> anyhow::Result<Sight<Host>> {
    let columns = hosts::COLUMNS;
    let found = db
        .prepare_cached(&format!(
            "SELECT {columns} FROM host h JOIN agency a ON a.id = h.agency WHERE h.id = ?1"
        ))?
        .query_row([id.0], hosts::line)
        .optional()
        .context("read a host")?;
    let Some(line) = found else { return Ok(Sight::Absent) };
    if !scope.covers(&line.agency) {
        return Ok(Sight::Neighbours);
    }
    let mut latest = latest(db, id)?;
    let mut state = |kind: &str| latest.remove(kind).unzip();
    let (described, _) = state("host_described");
    let (patches, patches_at) = state("patch_state");
    let (posture, posture_at) = state("posture");
    let (activation, activation_at) = state("activation");
    let (health, health_at) = state("health");
    let inventory_at = db
        .query_row("SELECT at FROM inventory WHERE host = ?1", [id.0], |row| row.get(0).map(Timestamp))
        .optional()?;
    let package_count =
        db.query_row("SELECT count(*) FROM package WHERE host = ?1", [id.0], |row| row.get(0))?;
    let troubles = [
        "watch_lost",
        "spool_dropped",
        "certificate_ending",
        "budget_reached",
        "records_missing",
        "log_gap",
        "agent_upgrade",
        "sensor_failed",
        "assignment_refused",
        "agent_silent",
        "agent_heard",
        "agent_started",
        "agent_stopped",
        "identity_twice",
        "machine_set_back",
        "host_misbehaved",
    ];

    Ok(Sight::Seen(Host {
        line,
        described: described
            .and_then(|kind| if let Kind::HostDescribed(it) = kind { Some(it) } else { None }),
        patches: patches.and_then(|kind| if let Kind::PatchState(it) = kind { Some(it) } else { None }),
        patches_at,
        posture: posture.and_then(|kind| if let Kind::Posture(it) = kind { Some(it) } else { None }),
        posture_at,
        activation: activation.and_then(|kind| if let Kind::Activation(it) = kind { Some(it) } else { None }),
        activation_at,
        health: health.and_then(|kind| if let Kind::Health(it) = kind { Some(it) } else { None }),
        health_at,
        inventory_at,
        package_count,
        changes: observations::newest(db, id, &["file_changed"], CHANGES_SHOWN)?,
        troubles: observations::newest(db, id, &troubles, TROUBLES_SHOWN)?,
        roots: newest_by_root(observations::newest(db, id, &["baseline_taken"], 60)?),
    }))
}

/// What a host last said it is, and how it is patched.
///
/// # Errors
/// If the store cannot be read.
pub fn newest_states(
    db: &Connection,
    host: HostId,
) -> anyhow::Result<(Option<HostDescribed>, Option<PatchState>)> {
    let mut latest = latest(db, host)?;
    let described = latest
        .remove("host_described")
        .and_then(|(kind, _)| if let Kind::HostDescribed(it) = kind { Some(it) } else { None });
    let patches = latest
        .remove("patch_state")
        .and_then(|(kind, _)| if let Kind::PatchState(it) = kind { Some(it) } else { None });

    Ok((described, patches))
}

fn latest(db: &Connection, host: HostId) -> anyhow::Result<BTreeMap<String, (Kind, Timestamp)>> {
    let columns = observations::COLUMNS;
    let mut query = db.prepare_cached(&format!(
        "SELECT {columns} FROM latest l JOIN observation o ON o.id = l.observation JOIN host h ON h.id = o.host
         WHERE l.host = ?1 AND l.kind IN ('host_described', 'patch_state', 'health', 'posture', 'activation')"
    ))?;
    let mut rows = query.query([host.0])?;
    let mut latest = BTreeMap::new();
    while let Some(row) = rows.next().context("read the newest states of a host")? {
        let found = observations::evidence(row)?;
        if let Some(observation) = found.observation {
            latest.insert(found.kind, (observation.kind, found.at));
        }
    }

    Ok(latest)
}

fn newest_by_root(baselines: Vec<Evidence>) -> Vec<Evidence> {
    let mut by_root = BTreeMap::new();
    for baseline in baselines {
        if let Some(Kind::BaselineTaken(taken)) = baseline.observation.as_ref().map(|seen| &seen.kind) {
            by_root.entry(taken.root.clone()).or_insert(baseline);
        }
    }

    by_root.into_values().collect()
}

/// The packages of a host, in order of name. The caller has seen the host, so has the right to them.
///
/// # Errors
/// If the store cannot be read.
pub fn packages(db: &Connection, host: HostId) -> anyhow::Result<Vec<Package>> {
    let mut query = db.prepare_cached("SELECT body FROM package WHERE host = ?1 ORDER BY name, version")?;
    let mut rows = query.query([host.0])?;
    let mut packages = Vec::new();
    while let Some(row) = rows.next().context("read the packages of a host")? {
        packages.push(minicbor::decode(row.get_ref(0)?.as_blob()?).context("read a package")?);
    }

    Ok(packages)
}

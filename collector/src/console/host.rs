//! One host: what it is, how it is patched, what runs on it, what changed, and how well we see it.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::package::Package;
use vonggac_protocol::patch::PendingUpdate;
use vonggac_protocol::windows::{UpdateServer, WindowsState};
use vonggac_rules::balance;
use vonggac_rules::entitlement::day_of;

use super::frame::{Answer, Page, Reader, Trouble, shown};
use super::licences::{self, Licences};
use crate::desk::words::Language;
use crate::desk::{Desk, activation, posture, sentence};
use crate::exports::bill::manager_word;
use crate::store::entitlements;
use crate::store::view::fold::{fold, holds};
use crate::store::view::host::{self, Host};
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};
use crate::store::view::observations::Evidence;

/// Waiting updates on the page, security ones first; the count tells of the rest.
const UPDATES_SHOWN: usize = 40;

/// Packages on the page of software at most: beyond it people search.
const PACKAGES_SHOWN: usize = 1_000;

/// An observation with its sentence.
struct Told {
    id: String,
    at: vonggac_protocol::time::Timestamp,
    sentence: String,
    /// Set for file changes: whether nobody watched when it happened.
    while_off: bool,
}

/// A root under watch.
struct Root {
    path: String,
    area: String,
    paths: u64,
    bytes: u64,
    unreadable: u64,
    at: vonggac_protocol::time::Timestamp,
    observation: String,
}

#[derive(Template)]
#[template(path = "host.html")]
struct HostPage {
    p: Page,
    it: Host,
    open: Vec<IncidentLine>,
    updates: Vec<PendingUpdate>,
    updates_all: String,
    licences: Licences,
    /// How it is protected: headings and sentences.
    posture: Vec<(String, String)>,
    activation: Vec<(String, String)>,
    /// What only Windows tells of its updates, likewise.
    windows: Vec<(String, String)>,
    changes: Vec<Told>,
    troubles: Vec<Told>,
    roots: Vec<Root>,
}

#[derive(Template)]
#[template(path = "software.html")]
struct SoftwarePage {
    p: Page,
    it: Host,
    licences: Licences,
    packages: Vec<SoftwareLine>,
    search: String,
    found: u64,
}

struct SoftwareLine {
    package: Package,
    manager: &'static str,
    class: &'static str,
    basis: &'static str,
}

/// The host of this id, or the answer that there is none.
pub(super) async fn found(desk: &Desk, reader: &Reader, id: &str) -> Result<Result<Host, Response>, Trouble> {
    let Ok(id) = id.parse::<HostId>() else { return Ok(Err(reader.not_found())) };
    let scope = reader.caller.person.scope.clone();
    let sight = desk.store.read(move |db| host::one(db, &scope, id)).await?;

    Ok(reader.seen(desk, sight, format!("host/{id}")).await)
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let it = match found(&desk, &reader, &id).await? {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let (scope, host) = (reader.caller.person.scope.clone(), it.line.id);
    let (agency, now) = (it.line.agency.clone(), reader.now);
    let (open, packages, entitled) = desk
        .store
        .read(move |db| {
            let filter = IncidentFilter { host: Some(host), ..IncidentFilter::default() };
            let open = incidents::list(db, &scope, &filter, None, 20)?;
            Ok((open, host::packages(db, host)?, entitled(db, &agency, now)?))
        })
        .await?;
    let t = reader.t();
    let told = |seen: &Evidence| Told {
        id: seen.id.to_string(),
        at: seen.at,
        sentence: match &seen.observation {
            Some(observation) => sentence::of(t, &observation.kind, &seen.host_name),
            None => t.say("seen-unknown"),
        },
        while_off: matches!(
            seen.observation.as_ref().map(|seen| &seen.kind),
            Some(Kind::FileChanged(change)) if change.while_off
        ),
    };
    let mut updates = it.patches.as_ref().map(|patches| patches.pending.clone()).unwrap_or_default();
    updates.sort_by_key(|update| (!update.security, update.name.clone()));
    updates.truncate(UPDATES_SHOWN);
    let updates_all = it.patches.as_ref().map_or(0, |patches| patches.pending_count).to_string();

    Ok(shown(&HostPage {
        p: reader.page_titled("hosts", it.line.name.clone()),
        open: open.items,
        updates,
        updates_all,
        licences: licences::count(&packages, &entitled),
        posture: it.posture.as_ref().map_or_else(Vec::new, |found| {
            posture::parts(t, found).into_iter().map(|(title, told)| (t.say(title), told)).collect()
        }),
        activation: it.activation.as_ref().map_or_else(Vec::new, |found| {
            activation::parts(t, found).into_iter().map(|(title, told)| (t.say(title), told)).collect()
        }),
        windows: it
            .patches
            .as_ref()
            .and_then(|patches| patches.windows.as_deref())
            .map_or_else(Vec::new, |found| windows(t, found)),
        changes: it.changes.iter().map(told).collect(),
        troubles: it.troubles.iter().map(told).collect(),
        roots: it.roots.iter().filter_map(|seen| root(&reader, seen)).collect(),
        it,
    }))
}

/// What only Windows tells of its updates.
fn windows(t: Language, state: &WindowsState) -> Vec<(String, String)> {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let build = match state.revision {
        Some(revision) => format!("{}.{revision}", state.build),
        None => state.build.to_string(),
    };
    let release = state.display_version.as_deref().unwrap_or_default();
    let mut told = vec![(t.say("patch-windows-build"), format!("{build} {release}").trim_end().to_owned())];
    if let Some(server) = state.server {
        let server = match server {
            UpdateServer::Microsoft => "update-server-microsoft",
            UpdateServer::Managed => "update-server-managed",
            UpdateServer::File => "update-server-file",
        };
        told.push((t.say("patch-windows-server"), t.say(server)));
    }
    if let Some(signs) = state.reboot.as_ref().filter(|signs| !signs.is_empty()) {
        let signs: Vec<_> =
            signs.iter().map(|sign| t.of_list("reboot-sign", &word(serde_json::to_value(sign)))).collect();
        told.push((t.say("patch-windows-reboot"), signs.join("; ")));
    }
    for untold in state.untold.iter().flatten() {
        let source = t.of_list("update-source", &word(serde_json::to_value(untold.source)));
        let why = posture::not_known(t, &untold.unknown);
        told.push((t.say("patch-windows-untold"), format!("{source}: {why}")));
    }

    told
}

/// Products that an agency may use at this moment.
fn entitled(
    db: &rusqlite::Connection,
    agency: &str,
    now: vonggac_protocol::time::Timestamp,
) -> anyhow::Result<BTreeSet<String>> {
    let held = entitlements::in_force(db, Some(agency), None)?;

    Ok(balance::entitled(held.iter().map(|held| &held.entitlement), day_of(now)))
}

fn root(reader: &Reader, seen: &Evidence) -> Option<Root> {
    let Some(Kind::BaselineTaken(taken)) = seen.observation.as_ref().map(|seen| &seen.kind) else {
        return None;
    };
    let area = serde_json::to_value(taken.area).ok()?;

    Some(Root {
        path: taken.root.to_string(),
        area: reader.t().of_list("area", area.as_str()?),
        paths: taken.paths,
        bytes: taken.bytes,
        unreadable: taken.unreadable,
        at: seen.at,
        observation: seen.id.to_string(),
    })
}

/// Words to look for.
#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    tim: String,
}

/// The page of all its software.
pub(super) async fn software(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Query(search): Query<Search>,
) -> Answer {
    let it = match found(&desk, &reader, &id).await? {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let (host, agency, now) = (it.line.id, it.line.agency.clone(), reader.now);
    let (packages, entitled) =
        desk.store.read(move |db| Ok((host::packages(db, host)?, entitled(db, &agency, now)?))).await?;
    let licences = licences::count(&packages, &entitled);
    let needle = fold(&search.tim);
    let speaks = |package: &Package| {
        let licence = package.licence.as_deref().unwrap_or_default();
        needle.is_empty() || holds(&format!("{} {} {licence}", package.name, package.version), &needle)
    };
    let mut packages: Vec<_> = packages.into_iter().filter(|package| speaks(package)).collect();
    let found = u64::try_from(packages.len()).unwrap_or(0);
    packages.truncate(PACKAGES_SHOWN);
    let packages = packages
        .into_iter()
        .map(|package| SoftwareLine {
            manager: manager_word(package.manager),
            class: licences::class(&package).0,
            basis: licences::class(&package).1,
            package,
        })
        .collect();
    let p = reader.page_titled("hosts", it.line.name.clone());

    Ok(shown(&SoftwarePage { p, it, licences, packages, search: search.tim, found }))
}

//! The patch state of Windows, put together.

use std::time::{Duration, Instant};

use vonggac_protocol::limits::PENDING_UPDATES_MAX;
use vonggac_protocol::patch::{PatchState, PendingUpdate};
use vonggac_protocol::posture::Unknown;
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::{Untold, UpdateSearch, UpdateServer, UpdateSource, WindowsState};

use super::identity::{self, Identity};
use super::reboot::{self, Reboot};
use super::recorded::installed;
use super::updater::Updater;
use crate::os::told::{Instance, PastUpdate, UpdaterResults};
use crate::registry::Registry;
use crate::sensor::patches::state::{count, keep_first_seen};

/// What Windows answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Sources {
    /// Instances of `Win32_QuickFixEngineering`.
    pub record: Result<Vec<Instance>, Unknown>,
    /// The history of Windows Update.
    pub history: Result<Vec<PastUpdate>, Unknown>,
    /// When it last searched and installed.
    pub results: Result<UpdaterResults, Unknown>,
    /// Whether it waits for a restart.
    pub restart: Result<bool, Unknown>,
}

/// Puts the patch state together. `previous` is the one told last; the answer of Windows Update is waited for at most
/// `wait`, and comes with a later reading if it takes longer.
///
/// # Errors
/// If the registry does not tell which Windows this is.
pub fn read(
    registry: &dyn Registry,
    sources: Sources,
    updater: &mut Updater,
    previous: Option<&PatchState>,
    (now, instant, wait): (Timestamp, Instant, Duration),
) -> std::io::Result<PatchState> {
    let identity = identity::read(registry)?;
    let reboot = reboot::read(registry, sources.restart.clone());
    let server = if updater.asks_file() { UpdateServer::File } else { identity::server(registry) };
    let (search, unanswered) = updater.look(&sources.results, now, instant, wait);
    let untold = untold(&sources, unanswered, &reboot);
    let installed =
        installed(sources.record.as_deref().ok(), sources.history.as_deref().ok(), identity.installed_at);
    let results = sources.results.clone().unwrap_or_default();
    let mut pending = search.map_or_else(Vec::new, |search| pending(search, &identity, server, now));
    keep_first_seen(&mut pending, previous.map_or(&[], |state| &state.pending));
    let by_urgency = |update: &PendingUpdate| (!update.security, update.first_seen, update.name.clone());
    pending.sort_by_cached_key(by_urgency);
    let security = count(pending.iter().filter(|update| update.security).count());
    let pending_count = count(pending.len());
    pending.truncate(PENDING_UPDATES_MAX);
    pending.sort();

    Ok(PatchState {
        lists_at: search.map(|search| search.data_at.unwrap_or(search.at)),
        last_update: results.installed_at.or_else(|| last_of(&sources)),
        pending,
        pending_count,
        security_count: search.map(|_| security),
        reboot_needed: reboot.needed(),
        kernel_running: kernel(&identity),
        kernel_installed: None,
        automatic: identity::automatic(registry, &identity),
        refreshed_at: results.searched_at,
        upgraded_at: results.installed_at.or_else(|| last_of(&sources)),
        pro: None,
        kernel_build: None,
        stale: None,
        windows: Some(Box::new(WindowsState {
            build: identity.build,
            revision: identity.revision,
            product_name: identity.product_name,
            display_version: identity.display_version,
            edition: identity.edition,
            installation: identity.installation,
            architecture: identity.architecture,
            service_pack: identity.service_pack,
            installed,
            search: search.cloned(),
            // A list that is not whole would say that the other parts are not there.
            components: None,
            reboot: Some(reboot.signs),
            untold: Some(untold),
            server: Some(server),
        })),
    })
}

fn kernel(identity: &Identity) -> String {
    match identity.revision {
        Some(revision) => format!("{}.{revision}", identity.build),
        None => identity.build.to_string(),
    }
}

/// The newest installation that the history tells of.
fn last_of(sources: &Sources) -> Option<Timestamp> {
    let history = sources.history.as_deref().unwrap_or_default();

    history.iter().filter(|past| past.installed && past.succeeded).map(|past| past.at).max()
}

fn untold(sources: &Sources, unanswered: Option<&Unknown>, reboot: &Reboot) -> Vec<Untold> {
    let all = [
        (UpdateSource::Recorded, sources.record.as_ref().err()),
        (UpdateSource::History, sources.history.as_ref().err()),
        (UpdateSource::Search, unanswered),
        (UpdateSource::Results, sources.results.as_ref().err()),
        (UpdateSource::Reboot, reboot.unread.as_ref()),
    ];
    let one = |(source, unknown): (UpdateSource, Option<&Unknown>)| {
        Some(Untold { source, unknown: unknown?.clone() })
    };

    all.into_iter().filter_map(one).collect()
}

/// What is missing, as updates that wait: by number, so that what waits keeps the moment it was first seen.
fn pending(
    search: &UpdateSearch,
    identity: &Identity,
    server: UpdateServer,
    now: Timestamp,
) -> Vec<PendingUpdate> {
    let origin = match server {
        UpdateServer::Microsoft => "Windows Update",
        UpdateServer::Managed => "WSUS",
        UpdateServer::File => "wsusscn2.cab",
    };

    search
        .missing
        .iter()
        .map(|update| {
            let numbers: Vec<String> = update.numbers.iter().map(|number| format!("KB{number}")).collect();
            PendingUpdate {
                name: if numbers.is_empty() { update.title.clone() } else { numbers.join(" ") },
                architecture: identity.architecture.clone(),
                installed: String::new(),
                candidate: update.title.clone(),
                security: update.security == Some(true),
                origin: origin.to_owned(),
                first_seen: now,
            }
        })
        .collect()
}

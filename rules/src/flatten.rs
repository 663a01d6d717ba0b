//! An observation as the flat event that rules are matched against. Fields without a value are left out.

use core::net::IpAddr;

use serde_json::{Map, Value};
use vonggac_protocol::file::{Actor, FileChanged, FileKind, FileState};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::record::Login;
use vonggac_protocol::time::Timestamp;

use crate::reads::Reads;

/// A flat event: field names to values.
pub type Event = Map<String, Value>;

/// The event of an observation, without the common fields.
#[must_use]
pub fn flatten(observation: &Observation) -> Event {
    flatten_for(observation, &Reads::ALL)
}

/// The same with at least the fields that are looked at. Changes of files, which are most of what a fleet tells, have no
/// others.
pub(crate) fn flatten_for(observation: &Observation, reads: &Reads) -> Event {
    match &observation.kind {
        Kind::FileChanged(change) => file_changed(change, reads),
        Kind::PackagesListed(listed) => pairs([
            ("part", listed.part.into()),
            ("parts", listed.parts.into()),
            ("packages", listed.packages.len().into()),
        ]),
        Kind::PackagesChanged(changed) => pairs([
            ("added", changed.added.iter().map(|package| package.name.clone()).collect()),
            ("removed", changed.removed.iter().map(|package| package.name.clone()).collect()),
        ]),
        Kind::RecordsMissing(missing) => {
            let count = missing.last.saturating_sub(missing.first).saturating_add(1);
            let mut event = plain(&observation.kind);
            event.insert("count".to_owned(), count.into());

            event
        }
        Kind::FilesInstalled(installed) => {
            let mut event = plain(&observation.kind);
            let names: Vec<Value> = installed.packages.iter().map(|it| it.name.clone().into()).collect();
            event.insert("packages".to_owned(), names.into());
            put_actor(&mut event, installed.actor.as_ref());

            event
        }
        Kind::ChangeBurst(burst) => {
            let mut event = plain(&observation.kind);
            event.insert("count".to_owned(), burst.rewritten.saturating_add(burst.renamed).into());
            put_actor(&mut event, burst.actor.as_ref());

            event
        }
        Kind::Login(login) => signed_in(observation, login),
        Kind::Posture(posture) => {
            let mut event = Event::new();
            crate::posture::put(&mut event, posture, observation.at);

            event
        }
        Kind::Activation(activation) => {
            let mut event = Event::new();
            crate::activation::put(&mut event, activation);

            event
        }
        Kind::AgentStarted(_)
        | Kind::AgentStopped(_)
        | Kind::Health(_)
        | Kind::HostDescribed(_)
        | Kind::BaselineTaken(_)
        | Kind::WatchLost(_)
        | Kind::SpoolDropped(_)
        | Kind::PatchState(_)
        | Kind::AssignmentRefused(_)
        | Kind::SensorFailed(_)
        | Kind::AgentSilent(_)
        | Kind::AgentHeard(_)
        | Kind::IdentityTwice(_)
        | Kind::HostMisbehaved(_)
        | Kind::CertificateEnding(_)
        | Kind::BudgetReached(_)
        | Kind::PrivilegeUsed(_)
        | Kind::AccountChanged(_)
        | Kind::ServiceChanged(_)
        | Kind::LogGap(_)
        | Kind::AgentUpgrade(_)
        | Kind::MachineSetBack(_)
        | Kind::WatchModeChanged(_) => plain(&observation.kind),
    }
}

fn signed_in(observation: &Observation, login: &Login) -> Event {
    let mut event = plain(&observation.kind);
    if let Some(outside) = login.from.as_deref().and_then(is_outside) {
        event.insert("outside".to_owned(), outside.into());
    }
    event.insert("hour".to_owned(), hour_in_viet_nam(observation.at).into());

    event
}

/// Whether an address is one of the public network; `None` if it is no address.
fn is_outside(from: &str) -> Option<bool> {
    let is_own = match from.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(it) => {
            let [a, b, ..] = it.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            it.is_private() || it.is_loopback() || it.is_link_local() || it.is_unspecified() || is_shared
        }
        IpAddr::V6(it) => {
            it.is_loopback() || it.is_unspecified() || it.is_unique_local() || it.is_unicast_link_local()
        }
    };

    Some(!is_own)
}

/// Viet Nam is seven hours ahead of UTC all year.
fn hour_in_viet_nam(at: Timestamp) -> i64 {
    at.0.div_euclid(3_600_000).saturating_add(7).rem_euclid(24)
}

fn pairs<const N: usize>(pairs: [(&str, Value); N]) -> Event {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields that the category declares, as the kind's own JSON has them.
fn plain(kind: &Kind) -> Event {
    let declared = crate::fields::category(kind.word()).map_or(&[][..], |category| category.fields);
    let Ok(Value::Object(mut whole)) = serde_json::to_value(kind) else { return Event::new() };

    declared
        .iter()
        .filter_map(|field| Some((field.name.to_owned(), whole.swap_remove(field.name)?)))
        .filter(|(_, value)| !value.is_null())
        .collect()
}

const SET_ID: u32 = 0o6000;
const ANY_EXECUTE: u32 = 0o111;
const OTHERS_WRITE: u32 = 0o002;

const BEFORE: [&str; 7] = [
    "before_size",
    "before_digest",
    "before_mode",
    "before_owner",
    "before_group",
    "before_modified",
    "before_link",
];
const AFTER: [&str; 7] = [
    "after_size",
    "after_digest",
    "after_mode",
    "after_owner",
    "after_group",
    "after_modified",
    "after_link",
];

fn file_changed(change: &FileChanged, reads: &Reads) -> Event {
    let path = change.path.as_str();
    let (folder, name) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
    let extension = name.rsplit_once('.').map_or("", |(stem, extension)| match stem {
        "" => "",
        _ => extension,
    });
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let mut event = Event::new();
    let mut put = |name: &str, value: &dyn Fn() -> Value| {
        if !reads.wants(name) {
            return;
        }
        let value = value();
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    };
    put("path", &|| path.into());
    put("name", &|| name.into());
    put("folder", &|| folder.into());
    put("extension", &|| extension.to_lowercase().into());
    put("area", &|| json(&change.area));
    put("root", &|| change.root.as_str().into());
    put("below_root", &|| path.strip_prefix(change.root.as_str()).unwrap_or(path).into());
    put("action", &|| json(&change.action));
    put("object", &|| after.or(before).map_or(Value::Null, |state| json(&state.kind)));
    put("while_off", &|| change.while_off.into());
    put("not_before", &|| json(&change.not_before));
    put("content_changed", &|| {
        differs(before, after, |s| (s.kind, s.size, s.digest, s.link_target.clone())).into()
    });
    put("mode_changed", &|| differs(before, after, |state| state.mode).into());
    put("owner_changed", &|| differs(before, after, |s| (s.owner.clone(), s.group.clone())).into());
    put("attributes_changed", &|| differs(before, after, |state| state.attributes).into());
    let mode = |state: Option<&FileState>| state.map_or(0, |state| state.mode);
    let is = |kind| after.is_some_and(|state| state.kind == kind);
    let set_id_before =
        before.is_some_and(|state| state.kind == FileKind::File) && mode(before) & SET_ID != 0;
    let writable = is(FileKind::File) || is(FileKind::Directory);
    put("executable", &|| (is(FileKind::File) && mode(after) & ANY_EXECUTE != 0).into());
    put("setuid_gained", &|| (is(FileKind::File) && mode(after) & SET_ID != 0 && !set_id_before).into());
    put("world_writable", &|| (writable && mode(after) & OTHERS_WRITE != 0).into());
    for (names, state) in [(BEFORE, before), (AFTER, after)] {
        let Some(state) = state else { continue };
        let [size, digest, mode, owner, group, modified, link] = names;
        put(size, &|| state.size.into());
        put(digest, &|| json(&state.digest));
        put(mode, &|| format!("{:04o}", state.mode).into());
        put(owner, &|| state.owner.clone().into());
        put(group, &|| state.group.clone().into());
        put(modified, &|| json(&state.modified));
        put(link, &|| json(&state.link_target));
    }
    if let Some(package) = &change.package {
        put("package", &|| package.name.clone().into());
        put("package_version", &|| package.version.clone().into());
        put("package_verdict", &|| json(&package.verdict));
    }
    if let Some(text) = &change.text {
        put("lines_added", &|| text.added.into());
        put("lines_removed", &|| text.removed.into());
    }
    put("flags_changed", &|| differs(before, after, |state| state.flags).into());
    put_actor(&mut event, change.actor.as_ref());

    event
}

fn put_actor(event: &mut Event, actor: Option<&Actor>) {
    let Some(actor) = actor else { return };
    for (name, value) in [
        ("actor_program", json(&actor.program)),
        ("actor_user", json(&actor.user)),
        ("actor_process", actor.process.into()),
        ("actor_session", json(&actor.session)),
    ] {
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    }
}

/// Whether what `part` takes from the two states differs; coming and going is a difference.
fn differs<T: PartialEq>(
    before: Option<&FileState>,
    after: Option<&FileState>,
    part: impl Fn(&FileState) -> T,
) -> bool {
    before.map(&part) != after.map(&part)
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

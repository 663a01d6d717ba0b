//! The patch state of a host, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vonggac_protocol::limits::PENDING_UPDATES_MAX;
use vonggac_protocol::package::{Manager, Package};
use vonggac_protocol::patch::{PatchState, PendingUpdate};
use vonggac_protocol::time::Timestamp;

use super::apt_conf::AptConf;
use super::candidate::{Installed, candidate};
use super::dnf;
use super::history;
use super::kernel::{self, Kernels};
use super::lists::{self, Lists, Wanted, filed_under};
use super::origin;
use super::preferences::Preferences;
use super::sources::{self, Sources};
use crate::sensor::packages::{Marks, Stamp, files_root, native_architecture};

/// How often lists that change while they are read are read anew; after that the answer is given with a problem noted.
const ATTEMPTS_MAX: u32 = 3;

/// The kernel that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// As `uname -r` gives it.
    pub release: String,
    /// Version of the package it was built as, where it says so.
    pub build: Option<String>,
}

/// What one pass found.
#[derive(Debug)]
pub struct Patches {
    /// The patch state.
    pub state: PatchState,
    /// What archives, lists and histories tell of the packages.
    pub marks: Marks,
    /// What could not be read or understood, in English, without names of what is watched.
    pub problems: Vec<&'static str>,
}

/// A cheap sign of whether anything that the patch state depends on has changed, packages apart.
#[must_use]
pub fn stamp(root: &Path) -> Stamp {
    let Some(root) = files_root(root) else { return Stamp::default() };
    let fixed = [
        "var/lib/apt/lists",
        "etc/apt/sources.list.d",
        "etc/apt/preferences",
        "etc/apt/preferences.d",
        "etc/apt/apt.conf",
        "etc/apt/apt.conf.d",
        "run/reboot-required",
        "boot",
        "var/lib/apt/extended_states",
        "var/lib/apt/periodic/update-success-stamp",
        "var/lib/apt/periodic/update-stamp",
        "var/lib/ubuntu-advantage/private/machine-token.json",
    ];
    let lists =
        lists::file_names(&lists::folder(root)).into_iter().map(|name| lists::folder(root).join(name));

    let files = lists.chain(sources::files(root)).chain(dnf::files(root));

    Stamp::of(fixed.map(|path| root.join(path)).into_iter().chain(files))
}

/// Reads the patch state of the system whose files are under `root`.
///
/// `packages` is what is installed; `previous` the state told last.
#[must_use]
pub fn read(
    root: &Path,
    now: Timestamp,
    packages: &BTreeSet<Package>,
    running: &Running,
    previous: Option<&PatchState>,
) -> Patches {
    let conf = AptConf::read(root);
    let preferences = Preferences::read(root, conf.text("apt::default-release"));
    let native = native_architecture(packages).unwrap_or_default().to_owned();
    let mut problems = Vec::new();
    let lists = steady_lists(root, &conf, packages, &native, &mut problems);
    problems.extend(lists.problems.iter().copied());
    if preferences.ignored > 0 {
        problems.push("some pins in apt's preferences are not understood and were ignored");
    }

    // A system has one of the two; tools of the other may be installed too.
    let offered = dnf::read(root, packages, now);
    problems.extend(offered.problems.iter().copied());
    let past = dnf::past(root);
    let mut pending = pending(packages, &lists, &preferences, &native, now);
    pending.extend(offered.pending);
    keep_first_seen(&mut pending, previous.map_or(&[], |state| &state.pending));
    let by_urgency = |update: &PendingUpdate| (!update.security, update.first_seen, update.name.clone());
    pending.sort_by_cached_key(by_urgency);
    let pending_count = count(pending.len());
    let security = count(pending.iter().filter(|update| update.security).count());
    let of_apt = lists.newest.is_some() && lists.archives.iter().any(|archive| archive.release.is_security());
    let told = of_apt || offered.tells_security;
    pending.truncate(PENDING_UPDATES_MAX);
    pending.sort();

    let kernels = kernel::read(root, packages, running);
    let state = PatchState {
        lists_at: lists.newest.max(offered.lists_at),
        last_update: packages.iter().filter_map(|package| package.installed_at).max(),
        pending,
        pending_count,
        security_count: told.then_some(security),
        reboot_needed: reboot_needed(root, &kernels),
        kernel_running: running.release.clone(),
        kernel_installed: kernels.newest,
        automatic: automatic(root, packages, &conf),
        refreshed_at: lists.newest.and_then(|_| history::refreshed_at(root)).max(offered.refreshed_at),
        upgraded_at: history::upgraded_at(root).max(past.upgraded_at),
        pro: pro(root, packages),
        kernel_build: running.build.clone(),
        // Of the running system, not of what is under the root: the caller looks.
        stale: None,
        windows: None,
    };

    let mut marks = origin::marks(root, packages, &lists, &native);
    marks.extend(past.marks);

    Patches { state, marks, problems }
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn of_dpkg(packages: &BTreeSet<Package>) -> impl Iterator<Item = &Package> {
    packages.iter().filter(|package| package.manager == Manager::Dpkg)
}

fn steady_lists(
    root: &Path,
    conf: &AptConf,
    packages: &BTreeSet<Package>,
    native: &str,
    problems: &mut Vec<&'static str>,
) -> Lists {
    let key = |package| wanted(package, native);
    let keys: Wanted<'_> = of_dpkg(packages).map(key).collect();
    if keys.is_empty() {
        return Lists::default();
    }
    let read = || lists::read(root, &Sources::read(root, conf, native), &keys, native);
    for _ in 1..ATTEMPTS_MAX {
        let before = stamp(root);
        let lists = read();
        if stamp(root) == before {
            return lists;
        }
    }
    problems.push("the lists kept changing while they were read");

    read()
}

fn wanted<'p>(package: &'p Package, native: &'p str) -> ((&'p str, &'p str), Option<&'p str>) {
    ((&package.name, filed_under(&package.architecture, native)), package.vendor.as_deref())
}

fn pending(
    packages: &BTreeSet<Package>,
    lists: &Lists,
    preferences: &Preferences,
    native: &str,
    now: Timestamp,
) -> Vec<PendingUpdate> {
    let update = |package: &Package| {
        let architecture = filed_under(&package.architecture, native);
        let offers = lists.offers.get(&(package.name.clone(), architecture.to_owned()))?;
        let installed = Installed {
            name: &package.name,
            architecture,
            version: &package.version,
            source: package.source.as_deref(),
        };
        let found = candidate(&installed, offers, &lists.archives, preferences)?;

        Some(PendingUpdate {
            name: package.name.clone(),
            architecture: package.architecture.clone(),
            installed: package.version.clone(),
            candidate: found.version.to_owned(),
            security: found.security,
            origin: lists
                .archives
                .get(found.archive)
                .map(|archive| archive.release.title())
                .unwrap_or_default(),
            first_seen: now,
        })
    };

    of_dpkg(packages).filter_map(update).collect()
}

/// An update that waited already keeps the moment it was first seen, also when a still newer version took its place: the
/// host has been behind since then. One that only now became a security update counts from now.
pub(super) fn keep_first_seen(pending: &mut [PendingUpdate], previous: &[PendingUpdate]) {
    let key =
        |update: &PendingUpdate| (update.name.clone(), update.architecture.clone(), update.installed.clone());
    let before: BTreeMap<_, _> = previous.iter().map(|update| (key(update), update)).collect();
    for update in pending {
        if let Some(known) = before.get(&key(update)).filter(|known| known.security || !update.security) {
            update.first_seen = known.first_seen.min(update.first_seen);
        }
    }
}

/// Whether a restart is due: a package asked for one, or an installed kernel is newer than the running one.
fn reboot_needed(root: &Path, kernels: &Kernels) -> Option<bool> {
    let asked =
        ["run/reboot-required", "var/run/reboot-required"].iter().any(|path| root.join(path).exists());
    if asked { Some(true) } else { kernels.outdated }
}

/// Whether updates install themselves; `None` on systems with neither apt nor dnf.
fn automatic(root: &Path, packages: &BTreeSet<Package>, conf: &AptConf) -> Option<bool> {
    if packages
        .iter()
        .any(|package| package.manager == Manager::Rpm && matches!(package.name.as_str(), "dnf" | "dnf5"))
    {
        return Some(dnf::automatic(root, packages));
    }
    let has = |name: &str| of_dpkg(packages).any(|package| package.name == name);
    if !has("apt") {
        return None;
    }
    let on = |name: &str, unset: bool| conf.is_on(name).unwrap_or(unset);
    // A masked timer is a link to /dev/null.
    let timer = root.join("etc/systemd/system/apt-daily-upgrade.timer");
    let masked = std::fs::read_link(timer).is_ok_and(|target| target == Path::new("/dev/null"));

    Some(
        has("unattended-upgrades")
            && on("apt::periodic::enable", true)
            && on("apt::periodic::unattended-upgrade", false)
            && !masked,
    )
}

/// Whether the system is attached to Ubuntu Pro, by the presence of its token; what is in that file is never read. `None`
/// where the service's client is not installed.
fn pro(root: &Path, packages: &BTreeSet<Package>) -> Option<bool> {
    let client =
        |package: &Package| matches!(package.name.as_str(), "ubuntu-pro-client" | "ubuntu-advantage-tools");
    let folder = root.join("var/lib/ubuntu-advantage/private");
    let here = |path: &Path| match std::fs::symlink_metadata(path) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        // Who may not look does not know.
        Err(_) => None,
    };

    of_dpkg(packages).any(client).then(|| here(&folder.join("machine-token.json")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(installed: &str, candidate: &str, security: bool, first_seen: i64) -> PendingUpdate {
        PendingUpdate {
            name: "openssl".into(),
            architecture: "amd64".into(),
            installed: installed.into(),
            candidate: candidate.into(),
            security,
            origin: String::new(),
            first_seen: Timestamp(first_seen),
        }
    }

    #[test]
    fn a_waiting_update_keeps_the_moment_it_was_first_seen() {
        let mut pending = [update("1", "3", true, 100)];

        keep_first_seen(&mut pending, &[update("1", "2", true, 5)]);

        assert_eq!(pending[0].first_seen, Timestamp(5));
    }

    #[test]
    fn after_an_upgrade_the_next_update_counts_anew() {
        let mut pending = [update("2", "3", true, 100)];

        keep_first_seen(&mut pending, &[update("1", "2", true, 5)]);

        assert_eq!(pending[0].first_seen, Timestamp(100));
    }

    #[test]
    fn an_update_that_becomes_a_security_update_counts_from_then() {
        let mut pending = [update("1", "3", true, 100)];

        keep_first_seen(&mut pending, &[update("1", "2", false, 5)]);

        assert_eq!(pending[0].first_seen, Timestamp(100));
    }
}

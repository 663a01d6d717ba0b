//! What dnf's own cache offers: pending updates of rpm systems, and which of them are security updates.
//!
//! | file | subject |
//! |---|---|
//! | [`repos`] | repositories that are on, and where their cached lists lie |
//! | [`xml`] | elements of their lists, one after the other, in bounded memory |
//! | [`lists`] | what `primary`, `updateinfo` and `modules` say of installed names |
//! | [`choice`] | which version dnf would install |
//! | [`history`] | from which repository, by whose wish, and when something was upgraded |
//!
//! The answer is that of `dnf check-update`, without what obsoletes another name, and without repository priorities and
//! packages that the configuration leaves out (said as a problem). zypper's cache is in libsolv's own form and is not read.

mod choice;
mod history;
mod lists;
mod repos;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{Manager, Package};
use vonggac_protocol::patch::PendingUpdate;
use vonggac_protocol::time::Timestamp;

pub(super) use history::past;
pub use lists::read_lists_of_bytes;
pub(super) use repos::automatic;

/// What the cache says.
#[derive(Debug, Default)]
pub(super) struct Offered {
    /// Date of the newest list; `None` if there is none.
    pub(super) lists_at: Option<Timestamp>,
    /// When dnf last made sure of them.
    pub(super) refreshed_at: Option<Timestamp>,
    /// Updates that wait.
    pub(super) pending: Vec<PendingUpdate>,
    /// Whether any repository says which updates are for security.
    pub(super) tells_security: bool,
    /// What could not be read, without names.
    pub(super) problems: BTreeSet<&'static str>,
}

/// The files whose change may change the answer.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = vec![root.join("etc/yum.repos.d"), root.join("etc/dnf/dnf.conf")];
    files.extend(history::files(root));
    files.extend(repos::caches(root).into_iter().map(|cache| cache.folder.join("repodata/repomd.xml")));

    files
}

/// Reads what is offered for installed packages of rpm; nothing for a system without any.
pub(super) fn read(root: &Path, packages: &BTreeSet<Package>, now: Timestamp) -> Offered {
    let installed: Vec<&Package> =
        packages.iter().filter(|package| package.manager == Manager::Rpm).collect();
    let mut offered = Offered::default();
    if installed.is_empty() {
        return offered;
    }
    let names: BTreeSet<&str> = installed.iter().map(|package| package.name.as_str()).collect();
    let mut all = lists::Lists::default();
    for cache in repos::caches(root) {
        let Some(index) = repos::index(&cache) else {
            offered.problems.insert("the index of a cached repository cannot be read");
            continue;
        };
        if let Err(problem) = all.take(&cache.id, &index, &names) {
            offered.problems.insert(problem);
            continue;
        }
        offered.lists_at = offered.lists_at.max(index.dated);
        offered.refreshed_at = offered.refreshed_at.max(index.fetched);
    }
    if offered.lists_at.is_none() {
        return offered;
    }
    if repos::leaves_out(root) {
        offered.problems.insert("dnf is told to leave packages out, which is not followed here");
    }
    offered.tells_security = all.tells_security;
    offered.pending = choice::pending(&installed, &all, now);

    offered
}

//! Cases of daily life and of those who hide, against the real kernel, each with both means of noticing: whole file
//! systems (`fanotify`) and a watch for each directory (`inotify`).
//!
//! What is told is checked exactly, as the difference between first and last: every path that ended up different is told,
//! none that did not, and each path's story has no gaps (what was told last is what is told as *before* next). Steps in
//! between may be told where the machine was too busy to make them in one go; they must then be true.
//!
//! | module | subject |
//! |---|---|
//! | `saves` | how editors and tools save a file |
//! | `links` | hard links, links that point elsewhere, swaps |
//! | `names` | names that are no text, long names, deep trees |
//! | `logs` | growing, rotation, compression, sparse files |
//! | `folders` | many paths at once: made, moved, removed |
//! | `metadata` | permissions, owners, times, attributes, flags |
//! | `special` | pipes, sockets, devices, files without end or out of reach |
//! | `content` | equal content, made again, written through a map |

#[cfg(unix)]
mod content;
mod folders;
#[cfg(unix)]
mod links;
#[cfg(unix)]
mod logs;
#[cfg(unix)]
mod metadata;
#[cfg(unix)]
mod names;
#[cfg(unix)]
mod saves;
#[cfg(unix)]
pub(super) mod special;

use std::collections::BTreeMap;
use std::path::PathBuf;

use vonggac_protocol::file::{FileAction, FileChanged, FileKind, FileState};
use vonggac_protocol::observation::Kind;

use super::super::WatchBy;
use super::{Ground, Watcher};

/// Runs a case with each means of noticing.
pub(super) fn each_way(case: impl Fn(&Ground)) {
    case(&Ground::by(WatchBy::Directories));
    if may_watch_file_systems() {
        case(&Ground::by(WatchBy::FileSystem));
    } else {
        super::not_run("fanotify needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH");
    }
}

/// Whether this process has the rights to watch whole file systems: `CAP_DAC_READ_SEARCH` and `CAP_SYS_ADMIN`.
fn may_watch_file_systems() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let held = u64::from_str_radix(held.trim(), 16).unwrap();

    held & (1 << 2) != 0 && held & (1 << 21) != 0
}

impl Watcher {
    /// All that is told of files until now; fails where a loss or a failure is told.
    pub(super) fn seen(&mut self) -> Vec<FileChanged> {
        self.turns += 1;
        let text = format!("turn {}", self.turns);
        std::fs::write(&self.sentinel, &text).unwrap();
        let wanted = vonggac_protocol::digest::Digest::of(text.as_bytes());
        let mut found = Vec::new();
        loop {
            let kind = self.next().kind;
            let Kind::FileChanged(changed) = kind else { panic!("nothing else happened: {kind:?}") };
            let is_sentinel = changed.path.as_str() == self.sentinel.to_str().unwrap();
            if is_sentinel && changed.after.as_ref().is_some_and(|state| state.digest == Some(wanted)) {
                return found;
            }
            if !is_sentinel {
                found.push(changed);
            }
        }
    }

    /// As [`net`](Self::net), of at least so many paths: what is in a new directory may be found after a file elsewhere.
    pub(super) fn net_of(&mut self, paths: usize) -> Vec<(FileAction, String)> {
        let base = self.sentinel.parent().unwrap().to_owned();
        let mut told = Vec::new();
        for _ in 0..50 {
            told.extend(self.seen());
            if net(&told, &base).len() >= paths {
                break;
            }
        }

        net(&told, &base)
    }

    /// What is different now, by the story of each path told until now.
    pub(super) fn net(&mut self) -> Vec<(FileAction, String)> {
        let base = self.sentinel.parent().unwrap().to_owned();

        net(&self.seen(), &base)
    }
}

/// The difference between first and last of each path, sorted by name; a story with a gap fails.
fn net(told: &[FileChanged], base: &std::path::Path) -> Vec<(FileAction, String)> {
    let mut stories: BTreeMap<String, (Option<FileState>, Option<FileState>)> = BTreeMap::new();
    for changed in told {
        let path = PathBuf::from(String::from_utf8_lossy(&changed.path.to_bytes()).into_owned());
        let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
        assert!(!changed.while_off, "nobody was off: {name}");
        match stories.get_mut(&name) {
            None => {
                stories.insert(name, (changed.before.clone(), changed.after.clone()));
            }
            Some((_, last)) => {
                assert_eq!(
                    quiet(last.clone()),
                    quiet(changed.before.clone()),
                    "a gap in what is told of {name}"
                );
                last.clone_from(&changed.after);
            }
        }
    }

    stories.into_iter().filter_map(|(name, (first, last))| Some((difference(first, last)?, name))).collect()
}

/// The change time alone is no change.
fn quiet(state: Option<FileState>) -> Option<FileState> {
    state.map(|state| FileState { changed: state.modified, ..state })
}

pub(super) fn difference(first: Option<FileState>, last: Option<FileState>) -> Option<FileAction> {
    match (quiet(first), quiet(last)) {
        (None, None) => None,
        (None, Some(_)) => Some(FileAction::Created),
        (Some(_), None) => Some(FileAction::Deleted),
        (Some(first), Some(last)) if first == last => None,
        (Some(first), Some(last)) => {
            let content =
                |state: &FileState| (state.kind, state.size, state.digest, state.link_target.clone());
            let is_same = content(&first) == content(&last);
            // The time of a directory or link says nothing.
            let is_timeless = first.kind != FileKind::File
                && FileState { modified: last.modified, ..first.clone() } == last;
            match (is_same, is_timeless) {
                (true, true) => None,
                (true, false) => Some(FileAction::MetadataChanged),
                (false, _) => Some(FileAction::Modified),
            }
        }
    }
}

pub(super) fn created(names: &[&str]) -> Vec<(FileAction, String)> {
    all(FileAction::Created, names)
}

pub(super) fn modified(names: &[&str]) -> Vec<(FileAction, String)> {
    all(FileAction::Modified, names)
}

pub(super) fn deleted(names: &[&str]) -> Vec<(FileAction, String)> {
    all(FileAction::Deleted, names)
}

#[cfg(unix)]
fn metadata(names: &[&str]) -> Vec<(FileAction, String)> {
    all(FileAction::MetadataChanged, names)
}

fn all(action: FileAction, names: &[&str]) -> Vec<(FileAction, String)> {
    names.iter().map(|name| (action, (*name).to_owned())).collect()
}

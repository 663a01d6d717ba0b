//! Changes that the package manager's database accounts for, joined into one observation. Pure.

use std::collections::BTreeMap;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Actor, FileAction, FileKind, FileState, FilesInstalled, InstalledPackage};
use vonggac_protocol::limits::INSTALLED_PACKAGES_MAX;
use vonggac_protocol::time::Timestamp;

use crate::sensor::files::compare::Entry;
use crate::sensor::files::key::Key;

/// Paths of one observation: they are in memory until it is confirmed, at some 400 bytes each. A larger installation is
/// told in several.
pub(in super::super) const INSTALLED_PATHS_MAX: usize = 4_096;

/// The package that accounts for a change: its name, and its version now (empty: removed).
pub(in super::super) type Account = (String, String);

/// What the changes of one observation have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Common {
    pub(in super::super) while_off: bool,
    pub(in super::super) not_before: Option<Timestamp>,
}

/// Who was seen at work.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Worker {
    Nobody,
    /// This one, or the first of several processes of one program and user: a front end runs dpkg more than once.
    One(Actor),
    Several,
}

/// An installation on its way.
#[derive(Debug)]
pub(in super::super) struct Installation {
    pub(in super::super) common: Common,
    from: Timestamp,
    pub(in super::super) opened: Instant,
    members: BTreeMap<Key, Member>,
    packages: BTreeMap<Account, u64>,
    worker: Worker,
}

#[derive(Debug)]
struct Member {
    action: FileAction,
    after: Option<Entry>,
    account: Account,
}

impl Installation {
    pub(in super::super) fn new(common: Common, from: Timestamp, now: Instant) -> Self {
        Self {
            common,
            from,
            opened: now,
            members: BTreeMap::new(),
            packages: BTreeMap::new(),
            worker: Worker::Nobody,
        }
    }

    /// Adds a change; a later one of the same path takes its place.
    pub(in super::super) fn add(
        &mut self,
        key: Key,
        action: FileAction,
        after: Option<Entry>,
        account: Account,
    ) {
        self.forget(&key);
        *self.packages.entry(account.clone()).or_default() += 1;
        self.members.insert(key, Member { action, after, account });
    }

    /// Who made one of the changes, if that is known.
    pub(in super::super) fn see(&mut self, actor: Option<Actor>) {
        let Some(actor) = actor else { return };
        self.worker = match std::mem::replace(&mut self.worker, Worker::Several) {
            Worker::Nobody => Worker::One(actor),
            Worker::One(known) if (&known.program, &known.user) == (&actor.program, &actor.user) => {
                Worker::One(known)
            }
            Worker::One(_) | Worker::Several => Worker::Several,
        };
    }

    /// Whether the path is part of it.
    pub(in super::super) fn holds(&self, key: &Key) -> bool {
        self.members.contains_key(key)
    }

    /// The path is no part of it after all.
    pub(in super::super) fn forget(&mut self, key: &Key) {
        let Some(member) = self.members.remove(key) else { return };
        if let Some(files) = self.packages.get_mut(&member.account) {
            *files = files.saturating_sub(1);
            if *files == 0 {
                self.packages.remove(&member.account);
            }
        }
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(in super::super) fn is_full(&self) -> bool {
        self.members.len() >= INSTALLED_PATHS_MAX || self.packages.len() >= INSTALLED_PACKAGES_MAX
    }

    /// The observation, and what it says of each path, in their order.
    pub(in super::super) fn into_told(self, manager: &str) -> (FilesInstalled, Vec<(Key, Option<Entry>)>) {
        let mut hasher = Sha256::new();
        let (mut created, mut modified, mut deleted) = (0, 0, 0);
        let mut paths = Vec::with_capacity(self.members.len());
        for (key, member) in self.members {
            match member.action {
                FileAction::Created => created += 1,
                FileAction::Modified | FileAction::MetadataChanged => modified += 1,
                FileAction::Deleted => deleted += 1,
            }
            hash_change(&mut hasher, &key, member.action, member.after.as_ref().map(|entry| &entry.state));
            paths.push((key, member.after));
        }
        let packages = self.packages.into_iter();
        let installed = FilesInstalled {
            manager: manager.to_owned(),
            packages: packages
                .map(|((name, version), files)| InstalledPackage { name, version, files })
                .collect(),
            created,
            modified,
            deleted,
            digest: Digest(hasher.finalize().into()),
            from: self.from,
            while_off: self.common.while_off,
            not_before: self.common.not_before,
            actor: match self.worker {
                Worker::One(actor) => Some(actor),
                Worker::Nobody | Worker::Several => None,
            },
        };

        (installed, paths)
    }
}

/// Path, action, and the state in its form on the wire, each behind its length.
fn hash_change(hasher: &mut Sha256, key: &Key, action: FileAction, state: Option<&FileState>) {
    let state = state.map(|state| minicbor::to_vec(state).expect("a Vec takes any number of bytes"));
    let action = match action {
        FileAction::Created => 0,
        FileAction::Modified => 1,
        FileAction::MetadataChanged => 2,
        FileAction::Deleted => 3_u8,
    };
    for field in [key.as_bytes(), &[action], state.as_deref().unwrap_or_default()] {
        hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(field);
    }
}

const SET_ID: u32 = 0o6000;
const OTHERS_WRITE: u32 = 0o002;

/// Whether a change leaves all that a package manager does not record as harmless as it was: no set-id bit, no right of
/// others to write, no attribute and no other owner came, and no guard against changes went.
pub(in super::super) fn is_plain(before: Option<&FileState>, after: Option<&FileState>) -> bool {
    let Some(after) = after else { return true };
    let before = before.filter(|before| before.kind == after.kind);
    let gained = |bits| after.mode & bits & !before.map_or(0, |before| before.mode) != 0;
    if after.kind == FileKind::Other || gained(OTHERS_WRITE) {
        return false;
    }
    if after.kind == FileKind::File && gained(SET_ID) {
        return false;
    }
    let owner = before.map_or(("root", "root"), |before| (before.owner.as_str(), before.group.as_str()));
    let is_same_owner = (after.owner.as_str(), after.group.as_str()) == owner;
    let attributes = before.and_then(|before| before.attributes);
    let are_same_attributes = after.attributes.is_none() || after.attributes == attributes;
    let flags = |state: &FileState| state.flags.unwrap_or_default();
    let are_same_flags = before.is_none_or(|before| flags(before) == flags(after));

    is_same_owner && are_same_attributes && are_same_flags
}

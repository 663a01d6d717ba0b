//! Who touched a path since it was last looked at, and which of them made it what it is. Pure.
//!
//! The rule: the last process that changed what now stands at the path; a mere closing counts only where nothing else is
//! known (a map's writes show as nothing but a closing). A claim says which file it is about, so that whoever still
//! writes to a file that was replaced is not taken for whoever replaced it. In doubt nobody is named.

use std::sync::Arc;

use vonggac_protocol::file::Actor;
use vonggac_protocol::time::Timestamp;

use crate::os::fanotify::Handle;

/// Claims of one path in memory; the oldest goes, since the last counts.
const CLAIMS_MAX: usize = 4;

/// What a claim is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// This file.
    File(Handle),
    /// Whatever came with a directory that was moved here.
    Brought,
    /// The name: what stood there went.
    Removal,
    /// The system did not say which file.
    Unsaid,
}

/// One process touched the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    /// Who; `None` if that is not known for sure.
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) about: About,
    /// Whether it changed anything, or only closed what may have been written through a map.
    pub(super) is_change: bool,
    /// The latest moment at which it can have happened.
    pub(super) until: Timestamp,
}

/// All claims of a path since it was last looked at.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Claims {
    list: Vec<Claim>,
    /// How often the path was put back because somebody's notice was still on its way.
    pub(super) put_back: u8,
}

impl Claims {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The same, to be looked at for the last time: it is not put back.
    pub(super) fn at_last(mut self) -> Self {
        self.put_back = u8::MAX - 1;

        self
    }

    /// The last claim of a change.
    pub(super) fn last_change(&self) -> Option<Claim> {
        self.list.iter().rev().find(|claim| claim.is_change).cloned()
    }

    pub(super) fn into_list(self) -> Vec<Claim> {
        self.list
    }

    pub(super) fn add(&mut self, claim: Claim) {
        let is_same = |known: &&mut Claim| known.about == claim.about;
        if let Some(at) = self.list.iter_mut().find(is_same) {
            // A closing tells nothing new of a file that somebody is known to have changed.
            if at.is_change && !claim.is_change {
                at.until = at.until.max(claim.until);
                return;
            }
        }
        self.list.retain(|known| known.about != claim.about);
        if self.list.len() >= CLAIMS_MAX {
            self.list.remove(0);
        }
        self.list.push(claim);
    }

    pub(super) fn join(&mut self, others: Self) {
        self.put_back = self.put_back.max(others.put_back);
        for claim in others.list {
            self.add(claim);
        }
    }

    /// The latest moment that any of them covers.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.list.iter().map(|claim| claim.until).max()
    }

    /// Who made the path what it is: gone, or this file, last changed at this moment.
    pub(super) fn who(&self, found: Option<(&Handle, Timestamp)>) -> Option<Arc<Actor>> {
        let Some((handle, changed)) = found else {
            let removal = self.list.iter().rev().find(|claim| claim.about == About::Removal)?;
            return removal.actor.clone();
        };
        let exact = |claim: &&Claim| matches!(&claim.about, About::File(about) if about == handle);
        let brought = |claim: &&Claim| claim.about == About::Brought && changed <= claim.until;
        let (exact, brought) = (self.list.iter().rev().find(exact), self.list.iter().rev().find(brought));
        match (exact, brought) {
            // Read too late to tell whether it was written where it stood before, or after it came here.
            (Some(exact), Some(brought)) if exact.actor != brought.actor => None,
            (Some(claim), _) | (None, Some(claim)) => claim.actor.clone(),
            (None, None) => None,
        }
    }
}

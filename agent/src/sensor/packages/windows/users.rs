//! Which users there are, and what was read of those whose hives are not loaded now: nobody uninstalls a program by
//! signing out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::names;
use crate::keep;
use crate::os::RegistryRoot;
use crate::registry::Registry;

const PROFILES: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList";

/// Users that are remembered; beyond these, programs of a user come and go with his sign-in.
const USERS_MAX: usize = 1_024;

/// Programs in the hives of users, as they were read last; of users without a profile nothing is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UserSoftware(BTreeMap<String, Vec<Entry>>);

impl UserSoftware {
    /// What [`save`](Self::save) wrote; nothing if it is not there or is not that.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();

        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes it whole.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        keep::write_whole(path, &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// Remembers what was read of loaded hives, adds what is remembered of the others, forgets users who are gone.
    pub(super) fn exchange(&mut self, registry: &dyn Registry, entries: &mut Vec<Entry>) -> io::Result<()> {
        let loaded = loaded(registry)?;
        let profiles: BTreeSet<String> =
            names(registry, RegistryRoot::LocalMachine, PROFILES)?.into_iter().collect();
        self.0.retain(|user, _| profiles.contains(user) && !loaded.contains(user));
        entries.extend(self.0.values().flatten().cloned());
        for user in loaded.iter().filter(|user| profiles.contains(*user)).take(USERS_MAX) {
            let own = entries.iter().filter(|entry| entry.user.as_ref() == Some(user)).cloned().collect();
            self.0.insert(user.clone(), own);
        }

        Ok(())
    }
}

/// Users whose hives are loaded, by their security identifiers.
pub(super) fn loaded(registry: &dyn Registry) -> io::Result<BTreeSet<String>> {
    let all = names(registry, RegistryRoot::Users, "")?;

    Ok(all.into_iter().filter(|name| name.starts_with("S-1-") && !name.ends_with("_Classes")).collect())
}

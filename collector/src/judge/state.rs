//! What is known of a host at this moment, as the rules about states want it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use vonggac_protocol::activation::Activation;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::HostDescribed;
use vonggac_protocol::id::{HostId, ObservationId};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::Package;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::posture::Posture;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::catalogue::Catalogue;
use vonggac_rules::flatten::Event;
use vonggac_rules::state::HostState;
use vonggac_rules::support::SupportTable;

use crate::store::{Store, observations, packages};
use crate::support;

/// Words of the kinds that change what is known of a host's state.
const KINDS: [&str; 6] =
    ["host_described", "patch_state", "packages_listed", "packages_changed", "posture", "activation"];

/// Whether an observation of this kind changes the state.
#[must_use]
pub fn changes_state(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// The newest that is known of one host.
#[derive(Clone, Debug)]
pub struct Known {
    /// The host.
    pub host: HostId,
    /// Its agency.
    pub agency: String,
    /// The newest observation that this rests on.
    pub rests_on: ObservationId,
    described: Option<HostDescribed>,
    patches: Option<PatchState>,
    packages: Option<Vec<Package>>,
    posture: Option<Posture>,
    activation: Option<Activation>,
}

/// The data files that states are read with.
pub struct Tables {
    catalogue: Catalogue,
    support: SupportTable,
    /// The feeds that `support` has days of.
    support_feeds: BTreeMap<String, Digest>,
}

impl Tables {
    /// Those this program was built with; ends of support of feeds come with [`Self::look_at_feeds`].
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            catalogue: Catalogue::embedded(),
            support: SupportTable::embedded(),
            support_feeds: BTreeMap::new(),
        }
    }

    /// Takes ends of support of feeds that were carried in or dropped since; whether there were any.
    ///
    /// # Errors
    /// If the store fails or a feed cannot be read; the days that were known go on to count.
    pub async fn look_at_feeds(&mut self, store: &Store, now: Timestamp) -> anyhow::Result<bool> {
        let known = self.support_feeds.clone();
        let read = store.read(move |db| {
            let feeds = support::stamp(db, now)?;
            if feeds == known {
                return Ok(None);
            }
            Ok(Some((feeds, support::current(db, SupportTable::embedded(), now)?)))
        });
        let Some((feeds, table)) = read.await? else { return Ok(false) };
        (self.support_feeds, self.support) = (feeds, table);

        Ok(true)
    }

    /// The flat event of a state; `entitled` are the products that the host's agency may use at this moment.
    #[must_use]
    pub fn event(&self, known: &Known, entitled: &BTreeSet<String>, now: Timestamp) -> Event {
        let state = HostState {
            described: known.described.as_ref(),
            patches: known.patches.as_ref(),
            packages: known.packages.as_deref(),
            posture: known.posture.as_ref(),
            activation: known.activation.as_ref(),
        };

        state.event(&self.catalogue, &self.support, entitled, now)
    }
}

/// What is known of a host; `None` if nothing of its state has arrived.
///
/// # Errors
/// If the store fails.
pub fn known(db: &Connection, host: HostId, agency: &str) -> anyhow::Result<Option<Known>> {
    let mut parts = Vec::new();
    let described = match observations::latest(db, host, "host_described")? {
        Some(kept) => {
            parts.push((kept.order, kept.id));
            let Kind::HostDescribed(described) = Observation::decode(&kept.body)?.kind else {
                return Ok(None);
            };
            Some(described)
        }
        None => None,
    };
    let patches = match observations::latest(db, host, "patch_state")? {
        Some(kept) => {
            parts.push((kept.order, kept.id));
            let Kind::PatchState(patches) = Observation::decode(&kept.body)?.kind else { return Ok(None) };
            Some(patches)
        }
        None => None,
    };
    let packages = match packages::rests_on(db, host)? {
        Some(part) => {
            parts.push(part);
            Some(packages::all(db, host)?.into_iter().collect())
        }
        None => None,
    };
    let posture = match observations::latest(db, host, "posture")? {
        Some(kept) => {
            parts.push((kept.order, kept.id));
            let Kind::Posture(posture) = Observation::decode(&kept.body)?.kind else { return Ok(None) };
            Some(posture)
        }
        None => None,
    };
    let activation = match observations::latest(db, host, "activation")? {
        Some(kept) => {
            parts.push((kept.order, kept.id));
            let Kind::Activation(activation) = Observation::decode(&kept.body)?.kind else { return Ok(None) };
            Some(activation)
        }
        None => None,
    };
    let Some((_, rests_on)) = parts.into_iter().max_by_key(|(order, _)| *order) else { return Ok(None) };

    Ok(Some(Known {
        host,
        agency: agency.to_owned(),
        rests_on,
        described,
        patches,
        packages,
        posture,
        activation,
    }))
}

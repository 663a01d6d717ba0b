//! Keeping the fleet's numbers, so that a start need not read every inventory: what was kept is believed of a machine
//! exactly as long as its inventory has the digest that the numbers were made of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use rusqlite::Connection;
use tracing::{info, warn};
use vonggac_advisory::fleet::Fleet;
use vonggac_protocol::id::HostId;

use super::Vulnerabilities;
use super::held::{Held, Known};
use crate::store::Store;
use crate::store::fleet::{self, Batch, KeptHost};

/// Machines written in one transaction: some hundred kilobytes.
const HOSTS_AT_ONCE: usize = 256;

/// A fleet is numbered anew at a start when more than half of its packages, and more than so many, are of no machine.
const UNUSED_MIN: usize = 10_000;

/// What of the fleet is kept.
#[derive(Default, Debug)]
pub(super) struct Keeping {
    /// Whether the store was asked, after this start, what it keeps.
    is_restored: bool,
    /// Packages with a number below this are kept; `None`: nothing is that could be used.
    items: Option<u32>,
    /// Machines that are other than they are kept, and whether their packages are.
    hosts: BTreeMap<HostId, bool>,
    /// Machines that are kept and are no more.
    gone: BTreeSet<HostId>,
}

impl Keeping {
    /// A machine is other than before; its packages too, or only what it says of itself.
    pub(super) fn changed(&mut self, host: HostId, has_other_packages: bool) {
        self.gone.remove(&host);
        *self.hosts.entry(host).or_default() |= has_other_packages;
    }

    fn all_changed(&mut self, hosts: &BTreeMap<HostId, Known>) {
        self.items = None;
        self.hosts = hosts.keys().map(|host| (*host, true)).collect();
        self.gone.clear();
    }

    pub(super) fn gone(&mut self, host: HostId) {
        self.hosts.remove(&host);
        self.gone.insert(host);
    }
}

struct Restored {
    fleet: Fleet<HostId>,
    hosts: BTreeMap<HostId, Known>,
}

/// Once after a start: takes what the store keeps. What cannot be used is told, and then inventories are read anew.
pub(super) fn restore(shared: &Vulnerabilities, db: &Connection) {
    if shared.read().keeping.is_restored {
        return;
    }
    let restored = match read(db) {
        Ok(restored) => restored,
        Err(error) => {
            warn!(error = format!("{error:#}"), "What is kept of the fleet cannot be used; reading it anew");
            None
        }
    };
    let mut held = shared.write();
    held.keeping.is_restored = true;
    let Some(Restored { mut fleet, hosts }) = restored else { return };
    let unused = fleet.unused();
    let is_wasteful = unused > UNUSED_MIN && unused > fleet.items() / 2;
    if is_wasteful {
        fleet = fleet.compacted();
        held.keeping.all_changed(&hosts);
    } else {
        held.keeping.items = u32::try_from(fleet.items()).ok();
    }
    info!(hosts = hosts.len(), packages = fleet.items(), unused, "Fleet restored");
    held.fleet = fleet;
    held.hosts = hosts;
    let held = &mut *held;
    held.fleet.judge(&held.book);
}

fn read(db: &Connection) -> anyhow::Result<Option<Restored>> {
    if !fleet::is_kept(db)? {
        return Ok(None);
    }
    let mut restored = Restored { fleet: Fleet::new(), hosts: BTreeMap::new() };
    fleet::packages(db, |number, identity| {
        ensure!(restored.fleet.restore(identity) == Some(number), "package {number} is none");
        Ok(())
    })?;
    let items = u32::try_from(restored.fleet.items())?;
    let mut beyond = 0_u64;
    fleet::hosts(db, |kept| {
        let KeptHost { host, inventory, observation, machine, numbers } = kept;
        // Numbers grow: the last one is the highest.
        let numbers = numbers.unwrap_or_default();
        if numbers.last().is_some_and(|last| *last >= items) {
            beyond += 1;
            return;
        }
        restored.fleet.set(host, machine.clone(), numbers);
        restored.hosts.insert(host, Known { inventory, observation, machine });
    })?;
    ensure!(beyond == 0, "{beyond} machines have packages that are not kept");

    Ok(Some(restored))
}

/// Writes what has changed since it was written last.
///
/// # Errors
/// If the store fails; then all of it is still to be written.
pub(super) async fn keep(shared: &Vulnerabilities, store: &Store) -> anyhow::Result<()> {
    loop {
        let Some((batch, taken)) = batch(&shared.read()) else { return Ok(()) };
        let items = batch.from.unwrap_or(0) + u32::try_from(batch.identities.len())?;
        let gone = batch.gone.clone();
        let is_kept = store.write(move |tx| fleet::keep(tx, &batch)).await?;
        let mut held = shared.write();
        let held = &mut *held;
        if is_kept {
            held.keeping.items = Some(items);
            held.keeping.hosts.retain(|host, _| !taken.contains(host));
            held.keeping.gone.retain(|host| !gone.contains(host));
        } else {
            warn!("What is kept of the fleet was not what we had written; writing all of it");
            held.keeping.all_changed(&held.hosts);
        }
    }
}

/// What is to be written next, and the machines that it settles.
fn batch(held: &Held) -> Option<(Batch, BTreeSet<HostId>)> {
    let keeping = &held.keeping;
    let from = keeping.items;
    let identities: Vec<Box<[u8]>> =
        (from.unwrap_or(0)..).map_while(|number| held.fleet.identity(number).map(Into::into)).collect();
    if identities.is_empty() && keeping.hosts.is_empty() && keeping.gone.is_empty() {
        return None;
    }
    let (mut hosts, mut taken) = (Vec::new(), BTreeSet::new());
    for (host, has_other_packages) in keeping.hosts.iter().take(HOSTS_AT_ONCE) {
        taken.insert(*host);
        let Some(Known { inventory, observation, machine }) = held.hosts.get(host).cloned() else { continue };
        let numbers = has_other_packages.then(|| held.fleet.numbers_of(host).unwrap_or_default().into());
        hosts.push(KeptHost { host: *host, inventory, observation, machine, numbers });
    }
    let gone = keeping.gone.iter().copied().collect();

    Some((Batch { from, identities, hosts, gone }, taken))
}

//! Keeping book and fleet in step with the store: feeds that were let in, inventories that changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_advisory::book::Loading;
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::feed::{Item, read_packed};
use vonggac_advisory::fleet::{Machine, replaced_kernel};
use vonggac_advisory::priority::Priorities;
use vonggac_advisory::windows::Shelves;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_rules::support::SupportTable;

use super::Vulnerabilities;
use super::held::Known;
use super::keeping;
use crate::feeds::bundle::PART_UNPACKED_MAX;
use crate::store::feeds::{self, Kept};
use crate::store::view::host;
use crate::store::{Store, packages};
use crate::{clock, support};

/// How long an import or a changed inventory may wait to be seen.
const EVERY: Duration = Duration::from_secs(10);

/// Machines read in one look at the store: others wait no longer than for these.
const HOSTS_AT_ONCE: usize = 64;

/// Keeps them in step until told to stop.
///
/// # Errors
/// Never: what cannot be read is told and tried again.
pub async fn keep(shared: Arc<Vulnerabilities>, store: Store, stop: CancellationToken) -> anyhow::Result<()> {
    let mut told = None;
    loop {
        match once(&shared, &store).await {
            Ok(()) => told = None,
            Err(error) => {
                let text = format!("{error:#}");
                // Said once, not every ten seconds.
                if told.as_ref() != Some(&text) {
                    warn!(error = text, "Feeds or inventories cannot be read");
                    told = Some(text);
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Brings them in step.
///
/// # Errors
/// If the store cannot be read or holds a feed that is not as it was let in; the others are in step.
pub async fn once(shared: &Arc<Vulnerabilities>, store: &Store) -> anyhow::Result<()> {
    let of = Arc::clone(shared);
    let fed = store.read(move |db| Ok(take_feeds(&of, db))).await?;
    let of = Arc::clone(shared);
    let mut open = store
        .read(move |db| {
            keeping::restore(&of, db);
            open_hosts(&of, db)
        })
        .await?;
    while !open.is_empty() {
        let now = open.split_off(open.len().saturating_sub(HOSTS_AT_ONCE));
        let of = Arc::clone(shared);
        store
            .read(move |db| now.iter().try_for_each(|host| take_host(&of, db, *host)).map(|()| judge(&of)))
            .await?;
        keeping::keep(shared, store).await?;
    }
    keeping::keep(shared, store).await?;

    fed
}

/// Brings everything in step for a program that asks once and writes nothing.
///
/// # Errors
/// As [`once`].
pub fn all(shared: &Vulnerabilities, db: &Connection) -> anyhow::Result<()> {
    take_feeds(shared, db)?;
    keeping::restore(shared, db);
    for host in open_hosts(shared, db)? {
        take_host(shared, db, host)?;
    }
    judge(shared);

    Ok(())
}

/// Brings feeds and one machine in step, for a program that asks about that one only.
///
/// # Errors
/// As [`once`].
pub fn only(shared: &Vulnerabilities, db: &Connection, host: HostId) -> anyhow::Result<()> {
    take_feeds(shared, db)?;
    take_host(shared, db, host)?;
    judge(shared);

    Ok(())
}

fn take_feeds(shared: &Vulnerabilities, db: &Connection) -> anyhow::Result<()> {
    let held: BTreeMap<String, Digest> =
        shared.read().feeds.iter().map(|(name, kept)| (name.clone(), kept.part.packed)).collect();
    if feeds::stamp(db)? == held {
        return Ok(());
    }
    let now: BTreeMap<String, Kept> =
        feeds::list(db)?.into_iter().map(|kept| (kept.part.name.clone(), kept)).collect();
    let mut marks_changed = false;
    let mut failed = Ok(());
    for name in held.keys().filter(|name| !now.contains_key(*name)) {
        shared.write().gone(name);
        marks_changed = true;
        info!(feed = name, "Feed gone");
    }
    for (name, kept) in &now {
        if held.get(name) == Some(&kept.part.packed) {
            continue;
        }
        marks_changed = true;
        match loading(db, name) {
            Ok(loading) => {
                shared.write().feed(kept.clone(), loading);
                info!(feed = name, rows = kept.part.rows, "Feed taken");
            }
            // What was held under this name goes on to count.
            Err(error) => failed = Err(error),
        }
    }
    if marks_changed {
        let priorities = priorities(db, now.values())?;
        let table = support::current(db, SupportTable::embedded(), clock::now())?;
        let mut held = shared.write();
        (held.priorities, held.support) = (priorities, Some(Arc::new(table)));
        held.shelves = Shelves::of(&held.book);
    }

    failed
}

fn loading(db: &Connection, name: &str) -> anyhow::Result<Loading> {
    let bytes = feeds::content(db, name)?;
    let mut loading = Loading::new();
    read_packed(bytes.as_slice(), PART_UNPACKED_MAX, &mut |item| {
        match item {
            Item::Row(row) => loading.push(row),
            Item::Superseded(edge) => loading.superseded(edge),
            Item::Exploited(_) | Item::Score(_) | Item::Ended(_) => {}
        }
        Ok(())
    })
    .with_context(|| format!("read the feed {name}"))?;

    Ok(loading)
}

/// Marks and scores of all feeds that have any.
fn priorities<'a>(db: &Connection, feeds: impl Iterator<Item = &'a Kept>) -> anyhow::Result<Priorities> {
    let mut priorities = Priorities::default();
    for kept in feeds.filter(|kept| kept.part.kind.is_priority()) {
        let name = &kept.part.name;
        let bytes = feeds::content(db, name)?;
        read_packed(bytes.as_slice(), PART_UNPACKED_MAX, &mut |item| {
            match item {
                Item::Exploited(mark) => priorities.exploited(mark),
                Item::Score(score) => priorities.score(score),
                Item::Row(_) | Item::Ended(_) | Item::Superseded(_) => {}
            }
            Ok(())
        })
        .with_context(|| format!("read the feed {name}"))?;
    }

    Ok(priorities)
}

/// The machines whose inventory is another than before; those that are no more are taken out.
fn open_hosts(shared: &Vulnerabilities, db: &Connection) -> anyhow::Result<Vec<HostId>> {
    let now = packages::stamps(db)?;
    let (gone, open) = {
        let held = shared.read();
        let gone: Vec<HostId> = held.hosts.keys().filter(|host| !now.contains_key(*host)).copied().collect();
        let is_open = |host: &HostId, stamp: &(Digest, i64)| {
            held.hosts.get(host).is_none_or(|known| (known.inventory, known.observation) != *stamp)
        };
        let open = now.iter().filter(|(host, stamp)| is_open(host, stamp)).map(|(host, _)| *host).collect();
        (gone, open)
    };
    for host in gone {
        shared.write().host_gone(host);
    }

    Ok(open)
}

/// Takes one machine as it is kept at this moment.
fn take_host(shared: &Vulnerabilities, db: &Connection, host: HostId) -> anyhow::Result<()> {
    // Read beside the packages: what the numbers are made of has to be what this digest is of.
    let Some((inventory, observation)) = packages::stamp(db, host)? else { return Ok(()) };
    let known = Known { inventory, observation, machine: machine(db, host)? };
    let is_same = shared
        .read()
        .hosts
        .get(&host)
        .is_some_and(|before| before.inventory == known.inventory && before.machine == known.machine);
    if is_same {
        shared.write().known(host, known);
        return Ok(());
    }
    let mut packages: Vec<_> = packages::all(db, host)?.into_iter().collect();
    packages.extend(replaced_kernel(&known.machine, &packages));
    shared.write().host(host, known, &packages);

    Ok(())
}

fn judge(shared: &Vulnerabilities) {
    let mut held = shared.write();
    let held = &mut *held;
    held.fleet.judge(&held.book);
}

/// What matters of a machine besides its packages, from its newest observations.
fn machine(db: &Connection, id: HostId) -> anyhow::Result<Machine> {
    let (described, patches) = host::newest_states(db, id)?;
    let ecosystem = described.as_ref().and_then(|it| Ecosystem::of_system(&it.os_id, &it.os_version));
    let running = patches.as_ref().map(|it| it.kernel_running.clone()).filter(|kernel| !kernel.is_empty());

    Ok(Machine {
        ecosystem,
        pro: patches.as_ref().and_then(|it| it.pro),
        kernel_running: running.or_else(|| described.map(|it| it.kernel)).unwrap_or_default(),
        kernel_build: patches.as_ref().and_then(|it| it.kernel_build.clone()),
        kernel_installed: patches.and_then(|it| it.kernel_installed),
    })
}

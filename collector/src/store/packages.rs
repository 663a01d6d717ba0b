//! Inventories of installed software: parts until all are there, then the whole, then differences.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{HostId, ObservationId};
use vonggac_protocol::limits::{INVENTORY_PART_PACKAGES_MAX, INVENTORY_PARTS_MAX};
use vonggac_protocol::package::{
    Manager, Package, PackageKey, PackagesChanged, PackagesListed, inventory_digest,
};
use vonggac_protocol::time::Timestamp;

use super::observations::read_id;

/// What became of a part or a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// More parts are to come.
    Waiting,
    /// The inventory is now this.
    Applied,
    /// It did not follow what is kept; the kept inventory was dropped, the whole is needed.
    Unfitting,
    /// The host's own digest does not fit what it sent.
    Wrong(&'static str),
    /// A difference while the whole is still awaited: passed over.
    Ignored,
}

/// The digest of the inventory that is kept; `None` if there is none.
///
/// # Errors
/// If the store fails.
pub fn digest(connection: &Connection, host: HostId) -> anyhow::Result<Option<Digest>> {
    Ok(connection
        .prepare_cached("SELECT digest FROM inventory WHERE host = ?1")?
        .query_row([host.0], |row| Ok(Digest(row.get(0)?)))
        .optional()?)
}

/// Every host with an inventory: its digest, and the newest observation of what else is judged of it.
///
/// # Errors
/// If the store fails.
pub fn stamps(connection: &Connection) -> anyhow::Result<BTreeMap<HostId, (Digest, i64)>> {
    let mut statement = connection.prepare_cached(&format!("{STAMP} FROM inventory i"))?;
    let rows =
        statement.query_map([], |row| Ok((HostId(row.get(0)?), (Digest(row.get(1)?), row.get(2)?))))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

const STAMP: &str = "SELECT i.host, i.digest, coalesce((SELECT max(l.observation) FROM latest l \
    WHERE l.host = i.host AND l.kind IN ('host_described', 'patch_state')), 0)";

/// The same of one host; `None` if it has no inventory.
///
/// # Errors
/// If the store fails.
pub fn stamp(connection: &Connection, host: HostId) -> anyhow::Result<Option<(Digest, i64)>> {
    Ok(connection
        .prepare_cached(&format!("{STAMP} FROM inventory i WHERE i.host = ?1"))?
        .query_row([host.0], |row| Ok((Digest(row.get(1)?), row.get(2)?)))
        .optional()?)
}

/// The observation that the kept inventory rests on: its place in the order of arrival, and its id.
///
/// # Errors
/// If the store fails.
pub fn rests_on(connection: &Connection, host: HostId) -> anyhow::Result<Option<(i64, ObservationId)>> {
    Ok(connection
        .prepare_cached(
            "SELECT o.epoch, o.lane, o.seq, o.id FROM inventory \
             JOIN observation o ON o.id = inventory.observation WHERE inventory.host = ?1",
        )?
        .query_row([host.0], |row| Ok((row.get(3)?, read_id(host, row)?)))
        .optional()?)
}

/// All packages of a host.
///
/// # Errors
/// If the store fails or holds what it should not.
pub fn all(connection: &Connection, host: HostId) -> anyhow::Result<BTreeSet<Package>> {
    let mut statement = connection.prepare_cached("SELECT body FROM package WHERE host = ?1")?;
    let mut rows = statement.query([host.0])?;
    let mut packages = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let package = minicbor::decode(row.get_ref(0)?.as_blob()?).context("read a kept package")?;
        packages.insert(package);
    }

    Ok(packages)
}

/// Takes a part of a whole inventory.
///
/// # Errors
/// If the store fails.
pub fn list(
    tx: &Transaction<'_>,
    host: HostId,
    listed: &PackagesListed,
    at: Timestamp,
    observation: i64,
) -> anyhow::Result<Outcome> {
    if listed.parts == 0 || listed.parts > INVENTORY_PARTS_MAX || listed.part >= listed.parts {
        return Ok(Outcome::Wrong("parts of an inventory outside their limits"));
    }
    if listed.packages.len() > INVENTORY_PART_PACKAGES_MAX {
        return Ok(Outcome::Wrong("too many packages in one part of an inventory"));
    }
    // A host sends one inventory after the other: parts of another one will never be completed.
    tx.prepare_cached("DELETE FROM inventory_part WHERE host = ?1 AND (digest <> ?2 OR parts <> ?3)")?
        .execute(params![host.0, listed.digest.0, listed.parts])?;
    let body = minicbor::to_vec(&listed.packages).context("encode packages")?;
    tx.prepare_cached("INSERT OR REPLACE INTO inventory_part VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![host.0, listed.digest.0, listed.part, listed.parts, body])?;
    let have: u32 = tx
        .prepare_cached("SELECT count(*) FROM inventory_part WHERE host = ?1")?
        .query_row([host.0], |row| row.get(0))?;
    if have < listed.parts {
        return Ok(Outcome::Waiting);
    }
    let whole = assembled(tx, host)?;
    tx.prepare_cached("DELETE FROM inventory_part WHERE host = ?1")?.execute([host.0])?;
    if inventory_digest(&whole) != listed.digest {
        return Ok(Outcome::Wrong("an inventory that does not have the digest it was sent with"));
    }
    tx.prepare_cached("DELETE FROM package WHERE host = ?1")?.execute([host.0])?;
    for package in &whole {
        put(tx, host, package)?;
    }
    set_digest(tx, host, listed.digest, at, observation)?;

    Ok(Outcome::Applied)
}

/// Takes a difference.
///
/// # Errors
/// If the store fails.
pub fn change(
    tx: &Transaction<'_>,
    host: HostId,
    changed: &PackagesChanged,
    at: Timestamp,
    observation: i64,
) -> anyhow::Result<Outcome> {
    let Some(before) = digest(tx, host)? else { return Ok(Outcome::Ignored) };
    if before == changed.after && changed.before != changed.after {
        // The whole arrived by another way before its difference did.
        return Ok(Outcome::Ignored);
    }
    if before != changed.before {
        forget(tx, host)?;
        return Ok(Outcome::Unfitting);
    }
    for key in &changed.removed {
        remove(tx, host, key)?;
    }
    for package in &changed.added {
        put(tx, host, package)?;
    }
    if inventory_digest(&all(tx, host)?) != changed.after {
        forget(tx, host)?;
        return Ok(Outcome::Unfitting);
    }
    set_digest(tx, host, changed.after, at, observation)?;

    Ok(Outcome::Applied)
}

fn assembled(tx: &Transaction<'_>, host: HostId) -> anyhow::Result<BTreeSet<Package>> {
    let mut statement = tx.prepare_cached("SELECT body FROM inventory_part WHERE host = ?1 ORDER BY part")?;
    let mut rows = statement.query([host.0])?;
    let mut whole = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let part: Vec<Package> = minicbor::decode(row.get_ref(0)?.as_blob()?).context("read a kept part")?;
        whole.extend(part);
    }

    Ok(whole)
}

fn forget(tx: &Transaction<'_>, host: HostId) -> anyhow::Result<()> {
    tx.prepare_cached("DELETE FROM inventory WHERE host = ?1")?.execute([host.0])?;
    tx.prepare_cached("DELETE FROM package WHERE host = ?1")?.execute([host.0])?;

    Ok(())
}

fn set_digest(
    tx: &Transaction<'_>,
    host: HostId,
    digest: Digest,
    at: Timestamp,
    observation: i64,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO inventory VALUES (?1, ?2, ?3, ?4) ON CONFLICT (host) DO UPDATE \
         SET digest = excluded.digest, at = excluded.at, observation = excluded.observation",
    )?
    .execute(params![host.0, digest.0, at.0, observation])?;

    Ok(())
}

fn put(tx: &Transaction<'_>, host: HostId, package: &Package) -> anyhow::Result<()> {
    let body = minicbor::to_vec(package).context("encode a package")?;
    tx.prepare_cached("INSERT OR REPLACE INTO package VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        host.0,
        manager_code(package.manager),
        package.name,
        package.architecture,
        package.version,
        body
    ])?;

    Ok(())
}

fn remove(tx: &Transaction<'_>, host: HostId, key: &PackageKey) -> anyhow::Result<()> {
    tx.prepare_cached(
        "DELETE FROM package WHERE host = ?1 AND manager = ?2 AND name = ?3 AND architecture = ?4 AND version = ?5",
    )?
    .execute(params![host.0, manager_code(key.manager), key.name, key.architecture, key.version])?;

    Ok(())
}

/// The number of a manager in the store: the same as on the wire.
fn manager_code(manager: Manager) -> u8 {
    match manager {
        Manager::Dpkg => 0,
        Manager::Rpm => 1,
        Manager::WindowsUninstall => 2,
        Manager::WindowsAppx => 3,
        Manager::Apk => 4,
        Manager::Python => 5,
        Manager::Npm => 6,
        Manager::Jar => 7,
        Manager::Snap => 8,
        Manager::Flatpak => 9,
    }
}

//! Releases of the agent, to whom they are offered, and what became of it.
//!
//! As with packs of rules the newest order about a host decides. Which hosts are among the first so many percent follows
//! from the host and the version alone: whoever widens an offer keeps those who had it.

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::release::{
    AgentUpgrade, Platform, ReleaseOffer, ReleasePiece, ReleaseWanted, UpgradeOutcome, UpgradeReason, Version,
};
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action, OPERATOR};
use super::view::DigestColumn;
use crate::releases::Opened;

/// A machine that fetched a release and said nothing for this long has not come back: three times what an agent is given
/// unless set otherwise.
const SILENT_MS: i64 = 30 * 60_000;

/// One failure among so many that took it halts an offer.
const ONE_IN: i64 = 10;

/// Who halts by itself, in the log of orders.
pub const BY_ITSELF: &str = "vonggac";

/// A release that was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Release {
    /// Its number.
    pub id: i64,
    /// Which version.
    pub version: String,
    /// What it runs on.
    pub platform: Platform,
    /// Bytes of the program.
    pub size: i64,
    /// SHA-256 of the program.
    pub sha256: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when it may be used.
    pub not_before: Timestamp,
    /// The key that signed it.
    pub signed_by: String,
    /// When it was taken.
    pub imported_at: Timestamp,
}

/// Takes a release whose signature and digests the caller has checked; its number. The very same again changes nothing.
///
/// # Errors
/// If another program has this version already, the same program was taken as another release (of another version, or
/// signed by another key: agents would be sent the one that is held), or the store fails.
pub fn take(tx: &Transaction<'_>, opened: &Opened, by: &str, now: Timestamp) -> anyhow::Result<i64> {
    let manifest = &opened.manifest;
    let same: Option<(i64, String, String)> = tx
        .query_row(
            "SELECT id, manifest, version FROM release WHERE sha256 = ?1",
            [manifest.sha256.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((id, text, version)) = same {
        ensure!(
            text == opened.text,
            "this program was taken already, by another manifest, as version {version}"
        );
        return Ok(id);
    }
    let Platform { system, architecture } = &manifest.platform;
    let taken: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM release WHERE version = ?1 AND system = ?2 AND architecture = ?3)",
        params![manifest.version, system, architecture],
        |row| row.get(0),
    )?;
    ensure!(!taken, "another program is already version {} for {}", manifest.version, manifest.platform);
    tx.execute(
        "INSERT INTO release (version, system, architecture, size, sha256, manifest, signature, made_at, not_before, \
         signed_by, imported_at, imported_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            manifest.version,
            system,
            architecture,
            i64::try_from(manifest.size)?,
            manifest.sha256.0,
            opened.text,
            opened.signature,
            manifest.made_at.0,
            manifest.not_before.0,
            manifest.key,
            now.0,
            by
        ],
    )
    .context("keep a release")?;
    let id = tx.last_insert_rowid();
    for (number, packed) in (0_i64..).zip(&opened.pieces) {
        tx.execute("INSERT INTO release_piece VALUES (?1, ?2, ?3)", params![id, number, packed])?;
    }
    let detail = format!("{} signed {} by={by}", manifest.sha256, manifest.key);
    note(tx, now, None, "release.imported", &format!("{} {}", manifest.version, manifest.platform), &detail)?;

    Ok(id)
}

fn note(
    tx: &Transaction<'_>,
    at: Timestamp,
    agency: Option<&str>,
    action: &str,
    object: &str,
    detail: &str,
) -> anyhow::Result<()> {
    audit::append(tx, &Action { at, person: OPERATOR, agency, action, object, detail })
}

/// Every release, the oldest first.
///
/// # Errors
/// If the store fails.
pub fn all(db: &Connection) -> anyhow::Result<Vec<Release>> {
    let mut statement = db.prepare_cached(
        "SELECT id, version, system, architecture, size, sha256, made_at, not_before, signed_by, imported_at \
         FROM release ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Release {
            id: row.get(0)?,
            version: row.get(1)?,
            platform: Platform { system: row.get(2)?, architecture: row.get(3)? },
            size: row.get(4)?,
            sha256: row.get::<_, DigestColumn>(5)?.0,
            made_at: Timestamp(row.get(6)?),
            not_before: Timestamp(row.get(7)?),
            signed_by: row.get(8)?,
            imported_at: Timestamp(row.get(9)?),
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a person orders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// This version is offered; `None`: nothing is any more.
    pub version: Option<String>,
    /// In this agency; `None`: everywhere.
    pub agency: Option<String>,
    /// To so many percent of the hosts there.
    pub percent: u8,
    /// Who decided it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Orders it; agents hear of it with their next sign of life. The order's number.
///
/// # Errors
/// If there is no such release or agency, or the store fails.
pub fn order(tx: &Transaction<'_>, order: &Order, now: Timestamp) -> anyhow::Result<i64> {
    if let Some(version) = &order.version {
        let known = "SELECT EXISTS (SELECT 1 FROM release WHERE version = ?1)";
        let is_known: bool = tx.query_row(known, [version], |row| row.get(0))?;
        ensure!(is_known, "there is no release {version}");
    }
    if let Some(agency) = &order.agency {
        let known = "SELECT EXISTS (SELECT 1 FROM agency WHERE id = ?1)";
        let is_known: bool = tx.query_row(known, [agency], |row| row.get(0))?;
        ensure!(is_known, "there is no agency {agency}");
    }
    let what = if order.version.is_some() { "offer" } else { "halt" };
    tx.execute(
        "INSERT INTO release_order (at, person, what, version, agency, percent, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![now.0, order.by, what, order.version, order.agency, order.percent, order.reason],
    )
    .context("keep an order about releases")?;
    let id = tx.last_insert_rowid();
    let object = order.version.clone().unwrap_or_else(|| "releases".to_owned());
    let detail = format!("by={} percent={} {}", order.by, order.percent, order.reason);
    note(tx, now, order.agency.as_deref(), &format!("release.{what}"), &object, &detail)?;

    Ok(id)
}

/// Whether a host is among the first so many percent of a version.
fn is_among(host: HostId, version: &str, percent: u8) -> bool {
    let drawn = Digest::of(&[host.0.as_slice(), version.as_bytes()].concat());
    let number = u32::from_be_bytes([drawn.0[0], drawn.0[1], drawn.0[2], drawn.0[3]]);

    number % 100 < u32::from(percent)
}

/// The order that decides about a host, and the version that it offers to it.
struct Standing {
    order: i64,
    version: String,
}

fn standing(db: &Connection, host: HostId) -> anyhow::Result<Option<Standing>> {
    let found: Option<(i64, Option<String>, u8)> = db
        .prepare_cached(
            "SELECT o.id, o.version, o.percent FROM release_order o JOIN host h ON h.id = ?1 \
             WHERE o.agency IS NULL OR o.agency = h.agency ORDER BY o.id DESC LIMIT 1",
        )?
        .query_row([host.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((order, Some(version), percent)) = found else { return Ok(None) };

    Ok(is_among(host, &version, percent).then_some(Standing { order, version }))
}

/// What is offered to a host now, other than what it was `told` on this connection.
///
/// # Errors
/// If the store fails.
pub fn offer(
    db: &Connection,
    host: HostId,
    platform: &Platform,
    running: &str,
    told: Option<u64>,
) -> anyhow::Result<Option<ReleaseOffer>> {
    let Some(standing) = standing(db, host)? else { return Ok(None) };
    let order = standing.order.cast_unsigned();
    let is_newer = Version::parse(&standing.version) > Version::parse(running);
    if told == Some(order) || !is_newer {
        return Ok(None);
    }
    let found = db
        .prepare_cached(
            "SELECT manifest, signature FROM release WHERE version = ?1 AND system = ?2 AND architecture = ?3",
        )?
        .query_row(params![standing.version, platform.system, platform.architecture], |row| {
            Ok(ReleaseOffer { order, manifest: row.get(0)?, signature: row.get(1)? })
        })
        .optional()?;

    Ok(found)
}

/// A host is about to be offered a release; `false`: it must not be, the order was halted because it fails. To `look` counts
/// every host of the order: that need not be done for each of them.
///
/// # Errors
/// If the store fails.
pub fn offered(
    tx: &Transaction<'_>,
    order: u64,
    host: HostId,
    look: bool,
    now: Timestamp,
) -> anyhow::Result<bool> {
    if look && halt_if_failing(tx, order.cast_signed(), now)? {
        return Ok(false);
    }
    tx.execute(
        "INSERT OR IGNORE INTO release_host (ordered, host, offered_at) VALUES (?1, ?2, ?3)",
        params![order.cast_signed(), host.0, now.0],
    )?;

    Ok(true)
}

/// A piece for a host; an empty one if it is not offered that release now. Also says whether it is the last one.
///
/// # Errors
/// If the store fails.
pub fn piece(db: &Connection, host: HostId, wanted: ReleaseWanted) -> anyhow::Result<(ReleasePiece, bool)> {
    let ReleaseWanted { sha256, piece } = wanted;
    let none = ReleasePiece { sha256, piece, packed: Vec::new() };
    let Some(standing) = standing(db, host)? else { return Ok((none, false)) };
    let found: Option<(Vec<u8>, bool)> = db
        .prepare_cached(
            "SELECT p.packed, p.number = (SELECT max(number) FROM release_piece WHERE release = r.id) \
             FROM release r JOIN release_piece p ON p.release = r.id \
             WHERE r.sha256 = ?1 AND r.version = ?2 AND p.number = ?3",
        )?
        .query_row(params![sha256.0, standing.version, piece], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;

    Ok(found.map_or((none, false), |(packed, last)| (ReleasePiece { sha256, piece, packed }, last)))
}

/// A host was sent the last piece of what it is offered.
///
/// # Errors
/// If the store fails.
pub fn taken(tx: &Transaction<'_>, host: HostId, now: Timestamp) -> anyhow::Result<()> {
    if let Some(standing) = standing(tx, host)? {
        tx.execute(
            "UPDATE release_host SET taken_at = ?3 WHERE ordered = ?1 AND host = ?2",
            params![standing.order, host.0, now.0],
        )?;
    }

    Ok(())
}

/// A host told what became of a release.
///
/// # Errors
/// If the store fails.
pub fn told(
    tx: &Transaction<'_>,
    host: HostId,
    upgrade: &AgentUpgrade,
    now: Timestamp,
) -> anyhow::Result<()> {
    let Some(order) = upgrade.order else { return Ok(()) };
    let outcome = match upgrade.outcome {
        UpgradeOutcome::Upgraded => "upgraded",
        UpgradeOutcome::Returned => "returned",
        UpgradeOutcome::Refused => "refused",
    };
    let changed = tx.execute(
        "UPDATE release_host SET outcome = ?3, reason = ?4, ended_at = ?5 WHERE ordered = ?1 AND host = ?2 \
         AND (outcome IS NOT ?3 OR reason IS NOT ?4)",
        params![order.cast_signed(), host.0, outcome, upgrade.reason.map(UpgradeReason::word), now.0],
    )?;
    // What goes well halts nothing, and what was told before was counted then.
    if changed > 0 && upgrade.outcome != UpgradeOutcome::Upgraded {
        halt_if_failing(tx, order.cast_signed(), now)?;
    }

    Ok(())
}

/// How an order goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Progress {
    /// Hosts that heard of it.
    pub offered: i64,
    /// Hosts that fetched it, or told what became of it.
    pub taken: i64,
    /// Hosts that run it.
    pub upgraded: i64,
    /// Hosts that came back from it.
    pub returned: i64,
    /// Hosts that would not take it.
    pub refused: i64,
    /// Of these, those that say something about the release, and not about the machine alone.
    pub unfit: i64,
    /// Hosts that fetched it and have not been heard of since; not those that were taken out of the fleet.
    pub silent: i64,
}

/// How an order goes.
///
/// # Errors
/// If the store fails.
pub fn progress(db: &Connection, order: i64, now: Timestamp) -> anyhow::Result<Progress> {
    let found = db
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE taken_at IS NOT NULL OR outcome IS NOT NULL), \
             count(*) FILTER (WHERE outcome = 'upgraded'), count(*) FILTER (WHERE outcome = 'returned'), \
             count(*) FILTER (WHERE outcome = 'refused'), \
             count(*) FILTER (WHERE outcome = 'refused' AND reason IN ('signature', 'digest', 'does_not_run')), \
             count(*) FILTER (WHERE outcome IS NULL AND taken_at < ?2 AND h.last_heard_at < ?2 AND h.state = 'active') \
             FROM release_host r JOIN host h ON h.id = r.host WHERE ordered = ?1",
        )?
        .query_row([order, now.0.saturating_sub(SILENT_MS)], |row| {
            Ok(Progress {
                offered: row.get(0)?,
                taken: row.get(1)?,
                upgraded: row.get(2)?,
                returned: row.get(3)?,
                refused: row.get(4)?,
                unfit: row.get(5)?,
                silent: row.get(6)?,
            })
        })?;

    Ok(found)
}

impl Progress {
    /// Whether it must not go on: one in ten that took it, or the very first, did not come to run it.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let failed = self.returned + self.unfit + self.silent;

        failed > 0 && failed.saturating_mul(ONE_IN) >= self.taken
    }
}

/// Halts an order that still decides somewhere and fails; says whether it did.
///
/// # Errors
/// If the store fails.
pub fn halt_if_failing(tx: &Transaction<'_>, id: i64, now: Timestamp) -> anyhow::Result<bool> {
    let found: Option<(String, Option<String>)> = tx
        .query_row(
            "SELECT version, agency FROM release_order WHERE id = ?1 AND what = 'offer'",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((version, agency)) = found else { return Ok(false) };
    let is_over: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM release_order WHERE id > ?1 AND (agency IS NULL OR agency IS ?2))",
        params![id, agency],
        |row| row.get(0),
    )?;
    let progress = progress(tx, id, now)?;
    if is_over || !progress.is_failing() {
        return Ok(false);
    }
    let Progress { taken, returned, unfit, silent, .. } = progress;
    let reason = format!("{version}: taken {taken}, returned {returned}, refused {unfit}, silent {silent}");
    let halt = Order { version: None, agency, percent: 0, by: BY_ITSELF.to_owned(), reason };
    order(tx, &halt, now)?;

    Ok(true)
}

/// An order as it was given, and how it goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Given {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who decided it.
    pub by: String,
    /// What is offered; `None`: halted.
    pub version: Option<String>,
    /// Where; `None`: everywhere.
    pub agency: Option<String>,
    /// To so many percent.
    pub percent: u8,
    /// Why.
    pub reason: String,
    /// How it goes.
    pub progress: Progress,
}

/// Every order, the oldest first.
///
/// # Errors
/// If the store fails.
pub fn orders(db: &Connection, now: Timestamp) -> anyhow::Result<Vec<Given>> {
    let mut statement = db.prepare_cached(
        "SELECT id, at, person, version, agency, percent, reason FROM release_order ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Given {
            id: row.get(0)?,
            at: Timestamp(row.get(1)?),
            by: row.get(2)?,
            version: row.get(3)?,
            agency: row.get(4)?,
            percent: row.get(5)?,
            reason: row.get(6)?,
            progress: Progress::default(),
        })
    })?;
    let mut orders: Vec<Given> = rows.collect::<Result<_, _>>()?;
    for order in &mut orders {
        order.progress = progress(db, order.id, now)?;
    }

    Ok(orders)
}

/// How many active hosts of an agency run a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Running {
    /// The agency.
    pub agency: String,
    /// The version; empty: never connected.
    pub version: String,
    /// Hosts.
    pub hosts: i64,
}

/// What runs where.
///
/// # Errors
/// If the store fails.
pub fn running(db: &Connection) -> anyhow::Result<Vec<Running>> {
    let mut statement = db.prepare_cached(
        "SELECT agency, coalesce(agent_version, ''), count(*) FROM host WHERE state = 'active' \
         GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = statement
        .query_map([], |row| Ok(Running { agency: row.get(0)?, version: row.get(1)?, hosts: row.get(2)? }))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;

//! Which distinct packages the machines have, as it was judged last: so that a start need not read every inventory.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_advisory::fleet::{Machine, kept};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;

/// What writes and reads the tables. A newer program takes inventories in anew, once: how it tells packages apart
/// may be another.
#[must_use]
pub fn form() -> String {
    format!("{} {}", kept::FORM, env!("CARGO_PKG_VERSION"))
}

/// One machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptHost {
    /// Which.
    pub host: HostId,
    /// Digest of the inventory that the numbers are of.
    pub inventory: Digest,
    /// The newest observation that says what it is.
    pub observation: i64,
    /// What it is.
    pub machine: Machine,
    /// What it has; `None` where that is kept already.
    pub numbers: Option<Box<[u32]>>,
}

/// What is to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The first number of `identities`; `None`: from 0 on, and everything kept before is replaced.
    pub from: Option<u32>,
    /// Packages with numbers from there on.
    pub identities: Vec<Box<[u8]>>,
    /// Machines with other packages than before.
    pub hosts: Vec<KeptHost>,
    /// Machines that are no more.
    pub gone: Vec<HostId>,
}

/// Whether anything is kept in the form of this program.
///
/// # Errors
/// If the store fails.
pub fn is_kept(db: &Connection) -> anyhow::Result<bool> {
    let found: Option<String> =
        db.prepare_cached("SELECT form FROM fleet_form")?.query_row([], |row| row.get(0)).optional()?;

    Ok(found.is_some_and(|found| found == form()))
}

/// Gives all packages in order of their numbers.
///
/// # Errors
/// If a number is missing, `each` fails, or the store does.
pub fn packages(
    db: &Connection,
    mut each: impl FnMut(u32, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut statement = db.prepare("SELECT number, identity FROM fleet_package ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut expected = 0_u32;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(0)?;
        if number != expected {
            bail!("package {expected} is missing");
        }
        each(number, row.get_ref(1)?.as_blob()?)?;
        expected += 1;
    }

    Ok(())
}

/// Gives all machines.
///
/// # Errors
/// If a row is not as it was written, or the store fails.
pub fn hosts(db: &Connection, mut each: impl FnMut(KeptHost)) -> anyhow::Result<()> {
    let mut statement = db.prepare(
        "SELECT h.host, h.inventory, h.observation, h.ecosystem, h.pro, h.kernel_running, h.kernel_installed, \
         h.kernel_build, n.packages FROM fleet_host h JOIN fleet_numbers n ON n.host = h.host",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let ecosystem: Option<String> = row.get(3)?;
        let ecosystem = match ecosystem.map(|text| text.parse()) {
            None => None,
            Some(Ok(ecosystem)) => Some(ecosystem),
            Some(Err(_)) => bail!("an ecosystem is none"),
        };
        each(KeptHost {
            host: HostId(row.get(0)?),
            inventory: Digest(row.get(1)?),
            observation: row.get(2)?,
            machine: Machine {
                ecosystem,
                pro: row.get(4)?,
                kernel_running: row.get(5)?,
                kernel_installed: row.get(6)?,
                kernel_build: row.get(7)?,
            },
            numbers: Some(kept::unpack(row.get_ref(8)?.as_blob()?).context("numbers of packages are none")?),
        });
    }

    Ok(())
}

/// Keeps a batch; `false` if it does not follow what is kept: then everything has to be kept anew.
///
/// # Errors
/// If the store fails.
pub fn keep(tx: &Transaction<'_>, batch: &Batch) -> anyhow::Result<bool> {
    let Some(from) = batch.from else {
        clear(tx)?;
        tx.execute("INSERT INTO fleet_form VALUES (1, ?1)", [form()])?;
        return put(tx, 0, batch).map(|()| true);
    };
    let last: Option<i64> = tx.query_row("SELECT max(number) FROM fleet_package", [], |row| row.get(0))?;
    if !is_kept(tx)? || last.map_or(0, |last| last + 1) != i64::from(from) {
        clear(tx)?;
        return Ok(false);
    }

    put(tx, from, batch).map(|()| true)
}

fn put(tx: &Transaction<'_>, from: u32, batch: &Batch) -> anyhow::Result<()> {
    for (number, identity) in (i64::from(from)..).zip(&batch.identities) {
        tx.prepare_cached("INSERT INTO fleet_package VALUES (?1, ?2)")?
            .execute(params![number, &**identity])?;
    }
    for gone in &batch.gone {
        tx.prepare_cached("DELETE FROM fleet_host WHERE host = ?1")?.execute([gone.0])?;
        tx.prepare_cached("DELETE FROM fleet_numbers WHERE host = ?1")?.execute([gone.0])?;
    }
    for KeptHost { host, inventory, observation, machine, numbers } in &batch.hosts {
        tx.prepare_cached("INSERT OR REPLACE INTO fleet_host VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                host.0,
                inventory.0,
                observation,
                machine.ecosystem.as_ref().map(ToString::to_string),
                machine.pro,
                machine.kernel_running,
                machine.kernel_installed,
                machine.kernel_build
            ])?;
        if let Some(numbers) = numbers {
            tx.prepare_cached("INSERT OR REPLACE INTO fleet_numbers VALUES (?1, ?2)")?
                .execute(params![host.0, kept::pack(numbers)])?;
        }
    }

    Ok(())
}

fn clear(tx: &Transaction<'_>) -> anyhow::Result<()> {
    tx.execute_batch("DELETE FROM fleet_host; DELETE FROM fleet_numbers; DELETE FROM fleet_package; DELETE FROM fleet_form")?;

    Ok(())
}

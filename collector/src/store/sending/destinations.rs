//! Where messages go to.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::profile;

use crate::sending::settings::{Event, Misfit, Settings};
use crate::store::audit::{self, Action};
use crate::store::view::Scope;
use crate::store::view::words::Severity;
use crate::store::windows::Doer;

/// Characters of a name at most.
const NAME_MAX: usize = 60;

/// A destination as somebody wants it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// What people call it.
    pub name: String,
    /// Carrier and address.
    pub settings: Settings,
    /// Only of this agency; `null`: of all.
    #[serde(default)]
    pub agency: Option<String>,
    /// Incidents as grave as this, or graver.
    pub severity: Severity,
    /// What of: `opened`, `raised`, `warning`. May be empty where `role` is set.
    pub events: Vec<Event>,
    /// The addressee of legal profiles that stands behind it, such as `police-unit`: reports to it go here.
    #[serde(default)]
    pub role: Option<String>,
    /// Whether drills go there too, marked as such.
    #[serde(default)]
    pub drills: bool,
    /// Set by the operator alone.
    #[serde(skip)]
    pub allow_local: bool,
}

impl Wanted {
    fn check(&self) -> Result<(), Misfit> {
        self.settings.check(self.allow_local)?;
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Misfit::Name);
        }
        if let Some(role) = &self.role {
            let known = profile::embedded().iter().any(|profile| profile.roles.contains_key(role));
            if !known || !self.settings.confirms() {
                return Err(Misfit::Role);
            }
        }
        let asked = self.events.iter().all(|event| Event::ASKED.contains(event));
        if !asked || (self.events.is_empty() && self.role.is_none()) {
            return Err(Misfit::Events);
        }

        Ok(())
    }
}

/// A destination.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Destination {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Carrier and address.
    pub settings: Settings,
    /// Name of the file with its secret.
    #[serde(skip)]
    pub secret: Option<String>,
    /// Only of this agency; `null`: of all.
    pub agency: Option<String>,
    /// Incidents as grave as this, or graver.
    pub severity: Severity,
    /// What of.
    pub events: Vec<Event>,
    /// The addressee of legal profiles that stands behind it.
    pub role: Option<String>,
    /// Whether drills go there too.
    pub drills: bool,
    /// Whether the operator allows it a local address.
    pub allow_local: bool,
    /// Who made it.
    pub made_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Times in a row that it could not be reached.
    pub failures: u32,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that were given up.
    pub failed: u64,
    /// Incidents that it is to be told of once its queue has room.
    pub held: u64,
}

const COLUMNS: &str = "d.id, d.name, d.settings, d.secret, d.agency, d.severity, d.events, d.role, d.drills, \
     d.allow_local, d.made_by, d.made_at, d.failures, \
     (SELECT count(*) FROM outgoing o WHERE o.destination = d.id AND o.state IN ('waiting', 'sending')), \
     (SELECT count(*) FROM outgoing o WHERE o.destination = d.id AND o.state = 'failed'), \
     (SELECT count(*) FROM outgoing_held h WHERE h.destination = d.id)";

fn read(row: &Row<'_>) -> rusqlite::Result<Destination> {
    let wrong = |column: usize, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    };

    Ok(Destination {
        id: row.get(0)?,
        name: row.get(1)?,
        settings: serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(|error| wrong(2, error))?,
        secret: row.get(3)?,
        agency: row.get(4)?,
        severity: row.get(5)?,
        events: serde_json::from_str(row.get_ref(6)?.as_str()?).map_err(|error| wrong(6, error))?,
        role: row.get(7)?,
        drills: row.get(8)?,
        allow_local: row.get(9)?,
        made_by: row.get(10)?,
        made_at: Timestamp(row.get(11)?),
        failures: row.get(12)?,
        waiting: row.get(13)?,
        failed: row.get(14)?,
        held: row.get(15)?,
    })
}

/// Those that whoever sees this scope may see, by name: people of one agency see their own alone.
///
/// # Errors
/// If the store cannot be read.
pub fn list(db: &Connection, scope: &Scope) -> anyhow::Result<Vec<Destination>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM destination d WHERE d.removed_at IS NULL AND (?1 IS NULL OR d.agency = ?1) ORDER BY d.name"
    ))?;
    let rows = query.query_map([scope.agency()], read)?;

    rows.collect::<Result<_, _>>().context("read the destinations")
}

/// One of them that was not removed.
///
/// # Errors
/// If the store cannot be read.
pub fn find(db: &Connection, id: i64) -> anyhow::Result<Option<Destination>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM destination d WHERE d.id = ?1 AND d.removed_at IS NULL"
    ))?
    .query_row([id], read)
    .optional()
    .context("find a destination")
}

/// One of them by name.
///
/// # Errors
/// If the store cannot be read.
pub fn named(db: &Connection, name: &str) -> anyhow::Result<Option<Destination>> {
    Ok(list(db, &Scope::All)?.into_iter().find(|one| one.name == name))
}

/// Those that want to hear of this.
pub(super) fn hearing(
    tx: &Transaction<'_>,
    agency: &str,
    severity: Severity,
    event: Event,
    is_drill: bool,
) -> anyhow::Result<Vec<Destination>> {
    let mut query = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM destination d WHERE d.removed_at IS NULL AND (d.agency IS NULL OR d.agency = ?1) ORDER BY d.id"
    ))?;
    let all = query.query_map([agency], read)?.collect::<Result<Vec<_>, _>>().context("read destinations")?;

    Ok(all
        .into_iter()
        .filter(|one| severity >= one.severity && one.events.contains(&event) && (one.drills || !is_drill))
        .collect())
}

/// Those that stand behind an addressee, for this agency.
pub(super) fn behind(tx: &Transaction<'_>, agency: &str, role: &str) -> anyhow::Result<Vec<Destination>> {
    let mut query = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM destination d WHERE d.removed_at IS NULL AND (d.agency IS NULL OR d.agency = ?1)
           AND d.role = ?2 ORDER BY d.agency IS NULL, d.id"
    ))?;
    let rows = query.query_map([agency, role], read)?;

    rows.collect::<Result<_, _>>().context("read the destinations behind an addressee")
}

/// Writes one down; the caller has kept its secret under this name.
///
/// # Errors
/// If the store fails.
pub fn add(
    tx: &Transaction<'_>,
    wanted: &Wanted,
    secret: Option<&str>,
    doer: Doer<'_>,
) -> anyhow::Result<Result<i64, Misfit>> {
    if let Err(misfit) = wanted.check() {
        return Ok(Err(misfit));
    }
    let name = wanted.name.trim();
    if named(tx, name)?.is_some() {
        return Ok(Err(Misfit::Name));
    }
    let known: Option<i64> =
        tx.query_row("SELECT 1 FROM agency WHERE id = ?1", [&wanted.agency], |row| row.get(0)).optional()?;
    if wanted.agency.is_some() && known.is_none() {
        return Ok(Err(Misfit::Agency));
    }
    tx.execute(
        "INSERT INTO destination (name, settings, secret, agency, severity, events, role, drills, allow_local, made_by, made_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            name,
            serde_json::to_string(&wanted.settings)?,
            secret,
            wanted.agency,
            wanted.severity.word(),
            serde_json::to_string(&wanted.events)?,
            wanted.role,
            wanted.drills,
            wanted.allow_local,
            doer.person,
            doer.at.0
        ],
    )?;
    let id = tx.last_insert_rowid();
    note(tx, doer, "destination.added", id, wanted.agency.as_deref(), name)?;

    Ok(Ok(id))
}

/// Takes one away; what waits for it is withdrawn. Gives the name of its secret's file.
///
/// # Errors
/// If the store fails.
pub fn remove(tx: &Transaction<'_>, id: i64, doer: Doer<'_>) -> anyhow::Result<Option<Option<String>>> {
    let Some(found) = find(tx, id)? else { return Ok(None) };
    tx.execute(
        "UPDATE outgoing SET state = 'withdrawn', ended_at = ?2, error = 'the destination was removed' \
         WHERE destination = ?1 AND state IN ('waiting', 'sending', 'failed')",
        params![id, doer.at.0],
    )?;
    tx.execute("DELETE FROM outgoing_held WHERE destination = ?1", [id])?;
    tx.execute(
        "UPDATE destination SET removed_at = ?2, secret = NULL WHERE id = ?1",
        params![id, doer.at.0],
    )?;
    let detail = format!("{}, {} waiting, {} held", found.name, found.waiting, found.held);
    note(tx, doer, "destination.removed", id, found.agency.as_deref(), &detail)?;

    Ok(Some(found.secret))
}

fn note(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    action: &str,
    id: i64,
    agency: Option<&str>,
    detail: &str,
) -> anyhow::Result<()> {
    let object = format!("destination/{id}");

    audit::append(tx, &Action { at: doer.at, person: doer.audited, agency, action, object: &object, detail })
}

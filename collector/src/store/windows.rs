//! Change windows: who opened which span for what, when it closed, and what it kept quiet.
//!
//! A window is in force from the moment it was opened until its end, or until somebody closes it before. Nothing
//! about it is ever removed. Which observations it keeps quiet is decided in [`crate::judge::windows`].

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::id::HostId;
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action};
use super::casework;
use super::decided::{self, Done, Misfit};
use super::view::observations::{self, Evidence};
use super::view::page::{Cursor, Rows};
use super::view::{HostColumn, Scope, Sight};

/// A window closes by itself after this at the latest: what stays open for longer is no change but a habit.
pub const HOURS_MAX: u32 = 7 * 24;

/// Paths that one window may name.
pub const ROOTS_MAX: usize = 32;

/// Bytes of one named path.
const ROOT_BYTES_MAX: usize = 4_096;

/// Characters of a reason at most.
pub const REASON_MAX: usize = 1_000;

/// A window as the store has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Window {
    /// Its number.
    pub id: i64,
    /// The agency whose changes it keeps quiet.
    pub agency: String,
    /// Only this host's; `null`: every host's of the agency.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostId>,
    /// That host's name.
    pub host_name: Option<String>,
    /// Only below these paths; empty: everywhere but in the guarded areas (`access`, `persistence`).
    #[schema(value_type = Vec<String>)]
    pub roots: Vec<HostPath>,
    /// Why.
    pub reason: String,
    /// Who opened it.
    pub opened_by: String,
    /// When; it is in force from then.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it closes by itself.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Who closed it before.
    pub closed_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// How many observations it kept quiet.
    pub kept: u64,
}

/// Where a window stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In force.
    Open,
    /// Closed by a person before its end.
    Closed,
    /// Closed by itself.
    Expired,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Expired => "expired",
        }
    }
}

impl Window {
    /// The first moment at which it is not in force any more, as far as it is known.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.closed_at.unwrap_or(self.ends_at)
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        match self.closed_at {
            Some(_) => Stage::Closed,
            None if now >= self.ends_at => Stage::Expired,
            None => Stage::Open,
        }
    }
}

/// What somebody wants to open.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For which agency; `None`: that of the host.
    pub agency: Option<String>,
    /// For which host alone.
    pub host: Option<HostId>,
    /// Below which paths alone.
    pub roots: Vec<String>,
    /// For how many hours.
    pub hours: u32,
    /// Why.
    pub reason: String,
}

/// Who does something to windows.
#[derive(Clone, Copy, Debug)]
pub struct Doer<'a> {
    /// Under this name.
    pub person: &'a str,
    /// The name that the audit log has: the command line's, or the person's own.
    pub audited: &'a str,
    /// What that person sees.
    pub scope: &'a Scope,
    /// When.
    pub at: Timestamp,
}

/// Opens a window from now on.
///
/// # Errors
/// If the store fails.
pub fn open(tx: &Transaction<'_>, doer: Doer<'_>, wanted: &Wanted) -> anyhow::Result<Done> {
    let host_agency = match wanted.host {
        None => None,
        Some(host) => {
            let found: Option<String> = tx
                .query_row("SELECT agency FROM host WHERE id = ?1", [host.0], |row| row.get(0))
                .optional()?;
            match found {
                Some(agency) => Some(agency),
                None => return Ok(Done::Absent),
            }
        }
    };
    let Some(agency) = wanted.agency.clone().or_else(|| host_agency.clone()) else { return Ok(Done::Absent) };
    // A host is named together with another agency than its own: whoever may see only one of them learns nothing.
    let others = host_agency.filter(|of_host| *of_host != agency);
    let is_known: bool =
        tx.query_row("SELECT EXISTS (SELECT 1 FROM agency WHERE id = ?1)", [&agency], |row| row.get(0))?;
    let outside = [Some(&agency), others.as_ref()].into_iter().flatten().any(|of| !doer.scope.covers(of));
    if outside {
        if !is_known && others.is_none() {
            return Ok(Done::Absent);
        }
        let object = wanted.host.map_or_else(|| format!("agency/{agency}"), |host| format!("host/{host}"));
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("{object}/window"), doer.at)?;
        return Ok(Done::Neighbours);
    }
    if !is_known || others.is_some() {
        return Ok(Done::Absent);
    }
    let roots = match fit(wanted) {
        Ok(roots) => roots,
        Err(misfit) => return Ok(Done::Unfit(misfit)),
    };

    insert(tx, doer, wanted, &agency, &roots).map(Done::Kept)
}

fn fit(wanted: &Wanted) -> Result<Vec<HostPath>, Misfit> {
    if wanted.hours == 0 || wanted.hours > HOURS_MAX {
        return Err(Misfit::Hours);
    }
    decided::reason(&wanted.reason)?;
    let roots: BTreeSet<&str> =
        wanted.roots.iter().map(|root| root.trim()).filter(|root| !root.is_empty()).collect();
    if roots.len() > ROOTS_MAX || !roots.iter().all(|root| is_path(root)) {
        return Err(Misfit::Roots);
    }
    let bare = |root: &str| match root.trim_end_matches('/') {
        "" => "/".to_owned(),
        bare => bare.to_owned(),
    };

    Ok(roots.into_iter().map(|root| HostPath::from_text(bare(root))).collect())
}

/// Whether it can be the path of a host: `/…` or, on Windows, `C:\…`; whole, without `..`.
fn is_path(text: &str) -> bool {
    let mut letters = text.chars();
    let drive = matches!(
        (letters.next(), letters.next(), letters.next()),
        (Some(letter), Some(':'), Some('\\')) if letter.is_ascii_alphabetic()
    );

    (text.starts_with('/') || drive)
        && text.len() <= ROOT_BYTES_MAX
        && !text.chars().any(char::is_control)
        && !text.split(['/', '\\']).any(|part| part == ".." || part == ".")
}

fn insert(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    wanted: &Wanted,
    agency: &str,
    roots: &[HostPath],
) -> anyhow::Result<i64> {
    let ends_at = doer.at.plus(Duration::from_secs(u64::from(wanted.hours) * 3_600));
    let reason = wanted.reason.trim();
    tx.execute(
        "INSERT INTO change_window (agency, host, roots, reason, opened_by, opened_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            agency,
            wanted.host.map(|host| host.0),
            serde_json::to_string(roots)?,
            reason,
            doer.person,
            doer.at.0,
            ends_at.0
        ],
    )
    .context("keep a change window")?;
    let id = tx.last_insert_rowid();
    let host = wanted.host.map_or_else(String::new, |host| format!("host {host}, "));
    let paths = if roots.is_empty() { String::new() } else { format!("{} paths, ", roots.len()) };
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}, ", doer.person) };
    note(tx, doer, agency, "window.opened", id, &format!("{by}{host}{paths}until {ends_at}: {reason}"))?;

    Ok(id)
}

/// Closes a window before its end.
///
/// # Errors
/// If the store fails.
pub fn close(tx: &Transaction<'_>, doer: Doer<'_>, id: i64) -> anyhow::Result<Done> {
    let Some(window) = find(tx, id)? else { return Ok(Done::Absent) };
    if !doer.scope.covers(&window.agency) {
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("window/{id}"), doer.at)?;
        return Ok(Done::Neighbours);
    }
    if window.stage(doer.at) != Stage::Open {
        return Ok(Done::Over);
    }
    tx.execute(
        "UPDATE change_window SET closed_by = ?2, closed_at = ?3 WHERE id = ?1",
        params![id, doer.person, doer.at.0],
    )
    .context("close a change window")?;
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}", doer.person) };
    note(tx, doer, &window.agency, "window.closed", id, &by)?;

    Ok(Done::Kept(id))
}

fn note(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    agency: &str,
    action: &str,
    id: i64,
    detail: &str,
) -> anyhow::Result<()> {
    let object = format!("window/{id}");

    audit::append(
        tx,
        &Action { at: doer.at, person: doer.audited, agency: Some(agency), action, object: &object, detail },
    )
}

const COLUMNS: &str = "w.id, w.agency, w.host, h.name, w.roots, w.reason, w.opened_by, w.opened_at, w.ends_at, \
                       w.closed_by, w.closed_at";

/// How many observations a window kept quiet.
const KEPT: &str = "(SELECT count(*) FROM window_kept k WHERE k.change_window = w.id)";

fn window(row: &Row<'_>) -> rusqlite::Result<Window> {
    let roots: String = row.get(4)?;

    Ok(Window {
        id: row.get(0)?,
        agency: row.get(1)?,
        host: row.get::<_, Option<HostColumn>>(2)?.map(|host| host.0),
        host_name: row.get(3)?,
        roots: serde_json::from_str(&roots).map_err(|_| rusqlite::types::FromSqlError::InvalidType)?,
        reason: row.get(5)?,
        opened_by: row.get(6)?,
        opened_at: Timestamp(row.get(7)?),
        ends_at: Timestamp(row.get(8)?),
        closed_by: row.get(9)?,
        closed_at: row.get::<_, Option<i64>>(10)?.map(Timestamp),
        kept: row.get(11)?,
    })
}

/// A window by its number.
///
/// # Errors
/// If the store fails.
pub fn find(connection: &Connection, id: i64) -> anyhow::Result<Option<Window>> {
    let query = format!(
        "SELECT {COLUMNS}, {KEPT} FROM change_window w LEFT JOIN host h ON h.id = w.host WHERE w.id = ?1"
    );

    connection.prepare_cached(&query)?.query_row([id], window).optional().context("read a change window")
}

/// A window by its number, if it is in view.
///
/// # Errors
/// If the store fails.
pub fn one(connection: &Connection, scope: &Scope, id: i64) -> anyhow::Result<Sight<Window>> {
    Ok(match find(connection, id)? {
        None => Sight::Absent,
        Some(window) if scope.covers(&window.agency) => Sight::Seen(window),
        Some(_) => Sight::Neighbours,
    })
}

/// One page of the windows in view, the newest first: open, closed and expired ones.
///
/// # Errors
/// If the store fails.
pub fn list(
    connection: &Connection,
    scope: &Scope,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<Window>> {
    let after = after.unwrap_or(Cursor::START);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, {KEPT} FROM change_window w LEFT JOIN host h ON h.id = w.host
         WHERE (?1 IS NULL OR w.agency = ?1) AND w.id < ?2 ORDER BY w.id DESC LIMIT ?3"
    ))?;
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![scope.agency(), after.id, most], window)?;
    let windows = rows.collect::<Result<_, _>>().context("read the change windows")?;

    Ok(Rows::cut(windows, limit, |window: &Window| Cursor { at: window.opened_at.0, id: window.id }))
}

/// Windows that were in force at some moment from `from` to `until`, the oldest first; what they kept is not counted.
///
/// # Errors
/// If the store fails.
pub fn in_force(connection: &Connection, from: Timestamp, until: Timestamp) -> anyhow::Result<Vec<Window>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, 0 FROM change_window w LEFT JOIN host h ON h.id = w.host
         WHERE w.opened_at <= ?2 AND coalesce(w.closed_at, w.ends_at) > ?1 ORDER BY w.id"
    ))?;
    let rows = statement.query_map([from.0, until.0], window)?;

    rows.collect::<Result<_, _>>().context("read the change windows in force")
}

/// Writes down that a window kept this observation quiet; once is enough.
///
/// # Errors
/// If the store fails.
pub fn keep_quiet(tx: &Transaction<'_>, window: i64, observation: i64) -> anyhow::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO window_kept (observation, change_window) VALUES (?1, ?2)")?
        .execute([observation, window])
        .context("keep what a window kept quiet")?;

    Ok(())
}

/// Which of the observations from `first` to `last`, in order of arrival, a window kept quiet.
///
/// # Errors
/// If the store fails.
pub fn quiet_between(connection: &Connection, first: i64, last: i64) -> anyhow::Result<BTreeSet<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT observation FROM window_kept WHERE observation BETWEEN ?1 AND ?2")?;
    let rows = statement.query_map([first, last], |row| row.get(0))?;

    rows.collect::<Result<_, _>>().context("read what windows kept quiet")
}

/// The newest observations that a window kept quiet, newest first. The caller has seen the window, so has the right.
///
/// # Errors
/// If the store fails.
pub fn newest_kept(connection: &Connection, id: i64, limit: usize) -> anyhow::Result<Vec<Evidence>> {
    let columns = observations::COLUMNS;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns} FROM window_kept k JOIN observation o ON o.id = k.observation JOIN host h ON h.id = o.host
         WHERE k.change_window = ?1 ORDER BY k.observation DESC LIMIT ?2"
    ))?;
    let rows =
        statement.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], observations::evidence)?;

    rows.collect::<Result<_, _>>().context("read what a window kept quiet")
}

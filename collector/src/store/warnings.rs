//! Warnings of clocks: raised once for each share of a clock's time, in the incident's history and to destinations.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::profile::clocks::{Clock, Status, clocks};
use vonggac_rules::profile::{self, Profile};

use super::incidents::{Entry, add_entry};
use super::sending::announce::{News, announce};
use super::view::Scope;
use super::view::casefile::{self, ClockLine};
use super::view::incidents::{IncidentLine, bare, running};
use crate::desk::words::Language;
use crate::sending::letter::ClockTold;
use crate::sending::settings::Event;

/// Of a clock's time, in percent: half, nearly all, all.
pub const SHARES: [u8; 3] = [50, 90, 100];

/// The last look is written down this often; a collector that was off looks back to it.
const LOOK_KEPT: Duration = Duration::from_secs(3_600);

/// Clocks of one list at most.
const LISTED: usize = 500;

/// The longest time that any duty gives after an incident is over.
fn longest() -> Duration {
    let duties = profile::embedded().iter().flat_map(|profile| &profile.duties);

    duties.filter_map(|duty| duty.within).max().unwrap_or_default()
}

/// Incidents some of whose clocks have come to a share of which nobody was warned.
///
/// # Errors
/// If the store cannot be read.
pub fn pending(db: &Connection, now: Timestamp) -> anyhow::Result<Vec<i64>> {
    let looked: Option<i64> =
        db.query_row("SELECT at FROM clock_look WHERE one = 1", [], |row| row.get(0)).optional()?;
    let since = looked.map_or(now, Timestamp).min(now).minus(longest());
    let mut found = Vec::new();
    for line in running(db, &Scope::All, since)? {
        let id = line.id;
        if !unwarned(db, &line, now)?.is_empty() {
            found.push(id);
        }
    }

    Ok(found)
}

/// Raises what is due of one incident; says how many warnings. A share that a graver one has overtaken is passed over.
///
/// # Errors
/// If the store fails.
pub fn raise(tx: &Transaction<'_>, incident: i64, now: Timestamp) -> anyhow::Result<usize> {
    let Some(line) = bare(tx, incident)? else { return Ok(0) };
    let mut raised = 0;
    for (clock, shares) in unwarned(tx, &line, now)? {
        let newest = shares.iter().copied().max().unwrap_or_default();
        for share in shares {
            tx.execute(
                "INSERT INTO clock_warning VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![incident, clock.id, clock.due.0, share, now.0, share == newest, clock.is_duty],
            )?;
        }
        let told = ClockTold { share: newest, ..clock };
        let action = if newest >= 100 { "clock_passed" } else { "clock_near" };
        let (share, due) = (format!("{newest} %"), told.due.to_string());
        let entry =
            Entry { action, text: &told.name, before: Some(&share), after: Some(&due), ..Entry::default() };
        add_entry(tx, incident, now, &entry)?;
        let mark = format!("{}/{}/{newest}", told.id, told.due.0);
        announce(tx, incident, News { event: Event::Warning, mark: &mark, clock: Some(&told) }, now)?;
        raised += 1;
    }

    Ok(raised)
}

/// Writes down that all clocks were looked at.
///
/// # Errors
/// If the store fails.
pub fn looked(tx: &Transaction<'_>, now: Timestamp) -> anyhow::Result<()> {
    tx.execute(
        "INSERT INTO clock_look VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = excluded.at WHERE at < ?2",
        params![now.0, now.minus(LOOK_KEPT).0],
    )?;

    Ok(())
}

/// Clocks that run, and which shares of each nobody was warned of.
fn unwarned(
    db: &Connection,
    line: &IncidentLine,
    now: Timestamp,
) -> anyhow::Result<Vec<(ClockTold, Vec<u8>)>> {
    let Some(profile) = profile::of(&line.profile) else { return Ok(Vec::new()) };
    let facts = casefile::facts(db, line)?;
    let mut known = db.prepare_cached(
        "SELECT coalesce(max(share), 0) FROM clock_warning WHERE incident = ?1 AND clock = ?2 AND due = ?3",
    )?;
    let mut found = Vec::new();
    for clock in clocks(profile, &facts, now) {
        let Some((due, come)) = come(&clock, now) else { continue };
        let warned: u8 = known.query_row(params![line.id, clock.id, due.0], |row| row.get(0))?;
        let new: Vec<u8> = come.into_iter().filter(|share| *share > warned).collect();
        if !new.is_empty() {
            let name = name_of(profile, &clock);
            let told = ClockTold { id: clock.id, name, is_duty: clock.is_duty, due, share: 0 };
            found.push((told, new));
        }
    }

    Ok(found)
}

/// The shares that a running clock has come to, and when it is due.
fn come(clock: &Clock, now: Timestamp) -> Option<(Timestamp, Vec<u8>)> {
    if !matches!(clock.status, Status::Running | Status::Near | Status::Over) {
        return None;
    }
    let (start, due) = clock.started.zip(clock.due)?;
    let within = due.since(start);
    let reached = |share: &u8| {
        if *share >= 100 {
            now > due
        } else {
            now >= start.plus(within.saturating_mul(u32::from(*share)) / 100)
        }
    };

    Some((due, SHARES.iter().copied().filter(reached).collect()))
}

fn name_of(profile: &Profile, clock: &Clock) -> String {
    match (&clock.name, profile.sources.get(&clock.source)) {
        // A duty is told with its source and what is known of it.
        (Some(name), Some(source)) => {
            let known = match &source.confirmed_by {
                Some(who) => Language::Vi.with("source-confirmed", &[("who", who)]),
                None => Language::Vi.of_list("source", source.seen.word()),
            };
            format!("{} ({} – {known})", name.vi, source.name.vi)
        }
        (Some(name), None) => name.vi.clone(),
        (None, _) => Language::Vi.of_list("clock", &clock.id),
    }
}

/// A clock of the list "about to end".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Pressing {
    /// The incident's number.
    pub incident: i64,
    /// Its title in Vietnamese.
    pub title_vi: String,
    /// In English.
    pub title_en: String,
    /// Its agency's name.
    pub agency_name: String,
    /// Who has it.
    pub owner: Option<String>,
    /// The clock.
    pub clock: ClockLine,
}

/// Clocks in view of which half is gone or more, or all, the most pressing first; never those of drills.
///
/// # Errors
/// If the store cannot be read.
pub fn about_to_end(db: &Connection, scope: &Scope, now: Timestamp) -> anyhow::Result<Vec<Pressing>> {
    let mut found = Vec::new();
    for line in running(db, scope, now.minus(longest()))?.into_iter().filter(|line| !line.is_drill) {
        let Some(profile) = profile::of(&line.profile) else { continue };
        for clock in clocks(profile, &casefile::facts(db, &line)?, now) {
            if come(&clock, now).is_some_and(|(_, shares)| !shares.is_empty()) {
                found.push(Pressing {
                    incident: line.id,
                    title_vi: line.title_vi.clone(),
                    title_en: line.title_en.clone(),
                    agency_name: line.agency_name.clone(),
                    owner: line.owner.clone(),
                    clock: ClockLine::of(profile, &clock, now),
                });
            }
        }
    }
    found.sort_by(|a, b| (a.clock.due, a.incident, &a.clock.id).cmp(&(b.clock.due, b.incident, &b.clock.id)));
    found.truncate(LISTED);

    Ok(found)
}

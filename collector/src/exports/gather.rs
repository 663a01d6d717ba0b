//! Bills from what the store holds.

use rusqlite::{Connection, OptionalExtension as _};
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

use super::bill::{Bill, Counter, Machine, Subject};
use super::purl::System;
use crate::store::hosts::{self, HostState};
use crate::store::view::{Scope, Sight, host};
use crate::store::{agencies, packages, people, risks};
use crate::vulnerabilities::Vulnerabilities;
use crate::vulnerabilities::cleared;
use crate::vulnerabilities::report::Report;

/// What a bill is to hold of what its packages are not affected by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cleared {
    /// Nothing: a bill of materials needs none of it.
    Left,
    /// All: feeds may clear a machine of thousands of weaknesses.
    Told,
}

/// The bill of one machine.
///
/// # Errors
/// If the store fails or holds what it should not.
pub fn of_host(
    db: &Connection,
    scope: &Scope,
    shared: &Vulnerabilities,
    id: HostId,
    cleared: Cleared,
    now: Timestamp,
) -> anyhow::Result<Sight<Bill>> {
    let found = match host::one(db, scope, id)? {
        Sight::Seen(found) => found.line,
        Sight::Neighbours => return Ok(Sight::Neighbours),
        Sight::Absent => return Ok(Sight::Absent),
    };
    let mut counter = Counter::default();
    take(db, shared, &mut counter, (id, found.name, found.agency), cleared, now)?;

    Ok(Sight::Seen(counter.done(Subject::Host(id), now)))
}

/// The bill of an agency: its machines that work or are held.
///
/// # Errors
/// If the store fails or holds what it should not.
pub fn of_agency(
    db: &Connection,
    scope: &Scope,
    shared: &Vulnerabilities,
    id: &AgencyId,
    cleared: Cleared,
    now: Timestamp,
) -> anyhow::Result<Sight<Bill>> {
    let Some(name) = agencies::name(db, id)? else { return Ok(Sight::Absent) };
    if !scope.covers(id.as_str()) {
        return Ok(Sight::Neighbours);
    }
    let mut machines = hosts::list(db)?;
    machines.retain(|host| {
        host.agency == id.as_str() && matches!(host.state, HostState::Active | HostState::Held)
    });
    machines.sort_by_key(|host| host.id);
    let mut counter = Counter::default();
    for host in machines {
        take(db, shared, &mut counter, (host.id, host.name, host.agency), cleared, now)?;
    }

    Ok(Sight::Seen(counter.done(Subject::Agency(id.to_string(), name), now)))
}

/// What the feeds say of a machine, with what is accepted of it.
///
/// # Errors
/// If the store fails.
pub(super) fn report(
    db: &Connection,
    shared: &Vulnerabilities,
    id: HostId,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let (_, patches) = host::newest_states(db, id)?;

    Ok(Report::of(shared, id, patches.as_ref(), now).accepting(&risks::of_host(db, id, now)?))
}

fn take(
    db: &Connection,
    shared: &Vulnerabilities,
    counter: &mut Counter,
    (id, name, agency): (HostId, String, String),
    cleared: Cleared,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (described, _) = host::newest_states(db, id)?;
    let inventory_at = db
        .prepare_cached("SELECT at FROM inventory WHERE host = ?1")?
        .query_row([id.0], |row| row.get(0).map(Timestamp))
        .optional()?;
    let (system, system_name) = described
        .map_or_else(Default::default, |it| (System { id: it.os_id, version: it.os_version }, it.os_name));
    let report = report(db, shared, id, now)?;
    for by in report
        .with_fix
        .iter()
        .chain(&report.without_fix)
        .chain(&report.accepted)
        .flat_map(|line| &line.accepted)
        .map(|it| &it.by)
    {
        if let Some(role) = people::role(db, by)? {
            counter.role(by.clone(), role);
        }
    }
    let lines = report.with_fix.into_iter().chain(report.without_fix).chain(report.accepted).collect();
    let told = match cleared {
        Cleared::Left => Vec::new(),
        Cleared::Told => cleared::of(shared, id),
    };
    let machine = Machine { id, name, agency, system, system_name, inventory_at };
    counter.machine(machine, &packages::all(db, id)?, lines, told);

    Ok(())
}

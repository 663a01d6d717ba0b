//! What the hosts of an agency may move on the line in a day: may they set it, do it.

use rusqlite::Connection;
use vonggac_protocol::id::AgencyId;

use super::caller::Caller;
use super::state::Desk;
use crate::store::audit::{self, Action};
use crate::store::view::{Scope, Sight};
use crate::store::{agencies, budgets};

/// How it went.
pub enum Worked {
    /// The agency as it is seen; if it is seen, it was done.
    Store(Sight<()>),
    /// This person does not set budgets.
    ReadOnly,
}

/// The budget of an agency in KiB, if it has one.
///
/// # Errors
/// If the store cannot be read.
pub async fn read(desk: &Desk, caller: &Caller, agency: String) -> anyhow::Result<Sight<Option<u32>>> {
    let scope = caller.person.scope.clone();

    desk.store
        .read(move |db| match seen(db, &scope, &agency)? {
            Sight::Seen(agency) => {
                Ok(Sight::Seen(budgets::of_agency(db, &agency)?.and_then(|budget| budget.kib)))
            }
            Sight::Absent => Ok(Sight::Absent),
            Sight::Neighbours => Ok(Sight::Neighbours),
        })
        .await
}

/// Sets it, if the caller's role does that.
///
/// # Errors
/// If the store fails.
pub async fn set(desk: &Desk, caller: &Caller, agency: String, kib: Option<u32>) -> anyhow::Result<Worked> {
    if !caller.person.role.may_set_budgets() {
        return Ok(Worked::ReadOnly);
    }
    let (person, at) = (caller.person.clone(), desk.now());
    let done = desk.store.write(move |tx| {
        let agency = match seen(tx, &person.scope, &agency)? {
            Sight::Seen(agency) => agency,
            Sight::Absent => return Ok(Sight::Absent),
            Sight::Neighbours => return Ok(Sight::Neighbours),
        };
        budgets::set(tx, &agency, kib, at)?;
        let detail = kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
        let id = agency.as_str();
        let entry = Action {
            at,
            person: &person.name,
            agency: Some(id),
            action: "agency.budget",
            object: id,
            detail: &detail,
        };
        audit::append(tx, &entry)?;

        Ok(Sight::Seen(()))
    });

    Ok(Worked::Store(done.await?))
}

fn seen(db: &Connection, scope: &Scope, agency: &str) -> anyhow::Result<Sight<AgencyId>> {
    let Ok(id) = AgencyId::new(agency) else { return Ok(Sight::Absent) };

    Ok(match agencies::name(db, &id)? {
        None => Sight::Absent,
        Some(_) if scope.covers(id.as_str()) => Sight::Seen(id),
        Some(_) => Sight::Neighbours,
    })
}

//! Opening and closing change windows, from a page or through the API: may they, do it.

use super::caller::Caller;
use super::state::Desk;
use crate::store::windows::{self, Doer, Done, Wanted};

/// How it went, seen from the desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worked {
    /// As the store says.
    Store(Done),
    /// This person only reads.
    ReadOnly,
}

/// Opens a window, if the caller's role works on incidents.
///
/// # Errors
/// If the store fails.
pub async fn open(desk: &Desk, caller: &Caller, wanted: Wanted) -> anyhow::Result<Worked> {
    doing(desk, caller, move |tx, doer| windows::open(tx, doer, &wanted)).await
}

/// Closes a window, likewise.
///
/// # Errors
/// If the store fails.
pub async fn close(desk: &Desk, caller: &Caller, id: i64) -> anyhow::Result<Worked> {
    doing(desk, caller, move |tx, doer| windows::close(tx, doer, id)).await
}

async fn doing(
    desk: &Desk,
    caller: &Caller,
    job: impl FnOnce(&rusqlite::Transaction<'_>, Doer<'_>) -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<Worked> {
    if !caller.person.role.may_act() {
        return Ok(Worked::ReadOnly);
    }
    let (person, at) = (caller.person.clone(), desk.now());
    let done = desk.store.write(move |tx| {
        let doer = Doer { person: &person.name, audited: &person.name, scope: &person.scope, at };
        job(tx, doer)
    });

    Ok(Worked::Store(done.await?))
}

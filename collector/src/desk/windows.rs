//! Opening and closing change windows, from a page or through the API: may they, do it.

use super::caller::Caller;
use super::decided::{Worked, doing};
use super::state::Desk;
use crate::store::windows::{self, Wanted};

/// Opens a window, if the caller's role works on incidents.
///
/// # Errors
/// If the store fails.
pub async fn open(desk: &Desk, caller: &Caller, wanted: Wanted) -> anyhow::Result<Worked> {
    doing(desk, caller, caller.person.role.may_act(), move |tx, doer| windows::open(tx, doer, &wanted)).await
}

/// Closes a window, likewise.
///
/// # Errors
/// If the store fails.
pub async fn close(desk: &Desk, caller: &Caller, id: i64) -> anyhow::Result<Worked> {
    doing(desk, caller, caller.person.role.may_act(), move |tx, doer| windows::close(tx, doer, id)).await
}

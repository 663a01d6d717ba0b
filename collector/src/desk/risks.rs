//! Accepting risks and taking that back, from a page or through the API: may they, do it.

use jiff::civil::Date;

use super::caller::Caller;
use super::decided::{Worked, doing};
use super::state::Desk;
use crate::store::risks::{self, Wanted};

/// Accepts a risk, if the caller's role answers for what it is to hold for.
///
/// # Errors
/// If the store fails.
pub async fn accept(desk: &Desk, caller: &Caller, wanted: Wanted) -> anyhow::Result<Worked> {
    doing(desk, caller, caller.person.role.may_accept_risks(), move |tx, doer| {
        risks::accept(tx, doer, &wanted)
    })
    .await
}

/// Withdraws one, likewise.
///
/// # Errors
/// If the store fails.
pub async fn withdraw(desk: &Desk, caller: &Caller, id: i64, reason: String) -> anyhow::Result<Worked> {
    doing(desk, caller, caller.person.role.may_accept_risks(), move |tx, doer| {
        risks::withdraw(tx, doer, id, &reason)
    })
    .await
}

/// A day as people write it: `2027-03-31` or `31/03/2027`.
#[must_use]
pub fn day(text: &str) -> Option<Date> {
    let text = text.trim();

    text.parse().ok().or_else(|| Date::strptime("%d/%m/%Y", text).ok())
}

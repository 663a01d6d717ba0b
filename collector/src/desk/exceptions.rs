//! Making exceptions to rules and taking that back, from a page or through the API: may they, do it.

use std::collections::BTreeMap;

use super::caller::Caller;
use super::decided::{Worked, doing};
use super::state::Desk;
use crate::store::decided::{Done, Misfit};
use crate::store::exceptions::{self, Wanted};

/// Makes an exception, if there is such a rule and the caller's role answers for what it is to hold for.
///
/// # Errors
/// If the store fails.
pub async fn make(desk: &Desk, caller: &Caller, wanted: Wanted) -> anyhow::Result<Worked> {
    let is_known = desk.knowledge.load().rules.contains_key(&wanted.rule);
    doing(desk, caller, caller.person.role.may_except(), move |tx, doer| {
        if !is_known {
            return Ok(Done::Unfit(Misfit::Rule));
        }
        exceptions::make(tx, doer, &wanted)
    })
    .await
}

/// Withdraws one, likewise.
///
/// # Errors
/// If the store fails.
pub async fn withdraw(desk: &Desk, caller: &Caller, id: i64, reason: String) -> anyhow::Result<Worked> {
    doing(desk, caller, caller.person.role.may_except(), move |tx, doer| {
        exceptions::withdraw(tx, doer, id, &reason)
    })
    .await
}

/// Conditions as people write them, one `field=value` a line; `None` if a line is none or a field stands twice.
#[must_use]
pub fn conditions<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for line in lines.into_iter().map(str::trim).filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once('=')?;
        if all.insert(field.trim().to_owned(), value.trim().to_owned()).is_some() {
            return None;
        }
    }

    Some(all)
}

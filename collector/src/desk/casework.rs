//! What people do to incidents, from a page or through the API: may they, do it, tell.

use super::caller::Caller;
use super::state::Desk;
use super::words::Language;
use crate::store::casework::{self, Act, Deed, Done, Refusal};

/// How it went, seen from the desk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Worked {
    /// As the store says.
    Store(Done),
    /// This person only reads.
    ReadOnly,
}

/// Does it, if the caller's role works on incidents, and tells open pages.
///
/// # Errors
/// If the store fails.
pub async fn work(
    desk: &Desk,
    caller: &Caller,
    incident: i64,
    seen: Option<i64>,
    act: Act,
) -> anyhow::Result<Worked> {
    if !caller.person.role.may_act() {
        return Ok(Worked::ReadOnly);
    }
    let (person, at) = (caller.person.clone(), desk.now());
    let done = desk
        .store
        .write(move |tx| {
            let deed = Deed { incident, person: &person.name, scope: &person.scope, at, seen, act };
            casework::act(tx, &deed)
        })
        .await?;
    if let Done::Kept(_, agency) = &done {
        desk.tell(incident, agency);
    }

    Ok(Worked::Store(done))
}

/// Why an act was refused, in words.
#[must_use]
pub fn why(t: Language, refusal: &Refusal) -> String {
    t.with(&format!("refused-case-{}", refusal.word()), &[("names", &refusal.names())])
}

/// Writes down that the caller asked for a neighbour's thing.
///
/// # Errors
/// If the store fails.
pub async fn refused(desk: &Desk, caller: &Caller, object: String) -> anyhow::Result<()> {
    let (person, at) = (caller.person.clone(), desk.now());
    desk.store.write(move |tx| casework::note_refusal(tx, &person.name, &person.scope, &object, at)).await
}

//! What a person decides for hosts (risks, exceptions, change windows), from a page or through the API: may they, do it.

use rusqlite::Transaction;

use super::caller::Caller;
use super::state::Desk;
use crate::store::decided::Done;
use crate::store::windows::Doer;

/// How it went, seen from the desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worked {
    /// As the store says.
    Store(Done),
    /// This person only reads.
    ReadOnly,
}

/// Does it in the caller's name, if the caller's role may.
///
/// # Errors
/// If the store fails.
pub(super) async fn doing(
    desk: &Desk,
    caller: &Caller,
    may: bool,
    job: impl FnOnce(&Transaction<'_>, Doer<'_>) -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<Worked> {
    if !may {
        return Ok(Worked::ReadOnly);
    }
    let (person, at) = (caller.person.clone(), desk.now());
    let done = desk.store.write(move |tx| {
        let doer = Doer { person: &person.name, audited: &person.name, scope: &person.scope, at };
        job(tx, doer)
    });

    Ok(Worked::Store(done.await?))
}

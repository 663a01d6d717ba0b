//! Letting machines in and deciding which of two keeps an identity: may they, do it.

use vonggac_protocol::id::HostId;

use super::caller::Caller;
use super::state::Desk;
use crate::store::machines::{self, Decided, Decision};
use crate::store::windows::Doer;

/// What a person wants of a host that waits for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// It may work.
    Accept,
    /// It may not.
    Reject,
    /// One of two machines, or neither, goes on with the identity.
    Decide(Decision),
}

/// Does it, if the caller's role lets machines in; `None` if it does not.
///
/// # Errors
/// If the store fails.
pub async fn act(
    desk: &Desk,
    caller: &Caller,
    host: HostId,
    wish: Wish,
    reason: String,
) -> anyhow::Result<Option<Decided>> {
    if !caller.person.role.may_admit() {
        return Ok(None);
    }
    let (person, at) = (caller.person.clone(), desk.now());
    let decided = desk.store.write(move |tx| {
        let doer = Doer { person: &person.name, audited: &person.name, scope: &person.scope, at };
        match wish {
            Wish::Accept => machines::admit(tx, doer, host, true, &reason),
            Wish::Reject => machines::admit(tx, doer, host, false, &reason),
            Wish::Decide(decision) => machines::decide(tx, doer, host, decision, &reason),
        }
    });

    Ok(Some(decided.await?))
}

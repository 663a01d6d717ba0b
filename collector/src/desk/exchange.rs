//! An incident as a file for others: who may have it, making it, and a line in the audit log for each.

use super::caller::Caller;
use super::state::Desk;
use super::words::Language;
use crate::exchange::make::{self, Asked, Made, Refused};
use crate::store::audit::{self, Action};
use crate::store::view::Sight;

/// What came of asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// Here it is, or not.
    Sight(Sight<Made>),
    /// This person only reads: telling others is work on an incident.
    ReadOnly,
}

/// Makes the file; what was made is in the audit log before anybody has it.
///
/// # Errors
/// If the store fails or the file cannot be made.
pub async fn give(desk: &Desk, caller: &Caller, id: i64, asked: Asked) -> anyhow::Result<Given> {
    let (scope, wanted) = (caller.person.scope.clone(), asked.clone());
    let may_act = caller.person.role.may_act();
    let sight = desk
        .store
        .read(move |db| {
            // Whose it is comes first: a neighbour's is refused as such, whatever the role.
            if may_act {
                return make::file(db, &scope, id, &wanted).map(Some);
            }
            Ok(match crate::store::view::incident::one(db, &scope, id)? {
                Sight::Seen(_) => None,
                Sight::Neighbours => Some(Sight::Neighbours),
                Sight::Absent => Some(Sight::Absent),
            })
        })
        .await?;
    let Some(sight) = sight else { return Ok(Given::ReadOnly) };
    if let Sight::Seen(Made::File(bytes)) = &sight {
        let (person, at, detail) = (caller.person.clone(), desk.now(), detail(&asked, bytes));
        desk.store
            .write(move |tx| {
                let object = format!("incident/{id}");
                audit::append(
                    tx,
                    &Action {
                        at,
                        person: &person.name,
                        agency: person.scope.agency(),
                        action: "incident.exported",
                        object: &object,
                        detail: &detail,
                    },
                )
            })
            .await?;
    }

    Ok(Given::Sight(sight))
}

/// What was given to whom, in a line of the audit log: with the digest, what went out can be recognised.
#[must_use]
pub fn detail(asked: &Asked, bytes: &[u8]) -> String {
    let mut detail = asked.format.word().to_owned();
    for (key, value) in [("duty", &asked.duty), ("to", &asked.to)] {
        if let Some(value) = value.as_deref().map(str::trim).filter(|value| !value.is_empty()) {
            detail.push_str(&format!(" {key}={value}"));
        }
    }

    format!("{detail} sha256={}", vonggac_protocol::digest::Digest::of(bytes))
}

/// Why there is no file, in words.
#[must_use]
pub fn why(t: Language, refused: &Refused) -> String {
    t.with(&format!("refused-exchange-{}", refused.word()), &[("names", &refused.names())])
}

/// The name of the file.
#[must_use]
pub fn named(id: i64, asked: &Asked) -> String {
    // A duty's word is of the profile: letters and dashes; whatever else was asked for was refused.
    let duty = asked.duty.as_deref().map(|duty| format!("-{duty}")).unwrap_or_default();

    format!("vonggac-su-co-{id}{duty}.{}", asked.format.ending())
}

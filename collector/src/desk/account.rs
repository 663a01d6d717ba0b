//! One's own account: language and password.

use super::caller::Caller;
use super::password;
use super::state::Desk;
use crate::store::{audit, sessions};

/// How setting a password went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewPassword {
    /// Set; this person is signed out everywhere else.
    Set,
    /// Too short or too long.
    Unfit,
    /// The present password is another, or was tried too often.
    OldWrong,
}

/// Sets the caller's language.
///
/// # Errors
/// If the store fails.
pub async fn set_language(desk: &Desk, caller: &Caller, code: &'static str) -> anyhow::Result<()> {
    let person = caller.person.id;

    desk.store.write(move |tx| sessions::set_language(tx, person, code)).await
}

/// Sets the caller's password; the old one is asked for if there is one.
///
/// # Errors
/// If the store fails or the system has no randomness.
pub async fn set_password(
    desk: &Desk,
    caller: &Caller,
    old: String,
    new: String,
) -> anyhow::Result<NewPassword> {
    if !password::is_fit(&new) {
        return Ok(NewPassword::Unfit);
    }
    let (person, name, now) = (caller.person.id, caller.person.name.clone(), desk.now());
    if caller.person.has_password {
        // Somebody at an unlocked screen must not find out the password by trying.
        if desk.throttle.wait(&name, "session", now).is_some() {
            return Ok(NewPassword::OldWrong);
        }
        let looked_for = name.clone();
        let kept = desk.store.read(move |db| sessions::password(db, &looked_for)).await?;
        if !password::matches(desk, old, kept.map(|(_, hash)| hash)).await? {
            desk.throttle.failed(&name, "session", now);
            return Ok(NewPassword::OldWrong);
        }
    }
    let hash = password::hash(desk, new).await?;
    let secret = caller.secret.0.clone();
    desk.store
        .write(move |tx| {
            sessions::set_password(tx, person, &hash)?;
            sessions::end_others(tx, person, &secret)?;
            let object = format!("person/{person}");
            let entry = audit::Action {
                at: now,
                person: &name,
                agency: None,
                action: "person.password",
                object: &object,
                detail: "",
            };
            audit::append(tx, &entry)
        })
        .await?;

    Ok(NewPassword::Set)
}

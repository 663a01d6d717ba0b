//! What sshd says.

use vonggac_protocol::record::LoginResult;

use super::word;
use crate::sensor::records::fact::{Fact, Name};

/// What a sentence of sshd is.
pub(super) enum Said {
    /// A login or a refusal.
    Fact(Fact),
    /// The end of a connection that never got in: a refusal, unless one was told of the same process.
    Ended(Fact),
}

/// The ends of connections that never got in.
const ENDS: [&str; 5] = [
    "Connection closed by ",
    "Connection reset by ",
    "Disconnected from ",
    "Disconnecting ",
    "Timeout before authentication for ",
];

pub(super) fn read(message: &str, count: u64) -> Option<Said> {
    if let Some(rest) = message.strip_prefix("Accepted ") {
        let (method, rest) = rest.split_once(" for ")?;
        let (user, from) = user_from(rest)?;
        return Some(Said::Fact(login(LoginResult::Succeeded, Name::Account(user), from, method, count)));
    }
    if let Some(rest) = message.strip_prefix("Failed ") {
        let (method, rest) = rest.split_once(" for ")?;
        // A client asks for `none` first, and offers keys until one fits: no refusals of a person yet.
        if !method.starts_with("password") && !method.starts_with("keyboard-interactive") {
            return None;
        }
        return Some(Said::Fact(refusal(rest, method, count)?));
    }
    for end in ENDS {
        let Some(rest) = message.strip_prefix(end) else { continue };
        let rest = rest.strip_suffix(" [preauth]").unwrap_or(rest);
        let is_known = rest.strip_prefix("authenticating user ");
        let (name, is_known) = match (is_known, rest.strip_prefix("invalid user ")) {
            (Some(rest), _) => (rest, true),
            (None, Some(rest)) => (rest, false),
            (None, None) => return None,
        };
        let (user, from) = user_port(name)?;
        let user = if is_known { Name::Account(user) } else { Name::Typed(user) };
        return Some(Said::Ended(login(LoginResult::Failed, user, from, "", count)));
    }

    None
}

/// Whether it is one that the end of the connection must not repeat.
pub(super) fn is_refusal(fact: &Fact) -> bool {
    matches!(fact, Fact::Login { result: LoginResult::Failed, .. })
}

fn refusal(rest: &str, method: &str, count: u64) -> Option<Fact> {
    let (user, from) = user_from(rest)?;
    let user = match user.strip_prefix("invalid user ") {
        Some(typed) => Name::Typed(typed.to_owned()),
        // An empty name leaves nothing behind these words.
        None if user == "invalid user" => Name::Typed(String::new()),
        None => Name::Account(user),
    };

    Some(login(LoginResult::Failed, user, from, method, count))
}

fn login(result: LoginResult, user: Name, from: String, method: &str, count: u64) -> Fact {
    let method = method.split('/').next().unwrap_or(method);

    Fact::Login {
        result,
        user: Some(user),
        from: Some(from),
        service: "sshd".to_owned(),
        method: (!method.is_empty()).then(|| method.to_owned()),
        count,
    }
}

/// `NAME from ADDRESS port NUMBER ssh2…`, read from the right: a name may hold anything.
fn user_from(text: &str) -> Option<(String, String)> {
    let (user, rest) = text.rsplit_once(" from ")?;
    let from = word(rest);

    (!from.is_empty()).then(|| (user.to_owned(), from.to_owned()))
}

/// `NAME ADDRESS port NUMBER`, read from the right.
fn user_port(text: &str) -> Option<(String, String)> {
    let (rest, _) = text.rsplit_once(" port ")?;
    let (user, from) = rest.rsplit_once(' ')?;

    Some((user.to_owned(), from.to_owned()))
}

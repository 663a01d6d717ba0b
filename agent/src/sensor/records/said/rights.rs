//! What sudo, su and pkexec say.

use vonggac_protocol::record::Denial;

use super::between;
use crate::sensor::records::fact::{Fact, Name};

/// `NAME : TTY=… ; PWD=… ; USER=… ; COMMAND=…`, or with a reason before.
pub(super) fn sudo(message: &str, count: u64) -> Option<Fact> {
    let (user, rest) = message.split_once(" : ")?;
    let denial = denial(rest);
    if denial.is_none() && !rest.starts_with("TTY=") && !rest.starts_with("PWD=") {
        return None;
    }
    let run_as = between(rest, "USER=", " ; ");
    let command = rest.split_once(" COMMAND=").map(|(_, command)| command);

    Some(Fact::Privilege {
        granted: denial.is_none(),
        user: Some(Name::Typed(user.trim().to_owned())),
        run_as: run_as.map(|it| Name::Typed(it.to_owned())),
        tool: "sudo",
        program: command.and_then(program),
        denial,
        count,
    })
}

fn denial(rest: &str) -> Option<Denial> {
    let said = rest.split(" ; ").next().unwrap_or_default();
    let said_all = [
        ("user NOT in sudoers", Denial::NotListed),
        ("user NOT authorized on host", Denial::NotListed),
        ("command not allowed", Denial::NotAllowed),
        ("a password is required", Denial::Password),
        ("unable to ", Denial::Other),
        ("account validation failure", Denial::Other),
        ("Account or password is expired", Denial::Other),
    ];
    if said.ends_with("incorrect password attempts") || said.ends_with("incorrect password attempt") {
        return Some(Denial::Password);
    }

    said_all.iter().find(|(text, _)| said.starts_with(text)).map(|(_, denial)| *denial)
}

/// `(to TARGET) NAME on TERMINAL`, `FAILED SU (to TARGET) NAME on TERMINAL`; others write `Successful su for …`.
pub(super) fn su(message: &str, count: u64) -> Option<Fact> {
    let (granted, rest) = match message.strip_prefix("FAILED SU ") {
        Some(rest) => (false, rest),
        None => (true, message),
    };
    let (target, rest) = rest.strip_prefix("(to ")?.split_once(") ")?;
    let (user, _) = rest.rsplit_once(" on ")?;

    Some(Fact::Privilege {
        granted,
        user: Some(Name::Typed(user.to_owned())),
        run_as: Some(Name::Typed(target.to_owned())),
        tool: "su",
        program: None,
        denial: (!granted).then_some(Denial::Password),
        count,
    })
}

/// `NAME: Executing command [USER=…] [TTY=…] [CWD=…] [COMMAND=…]`, or `… not authorized …`.
pub(super) fn pkexec(message: &str, count: u64) -> Option<Fact> {
    let (user, rest) = message.split_once(": ")?;
    let granted = rest.starts_with("Executing command ");
    if !granted && !rest.contains("not authorized") && !rest.starts_with("Error executing command") {
        return None;
    }

    Some(Fact::Privilege {
        granted,
        user: Some(Name::Typed(user.to_owned())),
        run_as: between(rest, "[USER=", "]").map(|it| Name::Typed(it.to_owned())),
        tool: "pkexec",
        program: rest.split_once("[COMMAND=").and_then(|(_, command)| program(command.trim_end_matches(']'))),
        denial: (!granted).then_some(Denial::NotAllowed),
        count,
    })
}

/// The program of a command line, never its arguments. Without a path it is no program that was found, and may be
/// anything.
fn program(command: &str) -> Option<String> {
    let first = command.split_ascii_whitespace().next()?;
    // sudo tells of `sudo -e`, `sudo -l` by these words.
    (first.starts_with('/') || ["sudoedit", "list"].contains(&first)).then(|| first.to_owned())
}

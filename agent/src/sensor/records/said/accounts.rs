//! What useradd, usermod, userdel, groupadd, groupdel and gpasswd say.

use vonggac_protocol::record::AccountAction;

use super::between;
use crate::sensor::records::fact::Fact;

pub(super) fn read(tool: &str, message: &str) -> Option<Fact> {
    let fact = |action, user: Option<&str>, group: Option<&str>, by: Option<&str>, number| {
        Some(Fact::Account {
            action,
            user: user.map(str::to_owned),
            group: group.map(str::to_owned),
            number,
            by: by.map(str::to_owned),
            tool: Some(tool.to_owned()),
        })
    };
    if let Some(rest) = message.strip_prefix("new user: ") {
        let user = between(rest, "name=", ",")?;
        return fact(AccountAction::Created, Some(user), None, None, number(rest, "UID="));
    }
    if let Some(rest) = message.strip_prefix("new group: ") {
        let group = between(rest, "name=", ",")?;
        return fact(AccountAction::GroupCreated, None, Some(group), None, number(rest, "GID="));
    }
    if let Some(rest) = message.strip_prefix("user ") {
        // gpasswd: `user NAME added by NAME to group NAME`.
        return member(rest, " added by ", " to group ")
            .and_then(|(user, by, group)| {
                fact(AccountAction::MemberAdded, Some(user), Some(group), Some(by), None)
            })
            .or_else(|| {
                let (user, by, group) = member(rest, " removed by ", " from group ")?;
                fact(AccountAction::MemberRemoved, Some(user), Some(group), Some(by), None)
            });
    }
    let (user, group) = (quoted(message, 0), quoted(message, 1));
    let is = |start: &str| message.starts_with(start);
    if is("add '") && message.contains("' to group '") {
        return fact(AccountAction::MemberAdded, user, group, None, None);
    }
    if is("delete '") && message.contains("' from group '") {
        return fact(AccountAction::MemberRemoved, user, group, None, None);
    }
    if is("delete user '") {
        return fact(AccountAction::Deleted, user, None, None, None);
    }
    if is("removed group '") || (is("group '") && message.ends_with("' removed")) {
        return fact(AccountAction::GroupDeleted, None, user, None, None);
    }
    if is("lock user '") {
        return fact(AccountAction::Locked, user, None, None, None);
    }
    if is("unlock user '") {
        return fact(AccountAction::Unlocked, user, None, None, None);
    }
    if is("change user '") {
        let action = if message.ends_with("' password") {
            AccountAction::PasswordChanged
        } else {
            AccountAction::Changed
        };
        return fact(action, user, None, None, None);
    }
    if is("change user name '") {
        return fact(AccountAction::Changed, user, None, None, None);
    }

    None
}

fn member<'a>(text: &'a str, by: &str, group: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (user, rest) = text.split_once(by)?;
    let (by, group) = rest.split_once(group)?;

    Some((user, by, group.trim()))
}

/// What stands in the quotes of this place.
fn quoted(text: &str, at: usize) -> Option<&str> {
    text.split('\'').nth(2 * at + 1)
}

fn number(text: &str, key: &str) -> Option<u32> {
    let (_, rest) = text.split_once(key)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());

    rest[..end].parse().ok()
}

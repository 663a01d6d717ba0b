//! What the modules of PAM say, under the name of any program: `pam_unix(SERVICE:TYPE): …`.

use vonggac_protocol::record::{AccountAction, LoginResult};

use super::{between, word};
use crate::sensor::records::fact::{Fact, Name};

/// Services whose logins are told by another sentence, or are none: nobody logs in by cron.
const NO_LOGINS: [&str; 18] = [
    "sshd",
    "sudo",
    "sudo-i",
    "su",
    "su-l",
    "cron",
    "crond",
    "atd",
    "systemd-user",
    "runuser",
    "runuser-l",
    "polkit-1",
    "passwd",
    "chpasswd",
    "chfn",
    "chsh",
    "useradd",
    "usermod",
];

/// Who only shows the picture where a person logs in.
const GREETERS: [&str; 5] = ["gdm", "lightdm", "sddm", "Debian-gdm", "gnome-initial-setup"];

pub(super) fn read(message: &str, count: u64) -> Option<Fact> {
    let (module, rest) = message.split_once('(')?;
    if !module.starts_with("pam_") {
        return None;
    }
    let (service, rest) = rest.split_once(':')?;
    let (kind, said) = rest.split_once("): ")?;
    match kind {
        "session" => opened(service, said, count),
        "auth" => refused(service, said, count),
        "chauthtok" => {
            let user = said.strip_prefix("password changed for ").map(word).filter(|it| !it.is_empty())?;
            Some(Fact::Account {
                action: AccountAction::PasswordChanged,
                user: Some(user.to_owned()),
                group: None,
                number: None,
                by: None,
                tool: Some(service.to_owned()),
            })
        }
        _ => None,
    }
}

/// `session opened for user NAME(uid=…) by NAME(uid=…)`.
fn opened(service: &str, said: &str, count: u64) -> Option<Fact> {
    if NO_LOGINS.contains(&service) || service.ends_with("-greeter") || service.contains("launch-environment")
    {
        return None;
    }
    let user = word(said.strip_prefix("session opened for user ")?);
    let user = user.split_once("(uid=").map_or(user, |(name, _)| name);
    if user.is_empty() || GREETERS.contains(&user) {
        return None;
    }

    Some(Fact::Login {
        result: LoginResult::Succeeded,
        user: Some(Name::Account(user.to_owned())),
        from: None,
        service: service.to_owned(),
        method: Some("session".to_owned()),
        count,
    })
}

/// `authentication failure; logname=… uid=… euid=… tty=… ruser=… rhost=…  user=NAME`.
fn refused(service: &str, said: &str, count: u64) -> Option<Fact> {
    if NO_LOGINS.contains(&service) {
        return None;
    }
    let rest = said.strip_prefix("authentication failure;")?;
    let from = between(&format!("{rest} "), " rhost=", " ").filter(|it| !it.is_empty()).map(str::to_owned);
    let user = rest.rsplit_once(" user=").map(|(_, user)| user.trim()).filter(|it| !it.is_empty());

    Some(Fact::Login {
        result: LoginResult::Failed,
        user: user.map(|it| Name::Typed(it.to_owned())),
        from,
        service: service.to_owned(),
        method: Some("password".to_owned()),
        count,
    })
}

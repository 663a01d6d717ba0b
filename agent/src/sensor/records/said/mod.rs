//! The sentences that programs of the system write, and what they say. Names are read from the outside in: what a stranger may
//! have typed stands in the middle, and cannot pass for an address.
//!
//! | module | subject |
//! |---|---|
//! | `sshd` | logins over the network |
//! | `rights` | sudo, su, pkexec |
//! | `pam` | logins of other services, passwords |
//! | `accounts` | useradd and its kin |
//! | `units` | the service manager |

mod accounts;
mod pam;
mod rights;
mod sshd;
mod units;

use std::collections::VecDeque;

use super::fact::Fact;
use super::record::Record;

/// Processes of sshd whose refusals are remembered, so that the end of their connection is not another one.
const REFUSED_MAX: usize = 256;

/// Understands records; remembers what it needs to count none twice.
#[derive(Default, Debug)]
pub(super) struct Reader {
    refused: VecDeque<u32>,
}

impl Reader {
    /// What a record says; nothing if it does not concern us.
    pub(super) fn read(&mut self, record: &Record) -> Vec<Fact> {
        if let Some(job) = &record.job {
            return units::read(job).into_iter().collect();
        }
        let (count, message) = repeated(record.message.trim());
        let found = match base(&record.identifier) {
            "sshd" | "sshd-session" | "sshd-auth" => self.sshd(record, message, count),
            "sudo" => rights::sudo(message, count),
            "su" => rights::su(message, count),
            "pkexec" => rights::pkexec(message, count),
            "systemd-logind" => units::logind(message),
            "systemd" => units::manager(message, record),
            tool @ ("useradd" | "usermod" | "userdel" | "groupadd" | "groupdel" | "groupmod" | "gpasswd"
            | "adduser" | "addgroup" | "chage" | "newusers" | "chfn" | "chsh") => {
                return accounts::read(tool, message).into_iter().chain(pam::read(message, count)).collect();
            }
            _ => pam::read(message, count),
        };

        found.into_iter().collect()
    }

    fn sshd(&mut self, record: &Record, message: &str, count: u64) -> Option<Fact> {
        let said = sshd::read(message, count)?;
        let process = record.process.unwrap_or(0);
        match said {
            sshd::Said::Fact(fact) => {
                if matches!(&fact, Fact::Login { .. }) && sshd::is_refusal(&fact) && process != 0 {
                    if self.refused.len() >= REFUSED_MAX {
                        self.refused.pop_front();
                    }
                    self.refused.push_back(process);
                }
                Some(fact)
            }
            sshd::Said::Ended(fact) => {
                let at = self.refused.iter().position(|it| *it == process && process != 0);
                match at {
                    Some(at) => {
                        self.refused.remove(at);
                        None
                    }
                    None => Some(fact),
                }
            }
        }
    }
}

/// The name without what some programs put after it: `gdm-password]`, `sshd[4]`.
fn base(identifier: &str) -> &str {
    let end = identifier.find(['[', ']', ':']).unwrap_or(identifier.len());
    let name = &identifier[..end];

    name.rsplit('/').next().unwrap_or(name)
}

/// What rsyslog says once of several: `message repeated 3 times: [ … ]`.
fn repeated(message: &str) -> (u64, &str) {
    let inner = || {
        let rest = message.strip_prefix("message repeated ")?;
        let (count, rest) = rest.split_once(" times: [")?;
        Some((count.parse().ok()?, rest.strip_suffix(']')?.trim()))
    };

    inner().unwrap_or((1, message))
}

/// The word up to a blank.
fn word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

/// What stands between two marks, the second looked for after the first.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;

    rest.split_once(after).map(|(found, _)| found)
}

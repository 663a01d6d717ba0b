//! What the operating system's own records say: logins, rights of others used, accounts, services, and where such
//! records are missing.
//!
//! Told is who, from where, by which service, with what result and when; never what was typed. A record whose writer the
//! system does not vouch for says so (`sure`).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A kind of records that an assignment can ask for.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RecordSubject {
    /// Logins that succeeded or failed.
    #[n(0)]
    Logins,
    /// Rights of another account used, or refused: sudo, su, pkexec.
    #[n(1)]
    Sudo,
    /// Accounts and groups.
    #[n(2)]
    Accounts,
    /// Services that started, stopped, failed.
    #[n(3)]
    Services,
}

impl RecordSubject {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Logins, Self::Sudo, Self::Accounts, Self::Services];

    /// The word for it in configurations.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::Sudo => "sudo",
            Self::Accounts => "accounts",
            Self::Services => "services",
        }
    }
}

/// Which of the system's records it was read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RecordOrigin {
    /// The journal of systemd.
    #[n(0)]
    Journal,
    /// A text file of a syslog daemon: `auth.log`, `secure`.
    #[n(1)]
    Syslog,
    /// The log of auditd.
    #[n(2)]
    Audit,
}

/// How a login ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum LoginResult {
    /// Somebody is in.
    #[n(0)]
    Succeeded,
    /// Refused.
    #[n(1)]
    Failed,
}

/// Somebody logged in, or tried to. Several alike within a short time are one observation with a count.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Login {
    /// How it ended.
    #[n(0)]
    pub result: LoginResult,
    /// The account, if the system has one of that name.
    #[n(1)]
    pub user: Option<String>,
    /// What stands for a name that is no account: a digest under a key of the host, 16 hexadecimal digits. Never the name:
    /// people type passwords there.
    #[n(2)]
    pub unknown_user: Option<String>,
    /// Network address or name it came from; `None` at the machine itself.
    #[n(3)]
    pub from: Option<String>,
    /// The service that let in or refused: `sshd`, `login`, `gdm-password`.
    #[n(4)]
    pub service: String,
    /// By what: `password`, `publickey`, `session` where only the opened session is on record.
    #[n(5)]
    pub method: Option<String>,
    /// How many, alike in all above.
    #[n(6)]
    pub count: u64,
    /// When the last of them was; `None` if it is one.
    #[n(7)]
    pub until: Option<Timestamp>,
    /// Whether the system vouches for who wrote the record.
    #[n(8)]
    pub sure: bool,
    /// Where it stands.
    #[n(9)]
    pub origin: RecordOrigin,
}

/// Why rights were refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// The person may not use the tool at all.
    #[n(0)]
    NotListed,
    /// The person may not run this.
    #[n(1)]
    NotAllowed,
    /// The person did not prove who it is.
    #[n(2)]
    Password,
    /// Another reason.
    #[n(3)]
    Other,
}

/// Rights of another account were used or refused.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct PrivilegeUsed {
    /// Whether they were granted.
    #[n(0)]
    pub granted: bool,
    /// Who asked.
    #[n(1)]
    pub user: Option<String>,
    /// Whose rights.
    #[n(2)]
    pub run_as: Option<String>,
    /// `sudo`, `su`, `pkexec`.
    #[n(3)]
    pub tool: String,
    /// The program that was run. Never its arguments: they may hold secrets.
    #[n(4)]
    pub program: Option<String>,
    /// Why refused.
    #[n(5)]
    pub denial: Option<Denial>,
    /// How many, alike in all above.
    #[n(6)]
    pub count: u64,
    /// When the last of them was; `None` if it is one.
    #[n(7)]
    pub until: Option<Timestamp>,
    /// Whether the system vouches for who wrote the record.
    #[n(8)]
    pub sure: bool,
    /// Where it stands.
    #[n(9)]
    pub origin: RecordOrigin,
}

/// What became of an account or a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AccountAction {
    /// A new account.
    #[n(0)]
    Created,
    /// Its name, home, shell, number or end was changed.
    #[n(1)]
    Changed,
    /// An account is gone.
    #[n(2)]
    Deleted,
    /// It has another password.
    #[n(3)]
    PasswordChanged,
    /// Its password was locked.
    #[n(4)]
    Locked,
    /// Its password was unlocked.
    #[n(5)]
    Unlocked,
    /// A new group.
    #[n(6)]
    GroupCreated,
    /// A group is gone.
    #[n(7)]
    GroupDeleted,
    /// An account joined a group.
    #[n(8)]
    MemberAdded,
    /// An account left a group.
    #[n(9)]
    MemberRemoved,
}

/// An account or a group was changed by the system's own tools.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct AccountChanged {
    /// What became of it.
    #[n(0)]
    pub action: AccountAction,
    /// The account.
    #[n(1)]
    pub user: Option<String>,
    /// The group.
    #[n(2)]
    pub group: Option<String>,
    /// Its number, of the account or else of the group.
    #[n(3)]
    pub number: Option<u32>,
    /// Who did it, where the record says.
    #[n(4)]
    pub by: Option<String>,
    /// The tool: `useradd`, `usermod`, `passwd`.
    #[n(5)]
    pub tool: Option<String>,
    /// Whether the system vouches for who wrote the record.
    #[n(6)]
    pub sure: bool,
    /// Where it stands.
    #[n(7)]
    pub origin: RecordOrigin,
}

/// What became of a service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAction {
    /// It was started, other than at the start of the machine.
    #[n(0)]
    Started,
    /// It was stopped, other than at the end of the machine.
    #[n(1)]
    Stopped,
    /// It failed.
    #[n(2)]
    Failed,
}

/// A service of the system was started or stopped, or failed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct ServiceChanged {
    /// Its unit, such as `ssh.service`.
    #[n(0)]
    pub unit: String,
    /// What became of it.
    #[n(1)]
    pub action: ServiceAction,
    /// Why it failed, in the service manager's word: `exit-code`, `signal`, `timeout`.
    #[n(2)]
    pub result: Option<String>,
    /// How many, alike in all above.
    #[n(3)]
    pub count: u64,
    /// When the last of them was; `None` if it is one.
    #[n(4)]
    pub until: Option<Timestamp>,
    /// Where it stands.
    #[n(5)]
    pub origin: RecordOrigin,
}

/// Records of the system were gone, or could not be understood, before they were read.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct LogGap {
    /// Which records.
    #[n(0)]
    pub origin: RecordOrigin,
    /// At most so many of all kinds; `None`: nobody knows.
    #[n(1)]
    pub at_most: Option<u64>,
    /// The last record read before.
    #[n(2)]
    pub from: Option<Timestamp>,
    /// The first one after; `None`: there is none yet.
    #[n(3)]
    pub until: Option<Timestamp>,
}

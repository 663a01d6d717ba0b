//! A record of the system, whatever it was read from.

use vonggac_protocol::record::RecordOrigin;
use vonggac_protocol::time::Timestamp;

use super::journal::file::{Entry, Field};

/// Where the system's own programs lie; who can write there is root already.
const SYSTEM_FOLDERS: [&str; 6] =
    ["/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/"];

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// Where it stands.
    pub origin: RecordOrigin,
    /// The name that the program gave itself.
    pub identifier: String,
    /// The process.
    pub process: Option<u32>,
    /// What it says.
    pub message: String,
    /// Whether the system vouches for who wrote it: root, or a program of the system.
    pub sure: bool,
    /// What the service manager says beside the text.
    pub job: Option<Job>,
}

/// What the service manager says of a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The unit.
    pub unit: String,
    /// The kind of message, 32 hexadecimal digits.
    pub message: String,
    /// `start`, `stop`, `restart`.
    pub kind: Option<String>,
    /// `done`, `failed`.
    pub result: Option<String>,
    /// Why a unit failed.
    pub unit_result: Option<String>,
}

impl Record {
    /// An entry of the journal; `None` without a text.
    #[must_use]
    pub fn of_journal(entry: &Entry) -> Option<Self> {
        let message = entry.get(Field::Message)?.to_owned();
        let uid = entry.get(Field::Uid);
        let is_root = uid == Some("0");
        // Anybody may write any name into the journal; whose process it was, and of which program, the kernel says.
        let identifier = entry.get(Field::Identifier).or_else(|| entry.get(Field::Comm))?.to_owned();
        let is_systems = entry.get(Field::Exe).is_some_and(|exe| {
            let program = SYSTEM_FOLDERS.iter().find_map(|folder| exe.strip_prefix(folder));
            program.is_some_and(|program| program.rsplit('/').next() == Some(identifier.as_str()))
        });
        let is_manager = is_root && entry.get(Field::Pid) == Some("1");
        let job = entry.get(Field::Unit).filter(|_| is_manager).map(|unit| Job {
            unit: unit.to_owned(),
            message: entry.get(Field::MessageId).unwrap_or_default().to_owned(),
            kind: entry.get(Field::JobType).map(str::to_owned),
            result: entry.get(Field::JobResult).map(str::to_owned),
            unit_result: entry.get(Field::UnitResult).map(str::to_owned),
        });

        Some(Self {
            at: Timestamp(i64::try_from(entry.realtime / 1_000).unwrap_or(i64::MAX)),
            origin: RecordOrigin::Journal,
            identifier,
            process: entry.get(Field::Pid).and_then(|it| it.parse().ok()),
            message,
            sure: is_root || is_systems,
            job,
        })
    }
}

//! The configuration of an agent: as written ([`mod@file`]) and as relied upon ([`Config`]).

mod file;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use vonggac_protocol::assignment::{Assignment, WatchPath};
use vonggac_protocol::host::Role;
use vonggac_protocol::record::RecordSubject;

use crate::machine::NeverEnrol;
use crate::os::paths;
use crate::os::told::AskWhom;
use crate::print::{Lang, Message};
use crate::sensor::files::{DeclaredText, WatchBy};
use crate::sensor::packages::Roots;
use crate::upgrade::keys::Keys;

/// Every default in one block, each with its reason.
pub mod defaults {
    /// The package manager of the running system.
    pub const PACKAGE_ROOT: &str = "/";
    /// The records of the running system.
    pub const RECORDS_ROOT: &str = "/";
    /// The system's own paths are watched: that is what the program is for.
    pub const WATCH_DEFAULTS: bool = true;
    /// Where servers have packages of languages that no package manager brought. Homes are not among them: what people
    /// keep there is not the province's to list.
    pub const LANGUAGE_ROOTS: [&str; 9] = [
        "/opt",
        "/srv",
        "/usr/lib/node_modules",
        "/usr/lib/python3/dist-packages",
        "/usr/local/lib",
        "/usr/local/share",
        "/var/lib/tomcat10/webapps",
        "/var/lib/tomcat9/webapps",
        "/var/www",
    ];
    /// These are looked through: what a public server runs lies there.
    pub const LANGUAGE_DEFAULTS: bool = true;
    /// About five million file changes: weeks of outage of a busy server, and a small part of any disk of today.
    pub const SPOOL_BYTES_MAX: u64 = 512 * 1024 * 1024;
    /// Content above this is not hashed, only described: larger files are databases, logs and disk images that change
    /// all the time, and each change would cost seconds of a core.
    pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
    /// Percent of one core that hashing may take on average: a first measurement of a server ends within an hour, and
    /// nobody working on it notices.
    pub const CPU_PERCENT: u8 = 25;
    /// Processors that a scan may use: the others are left to whom the machine belongs.
    pub const SCAN_PROCESSORS: u16 = 1;
    /// No limit of its own: a scan reads at idle priority already, and hashing holds it to its share of a processor.
    pub const SCAN_DISK_MIB_PER_SECOND: u64 = 0;
    /// Each day a seventh of all content is read again although nothing about it changed: a file whose times were
    /// forged is found within a week, for a seventh of a first scan a day.
    pub const REHASH_DAYS: u32 = 7;
    /// Distinct files that one process rewrites or takes away within ten seconds before it is told as a burst.
    pub const BURST_FILES: u32 = 100;
    /// Memory above which `status` says that the agent takes more than it should; the unit's `MemoryMax` is the wall.
    pub const MEMORY_MAX_MIB: u32 = 64;
    /// One sign of life a minute costs about 10 kB an hour and lets silence be seen within minutes.
    pub const HEARTBEAT_SECS: u32 = 240;
    /// Package databases are read again every hour; reading one takes well under a second.
    pub const INVENTORY_SECS: u32 = 3_600;
    /// A firewall is seldom opened; a try costs some kilobytes.
    pub const UDP_AGAIN_SECS: u32 = 3_600;
    /// A machine that starts slowly and first tries UDP in vain has reported by then, several times over.
    pub const UPGRADE_WITHIN_SECS: u32 = 600;
}

/// Smallest spool that can hold one whole inventory beside prompt records.
const SPOOL_BYTES_LEAST: u64 = 16 * 1024 * 1024;
/// Largest spool: places in a segment are counted in 64 bits, disks are the limit.
const SPOOL_BYTES_MOST: u64 = 1 << 40;
/// Largest file that may be asked to be hashed.
const FILE_BYTES_MOST: u64 = 1 << 44;

/// What the agent relies upon; every value was checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Where the agent keeps what it must remember.
    pub state_dir: PathBuf,
    /// What forbids enrolment and every connection; known from the place of the file, not from its text.
    pub never_enrol: NeverEnrol,
    /// Whom releases of the agent are believed from; known from the place of the file likewise.
    pub release_keys: Keys,
    /// Within which time a new version must have reported, or the one before comes back.
    pub upgrade_within_secs: u32,
    /// What the machine is for; `None`: as its system suggests.
    pub role: Option<Role>,
    /// Whether the system's own paths are watched.
    pub watch_defaults: bool,
    /// By which means changes are noticed.
    pub watch_by: WatchBy,
    /// Paths watched beside these.
    pub watch: Vec<WatchPath>,
    /// Paths that are never opened, named or sent.
    pub exclude: Excluded,
    /// The system whose package manager's database says what its files should be.
    pub package_root: PathBuf,
    /// Whether packages of languages are looked for where servers have them.
    pub language_defaults: bool,
    /// Folders beside those in which packages of languages are looked for.
    pub language_roots: Vec<PathBuf>,
    /// Files whose text is kept on the machine to compare.
    pub texts: Vec<DeclaredText>,
    /// Most bytes of disk that the spool may take.
    pub spool_bytes_max: u64,
    /// Files above this are described but not hashed.
    pub file_bytes_max: u64,
    /// Percent of one core that hashing may take on average.
    pub cpu_percent: u8,
    /// Processors that a scan may use; its share of a processor is that of all of them together.
    pub scan_processors: u16,
    /// Most that a scan reads of files in a second, MiB; 0: no limit.
    pub scan_disk_mib_per_second: u64,
    /// Within so many days all content is read again; 0: never.
    pub rehash_days: u32,
    /// Distinct files rewritten or taken away within ten seconds that are told as a burst.
    pub burst_files: u32,
    /// Memory (MiB) above which `status` warns. Nothing is cut at it: the service manager's limit is the wall.
    pub memory_max_mib: u32,
    /// Seconds between two signs of life, until the collector assigns another number.
    pub heartbeat_secs: u32,
    /// Seconds between two readings of packages and patches, until the collector assigns another number.
    pub inventory_secs: u32,
    /// Seconds between two tries to get from TCP back to QUIC.
    pub udp_again_secs: u32,
    /// KiB that may be moved on the line in a day, headers counted; `None`: no limit but the assignment's.
    pub daily_budget_kib: Option<u32>,
    /// Which of the system's own records may be told; `None`: all that the assignment asks for.
    pub records: Option<Vec<RecordSubject>>,
    /// The system whose own records are read.
    pub records_root: PathBuf,
    /// How Windows Update is asked.
    pub update_search: UpdateSearching,
    /// A file with Microsoft's updates (`wsusscn2.cab`) that is asked instead.
    pub update_scan_file: Option<PathBuf>,
}

/// How Windows Update is asked what is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateSearching {
    /// What its own last search left in its store; nothing goes over the line.
    #[default]
    Store,
    /// A search of ours, at the server that the machine is set up for.
    Server,
    /// Not at all.
    Off,
}

/// Paths that are out of bounds. Counted by `Debug`, never named: the list itself is a secret of the machine.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Excluded(pub Vec<PathBuf>);

impl fmt::Debug for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excluded({} hidden)", self.0.len())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: paths::state_dir().to_owned(),
            never_enrol: NeverEnrol::default(),
            release_keys: Keys::default(),
            upgrade_within_secs: defaults::UPGRADE_WITHIN_SECS,
            role: None,
            watch_defaults: defaults::WATCH_DEFAULTS,
            watch_by: WatchBy::default(),
            watch: Vec::new(),
            exclude: Excluded::default(),
            package_root: PathBuf::from(defaults::PACKAGE_ROOT),
            language_defaults: defaults::LANGUAGE_DEFAULTS,
            language_roots: Vec::new(),
            texts: Vec::new(),
            spool_bytes_max: defaults::SPOOL_BYTES_MAX,
            file_bytes_max: defaults::FILE_BYTES_MAX,
            cpu_percent: defaults::CPU_PERCENT,
            scan_processors: defaults::SCAN_PROCESSORS,
            scan_disk_mib_per_second: defaults::SCAN_DISK_MIB_PER_SECOND,
            rehash_days: defaults::REHASH_DAYS,
            burst_files: defaults::BURST_FILES,
            memory_max_mib: defaults::MEMORY_MAX_MIB,
            heartbeat_secs: defaults::HEARTBEAT_SECS,
            inventory_secs: defaults::INVENTORY_SECS,
            udp_again_secs: defaults::UDP_AGAIN_SECS,
            daily_budget_kib: None,
            records: None,
            records_root: PathBuf::from(defaults::RECORDS_ROOT),
            update_search: UpdateSearching::default(),
            update_scan_file: None,
        }
    }
}

impl Config {
    /// Whom Windows Update is to ask; `None`: nobody.
    #[must_use]
    pub fn updater(&self) -> Option<AskWhom> {
        match (self.update_search, &self.update_scan_file) {
            (UpdateSearching::Off, _) => None,
            (_, Some(path)) => Some(AskWhom::File(path.clone())),
            (UpdateSearching::Store, None) => Some(AskWhom::Store),
            (UpdateSearching::Server, None) => Some(AskWhom::Server),
        }
    }

    /// Where packages of languages are looked for: by default, as written here, as assigned.
    #[must_use]
    pub fn language_roots(&self, assigned: &Assignment) -> Roots {
        let standard = if self.language_defaults { defaults::LANGUAGE_ROOTS.as_slice() } else { &[] };
        let assigned = assigned.language_roots.iter().flatten().map(PathBuf::from);
        let declared = standard.iter().map(PathBuf::from).chain(self.language_roots.clone()).chain(assigned);

        Roots {
            declared: declared.collect(),
            excluded: self.exclude.0.iter().cloned().chain([self.state_dir.clone()]).collect(),
        }
    }
}

/// One thing that is wrong in a configuration.
#[derive(Debug)]
pub struct Mistake {
    /// Its line, from 1; `None` where there is none, as for a key that is missing.
    pub line: Option<usize>,
    /// What is wrong and what was expected.
    pub message: Message,
}

/// A text that is not a configuration: everything that is wrong in it.
#[derive(Debug)]
pub struct ParseConfigError(pub Vec<Mistake>);

impl ParseConfigError {
    /// One line a mistake: `FILE:LINE: WHAT`.
    #[must_use]
    pub fn say(&self, path: &Path, lang: Lang) -> String {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|mistake| match mistake.line {
                Some(line) => format!("{}:{line}: {}", path.display(), mistake.message.say(lang)),
                None => format!("{}: {}", path.display(), mistake.message.say(lang)),
            })
            .collect();

        lines.join("\n")
    }
}

/// A configuration that cannot be used.
#[derive(Debug)]
pub enum LoadConfigError {
    /// The file cannot be read.
    Read(PathBuf, std::io::Error),
    /// What is in it is not a configuration.
    Parse(PathBuf, ParseConfigError),
}

impl LoadConfigError {
    /// The whole of it for a person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        match self {
            Self::Read(path, error) => {
                let message = Message::new("config-unreadable").with("path", path.display());
                format!("{}: {error}", message.say(lang))
            }
            Self::Parse(path, error) => error.say(path, lang),
        }
    }
}

impl Config {
    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(text: &str) -> Result<Self, ParseConfigError> {
        file::parse(text)
    }

    /// Reads a configuration from its file.
    ///
    /// # Errors
    /// If the file cannot be read or is not a configuration.
    pub fn load(path: &Path) -> Result<Self, LoadConfigError> {
        let text = fs::read_to_string(path).map_err(|error| LoadConfigError::Read(path.to_owned(), error))?;

        Self::parse(&text).map_err(|error| LoadConfigError::Parse(path.to_owned(), error))
    }
}

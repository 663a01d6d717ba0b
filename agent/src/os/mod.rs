//! The face of the operating system: one folder per system, the same file names, the same signatures.
//!
//! Chosen here and nowhere else. What a system cannot do it says: an error of kind `Unsupported`, or a value such
//! as [`Protection::NotAvailable`], never a silent success.
//!
//! | module | subject |
//! |---|---|
//! | [`paths`] | what is watched unless told otherwise, and where our own files live |
//! | [`mod@file`] | looking at files without following links and without waiting on them |
//! | [`owner`] | names of users and groups |
//! | [`locks`] | who holds a lock on a file |
//! | [`machine`] | which machine and kernel this is |
//! | [`manager`] | the service manager's entry for us |
//! | [`keystore`] | sealing what must open on this machine alone |
//! | [`mapped`] | which processes run code that is gone from the disk |
//! | [`channels`] | what was last written to channels of the event log |
//! | [`confine`] | keeping one thread from what it is not for |
//! | [`disk`] | free space |
//! | [`eventlog`] | what the system's own log is told of our life |
//! | [`fanotify`] | notices of whole file systems |
//! | [`mounts`] | which file system stands where |
//! | [`own`] | what our own process uses |
//! | [`protect`] | keeping a file to its owner |
//! | [`processes`] | what processes do |
//! | [`privileges`] | giving up what we have no use for |
//! | [`programs`] | versions of our own program |
//! | [`priority`] | stepping behind everybody else |
//! | [`records`] | how its own records are opened |
//! | [`registry`] | keys and values of the registry, read only, and notices of their change |
//! | [`service`] | living as a service, and being asked to stop |
//! | [`settings`] | what an installer or an administrator left for us |
//! | [`told`] | what management interfaces answer, in the words of neither system |
//! | [`trees`] | notices of whole trees |
//! | [`journal`] | what happened on a volume while nobody watched |
//! | [`updates`] | the system's own updater |
//! | [`wmi`] | management data |

pub mod told;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    channels, confine, disk, eventlog, fanotify, file, journal, keystore, locks, machine, manager, mapped,
    mounts, own, owner, paths, priority, privileges, processes, programs, protect, records, registry,
    service, settings, trees, updates, wmi,
};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{
    channels, confine, disk, eventlog, fanotify, file, journal, keystore, locks, machine, manager, mapped,
    mounts, own, owner, paths, priority, privileges, processes, programs, protect, records, registry,
    service, settings, trees, updates, wmi,
};

use vonggac_protocol::file::FileKind;

/// Whether a protection that was asked for is really there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a protection that is missing must be told to a person"]
pub enum Protection {
    /// It is.
    InForce,
    /// This system's half of the program cannot do it.
    NotAvailable,
}

/// How this process came to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Started {
    /// As a program like any other: by a person, or by a manager that asks nothing more of it.
    Plainly,
    /// By a service manager that wants to be answered, and keeps nothing of what is printed.
    ByManager,
}

/// What a service manager says of our service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceSeen {
    /// In which part of its life it is.
    pub life: ServiceLife,
    /// Its process, if it has one.
    pub process: Option<u32>,
    /// What it ended with last; 0 if in order.
    pub ended_with: u32,
}

/// An enrolment string that was left for us. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct LeftString {
    /// The string as it stands there.
    pub text: String,
    /// By whom.
    pub by: LeftBy,
}

/// Who left an enrolment string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftBy {
    /// Whoever installed the program: the string is removed once it was used.
    Installer,
    /// The policy of the domain, which writes it again and again.
    Policy,
}

/// What the system's own log is told of us: never anything of what is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LifeEvent {
    /// The service began to run; with its version.
    Started,
    /// It ended as asked.
    Stopped,
    /// It ended otherwise; with why.
    Failed,
    /// It has no identity and waits for one; with what it waits for.
    WaitsForEnrolment,
    /// It enrolled itself.
    Enrolled,
    /// It tried to enrol itself and could not; with why.
    EnrolmentFailed,
    /// The system refused a part of the service's entry; with which.
    Settled,
}

/// In which part of its life a service is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceLife {
    /// It does not run.
    Stopped,
    /// It begins.
    Starting,
    /// It runs.
    Running,
    /// It ends.
    Stopping,
}

/// What became of an entry at the service manager.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceEntry {
    /// The program that it starts.
    pub program: std::path::PathBuf,
    /// What this system did not take, each with the number of its refusal.
    pub refused: Vec<(&'static str, i32)>,
}

/// A process that runs code of files which are gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// Its service, or the program's name.
    pub name: String,
    /// The files.
    pub paths: std::collections::BTreeSet<std::path::PathBuf>,
}

/// What a look at all processes gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MappedSeen {
    /// Those that run such code.
    pub processes: Vec<Mapped>,
    /// How many could not be looked into.
    pub unreadable: u64,
}

/// How far a thread is kept from what it is not for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confinement {
    /// It holds no right, reaches its own folder and what resolving a name needs, and listens to nobody.
    Whole,
    /// As [`Whole`](Self::Whole), but for rules that this kernel is too old for.
    Partial,
    /// It holds no right beyond its user's; this kernel cannot keep a thread from files.
    RightsOnly,
    /// This system's half of the program cannot do it.
    NotAvailable,
    /// The system refused, or the agent's folder could not be reached that way.
    Failed,
}

/// What tells a machine's hardware from other hardware, as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineTraits {
    /// The system's UUID (SMBIOS).
    pub uuid: Option<String>,
    /// Serial numbers of system, board and case.
    pub serials: Vec<String>,
    /// Addresses that its network cards were made with.
    pub network: Vec<String>,
}

/// Where a path in the registry begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RegistryRoot {
    /// `HKEY_LOCAL_MACHINE`.
    LocalMachine,
    /// `HKEY_USERS`: one key for each user whose hive is loaded, by its security identifier.
    Users,
}

/// Which side of a 64-bit registry is read; one of 32 bits has a single side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RegistryView {
    /// What programs of 64 bits see.
    Bits64,
    /// What programs of 32 bits see.
    Bits32,
}

/// What a name in the registry holds, as its bytes stand there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryValue {
    /// `REG_SZ` is 1, `REG_EXPAND_SZ` 2, `REG_BINARY` 3, `REG_DWORD` 4, `REG_LINK` 6, `REG_MULTI_SZ` 7, `REG_QWORD` 11.
    pub kind: u32,
    /// The bytes; empty if there are more than [`REGISTRY_VALUE_BYTES_MAX`] of them.
    pub bytes: Vec<u8>,
    /// How many bytes there are.
    pub length: u32,
}

/// Bytes of one value that are read; Microsoft advises that larger ones be kept in files.
pub const REGISTRY_VALUE_BYTES_MAX: u32 = 1024 * 1024;

/// What happened in a watched tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeNotice {
    /// A name came or went there.
    Name(std::path::PathBuf),
    /// Something about what stands there changed.
    Change(std::path::PathBuf),
    /// Notices were lost.
    Lost,
    /// The tree itself is gone, and with it its watch.
    Gone(std::path::PathBuf),
    /// The system gives no more notices of a tree that is there.
    Failed(std::path::PathBuf),
}

/// Whose rules a machine follows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Membership {
    /// Nothing tells.
    #[default]
    NotKnown,
    /// Of a domain, by its short name.
    Domain(String),
    /// Of a workgroup, which is no more than a name.
    Workgroup(String),
}

/// What our own process uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnUse {
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Processor time since the start of the process, milliseconds.
    pub processor_ms: u64,
}

/// In [`Stat::flags`]: the file cannot be changed, renamed or removed.
pub const IMMUTABLE: u32 = 1;

/// In [`Stat::flags`]: the file can only grow.
pub const APPEND_ONLY: u32 = 2;

/// A file system, or a part of one, that can be seen at a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mount {
    /// Its number among the mounts.
    pub id: u64,
    /// The number of the mount that it was put upon.
    pub parent: u64,
    /// Where it can be seen.
    pub point: std::path::PathBuf,
    /// Which part of the file system can be seen there; `/` for all of it.
    pub part: std::path::PathBuf,
    /// The file system's number, `major:minor`.
    pub device: String,
    /// The kind of file system, such as `ext4`.
    pub kind: String,
}

impl Mount {
    /// Whether other machines, or programs behind the kernel's back, may change it without a notice here.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        const KINDS: [&str; 16] = [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "9p",
            "ceph",
            "afs",
            "lustre",
            "gfs2",
            "ocfs2",
            "glusterfs",
            "virtiofs",
            "vboxsf",
            "vmhgfs",
            "ncpfs",
        ];

        KINDS.contains(&self.kind.as_str()) || self.kind == "fuse" || self.kind.starts_with("fuse.")
    }

    /// Whether it holds files, and not a view of the kernel or a promise of a mount to come.
    #[must_use]
    pub fn holds_files(&self) -> bool {
        const KINDS: [&str; 20] = [
            "proc",
            "sysfs",
            "cgroup",
            "cgroup2",
            "devpts",
            "devtmpfs",
            "mqueue",
            "debugfs",
            "tracefs",
            "securityfs",
            "pstore",
            "bpf",
            "configfs",
            "fusectl",
            "hugetlbfs",
            "binfmt_misc",
            "autofs",
            "nsfs",
            "rpc_pipefs",
            "efivarfs",
        ];

        !KINDS.contains(&self.kind.as_str())
    }
}

/// Metadata of one name, links not followed. Access times are left out by design.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Bytes, for a regular file; 0 otherwise.
    pub size: u64,
    /// Permission bits; 0 on Windows.
    pub mode: u32,
    /// Number of the owner: the system's own, or one for [`owner`] on Windows.
    pub user: u32,
    /// Number of the group; 0 on Windows.
    pub group: u32,
    /// Last change of the content, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of content or metadata, nanoseconds since 1970; `modified_ns` where the system keeps none.
    pub changed_ns: i64,
    /// Number of the file in its file system.
    pub inode: u64,
    /// Number of the file system, or of the volume.
    pub device: u64,
    /// Bits of `vonggac_protocol::file::flag`; 0 where the system keeps none.
    pub flags: u32,
}

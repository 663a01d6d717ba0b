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
//! | [`mapped`] | which processes run code that is gone from the disk |
//! | [`confine`] | keeping one thread from what it is not for |
//! | [`disk`] | free space |
//! | [`fanotify`] | notices of whole file systems |
//! | [`mounts`] | which file system stands where |
//! | [`own`] | what our own process uses |
//! | [`protect`] | keeping a file to its owner |
//! | [`processes`] | what processes do |
//! | [`privileges`] | giving up what we have no use for |
//! | [`priority`] | stepping behind everybody else |
//! | [`service`] | being asked to stop |

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    confine, disk, fanotify, file, locks, machine, mapped, mounts, own, owner, paths, priority, privileges,
    processes, protect, service,
};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{
    confine, disk, fanotify, file, locks, machine, mapped, mounts, own, owner, paths, priority, privileges,
    processes, protect, service,
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
    /// Number of the owner; 0 on Windows.
    pub user: u32,
    /// Number of the group; 0 on Windows.
    pub group: u32,
    /// Last change of the content, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of content or metadata, nanoseconds since 1970; `modified_ns` where the system keeps none.
    pub changed_ns: i64,
    /// Number of the file in its file system; 0 on Windows.
    pub inode: u64,
    /// Number of the file system; 0 on Windows.
    pub device: u64,
    /// [`IMMUTABLE`], [`APPEND_ONLY`]; 0 where the system keeps none.
    pub flags: u32,
}

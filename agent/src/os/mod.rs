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
//! | [`machine`] | which machine and kernel this is |
//! | [`disk`] | free space |
//! | [`own`] | what our own process uses |
//! | [`protect`] | keeping a file to its owner |
//! | [`priority`] | stepping behind everybody else |
//! | [`service`] | being asked to stop |

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{disk, file, machine, own, owner, paths, priority, protect, service};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{disk, file, machine, own, owner, paths, priority, protect, service};

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

//! What is known of a file, and how it changed.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::digest::Digest;
use crate::path::HostPath;
use crate::time::Timestamp;

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    #[n(0)]
    File,
    /// A directory.
    #[n(1)]
    Directory,
    /// A symbolic link or junction, never followed.
    #[n(2)]
    Link,
    /// A device, socket or pipe, never opened.
    #[n(3)]
    Other,
}

/// A path's state at one moment: metadata and digest, never content.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct FileState {
    /// What it is.
    #[n(0)]
    pub kind: FileKind,
    /// Bytes; 0 for anything but a file.
    #[n(1)]
    pub size: u64,
    /// SHA-256 of the content of a regular file; `None` if it could not be read or is above the size limit.
    #[n(2)]
    pub digest: Option<Digest>,
    /// Permission bits on Unix (`st_mode & 0o7777`); 0 on Windows.
    #[n(3)]
    pub mode: u32,
    /// Owner: the user's name, or the number or SID where there is no name.
    #[n(4)]
    pub owner: String,
    /// Group, likewise; empty on Windows.
    #[n(5)]
    pub group: String,
    /// Last change of the content.
    #[n(6)]
    pub modified: Timestamp,
    /// Last change of content or metadata (`ctime`); equal to `modified` where the system keeps none.
    #[n(7)]
    pub changed: Timestamp,
    /// Where a link points, as written.
    #[n(8)]
    pub link_target: Option<HostPath>,
    /// SHA-256 over the sorted extended attributes; on Windows over owner, access list and the names and sizes of further
    /// streams. `None` if there are none.
    #[n(9)]
    pub attributes: Option<Digest>,
    /// Flags of the file system that guard it, bits of [`flag`]; `None` where the system keeps or shows none.
    #[n(10)]
    pub flags: Option<u32>,
}

/// Bits of [`FileState::flags`].
pub mod flag {
    /// Nobody may change it (`chattr +i`, `STATX_ATTR_IMMUTABLE`).
    pub const IMMUTABLE: u32 = 1;
    /// It may only grow (`chattr +a`, `STATX_ATTR_APPEND`).
    pub const APPEND_ONLY: u32 = 2;
    /// Windows: marked as not to be written.
    pub const READ_ONLY: u32 = 4;
    /// Windows: not shown to people.
    pub const HIDDEN: u32 = 8;
    /// Windows: marked as the system's own.
    pub const SYSTEM: u32 = 16;
    /// Windows: it has streams beside its content, other than the mark of a download.
    pub const STREAMS: u32 = 32;
}

/// What happened to a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// It was not there and now is.
    #[n(0)]
    Created,
    /// Its content differs.
    #[n(1)]
    Modified,
    /// Only owner, mode, times or attributes differ.
    #[n(2)]
    MetadataChanged,
    /// It was there and now is not.
    #[n(3)]
    Deleted,
}

/// Which purpose a watched path has; decides which rules look at it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Configuration of the system: `/etc`.
    #[n(0)]
    Configuration,
    /// What the machine boots.
    #[n(1)]
    Boot,
    /// Programs of the system.
    #[n(2)]
    Programs,
    /// Shared libraries and modules.
    #[n(3)]
    Libraries,
    /// Services, timers, cron, autostart.
    #[n(4)]
    Persistence,
    /// Keys and lists that let people in.
    #[n(5)]
    Access,
    /// Pages that the public sees.
    #[n(6)]
    Web,
    /// The agency's own data.
    #[n(7)]
    Data,
    /// Software that agencies share.
    #[n(8)]
    Application,
}

/// Who changed a file, where the system can tell; never guessed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Actor {
    /// Process id at the time.
    #[n(0)]
    pub process: u32,
    /// The program's path.
    #[n(1)]
    pub program: Option<HostPath>,
    /// The user's name or number.
    #[n(2)]
    pub user: Option<String>,
    /// The login session, if any.
    #[n(3)]
    pub session: Option<u32>,
}

/// One change of one path.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct FileChanged {
    /// The path.
    #[n(0)]
    pub path: HostPath,
    /// What the path is watched for.
    #[n(1)]
    pub area: Area,
    /// The watched root that it lies under.
    #[n(2)]
    pub root: HostPath,
    /// What happened.
    #[n(3)]
    pub action: FileAction,
    /// As the baseline had it; `None` if it was not there.
    #[n(4)]
    pub before: Option<FileState>,
    /// As it is; `None` if it is gone.
    #[n(5)]
    pub after: Option<FileState>,
    /// Whether it happened while no agent was watching.
    #[n(6)]
    pub while_off: bool,
    /// The earliest moment it can have happened, where only a span is known.
    #[n(7)]
    pub not_before: Option<Timestamp>,
    /// Who did it, if the system told.
    #[n(8)]
    pub actor: Option<Actor>,
    /// What the package manager's own database says of the path; `None` if no package owns it.
    #[n(9)]
    pub package: Option<FromPackage>,
    /// How the text differs, for small files that the machine's administrator declared as text.
    #[n(10)]
    pub text: Option<TextDifference>,
}

/// The package that owns a path, and whether the path is as the package brought it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct FromPackage {
    /// Name of the package.
    #[n(0)]
    pub name: String,
    /// Its version.
    #[n(1)]
    pub version: String,
    /// Whether what stands there is what the package brought.
    #[n(2)]
    pub verdict: PackageVerdict,
}

/// Whether a path is as its package brought it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PackageVerdict {
    /// Its content has the digest that the package manager recorded.
    #[n(0)]
    Matches,
    /// It has another.
    #[n(1)]
    Differs,
    /// The package owns the path and recorded no digest of it.
    #[n(2)]
    NotRecorded,
    /// The package owns it and it is gone.
    #[n(3)]
    Missing,
}

/// How a text changed; the texts themselves stay on the machine.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct TextDifference {
    /// SHA-256 of the difference as kept on the machine (unified form, UTF-8).
    #[n(0)]
    pub digest: Digest,
    /// Lines added.
    #[n(1)]
    pub added: u32,
    /// Lines taken away.
    #[n(2)]
    pub removed: u32,
    /// The difference itself, only where the machine's administrator allowed it for this path; at most
    /// [`TEXT_BYTES_MAX`](crate::limits::TEXT_BYTES_MAX) bytes.
    #[n(3)]
    pub lines: Option<String>,
}

/// The package manager changed files: one installation, however many files it touched.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct FilesInstalled {
    /// `dpkg` or `rpm`.
    #[n(0)]
    pub manager: String,
    /// The packages whose files changed, at most [`INSTALLED_PACKAGES_MAX`](crate::limits::INSTALLED_PACKAGES_MAX).
    #[n(1)]
    pub packages: Vec<InstalledPackage>,
    /// Paths that came.
    #[n(2)]
    pub created: u64,
    /// Paths whose content or metadata changed.
    #[n(3)]
    pub modified: u64,
    /// Paths that went.
    #[n(4)]
    pub deleted: u64,
    /// SHA-256 over path, action and state of each path in path order: what the counts stand for.
    #[n(5)]
    pub digest: Digest,
    /// When the first of the changes was noticed.
    #[n(6)]
    pub from: Timestamp,
    /// Whether it happened while no agent was watching.
    #[n(7)]
    pub while_off: bool,
    /// The earliest moment it can have happened, where only a span is known.
    #[n(8)]
    pub not_before: Option<Timestamp>,
    /// Who ran the package manager, if the system told.
    #[n(9)]
    pub actor: Option<Actor>,
}

/// One package of an installation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct InstalledPackage {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its version now; empty if it was removed.
    #[n(1)]
    pub version: String,
    /// How many of its watched paths changed, all as the package manager recorded them.
    #[n(2)]
    pub files: u64,
}

/// Very many files changed in a short time.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct ChangeBurst {
    /// The watched root where most of them lie.
    #[n(0)]
    pub root: HostPath,
    /// What it is watched for.
    #[n(1)]
    pub area: Area,
    /// The one process that did it; `None` where the system does not tell who changes files.
    #[n(2)]
    pub actor: Option<Actor>,
    /// Files whose content was rewritten.
    #[n(3)]
    pub rewritten: u64,
    /// Names that came or went: renames, creations, deletions.
    #[n(4)]
    pub renamed: u64,
    /// The first of them.
    #[n(5)]
    pub from: Timestamp,
    /// The last of them that is counted here; the burst may go on.
    #[n(6)]
    pub until: Timestamp,
}

/// By what means changes under some roots are seen.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WatchMode {
    /// Notices of the whole file system, with who did it (fanotify).
    #[n(0)]
    FileSystem,
    /// Notices of every directory, without who did it (inotify; `ReadDirectoryChangesW`).
    #[n(1)]
    Directories,
    /// No notices: scanned every so often.
    #[n(2)]
    ScanOnly,
}

/// Roots are watched by other means than before, or for the first time.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct WatchModeChanged {
    /// The roots concerned; empty means all.
    #[n(0)]
    pub roots: Vec<HostPath>,
    /// How they are watched now.
    #[n(1)]
    pub mode: WatchMode,
    /// How they were watched before; `None` at the first start.
    #[n(2)]
    pub before: Option<WatchMode>,
    /// Why, in English, without names of what is watched.
    #[n(3)]
    pub reason: String,
}

/// A root was measured for the first time, or measured anew on a named person's order.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct BaselineTaken {
    /// The root.
    #[n(0)]
    pub root: HostPath,
    /// What it is watched for.
    #[n(1)]
    pub area: Area,
    /// Paths recorded, directories and links included.
    #[n(2)]
    pub paths: u64,
    /// Bytes hashed.
    #[n(3)]
    pub bytes: u64,
    /// SHA-256 over all recorded states in path order: two equal trees have equal digests.
    #[n(4)]
    pub digest: Digest,
    /// Paths that could not be read; counted, not named.
    #[n(5)]
    pub unreadable: u64,
    /// How long it took, in milliseconds.
    #[n(6)]
    pub took_ms: u64,
    /// Who ordered it to be measured anew; `None` at the first time.
    #[n(7)]
    pub by: Option<String>,
    /// Why, in that person's words.
    #[n(8)]
    pub reason: Option<String>,
    /// The digest of the baseline before; every difference to it was told as a change of its own.
    #[n(9)]
    pub previous: Option<Digest>,
}

/// Why changes may have been missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WatchLossReason {
    /// The system's queue of notices ran over.
    #[n(0)]
    QueueOverflow,
    /// The system refused more watches.
    #[n(1)]
    WatchLimit,
    /// The root is gone, was replaced or unmounted.
    #[n(2)]
    RootGone,
    /// The watcher itself failed.
    #[n(3)]
    WatcherFailed,
    /// Our own bounded queue ran over.
    #[n(4)]
    AgentOverloaded,
    /// Something was mounted over, or unmounted from, part of a root.
    #[n(5)]
    MountChanged,
    /// It lies on a file system that other machines change without our being told.
    #[n(6)]
    RemoteFileSystem,
}

/// Changes may have been missed; a rescan is due or done.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct WatchLost {
    /// The roots concerned; empty means all.
    #[n(0)]
    pub roots: Vec<HostPath>,
    /// Why.
    #[n(1)]
    pub reason: WatchLossReason,
    /// From when.
    #[n(2)]
    pub from: Timestamp,
    /// Until when; `None` while it goes on.
    #[n(3)]
    pub until: Option<Timestamp>,
}

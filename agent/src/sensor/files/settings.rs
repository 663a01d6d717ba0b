//! What `run.rs` decides for the sensor.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use vonggac_protocol::assignment::WatchPath;

use super::burst::BURST_FILES;
use super::texts::DeclaredText;

/// Above this a file's content is not hashed: reading it would take seconds for every change of a log or an image.
pub const HASH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Share of one processor that a scan may take.
pub const SCAN_CPU_PERCENT: u8 = 25;

/// Processors that a scan may use: one leaves the others to whom the machine belongs.
pub const SCAN_PROCESSORS: usize = 1;

/// Within so many days all content is read again.
pub const REHASH_DAYS: u32 = 7;

/// How often everything is looked at again although no notice came: a map's writes and other kernels' changes on a
/// network disk give none.
pub const RESCAN_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often roots that cannot be watched are scanned instead.
pub const UNWATCHED_RESCAN_EVERY: Duration = Duration::from_secs(60);

/// How often roots on file systems that other machines change too are scanned: their changes give no notice.
pub const REMOTE_RESCAN_EVERY: Duration = Duration::from_secs(5 * 60);

/// Directories we watch at most: about 0.5 KiB of our memory and 1.3 KiB of the kernel's each.
pub const WATCHES_MAX: usize = 100_000;

/// By which means changes are noticed. What cannot be had is told, never passed over.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
pub enum WatchBy {
    /// Whole file systems where kernel and rights allow, else directories, else scans.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Whole file systems (`fanotify`), else scans; never a watch for each directory.
    #[serde(rename = "fanotify")]
    FileSystem,
    /// A watch for each directory (`inotify`), else scans; never who did it.
    #[serde(rename = "inotify")]
    Directories,
}

/// What to watch, what not, and at which cost.
#[derive(Clone, Debug)]
pub struct FilesSettings {
    /// Paths to watch, the most particular source first (own configuration, assignment, system defaults): where two
    /// name one path, the first decides the area. A `*` stands for one whole component. Links are resolved.
    pub watch: Vec<WatchPath>,
    /// Paths out of bounds: never opened, named, hashed or sent, whatever `watch` says.
    pub excluded: Vec<PathBuf>,
    /// Files whose text is kept on the machine, so that a change is told with a count of its lines.
    pub texts: Vec<DeclaredText>,
    /// Our own folders, left out likewise but not counted as exclusions: our own writes must not feed the sensor.
    pub own: Vec<PathBuf>,
    /// The root of the system whose package manager's database is read: `/` outside tests.
    pub package_root: PathBuf,
    /// Where the baseline is kept; its folder must exist.
    pub baseline_path: PathBuf,
    /// Largest file that is hashed.
    pub hash_bytes_max: u64,
    /// Share of one processor that a scan may take, 1 to 100; 100: as fast as it goes.
    pub scan_cpu_percent: u8,
    /// Processors that a scan may use; the share is that of all of them together.
    pub scan_processors: usize,
    /// What a scan may read of files; `None`: as fast as the disk gives it.
    pub scan_disk_bytes_per_second: Option<NonZeroU64>,
    /// Within so many days all content is read again, a part of it each day, although nothing about it changed; 0: never.
    pub rehash_days: u32,
    /// How often everything is looked at again without a notice.
    pub rescan_every: Duration,
    /// How often roots that cannot be watched are scanned.
    pub unwatched_rescan_every: Duration,
    /// How often roots on file systems that others change too are scanned.
    pub remote_rescan_every: Duration,
    /// Directories we watch at most.
    pub watches_max: usize,
    /// Distinct files rewritten or taken away within ten seconds that make a burst.
    pub burst_files: u32,
    /// By which means changes are noticed.
    pub watch_by: WatchBy,
    /// Whether values of the registry that start something are watched, where there is a registry.
    pub autostart: bool,
}

impl FilesSettings {
    /// The defaults of this system, with the baseline at this place.
    #[must_use]
    pub fn new(baseline_path: PathBuf) -> Self {
        Self {
            watch: crate::os::paths::watched(),
            excluded: Vec::new(),
            texts: Vec::new(),
            package_root: PathBuf::from("/"),
            own: baseline_path.parent().map(PathBuf::from).into_iter().collect(),
            baseline_path,
            hash_bytes_max: HASH_BYTES_MAX,
            scan_cpu_percent: SCAN_CPU_PERCENT,
            scan_processors: SCAN_PROCESSORS,
            scan_disk_bytes_per_second: None,
            rehash_days: REHASH_DAYS,
            rescan_every: RESCAN_EVERY,
            unwatched_rescan_every: UNWATCHED_RESCAN_EVERY,
            remote_rescan_every: REMOTE_RESCAN_EVERY,
            watches_max: WATCHES_MAX,
            burst_files: BURST_FILES,
            watch_by: WatchBy::default(),
            autostart: true,
        }
    }
}

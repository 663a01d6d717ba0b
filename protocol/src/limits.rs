//! The bound of every length that a peer can choose, each with its reason.

/// Bytes of one frame after its length prefix; a larger prefix closes the connection unread.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a batch once decompressed; bounds what a small hostile frame can unfold into.
pub const BATCH_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Observations in one batch: large enough to amortise a commit, small enough to judge at once.
pub const BATCH_OBSERVATIONS_MAX: usize = 512;

/// Bytes of one encoded observation: a part of an inventory is the largest.
pub const OBSERVATION_BYTES_MAX: usize = 1024 * 1024;

/// Packages in one part of an inventory.
pub const INVENTORY_PART_PACKAGES_MAX: usize = 2_000;

/// Parts of one inventory; with the above, 128,000 packages.
pub const INVENTORY_PARTS_MAX: u32 = 64;

/// Pending updates in one patch state; the rest is counted, not listed.
pub const PENDING_UPDATES_MAX: usize = 4_000;

/// Services with replaced libraries in one patch state; the rest is counted, not listed.
pub const STALE_SERVICES_MAX: usize = 64;

/// Packages named of one such service.
pub const STALE_PACKAGES_MAX: usize = 8;

/// Numbers of installed updates, and missing updates, in one state of a Windows host; an old server has some hundreds.
pub const WINDOWS_UPDATES_MAX: usize = 4_000;

/// Products, firewalls, volumes or backups in one posture; a server may have some dozen volumes.
pub const POSTURE_ITEMS_MAX: usize = 256;

/// Products or traces in one activation; Office has one product for each of its programs.
pub const ACTIVATION_ITEMS_MAX: usize = 256;

/// Bytes of a path as we write it: `PATH_MAX` of Linux, each byte escaped at worst.
pub const PATH_BYTES_MAX: usize = 4096 * 6;

/// Bytes of any other text a host sends.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Bytes of a certificate request in an enrolment.
pub const CSR_BYTES_MAX: usize = 16 * 1024;

/// Characters of an enrolment string.
pub const ENROLMENT_STRING_MAX: usize = 1024;

/// Paths in one assignment.
pub const ASSIGNMENT_PATHS_MAX: usize = 256;

/// Packages named in one installation; what is beyond is told in another.
pub const INSTALLED_PACKAGES_MAX: usize = 1_000;

/// Marks of one sort that a machine tells: network cards of a large server, serial numbers of its boards.
pub const MARKS_MAX: usize = 16;

/// Bytes of a released program: ten times what ours has, and what an agent fetches at most.
pub const RELEASE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Bytes of one piece of it: two seconds of a megabit line, so that acknowledgements behind it do not wait for long.
pub const RELEASE_PIECE_BYTES: u64 = 256 * 1024;

/// Bytes of a release's manifest: a digest in JSON for each of the most pieces.
pub const RELEASE_MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// Orders of a new baseline in one assignment.
pub const REBASELINE_ORDERS_MAX: usize = 64;

/// KiB a day that a budget may be: signs of life and a connection or two a day fit below the least of them.
pub const BUDGET_KIB_MIN: u32 = 128;

/// And at most: 4 GiB is what a metered mobile line carries in a month.
pub const BUDGET_KIB_MAX: u32 = 4 * 1024 * 1024;

//! Patch state: what is installed against what the package manager's own lists offer; no command is run.
//!
//! How `run.rs` uses it: see [`packages`](super::packages). `previous` is the patch state told last (kept by the caller as
//! JSON or CBOR); it carries when each waiting update was first seen. `problems` become `SensorFailed { sensor: "patches" }`,
//! once per change of their text.
//!
//! The answer is that of `apt list --upgradable`: all versions of installed names in the lists of its sources, priorities of
//! archives, `NotAutomatic`, `/etc/apt/preferences`, holds included; on rpm systems that of `dnf check-update`, see [`dnf`]. The cache of
//! zypper is not read: there `lists_at` is `None`, which means that nothing is known, not that nothing waits. Windows has [`windows`].

mod apt_conf;
mod archive;
mod candidate;
mod dnf;
mod history;
mod kernel;
mod lists;
mod order;
mod origin;
mod preferences;
mod sources;
mod stale;
mod state;
#[cfg(test)]
mod tests;
pub mod windows;

pub use dnf::read_lists_of_bytes;
pub use stale::stale;
pub use state::{Patches, Running, read, stamp};

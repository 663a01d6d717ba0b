//! Patch state: what is installed against what the package manager's own lists offer.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::windows::WindowsState;

/// One update that waits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct PendingUpdate {
    /// Package name.
    #[n(0)]
    pub name: String,
    /// Architecture.
    #[n(1)]
    pub architecture: String,
    /// Version installed.
    #[n(2)]
    pub installed: String,
    /// Version offered.
    #[n(3)]
    pub candidate: String,
    /// Whether a security archive offers it.
    #[n(4)]
    pub security: bool,
    /// Archive that offers it, such as `Debian-Security bookworm-security`.
    #[n(5)]
    pub origin: String,
    /// When this agent first saw it offered; the true date of publication may be earlier.
    #[n(6)]
    pub first_seen: Timestamp,
}

/// Patch state of a host.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct PatchState {
    /// Age of the lists: the newest list file's own date; `None` if there are no lists, so nothing is known.
    #[n(0)]
    pub lists_at: Option<Timestamp>,
    /// The last time the package manager installed or upgraded anything.
    #[n(1)]
    pub last_update: Option<Timestamp>,
    /// Updates that wait, at most [`PENDING_UPDATES_MAX`](crate::limits::PENDING_UPDATES_MAX).
    #[n(2)]
    pub pending: Vec<PendingUpdate>,
    /// How many wait in all.
    #[n(3)]
    pub pending_count: u64,
    /// How many of them are security updates; `None` if the lists do not say.
    #[n(4)]
    pub security_count: Option<u64>,
    /// Whether the system asks for a restart; `None` if it has no way to say so.
    #[n(5)]
    pub reboot_needed: Option<bool>,
    /// The kernel that runs, as `uname -r` gives it.
    #[n(6)]
    pub kernel_running: String,
    /// The newest kernel installed, in the same form, where it can be told.
    #[n(7)]
    pub kernel_installed: Option<String>,
    /// Whether updates install themselves; `None` if it cannot be told.
    #[n(8)]
    pub automatic: Option<bool>,
    /// When the lists were last fetched with success, be there anything new or not; no earlier than that. `None` if
    /// nothing tells.
    #[n(9)]
    pub refreshed_at: Option<Timestamp>,
    /// The last time that an installed package was replaced by a newer version; `None` if no history tells.
    #[n(10)]
    pub upgraded_at: Option<Timestamp>,
    /// Whether the system is attached to Ubuntu Pro; `None` where there is no such thing.
    #[n(11)]
    pub pro: Option<bool>,
    /// Version of the package that the running kernel was built as, where it says so: a rebuilt kernel keeps its release.
    #[n(12)]
    pub kernel_build: Option<String>,
    /// Programs that still use libraries which an update has replaced; `None` if it cannot be told.
    #[n(13)]
    pub stale: Option<StaleLibraries>,
    /// What a Windows host tells of its system and its updates; `None` elsewhere.
    #[n(20)]
    pub windows: Option<Box<WindowsState>>,
}

/// Running programs that use libraries which are no longer on the disk.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct StaleLibraries {
    /// By service, at most [`STALE_SERVICES_MAX`](crate::limits::STALE_SERVICES_MAX), in order of their names.
    #[n(0)]
    pub services: Vec<StaleService>,
    /// How many services there are in all.
    #[n(1)]
    pub services_count: u64,
    /// Processes that could not be looked into.
    #[n(2)]
    pub unreadable: u64,
}

/// A service that needs a restart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct StaleService {
    /// Unit of the service manager, such as `nginx.service`, or the program's name where it is in none.
    #[n(0)]
    pub name: String,
    /// How many of its processes.
    #[n(1)]
    pub processes: u64,
    /// Packages whose former libraries these are, at most
    /// [`STALE_PACKAGES_MAX`](crate::limits::STALE_PACKAGES_MAX), where it can be told.
    #[n(2)]
    pub packages: Vec<String>,
}

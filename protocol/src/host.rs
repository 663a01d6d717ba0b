//! The machine itself, and the health of our own program on it.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::file::WatchMode;
use crate::line::Traffic;
use crate::time::Timestamp;

/// What a machine is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Serves others.
    #[n(0)]
    Server,
    /// Somebody's desk.
    #[n(1)]
    Workstation,
    /// Cannot be told.
    #[n(2)]
    Unknown,
}

/// A description of a host; every field that the system does not tell is empty or `None`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct HostDescribed {
    /// Name the machine calls itself.
    #[n(0)]
    pub name: String,
    /// What it is for, as its configuration says or its system suggests.
    #[n(1)]
    pub role: Role,
    /// `linux` or `windows`.
    #[n(2)]
    pub os_family: String,
    /// `ID` of os-release, such as `debian`, or `windows`.
    #[n(3)]
    pub os_id: String,
    /// `VERSION_ID` of os-release, or the Windows version, such as `22H2`.
    #[n(4)]
    pub os_version: String,
    /// Name for people.
    #[n(5)]
    pub os_name: String,
    /// Kernel release or build number.
    #[n(6)]
    pub kernel: String,
    /// Processor architecture.
    #[n(7)]
    pub architecture: String,
    /// Processor model.
    #[n(8)]
    pub processor: String,
    /// Logical processors.
    #[n(9)]
    pub processors: u32,
    /// Bytes of memory.
    #[n(10)]
    pub memory_bytes: u64,
    /// Bytes of fixed disks in all.
    #[n(11)]
    pub disk_bytes: u64,
    /// Maker of the machine, as its firmware says.
    #[n(12)]
    pub vendor: String,
    /// Model, likewise.
    #[n(13)]
    pub model: String,
    /// Date of the firmware, `YYYY-MM-DD`: the machine is hardly older; an indication of age, not a purchase date.
    #[n(14)]
    pub firmware_date: Option<String>,
    /// Addresses of its network interfaces, loopback left out.
    #[n(15)]
    pub addresses: Vec<String>,
    /// When it was started.
    #[n(16)]
    pub booted_at: Timestamp,
    /// Kind of virtual machine or container, if it says so.
    #[n(17)]
    pub virtualisation: Option<String>,
    /// Windows: the domain that it has joined, by its short name.
    #[n(18)]
    pub domain: Option<String>,
    /// Windows: the workgroup that it names where it has joined no domain.
    #[n(19)]
    pub workgroup: Option<String>,
}

/// How our own program fares.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Health {
    /// Seconds since the agent started.
    #[n(0)]
    pub uptime_secs: u64,
    /// Observations on disk that the collector has not confirmed.
    #[n(1)]
    pub waiting: u64,
    /// Bytes they take on disk.
    #[n(2)]
    pub waiting_bytes: u64,
    /// Observations dropped since this spool began, because the disk limit was reached.
    #[n(3)]
    pub dropped: u64,
    /// Times that the file watch lost notices since the agent started.
    #[n(4)]
    pub watch_losses: u64,
    /// Resident memory of the agent, bytes.
    #[n(5)]
    pub memory_bytes: u64,
    /// Processor time the agent used since it started, milliseconds.
    #[n(6)]
    pub processor_ms: u64,
    /// Paths in the baseline.
    #[n(7)]
    pub baseline_paths: u64,
    /// How many exclusions the machine's administrator has set; they are never named.
    #[n(8)]
    pub exclusions: u32,
    /// Seconds the host's clock is ahead of the collector's (negative: behind), at the last hello.
    #[n(9)]
    pub clock_offset_ms: Option<i64>,
    /// The weakest means by which any root is watched.
    #[n(10)]
    pub watch_mode: Option<WatchMode>,
    /// What it moved on the line today.
    #[n(13)]
    pub traffic: Option<Traffic>,
}

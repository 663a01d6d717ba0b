//! What the system tells any program about the machine; the same on every system.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, Networks, RefreshKind, System};
use vonggac_protocol::host::Role;
use vonggac_protocol::time::Timestamp;

use super::windows;
use crate::os::Membership;
use crate::registry::OfThisMachine;
use crate::smbios::{self, Smbios};

/// Addresses of one host that are told.
const ADDRESSES_MAX: usize = 64;

/// What is not read from files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// Name the machine calls itself.
    pub name: String,
    /// Kernel release or build number.
    pub kernel: String,
    /// Version of the system, for systems without os-release.
    pub os_version: String,
    /// Name of the system for people, likewise.
    pub os_name: String,
    /// Processor model.
    pub processor: String,
    /// Logical processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of the file systems on fixed disks; counts what cannot be seen of the disks themselves.
    pub mounted_bytes: u64,
    /// Addresses, in order; loopback and link-local ones left out.
    pub addresses: Vec<String>,
    /// When it was started.
    pub booted_at: Timestamp,
    /// What the system is for, where it says so itself.
    pub role: Option<Role>,
    /// What the firmware says, where the kernel does not show it as files.
    pub firmware: Option<Smbios>,
    /// Whose rules it follows.
    pub membership: Membership,
}

impl Machine {
    /// Asks the system for these few facts and for nothing else.
    #[must_use]
    pub fn read() -> Self {
        let kinds = RefreshKind::nothing()
            .with_memory(MemoryRefreshKind::nothing().with_ram())
            .with_cpu(CpuRefreshKind::nothing());
        let system = System::new_with_specifics(kinds);
        let processor = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        let (os_version, os_name, role) = match windows::read(&OfThisMachine) {
            Some(it) => (it.version, it.name, Some(it.role)),
            None => (
                System::os_version().unwrap_or_default(),
                System::long_os_version().unwrap_or_default(),
                None,
            ),
        };

        Self {
            name: crate::os::machine::name(),
            kernel: crate::os::machine::kernel_release(),
            os_version,
            os_name,
            role,
            firmware: crate::os::machine::firmware_table().and_then(|table| smbios::of_windows(&table)),
            membership: crate::os::machine::membership(),
            processor: processor.unwrap_or_default(),
            processors: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
            memory_bytes: system.total_memory(),
            mounted_bytes: mounted_bytes(),
            addresses: addresses(),
            booted_at: Timestamp(i64::try_from(System::boot_time()).unwrap_or(0).saturating_mul(1_000)),
        }
    }
}

fn mounted_bytes() -> u64 {
    let disks = Disks::new_with_refreshed_list();
    let fixed = disks.list().iter().filter(|disk| !disk.is_removable());
    // One disk may be mounted in many places.
    let sizes: BTreeMap<_, _> = fixed.map(|disk| (disk.name().to_owned(), disk.total_space())).collect();

    sizes.into_values().fold(0, u64::saturating_add)
}

fn addresses() -> Vec<String> {
    let networks = Networks::new_with_refreshed_list();
    let all: BTreeSet<IpAddr> =
        networks.values().flat_map(|network| network.ip_networks()).map(|network| network.addr).collect();

    all.into_iter().filter(is_told).take(ADDRESSES_MAX).map(|address| address.to_string()).collect()
}

/// Loopback and link-local addresses mean nothing to anybody else, and the latter may hold a hardware address.
fn is_told(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

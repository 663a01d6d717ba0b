//! Which machine and kernel this is.
//!
//! Contracts: learn.microsoft.com, sysinfoapi.h (`GetSystemFirmwareTable`), netioapi.h (`GetIfTable2`), lmjoin.h
//! (`NetGetJoinInformation`).

#![expect(
    unsafe_code,
    reason = "firmware, network cards and membership are told by calls of the system alone"
)]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt as _;

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    FreeMibTable, GetIfTable2, MIB_IF_ROW2, MIB_IF_TABLE2,
};
use windows_sys::Win32::NetworkManagement::NetManagement::{
    NetApiBufferFree, NetGetJoinInformation, NetSetupDomainName, NetSetupWorkgroupName,
};
use windows_sys::Win32::System::SystemInformation::GetSystemFirmwareTable;

use super::registry::Key;
use crate::os::{MachineTraits, Membership, RegistryRoot, RegistryView};
use crate::registry::{number, text};
use crate::smbios;

const CRYPTOGRAPHY: &str = "SOFTWARE\\Microsoft\\Cryptography";
const CURRENT_VERSION: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

/// `RSMB`: the raw tables of SMBIOS.
const RAW_SMBIOS: u32 = 0x5253_4d42;

/// Bytes of a firmware table; real ones have some kilobytes.
const TABLE_BYTES_MAX: u32 = 1024 * 1024;

/// Rows of the table of interfaces that are looked at; filters make several of each card.
const INTERFACES_MAX: usize = 4_096;

/// In the flags of an interface: it has hardware behind it.
const HARDWARE: u8 = 1;

/// Types of interfaces (IANA): Ethernet and IEEE 802.11.
const CARDS: [u32; 2] = [6, 71];

/// UTF-16 units of a name of a domain or workgroup.
const NAME_UNITS_MAX: usize = 512;

/// Bytes that tell this installation from every other, for a fingerprint: `MachineGuid`.
///
/// # Errors
/// If the machine has none; then a clone of its identity cannot be told by this means.
pub fn machine_id() -> io::Result<Vec<u8>> {
    let key = Key::open(RegistryRoot::LocalMachine, CRYPTOGRAPHY, RegistryView::Bits64)?;
    let id = text(&key, "MachineGuid").filter(|id| id.len() >= 32);

    id.map(String::into_bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the machine has no GUID of 32 digits"))
}

/// The version of the system's core with its revision, such as `10.0.19045.4291`.
#[must_use]
pub fn kernel_release() -> String {
    let Ok(key) = Key::open(RegistryRoot::LocalMachine, CURRENT_VERSION, RegistryView::Bits64) else {
        return sysinfo::System::kernel_version().unwrap_or_default();
    };
    let build = text(&key, "CurrentBuild").or_else(|| text(&key, "CurrentBuildNumber")).unwrap_or_default();
    let numbers = number(&key, "CurrentMajorVersionNumber").zip(number(&key, "CurrentMinorVersionNumber"));
    let version = numbers
        .map(|(major, minor)| format!("{major}.{minor}"))
        .or_else(|| text(&key, "CurrentVersion"))
        .unwrap_or_default();
    let revision = number(&key, "UBR").map(|revision| revision.to_string());

    [Some(version), Some(build), revision]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(".")
}

/// Not said: the version tells it.
#[must_use]
pub fn kernel_build() -> Option<String> {
    None
}

/// The name the machine calls itself.
#[must_use]
pub fn name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// What tells this machine's hardware from other hardware: what the firmware says (SMBIOS), and the addresses that its
/// network cards were made with. What is not there is left out.
#[must_use]
pub fn traits() -> MachineTraits {
    let firmware = firmware_table().and_then(|table| smbios::of_windows(&table)).unwrap_or_default();

    MachineTraits { uuid: firmware.uuid, serials: firmware.serials, network: network_cards() }
}

/// The table of SMBIOS as the system hands it out; `None` if there is none.
#[must_use]
pub fn firmware_table() -> Option<Vec<u8>> {
    // SAFETY: no room is given, so nothing is written; the answer is the size.
    let size = unsafe { GetSystemFirmwareTable(RAW_SMBIOS, 0, std::ptr::null_mut(), 0) };
    if size == 0 || size > TABLE_BYTES_MAX {
        return None;
    }
    let mut table = vec![0_u8; usize::try_from(size).ok()?];
    // SAFETY: `table` has room for `size` bytes.
    let written = unsafe { GetSystemFirmwareTable(RAW_SMBIOS, 0, table.as_mut_ptr(), size) };
    // It says a larger number, and writes nothing, if it grew meanwhile.
    let written = usize::try_from(written).ok().filter(|written| (1..=table.len()).contains(written))?;
    table.truncate(written);

    Some(table)
}

/// The domain that this machine has joined, or the workgroup that it names.
#[must_use]
pub fn membership() -> Membership {
    let (mut name, mut status) = (std::ptr::null_mut(), 0);
    // SAFETY: no server means this machine; both outputs are ours.
    let said = unsafe { NetGetJoinInformation(std::ptr::null(), &mut name, &mut status) };
    if said != ERROR_SUCCESS || name.is_null() {
        return Membership::NotKnown;
    }
    // SAFETY: on success the name ends in a zero, and is ours until it is freed below.
    let units = unsafe {
        (0..NAME_UNITS_MAX).map(|at| *name.add(at)).take_while(|unit| *unit != 0).collect::<Vec<u16>>()
    };
    // SAFETY: the buffer came from the call above, and is not used any more.
    unsafe { NetApiBufferFree(name.cast_const().cast()) };
    let name = OsString::from_wide(&units).to_string_lossy().into_owned();
    if name.is_empty() {
        return Membership::NotKnown;
    }
    if status == NetSetupDomainName {
        Membership::Domain(name)
    } else if status == NetSetupWorkgroupName {
        Membership::Workgroup(name)
    } else {
        Membership::NotKnown
    }
}

/// The addresses that cards with hardware behind them were made with, `00:11:22:33:44:55`.
fn network_cards() -> Vec<String> {
    let mut table: *mut MIB_IF_TABLE2 = std::ptr::null_mut();
    // SAFETY: the output is ours; on success it is freed below.
    if unsafe { GetIfTable2(&mut table) } != NO_ERROR || table.is_null() {
        return Vec::new();
    }
    // SAFETY: on success the table holds that many rows one after another, from `Table` on.
    let rows: &[MIB_IF_ROW2] = unsafe {
        let count = usize::try_from((*table).NumEntries).unwrap_or(0).min(INTERFACES_MAX);
        std::slice::from_raw_parts((&raw const (*table).Table).cast(), count)
    };
    let is_card = |row: &&MIB_IF_ROW2| {
        row.InterfaceAndOperStatusFlags._bitfield & HARDWARE != 0
            && CARDS.contains(&row.Type)
            && row.PhysicalAddressLength == 6
    };
    let address = |row: &MIB_IF_ROW2| {
        let bytes = &row.PermanentPhysicalAddress[..6];
        let text: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.iter().any(|byte| *byte != 0).then(|| text.join(":"))
    };
    let addresses = rows.iter().filter(is_card).filter_map(address).collect();
    // SAFETY: the table came from GetIfTable2, and no row is used any more.
    unsafe { FreeMibTable(table.cast_const().cast()) };

    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_says_who_it_is() {
        let id = machine_id().unwrap();
        assert_eq!(id.len(), 36, "a GUID: {}", String::from_utf8_lossy(&id));
        assert_eq!(machine_id().unwrap(), id);
        let release = kernel_release();
        assert!(
            release.split('.').count() >= 3 && release.split('.').all(|part| part.parse::<u32>().is_ok()),
            "{release}"
        );
        let traits = traits();
        assert!(traits.network.iter().all(|address| address.len() == 17), "{:?}", traits.network.len());
        assert!(!matches!(membership(), Membership::Domain(name) if name.is_empty()));
    }
}

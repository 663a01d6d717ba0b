//! Which machine and kernel this is.

use std::io;

use crate::os::{MachineTraits, Membership};

/// Bytes that tell this installation from every other, for a fingerprint: systemd's machine id.
///
/// # Errors
/// If the machine has none; then a clone of its identity cannot be told by this means.
pub fn machine_id() -> io::Result<Vec<u8>> {
    let id = std::fs::read("/etc/machine-id").or_else(|_| std::fs::read("/var/lib/dbus/machine-id"))?;
    let id = id.trim_ascii().to_vec();
    if id.len() < 32 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the machine id is shorter than 32 digits"));
    }

    Ok(id)
}

/// The release of the running kernel, such as `6.1.0-32-amd64`.
#[must_use]
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The version of the package that the running kernel was built as, where the kernel says so (Debian, Ubuntu): one that
/// was built anew keeps its release.
#[must_use]
pub fn kernel_build() -> Option<String> {
    let version = rustix::system::uname().version().to_string_lossy().into_owned();
    let signature = std::fs::read_to_string("/proc/version_signature").unwrap_or_default();

    build(&version, &signature)
}

/// `6.1.124-1` of `#1 SMP PREEMPT_DYNAMIC Debian 6.1.124-1 (2025-01-12)`; `5.15.0-101.111~20.04.1` of
/// `Ubuntu 5.15.0-101.111~20.04.1-generic 5.15.143`.
fn build(version: &str, signature: &str) -> Option<String> {
    if let Some((_, rest)) = version.split_once(" Debian ") {
        return rest.split_ascii_whitespace().next().map(str::to_owned);
    }
    let full = signature.strip_prefix("Ubuntu ")?.split_ascii_whitespace().next()?;
    let (build, _flavour) = full.rsplit_once('-').filter(|(build, _)| build.contains('-'))?;

    Some(build.to_owned())
}

/// The name the machine calls itself.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What tells this machine's hardware from other hardware, as the kernel has it from the firmware (SMBIOS) and the
/// network cards; what is not there or may not be read is left out. Reading the UUID and serial numbers needs root.
#[must_use]
pub fn traits() -> MachineTraits {
    let firmware = |name: &str| {
        let text = std::fs::read_to_string(format!("/sys/class/dmi/id/{name}")).ok()?;
        Some(text.trim().to_owned())
    };
    let cards = std::fs::read_dir("/sys/class/net").into_iter().flatten().filter_map(|entry| {
        let folder = entry.ok()?.path();
        // A card has a device behind it, and an address that it was made with (`NET_ADDR_PERM`).
        let is_card = folder.join("device").exists();
        let kind = std::fs::read_to_string(folder.join("addr_assign_type")).ok()?;
        let address = std::fs::read_to_string(folder.join("address")).ok()?;
        (is_card && kind.trim() == "0").then(|| address.trim().to_owned())
    });

    MachineTraits {
        uuid: firmware("product_uuid"),
        serials: ["product_serial", "board_serial", "chassis_serial"]
            .into_iter()
            .filter_map(firmware)
            .collect(),
        network: cards.collect(),
    }
}

/// Not needed here: the kernel shows what the firmware says as files.
#[must_use]
pub fn firmware_table() -> Option<Vec<u8>> {
    None
}

/// Not told here.
#[must_use]
pub fn membership() -> Membership {
    Membership::NotKnown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_of_a_kernel_is_what_its_packagers_write() {
        let debian = build("#1 SMP PREEMPT_DYNAMIC Debian 6.1.124-1 (2025-01-12)", "");
        let ubuntu = build("#111~20.04.1-Ubuntu SMP", "Ubuntu 5.15.0-101.111~20.04.1-generic 5.15.143\n");

        assert_eq!(debian.as_deref(), Some("6.1.124-1"));
        assert_eq!(ubuntu.as_deref(), Some("5.15.0-101.111~20.04.1"));
        assert_eq!(
            [build("#1 SMP", ""), build("", "Ubuntu x"), build("", "Ubuntu a-b c")],
            [None, None, None]
        );
    }
}

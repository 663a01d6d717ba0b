//! The description of a host, put together from what the system tells and what its files say.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use vonggac_protocol::host::{HostDescribed, Role};

use super::firmware::Firmware;
use super::machine::Machine;
use super::{role, virtualisation};
use crate::os::Membership;

/// How far two readings of the same start may lie apart: it is the clock less the uptime, and the clock is set now and then.
const START_DRIFT_MAX: Duration = Duration::from_secs(60);

/// Bytes of os-release that are read.
const OS_RELEASE_BYTES_MAX: usize = 16 * 1024;

/// Describes this machine, whose files are under `root`. A role in the configuration wins over what the system suggests.
#[must_use]
pub fn read(root: &Path, configured: Option<Role>, previous: Option<&HostDescribed>) -> HostDescribed {
    describe(root, &Machine::read(), configured, previous)
}

/// Describes a machine of which these facts are known. `previous` steadies the moment of its start.
#[must_use]
pub fn describe(
    root: &Path,
    machine: &Machine,
    configured: Option<Role>,
    previous: Option<&HostDescribed>,
) -> HostDescribed {
    let release = os_release(root);
    let text =
        |key: &str, otherwise: &str| release.get(key).map_or_else(|| otherwise.to_owned(), Clone::clone);
    let firmware = machine.firmware.as_ref().map_or_else(|| Firmware::read(root), Firmware::of);
    let variant = text("VARIANT_ID", "").to_lowercase();
    let suggested = || machine.role.unwrap_or_else(|| role::suggested(root, &variant, firmware.chassis));
    let (domain, workgroup) = match machine.membership.clone() {
        Membership::NotKnown => (None, None),
        Membership::Domain(name) => (Some(name), None),
        Membership::Workgroup(name) => (None, Some(name)),
    };
    let disks = disk_bytes(root);
    let near = |before: &&HostDescribed| {
        before.booted_at.since(machine.booted_at).max(machine.booted_at.since(before.booted_at))
            <= START_DRIFT_MAX
    };

    HostDescribed {
        name: machine.name.clone(),
        role: configured.unwrap_or_else(suggested),
        os_family: std::env::consts::OS.to_owned(),
        os_id: text("ID", if std::env::consts::OS == "windows" { "windows" } else { "" }),
        os_version: text("VERSION_ID", &machine.os_version),
        os_name: text("PRETTY_NAME", &machine.os_name),
        kernel: machine.kernel.clone(),
        architecture: std::env::consts::ARCH.to_owned(),
        processor: machine.processor.clone(),
        processors: machine.processors,
        memory_bytes: machine.memory_bytes,
        disk_bytes: if disks == 0 { machine.mounted_bytes } else { disks },
        virtualisation: virtualisation::kind(root, &firmware, &machine.kernel),
        domain,
        workgroup,
        vendor: firmware.vendor,
        model: firmware.model,
        firmware_date: firmware.date,
        addresses: machine.addresses.clone(),
        booted_at: previous.filter(near).map_or(machine.booted_at, |before| before.booted_at),
    }
}

/// `KEY=value` lines of os-release, quotes removed; only its own escapes are undone.
fn os_release(root: &Path) -> BTreeMap<String, String> {
    let paths = ["etc/os-release", "usr/lib/os-release"];
    let read = |path: &&str| std::fs::read(root.join(path)).ok();
    let Some(mut bytes) = paths.iter().find_map(read) else {
        return BTreeMap::new();
    };
    bytes.truncate(OS_RELEASE_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes);
    let field = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        let quoted = [('"', '"'), ('\'', '\'')]
            .iter()
            .find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close));
        let value: String =
            quoted.unwrap_or(value).replace("\\\"", "\"").replace("\\$", "$").replace("\\\\", "\\");
        let sound = !key.starts_with('#') && !value.is_empty() && !value.chars().any(char::is_control);
        sound.then(|| (key.to_owned(), value))
    };

    text.lines().filter_map(field).collect()
}

/// Bytes of fixed disks: block devices with hardware, or what a hypervisor passes for it, behind them.
fn disk_bytes(root: &Path) -> u64 {
    /// The unit of `size`, whatever the disk's own sectors are.
    const SECTOR_BYTES: u64 = 512;

    let Ok(entries) = std::fs::read_dir(root.join("sys/block")) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| {
        let number = |name: &str| super::firmware::small(&entry.path().join(name))?.parse::<u64>().ok();
        let fixed = entry.path().join("device").exists() && number("removable") == Some(0);
        number("size").filter(|_| fixed)
    };
    let sectors = entries.filter_map(Result::ok).filter_map(size).fold(0, u64::saturating_add);

    sectors.saturating_mul(SECTOR_BYTES)
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::time::Timestamp;

    use super::*;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "etc/os-release",
            "# comment\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID='12'\nbroken\n",
        );
        write("sys/block/sda/size", "2048\n");
        write("sys/block/sda/removable", "0\n");
        write("sys/block/sda/device/model", "x\n");
        write("sys/block/sdb/size", "4096\n");
        write("sys/block/sdb/removable", "1\n");
        write("sys/block/sdb/device/model", "stick\n");
        write("sys/block/dm-0/size", "2048\n");
        write("sys/block/dm-0/removable", "0\n");
        write("sys/class/dmi/id/bios_date", "11/02/2019\n");

        root
    }

    #[test]
    fn files_of_the_system_make_the_description() {
        let machine = Machine { mounted_bytes: 7, ..Machine::default() };

        let host = describe(root().path(), &machine, None, None);

        assert_eq!((host.os_id.as_str(), host.os_version.as_str()), ("debian", "12"));
        assert_eq!(host.os_name, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(host.disk_bytes, 2048 * 512, "neither the stick nor the mapping over the disk counts");
        assert_eq!(host.firmware_date.as_deref(), Some("2019-11-02"));
        assert_eq!(host.role, Role::Unknown);
    }

    #[test]
    fn the_configured_role_wins() {
        let host = describe(root().path(), &Machine::default(), Some(Role::Server), None);

        assert_eq!(host.role, Role::Server);
    }

    #[test]
    fn a_clock_that_was_set_a_little_is_not_another_start() {
        let start = |secs: i64| Machine { booted_at: Timestamp(secs * 1_000), ..Machine::default() };
        let first = describe(root().path(), &start(1_000), None, None);

        let drifted = describe(root().path(), &start(1_030), None, Some(&first));
        let restarted = describe(root().path(), &start(1_100), None, Some(&first));

        assert_eq!(drifted, first);
        assert_eq!(restarted.booted_at, Timestamp(1_100_000));
    }

    #[test]
    fn this_machine_can_be_described_twice_alike() {
        let first = read(Path::new("/"), None, None);
        let second = read(Path::new("/"), None, Some(&first));

        assert_eq!(first, second);
        assert!(first.processors > 0 && first.memory_bytes > 0 && first.booted_at > Timestamp(0));
        assert!(!first.name.is_empty() && !first.kernel.is_empty());
        assert!(first.addresses.iter().all(|address| address != "127.0.0.1" && address != "::1"));
    }
}

//! Kind of container or virtual machine, in the words of systemd-detect-virt, as far as files say it.

use std::path::Path;

use super::firmware::{Firmware, small};

/// Words in what the firmware says, and the kind that they tell.
const MAKERS: [(&str, &str); 12] = [
    ("google compute engine", "google"),
    ("amazon ec2", "amazon"),
    ("openstack", "kvm"),
    ("kvm", "kvm"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("virtualbox", "oracle"),
    ("innotek", "oracle"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
    ("bochs", "bochs"),
];

/// The kind; `None` if nothing says that this is not a machine of its own.
pub(super) fn kind(root: &Path, firmware: &Firmware, kernel: &str) -> Option<String> {
    container(root).or_else(|| virtual_machine(root, firmware, kernel))
}

fn container(root: &Path) -> Option<String> {
    if let Some(named) = small(&root.join("run/systemd/container")).filter(|named| !named.is_empty()) {
        return Some(named);
    }
    let marks = [(".dockerenv", "docker"), ("run/.containerenv", "podman")];

    marks.iter().find(|(path, _)| root.join(path).exists()).map(|(_, kind)| (*kind).to_owned())
}

fn virtual_machine(root: &Path, firmware: &Firmware, kernel: &str) -> Option<String> {
    let said = format!("{} {}", firmware.vendor, firmware.model).to_lowercase();
    if let Some((_, kind)) = MAKERS.iter().find(|(word, _)| said.contains(word)) {
        return Some((*kind).to_owned());
    }
    if said.contains("microsoft") && said.contains("virtual machine") {
        return Some("microsoft".to_owned());
    }
    if kernel.to_lowercase().contains("microsoft") {
        return Some("wsl".to_owned());
    }
    if let Some(kind) = small(&root.join("sys/hypervisor/type")).filter(|kind| !kind.is_empty()) {
        return Some(kind);
    }

    has_hypervisor_flag(root).then(|| "vm-other".to_owned())
}

/// Whether the processor says that something stands below the kernel.
fn has_hypervisor_flag(root: &Path) -> bool {
    use std::io::{BufRead as _, BufReader, Read as _};

    let Ok(file) = std::fs::File::open(root.join("proc/cpuinfo")) else {
        return false;
    };
    // The flags of the first processor are enough.
    let lines = BufReader::new(file.take(64 * 1024)).lines().map_while(Result::ok);
    let mut flags = lines.filter(|line| line.starts_with("flags"));

    flags.next().is_some_and(|line| line.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_files_and_flags_tell_the_kind() {
        let root = tempfile::tempdir().unwrap();
        let made = |vendor: &str, model: &str| Firmware {
            vendor: vendor.to_owned(),
            model: model.to_owned(),
            ..Firmware::default()
        };

        assert_eq!(kind(root.path(), &made("Dell Inc.", "PowerEdge R640"), "6.1"), None);
        assert_eq!(kind(root.path(), &made("VMware, Inc.", "VMware20,1"), "6.1").as_deref(), Some("vmware"));
        assert_eq!(
            kind(root.path(), &made("Microsoft Corporation", "Virtual Machine"), "6.1").as_deref(),
            Some("microsoft")
        );

        std::fs::create_dir(root.path().join("proc")).unwrap();
        std::fs::write(root.path().join("proc/cpuinfo"), "processor : 0\nflags : fpu hypervisor lahf_lm\n")
            .unwrap();
        assert_eq!(kind(root.path(), &Firmware::default(), "6.1").as_deref(), Some("vm-other"));

        std::fs::write(root.path().join(".dockerenv"), "").unwrap();
        assert_eq!(kind(root.path(), &made("QEMU", ""), "6.1").as_deref(), Some("docker"));
    }
}

//! What stands in a registry and in firmware, written by whoever installs programs or builds machines.

use vonggac_agent::os::RegistryValue;
use vonggac_agent::registry::tree::Tree;
use vonggac_agent::registry::value;
use vonggac_agent::sensor::packages::{self, UserSoftware};
use vonggac_agent::smbios;

/// Keys that programs are read from.
const KEYS: [&str; 6] = [
    "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\{90160000-0011-0000-1000-0000000FF1CE}",
    "HKEY_LOCAL_MACHINE\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Program",
    "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Program",
    "HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Program",
    "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products\\00006109110000000100000000F01FEC\\InstallProperties",
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment",
];

/// Values that are read of them.
const NAMES: [&str; 16] = [
    "DisplayName",
    "DisplayVersion",
    "Publisher",
    "InstallDate",
    "InstallSource",
    "InstallLocation",
    "SystemComponent",
    "ParentKeyName",
    "ReleaseType",
    "UninstallString",
    "WindowsInstaller",
    "VersionMajor",
    "VersionMinor",
    "PROCESSOR_ARCHITECTURE",
    "EstimatedSize",
    "",
];

/// The bytes as values of every kind; as values of keys that programs are read from; as the text of an export.
pub fn registry(bytes: &[u8]) {
    for kind in 0..12 {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let held = RegistryValue { kind, bytes: bytes.to_vec(), length };
        if let Some(text) = value::text(&held) {
            assert!(!text.is_empty() && !text.contains('\0'), "a text ends at its first zero");
            let _day = value::day(&text);
            assert!(
                value::unpacked(&text).is_none_or(|code| value::is_product_code(&code)),
                "unpacked is a code"
            );
        }
        let (_texts, _number) = (value::texts(&held), value::number(&held));
    }
    let mut tree = Tree::default();
    let mut rest = bytes;
    while let Some(([place, kind, length], after)) = rest.split_first_chunk::<3>() {
        let (content, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let (key, name) = (usize::from(place >> 4) % KEYS.len(), usize::from(place & 15));
        if let Some(node) = tree.key(KEYS[key]) {
            node.set(NAMES[name], u32::from(*kind), content.to_vec());
        }
    }
    inventory(&tree);
    if let Ok(tree) = std::str::from_utf8(bytes).map_err(drop).and_then(|text| Tree::read(text).map_err(drop))
    {
        inventory(&tree);
    }
}

/// What is found can be told, each package under a key of its own, and twice alike.
fn inventory(tree: &Tree) {
    let mut users = UserSoftware::default();
    let Ok(Some(found)) = packages::read_registry(tree, &mut users) else { return };
    let keys: std::collections::BTreeSet<_> =
        found.iter().map(vonggac_protocol::package::Package::key).collect();
    assert_eq!(keys.len(), found.len(), "a key for each");
    assert!(found.iter().all(|it| !it.name.is_empty() && it.name.len() <= 512), "names are told in bounds");
    assert!(packages::report(None, None, &found).is_ok(), "every package can be told");
    assert_eq!(packages::read_registry(tree, &mut users).ok().flatten(), Some(found), "read twice alike");
}

/// The table of SMBIOS, as Windows hands it out and by itself.
pub fn smbios(bytes: &[u8]) {
    for found in [Some(smbios::of_structures(bytes)), smbios::of_windows(bytes)].into_iter().flatten() {
        let texts = [&found.vendor, &found.model, &found.firmware_date].into_iter().chain(&found.serials);
        assert!(texts.into_iter().all(|text| !text.chars().any(char::is_control)), "texts are plain");
        assert!(found.serials.len() <= 3 && found.uuid.is_none_or(|uuid| uuid.len() == 36));
    }
}

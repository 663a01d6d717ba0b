//! Server or workstation: what the system suggests when its configuration does not say.

use std::path::Path;

use vonggac_protocol::host::Role;

/// Forms of a case that are carried about, as SMBIOS numbers them: portable, laptop, notebook, hand-held, sub-notebook,
/// tablet, convertible, detachable.
const CARRIED: [u8; 8] = [8, 9, 10, 11, 14, 30, 31, 32];

/// Forms that stand in racks: main server, rack mount, blade, blade enclosure.
const RACKED: [u8; 4] = [17, 23, 28, 29];

/// What the machine is for, as its own system suggests.
pub(super) fn suggested(root: &Path, variant: &str, chassis: Option<u8>) -> Role {
    match variant {
        "server" => return Role::Server,
        "workstation" | "desktop" => return Role::Workstation,
        _ => {}
    }
    let among = |forms: &[u8]| chassis.is_some_and(|form| forms.contains(&form));
    if among(&RACKED) {
        return Role::Server;
    }
    if among(&CARRIED) || is_graphical(root) {
        return Role::Workstation;
    }
    // Only a system with a service manager of its own can be said to serve; a bare container cannot.
    let managed = ["lib/systemd/systemd", "usr/lib/systemd/systemd", "sbin/openrc-init", "sbin/init"];

    if managed.iter().any(|path| root.join(path).exists()) { Role::Server } else { Role::Unknown }
}

/// Whether people can sign in on a screen: a display manager that is switched on, or sessions to choose from one.
fn is_graphical(root: &Path) -> bool {
    let manager = root.join("etc/systemd/system/display-manager.service");
    let sessions = ["usr/share/xsessions", "usr/share/wayland-sessions"];
    let holds_any =
        |folder: &str| std::fs::read_dir(root.join(folder)).is_ok_and(|mut entries| entries.next().is_some());

    manager.symlink_metadata().is_ok() || sessions.iter().any(|folder| holds_any(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }

        root
    }

    #[test]
    fn a_screen_to_sign_in_on_makes_a_workstation() {
        let desk = root(&["usr/lib/systemd/systemd", "usr/share/xsessions/xfce.desktop"]);
        let rack = root(&["usr/lib/systemd/systemd"]);
        let bare = root(&["bin/true"]);

        assert_eq!(suggested(desk.path(), "", None), Role::Workstation);
        assert_eq!(suggested(desk.path(), "", Some(23)), Role::Server);
        assert_eq!(suggested(rack.path(), "", Some(3)), Role::Server);
        assert_eq!(suggested(rack.path(), "", Some(10)), Role::Workstation);
        assert_eq!(suggested(bare.path(), "", None), Role::Unknown);
        assert_eq!(suggested(bare.path(), "server", None), Role::Server);
    }
}

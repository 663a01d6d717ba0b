//! What Windows says of itself in its registry; no text is understood but names that are the same in every language.

use vonggac_protocol::host::Role;

use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Registry, number, open_if_there, text};

const CURRENT_VERSION: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

/// The first build of Windows 11, whose `ProductName` still says Windows 10.
const FIRST_OF_ELEVEN: u64 = 22_000;

/// The system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct System {
    /// `Windows 11 Pro`, `Windows Server 2019 Standard`.
    pub(super) name: String,
    /// `23H2`; before there were such names `1809`, and before those `6.1`.
    pub(super) version: String,
    pub(super) role: Role,
}

/// Reads it; `None` if there is no such registry.
pub(super) fn read(registry: &dyn Registry) -> Option<System> {
    let key =
        open_if_there(registry, RegistryRoot::LocalMachine, CURRENT_VERSION, RegistryView::Bits64).ok()??;
    let key = key.as_ref();
    let told = text(key, "ProductName")?;
    let build: u64 = text(key, "CurrentBuild").and_then(|build| build.parse().ok()).unwrap_or(0);
    let (role, is_client) = match text(key, "InstallationType").as_deref() {
        Some("Client") => (Role::Workstation, true),
        Some(kind) if kind.starts_with("Server") => (Role::Server, false),
        // Systems before Windows 7 do not say; the names of servers do.
        _ if told.contains("Server") => (Role::Server, false),
        _ => (Role::Workstation, true),
    };
    let name = match told.strip_prefix("Windows 10") {
        Some(rest) if is_client && build >= FIRST_OF_ELEVEN => format!("Windows 11{rest}"),
        _ => told,
    };
    let numbers = || {
        let numbers = number(key, "CurrentMajorVersionNumber").zip(number(key, "CurrentMinorVersionNumber"));
        numbers.map(|(major, minor)| format!("{major}.{minor}")).or_else(|| text(key, "CurrentVersion"))
    };
    let version = text(key, "DisplayVersion").or_else(|| text(key, "ReleaseId")).or_else(numbers);

    Some(System { name, version: version.unwrap_or_default(), role })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tree::Tree;

    fn system(values: &str) -> System {
        let text = format!("[HKEY_LOCAL_MACHINE\\{CURRENT_VERSION}]\n{values}");

        read(&Tree::read(&text).unwrap()).unwrap()
    }

    #[test]
    fn systems_are_told_by_build_and_kind() {
        let eleven = "\"ProductName\"=\"Windows 10 Pro\"\n\"CurrentBuild\"=\"22631\"\n\"InstallationType\"=\"Client\"\n\
            \"DisplayVersion\"=\"23H2\"\n\"ReleaseId\"=\"2009\"";
        let server = "\"ProductName\"=\"Windows Server 2019 Standard\"\n\"CurrentBuild\"=\"17763\"\n\
            \"InstallationType\"=\"Server Core\"\n\"ReleaseId\"=\"1809\"";
        let seven = "\"ProductName\"=\"Windows 7 Professional\"\n\"CurrentBuild\"=\"7601\"\n\"CurrentVersion\"=\"6.1\"\n\
            \"InstallationType\"=\"Client\"";
        let told = |text| {
            let System { name, version, role } = system(text);
            (name, version, role)
        };

        assert_eq!(told(eleven), ("Windows 11 Pro".to_owned(), "23H2".to_owned(), Role::Workstation));
        assert_eq!(
            told(server),
            ("Windows Server 2019 Standard".to_owned(), "1809".to_owned(), Role::Server)
        );
        assert_eq!(told(seven), ("Windows 7 Professional".to_owned(), "6.1".to_owned(), Role::Workstation));
        assert_eq!(read(&Tree::default()), None);
    }
}

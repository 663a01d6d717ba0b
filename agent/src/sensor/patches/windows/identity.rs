//! Which Windows it is, and how its updates are set up, by the registry.

use std::io;

use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::UpdateServer;

use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{self, Branch, Registry};

const CURRENT: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const ENVIRONMENT: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
const CONTROL: &str = r"SYSTEM\CurrentControlSet\Control\Windows";
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const POLICY_AUTOMATIC: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU";
const AUTOMATIC: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update";
const UPDATE_SERVICE: &str = r"SYSTEM\CurrentControlSet\Services\wuauserv";

/// `Start` of a service that is disabled.
const DISABLED: u64 = 4;

/// From this build on, clients install updates by themselves unless they are told not to.
const FIRST_TEN: u32 = 10_240;

/// What the registry tells of the system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Identity {
    pub(super) build: u32,
    pub(super) revision: Option<u32>,
    pub(super) product_name: String,
    pub(super) display_version: Option<String>,
    pub(super) edition: Option<String>,
    pub(super) installation: Option<String>,
    pub(super) architecture: String,
    pub(super) service_pack: Option<u32>,
    /// When this release was installed; what is recorded of updates before is of another.
    pub(super) installed_at: Option<Timestamp>,
}

/// A key of the machine; `None` if it is not there or cannot be read.
pub(super) fn key<'r>(registry: &'r dyn Registry, path: &str) -> Option<Box<dyn Branch + 'r>> {
    registry::open_if_there(registry, RegistryRoot::LocalMachine, path, RegistryView::Bits64).ok()?
}

fn small(branch: &dyn Branch, name: &str) -> Option<u32> {
    registry::number(branch, name).and_then(|number| u32::try_from(number).ok())
}

/// Reads it.
///
/// # Errors
/// If the registry does not tell even the build.
pub(super) fn read(found: &dyn Registry) -> io::Result<Identity> {
    let current = found.open(RegistryRoot::LocalMachine, CURRENT, RegistryView::Bits64)?;
    let text = |name: &str| registry::text(&*current, name);
    let build = text("CurrentBuildNumber").or_else(|| text("CurrentBuild"));
    let build = build.and_then(|build| build.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let word = key(found, ENVIRONMENT).and_then(|key| registry::text(&*key, "PROCESSOR_ARCHITECTURE"));
    let seconds = registry::number(&*current, "InstallDate").and_then(|at| i64::try_from(at).ok());

    Ok(Identity {
        build,
        revision: small(&*current, "UBR"),
        product_name: text("ProductName").unwrap_or_default(),
        display_version: text("DisplayVersion").or_else(|| text("ReleaseId")),
        edition: text("EditionID"),
        installation: text("InstallationType"),
        architecture: architecture(&word.unwrap_or_default()),
        // 0x200 is service pack 2.
        service_pack: key(found, CONTROL).and_then(|key| small(&*key, "CSDVersion")).map(|pack| pack >> 8),
        installed_at: seconds.and_then(|at| at.checked_mul(1_000)).map(Timestamp),
    })
}

/// The system's architecture as advisories write it; a word that is not known stays.
fn architecture(word: &str) -> String {
    match word.to_ascii_uppercase().as_str() {
        "AMD64" => "x64",
        "X86" => "x86",
        "ARM64" => "arm64",
        _ => return word.to_owned(),
    }
    .to_owned()
}

/// Whom Windows Update is set up to ask.
pub(super) fn server(found: &dyn Registry) -> UpdateServer {
    let named = key(found, POLICY).and_then(|key| registry::text(&*key, "WUServer")).is_some();
    let used = key(found, POLICY_AUTOMATIC).and_then(|key| registry::number(&*key, "UseWUServer"));

    if named && used == Some(1) { UpdateServer::Managed } else { UpdateServer::Microsoft }
}

/// Whether updates install themselves; `None` if it cannot be told.
pub(super) fn automatic(found: &dyn Registry, identity: &Identity) -> Option<bool> {
    if key(found, UPDATE_SERVICE).and_then(|key| registry::number(&*key, "Start")) == Some(DISABLED) {
        return Some(false);
    }
    let policy = key(found, POLICY_AUTOMATIC);
    let of_policy = |name: &str| policy.as_ref().and_then(|key| registry::number(&**key, name));
    if of_policy("NoAutoUpdate") == Some(1) {
        return Some(false);
    }
    let local = || key(found, AUTOMATIC).and_then(|key| registry::number(&*key, "AUOptions"));
    let is_client = identity.installation.as_deref() == Some("Client") && identity.build >= FIRST_TEN;

    // 4: download and install at a set time; 2 and 3 wait for a person.
    match of_policy("AUOptions") {
        Some(option) => Some(option == 4),
        None if is_client => Some(true),
        None => local().map(|option| option == 4),
    }
}

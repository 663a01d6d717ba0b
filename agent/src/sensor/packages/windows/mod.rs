//! Installed programs of Windows, as the registry has them: the Uninstall keys of both views and of every user whose hive
//! is loaded, what Windows Installer keeps of its products, and Appx packages.
//!
//! | file | subject |
//! |---|---|
//! | `entry` | one program as one place of the registry tells of it |
//! | `uninstall` | the Uninstall keys, and which of them are updates |
//! | `installer` | what Windows Installer keeps of its products |
//! | `appx` | Appx and MSIX packages |
//! | `users` | which users there are, and what was read of those whose hives are not loaded now |
//! | `join` | several tellings of one program as one package |
//!
//! What counts: every entry with a name, also one that the list of programs hides (`automatic` says so), for what is
//! hidden runs all the same. Updates do not: they are part of the patch state. No text is understood in any language: what
//! an entry is follows from names of values, numbers and words that Windows itself compares.

mod appx;
mod entry;
mod installer;
mod join;
#[cfg(test)]
mod tests;
mod uninstall;
mod users;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub use users::UserSoftware;
use vonggac_protocol::package::Package;

use super::database::{Found, ReadPackagesError, Stamp};
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Registry, open_if_there, text};

const ENVIRONMENT: &str = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";

/// Whether these files are those of the running system, whose registry then belongs to them.
pub(super) fn is_own(root: &Path) -> bool {
    root.parent().is_none()
}

/// What tells that something changed: when each key was written.
pub(super) fn stamp(registry: &dyn Registry) -> Stamp {
    let mut keys = Vec::new();
    for place in uninstall::places(registry)
        .into_iter()
        .chain(installer::places(registry))
        .chain(appx::places(registry))
    {
        let Ok(Some(branch)) = open_if_there(registry, place.root, &place.path, place.view) else { continue };
        let name = PathBuf::from(format!("{:?}\\{}\\{:?}", place.root, place.path, place.view));
        for key in branch.subkeys().unwrap_or_default() {
            let child = branch.subkey(&key).ok();
            let inner = child
                .as_ref()
                .and_then(|child| child.subkey("InstallProperties".as_ref()).ok()?.written_at().ok());
            let written = inner.or_else(|| child.as_ref()?.written_at().ok());
            keys.push((name.join(key), written, 0));
        }
    }

    Stamp::of_keys(keys)
}

/// Reads what is installed; `None` if there is no registry with such keys. `users` remembers what was read of users
/// whose hives are not loaded now.
pub(super) fn read(
    registry: &dyn Registry,
    users: &mut UserSoftware,
) -> Result<Option<Found>, ReadPackagesError> {
    let unreadable = ReadPackagesError::unreadable("registry");
    let uninstall = uninstall::read(registry, is_32_bits(registry)).map_err(&unreadable)?;
    let products = installer::read(registry).map_err(&unreadable)?;
    let apps = appx::read(registry).map_err(&unreadable)?;
    let (Some(mut uninstall), apps) = (uninstall, apps) else { return Ok(None) };
    users.exchange(registry, &mut uninstall).map_err(unreadable)?;

    Ok(Some(join::packages(uninstall, products, apps)))
}

/// What any registry says is installed: [`read`](super::read) asks this machine's.
///
/// # Errors
/// If a part of it cannot be read.
pub fn read_registry(
    registry: &dyn Registry,
    users: &mut UserSoftware,
) -> Result<Option<BTreeSet<Package>>, ReadPackagesError> {
    Ok(read(registry, users)?.map(|found| found.packages))
}

/// A place that holds keys of programs.
struct Place {
    root: RegistryRoot,
    path: String,
    view: RegistryView,
}

impl Place {
    fn machine(path: &str, view: RegistryView) -> Self {
        Self { root: RegistryRoot::LocalMachine, path: path.to_owned(), view }
    }

    fn user(path: String) -> Self {
        Self { root: RegistryRoot::Users, path, view: RegistryView::Bits64 }
    }
}

/// The architecture of the system in its own word (`AMD64`, `ARM64`, `x86`).
fn system_architecture(registry: &dyn Registry) -> Option<String> {
    let key = registry.open(RegistryRoot::LocalMachine, ENVIRONMENT, RegistryView::Bits64).ok()?;

    text(key.as_ref(), "PROCESSOR_ARCHITECTURE")
}

fn is_32_bits(registry: &dyn Registry) -> bool {
    system_architecture(registry).is_some_and(|word| word.eq_ignore_ascii_case("x86"))
}

/// The names of the keys at a path, as texts; none if there is no such key.
fn names(registry: &dyn Registry, root: RegistryRoot, path: &str) -> io::Result<Vec<String>> {
    let Some(branch) = open_if_there(registry, root, path, RegistryView::Bits64)? else {
        return Ok(Vec::new());
    };

    Ok(branch.subkeys()?.iter().filter_map(|name| name.to_str().map(str::to_owned)).collect())
}

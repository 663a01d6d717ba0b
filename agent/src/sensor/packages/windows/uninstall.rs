//! The Uninstall keys: of the machine in both views, and of each user whose hive is loaded.

use std::io;

use super::entry::Entry;
use super::{Place, system_architecture};
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Branch, Registry, number, open_if_there, text};

const MACHINE: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall";
const USER: [&str; 2] = [
    "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
    "Software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
];

/// Entries of all places together; the largest real machines have some thousands.
const ENTRIES_MAX: usize = 32_768;

/// What updates say that they are, compared by Windows itself in English whatever its language.
const UPDATES: [&str; 7] = [
    "security update",
    "update",
    "update rollup",
    "hotfix",
    "service pack",
    "critical update",
    "feature pack",
];

/// The parent that updates of the system name.
const OF_SYSTEM: &str = "OperatingSystem";

/// Where Uninstall keys stand: both views, and every loaded hive.
pub(super) fn places(registry: &dyn Registry) -> Vec<Place> {
    let of_users = super::users::loaded(registry).unwrap_or_default();
    let of_users = of_users.iter().flat_map(|user| USER.map(|path| Place::user(format!("{user}\\{path}"))));

    [RegistryView::Bits64, RegistryView::Bits32]
        .map(|view| Place::machine(MACHINE, view))
        .into_iter()
        .chain(of_users)
        .collect()
}

/// All entries; `None` if the machine has no such key. On a system of 32 bits both views are the same keys.
pub(super) fn read(registry: &dyn Registry, is_32_bits: bool) -> io::Result<Option<Vec<Entry>>> {
    let Some(wide) = open_if_there(registry, RegistryRoot::LocalMachine, MACHINE, RegistryView::Bits64)?
    else {
        return Ok(None);
    };
    let word = system_architecture(registry).unwrap_or_default().to_uppercase();
    // Programs for x64 run on ARM64 too, and stand in the same view.
    let of_wide = match word.as_str() {
        "AMD64" => "x64",
        "X86" => "x86",
        _ => "",
    };
    let mut entries = Vec::new();
    take(wide.as_ref(), None, of_wide, &mut entries)?;
    if !is_32_bits
        && let Some(narrow) =
            open_if_there(registry, RegistryRoot::LocalMachine, MACHINE, RegistryView::Bits32)?
    {
        take(narrow.as_ref(), None, "x86", &mut entries)?;
    }
    for user in super::users::loaded(registry)? {
        for path in USER {
            let path = format!("{user}\\{path}");
            // A user may sign out meanwhile.
            if let Some(own) = open_if_there(registry, RegistryRoot::Users, &path, RegistryView::Bits64)? {
                take(own.as_ref(), Some(&user), "", &mut entries)?;
            }
        }
    }

    Ok(Some(entries))
}

fn take(
    branch: &dyn Branch,
    user: Option<&str>,
    architecture: &str,
    entries: &mut Vec<Entry>,
) -> io::Result<()> {
    for name in branch.subkeys()? {
        if entries.len() >= ENTRIES_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let key = name.to_string_lossy();
        // What is gone already, or may not be read by anybody, is no program of the list either.
        let Ok(program) = branch.subkey(&name) else { continue };
        if is_update(program.as_ref(), &key) {
            continue;
        }
        let mut entry = Entry::read(program.as_ref(), &key, user, architecture);
        entry.is_hidden |= is_hidden(program.as_ref());
        entries.push(entry);
    }

    Ok(())
}

/// Whether an entry is an update of the system or of another program.
fn is_update(branch: &dyn Branch, key: &str) -> bool {
    let kind = text(branch, "ReleaseType").unwrap_or_default().to_lowercase();
    let parent = text(branch, "ParentKeyName").unwrap_or_default();

    UPDATES.contains(&kind.as_str()) || parent == OF_SYSTEM || ends_in_number_of_article(key)
}

/// `KB5034122`, `{…}.KB982573`, `{…}_PROPLUS_{…}_KB2881030`: keys of updates, in any language.
fn ends_in_number_of_article(key: &str) -> bool {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = key.len() - stem.len();
    let Some(before) = stem.strip_suffix("KB") else { return false };

    (6..=7).contains(&digits) && (before.is_empty() || before.ends_with(['.', '_', '-', ' ']))
}

/// Whether the list of programs leaves it out, besides `SystemComponent`: a part of another, or nothing to remove it with.
fn is_hidden(branch: &dyn Branch) -> bool {
    let has_parent = text(branch, "ParentKeyName").is_some();
    let can_be_removed =
        text(branch, "UninstallString").is_some() || number(branch, "WindowsInstaller") == Some(1);

    has_parent || !can_be_removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_updates_are_known_by_their_number() {
        for key in ["KB5034122", "{F5B09CFD}.KB982573", "{90160000-0011}_Office16.PROPLUS_{A}_KB2881030"] {
            assert!(ends_in_number_of_article(key), "{key}");
        }
        for key in ["7-Zip", "XKB500123", "KB12", "KB", "MSKB5034122x", ""] {
            assert!(!ends_in_number_of_article(key), "{key}");
        }
    }
}

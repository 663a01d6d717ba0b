//! Appx and MSIX packages, by the full names that the registry lists them under.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use vonggac_protocol::time::Timestamp;

use super::entry::clean;
use super::{Place, names};
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Registry, open_if_there};

/// Packages that were set up for the machine; a key for each, by full name.
const STAGED: &str = "SOFTWARE\\Classes\\Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\PackageRepository\\Packages";

/// Which users have which packages, and what every new user will have (`Applications`).
const ALL_USERS: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore";

/// Below a user's classes.
const OWN: &str =
    "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\Repository\\Packages";

/// Packages that a machine has; the largest real ones have some hundreds.
const APPS_MAX: usize = 16_384;

/// What stands behind the name of a publisher; the names themselves are in the packages.
const MICROSOFT: [&str; 3] = ["8wekyb3d8bbwe", "cw5n1h2txyewy", "pwbj9vvecjh7j"];

/// One package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    pub(super) vendor: Option<String>,
    pub(super) installed_at: Option<Timestamp>,
    /// For whom it was installed; nobody is the machine.
    pub(super) users: BTreeSet<String>,
}

/// Where full names stand.
pub(super) fn places(registry: &dyn Registry) -> Vec<Place> {
    let store = names(registry, RegistryRoot::LocalMachine, ALL_USERS).unwrap_or_default();
    let of_store =
        store.iter().map(|name| Place::machine(&format!("{ALL_USERS}\\{name}"), RegistryView::Bits64));
    let of_users = own(registry).unwrap_or_default().into_iter().map(|(_, path)| Place::user(path));

    [Place::machine(STAGED, RegistryView::Bits64)].into_iter().chain(of_store).chain(of_users).collect()
}

/// All packages but those that only carry another one's languages, sizes of pictures, or the list of a bundle.
pub(super) fn read(registry: &dyn Registry) -> io::Result<Vec<App>> {
    let mut apps: BTreeMap<String, App> = BTreeMap::new();
    let mut for_all = BTreeSet::new();
    take(registry, &Place::machine(STAGED, RegistryView::Bits64), None, &mut apps)?;
    let mut told = BTreeSet::new();
    for name in names(registry, RegistryRoot::LocalMachine, ALL_USERS)? {
        let place = Place::machine(&format!("{ALL_USERS}\\{name}"), RegistryView::Bits64);
        if name.starts_with("S-1-") {
            take(registry, &place, Some(&name), &mut apps)?;
            told.insert(name);
        } else if name == "Applications" {
            let full = names(registry, place.root, &place.path)?;
            for_all.extend(
                full.iter()
                    .filter_map(|full| parts(full))
                    .map(|[name, .., publisher]| (name.to_lowercase(), publisher.to_owned())),
            );
            take(registry, &place, None, &mut apps)?;
        }
    }
    for (user, path) in own(registry)? {
        // The store of all users knows of those whose hives are not loaded, too.
        if !told.contains(&user) {
            take(registry, &Place::user(path), Some(&user), &mut apps)?;
        }
    }
    for (full, app) in &mut apps {
        let publisher = full.rsplit('_').next().unwrap_or_default().to_owned();
        if for_all.contains(&(app.name.to_lowercase(), publisher)) {
            app.users.clear();
        }
    }

    Ok(apps.into_values().collect())
}

/// Where each loaded hive of classes lists its packages, with its user.
fn own(registry: &dyn Registry) -> io::Result<Vec<(String, String)>> {
    let all = names(registry, RegistryRoot::Users, "")?;
    let classes = all.iter().filter_map(|name| Some((name.strip_suffix("_Classes")?, name)));

    Ok(classes.map(|(user, name)| (user.to_owned(), format!("{name}\\{OWN}"))).collect())
}

fn take(
    registry: &dyn Registry,
    place: &Place,
    user: Option<&str>,
    apps: &mut BTreeMap<String, App>,
) -> io::Result<()> {
    let Some(branch) = open_if_there(registry, place.root, &place.path, place.view)? else { return Ok(()) };
    for key in branch.subkeys()? {
        let Some(full) = key.to_str() else { continue };
        let Some([name, version, architecture, resource, publisher]) = parts(full) else { continue };
        if !resource.is_empty() {
            continue;
        }
        if apps.len() >= APPS_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let app = apps.entry(full.to_owned()).or_default();
        if app.name.is_empty() {
            let vendor = MICROSOFT.contains(&publisher).then(|| "Microsoft Corporation".to_owned());
            let architecture = if architecture == "neutral" { "" } else { architecture };
            let (name, version, architecture) =
                (name.to_owned(), version.to_owned(), architecture.to_owned());
            *app = App { name, version, architecture, vendor, ..App::default() };
        }
        let written = branch.subkey(&key).ok().and_then(|key| crate::sensor::moment(key.written_at().ok()?));
        let written = written.filter(|at| at.0 > 0);
        app.installed_at = match (app.installed_at, written) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        app.users.extend(user.map(str::to_owned));
    }

    Ok(())
}

/// `Name_Version_Architecture_Resource_Publisher`, as Microsoft documents the identity of a package.
fn parts(full: &str) -> Option<[&str; 5]> {
    let parts: [&str; 5] = full.split('_').collect::<Vec<_>>().try_into().ok()?;
    let [name, version, architecture, _, publisher] = parts;
    let is_version = version.split('.').count() == 4
        && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let sound = is_version && clean(name).is_some_and(|clean| clean == name);

    (sound && !architecture.is_empty() && publisher.len() == 13).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_has_five_parts() {
        let calculator = parts("Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe").unwrap();

        assert_eq!(calculator, ["Microsoft.WindowsCalculator", "11.2401.0.0", "x64", "", "8wekyb3d8bbwe"]);
        for wrong in [
            "",
            "a_b_c_d_e",
            "A_1.2.3_x64__8wekyb3d8bbwe",
            "A_1.2.3.4_x64_8wekyb3d8bbwe",
            "A\n_1.2.3.4_x64__8wekyb3d8bbwe",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}

//! What Windows Installer keeps of its products, for the machine and for each user, whether their hives are loaded or not.

use std::io;

use super::entry::Entry;
use super::{Place, names};
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Registry, open_if_there, value};

const USER_DATA: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData";

/// The user under whose name products of the machine stand: the system itself.
const SYSTEM: &str = "S-1-5-18";

/// Where products stand, one place for each user.
pub(super) fn places(registry: &dyn Registry) -> Vec<Place> {
    let users = names(registry, RegistryRoot::LocalMachine, USER_DATA).unwrap_or_default();
    let products =
        |user: String| Place::machine(&format!("{USER_DATA}\\{user}\\Products"), RegistryView::Bits64);

    users.into_iter().map(products).collect()
}

/// All products that are installed; advertised ones have no properties and are left out.
pub(super) fn read(registry: &dyn Registry) -> io::Result<Vec<Entry>> {
    let mut products = Vec::new();
    for user in names(registry, RegistryRoot::LocalMachine, USER_DATA)? {
        let path = format!("{USER_DATA}\\{user}\\Products");
        let Some(branch) = open_if_there(registry, RegistryRoot::LocalMachine, &path, RegistryView::Bits64)?
        else {
            continue;
        };
        let owner = (user != SYSTEM).then_some(user.as_str());
        for packed in branch.subkeys()? {
            let Some(code) = packed.to_str().and_then(value::unpacked) else { continue };
            let Ok(product) = branch.subkey(&packed) else { continue };
            let Ok(properties) = product.subkey("InstallProperties".as_ref()) else { continue };
            products.push(Entry::read(properties.as_ref(), &code, owner, ""));
        }
    }

    Ok(products)
}

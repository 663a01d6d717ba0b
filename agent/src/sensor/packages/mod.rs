//! Installed packages, read from the databases of dpkg, rpm, apk, snap and flatpak and from the metadata of languages, as files,
//! and from the registry of Windows; no command is run.
//!
//! How `run.rs` uses it, on a thread of its own (all of it blocks):
//!
//! ```text
//! let stamp = packages::stamp(root);                  // cheap; nothing to do while it and patches::stamp stay equal
//! let languages = finder.find(root, &roots);          // cheap when nothing changed; compare with the last
//! let read = packages::read_with(root, &mut users)?;  // Err and read.unread => SensorFailed { sensor: "packages" }
//! let set = licences::mark(root, read.packages + languages.packages, &mut cache);
//! let kernel = os::machine::kernel_release();
//! let patches = patches::read(root, now, &set, &kernel, previous.as_ref());  // patches.state is the observation
//! let set = packages::mark(set, &patches.marks, before.as_ref());
//! for kind in packages::report(before.as_ref(), held_by_collector, &set)? { /* spool it */ }
//! packages::save(&state_dir.join("inventory.cbor"), &set)?;      // only after the spool has it; `load` gives `before`
//! ```

mod apk;
mod bundles;
mod database;
mod difference;
mod dpkg;
mod kept;
mod languages;
mod marks;
mod rpm;
#[cfg(test)]
mod tests;
mod windows;

pub use database::{Inventory, ReadPackagesError, Stamp, read, read_with, stamp};
pub(crate) use database::{files_root, organisation, plain};
pub use difference::{ReportInventoryError, report};
pub use dpkg::native_architecture;
pub use kept::{load, save};
pub use languages::{Finder, Item, Languages, ReadModule, Roots, read_jar, read_npm, read_python};
pub use marks::{Mark, Marks, mark};
pub(crate) use rpm::open_sqlite;
pub use rpm::package_of_header;
pub use windows::{UserSoftware, read_registry};

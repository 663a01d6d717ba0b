//! The machine: what it is, what it runs, where it can be reached. No serial numbers, no hardware addresses.
//!
//! How `run.rs` uses it: `host::read(root, configured_role, previous.as_ref())` at the start and once a day or when addresses
//! may have changed; the observation is sent when it differs from the one told last, which is `previous`.

mod description;
mod firmware;
mod machine;
mod role;
mod virtualisation;
mod windows;

pub use description::{describe, read};
pub use machine::Machine;

//! How we see: sensors, a spool, and a link to the collector.

mod cli;
pub mod clock;
pub mod config;
mod diary;
pub mod doctor;
pub mod enrol;
mod files;
pub mod identity;
pub mod keep;
mod life;
pub mod link;
pub mod machine;
pub mod ntfs;
pub mod os;
pub mod print;
pub mod registry;
pub mod run;
pub mod sensor;
mod service;
pub mod smbios;
pub mod spool;
pub mod status;
pub mod upgrade;
pub mod version;
mod waiting;
pub mod wire;

pub use cli::main_with;

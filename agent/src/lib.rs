//! How we see: sensors, a spool, and a link to the collector.

mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod enrol;
mod files;
pub mod identity;
pub mod keep;
pub mod link;
pub mod machine;
pub mod os;
pub mod print;
pub mod run;
pub mod sensor;
pub mod spool;
pub mod status;
pub mod wire;

pub use cli::main_with;

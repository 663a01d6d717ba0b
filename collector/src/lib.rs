//! How we remember and tell: what agents sent, what the rules concluded, what people did about it.

pub mod admission;
pub mod api;
pub mod authority;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod desk;
pub mod enrol;
pub mod entitlements;
pub mod envelope;
pub mod exchange;
pub mod exports;
pub mod feeds;
pub mod http;
pub mod intake;
pub mod judge;
pub mod listen;
pub mod patch_age;
pub mod print;
pub mod random;
pub mod releases;
pub mod rule_packs;
pub mod run;
pub mod sending;
pub mod service;
pub mod session;
pub mod silence;
pub mod snapshot;
pub mod store;
pub mod support;
pub mod vulnerabilities;

pub use cli::main_with;

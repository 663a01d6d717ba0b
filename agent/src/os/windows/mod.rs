//! Windows. Not yet run on a real machine; see docs/limits.md.

pub mod confine;
pub mod disk;
pub mod fanotify;
pub mod file;
pub mod locks;
pub mod machine;
pub mod mapped;
pub mod mounts;
pub mod own;
pub mod owner;
pub mod paths;
pub mod priority;
pub mod privileges;
pub mod processes;
pub mod protect;
pub mod service;

//! What the package manager's own database says of a path, and which changes are its own.
//!
//! ```text
//! touched, while it works ──▶ gather ──▶ measured once it rests ──▶ accounted for? ──▶ installation ──▶ FilesInstalled
//!                                                                        └── no ──▶ FileChanged with its verdict
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `index` | who owns a path, on disk |
//! | `dpkg` | reading dpkg's records into the index |
//! | `manager` | whether the package manager is at work, by its locks |
//! | `verdict` | whether a path is as its package brought it; pure |
//! | `gather` | what waits while the package manager works; pure |
//! | `installation` | changes joined into one observation; pure |
//! | `account` | which changes the database accounts for |
//! | `keep` | the loop's part: holding, releasing, telling |
//!
//! dpkg records MD5. It recognises here what a package brought; it is never evidence, that is SHA-256. Whoever can write
//! to the database can also make it agree with a changed file, so the database itself is watched
//! (docs/decisions/0018).

mod account;
mod dpkg;
mod gather;
mod index;
mod installation;
mod keep;
mod manager;
mod verdict;

pub(super) use self::account::Packaged;
pub use self::account::read_owners;
pub(super) use self::index::Md5;
pub(super) use self::installation::{INSTALLED_PATHS_MAX, Installation};
pub(super) use self::verdict::judge;

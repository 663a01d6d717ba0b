//! Becoming another version, and coming back from it.
//!
//! The installed program is the **launcher**: it chooses at its start which version runs, counts a start of a version on
//! trial before it begins, and puts the one before back when the new one ends by itself or does not report in time. A
//! version runs as its child; nothing of a new version has to work for the way back.
//!
//! ```text
//! offer ──▶ signature, system, version, room ──▶ coming/…program, piece by piece ──▶ versions/VERSION-DIGEST
//!   ──▶ it says its version ──▶ plan: trial ──▶ launcher: start 1, 2, 3 ──▶ reported ──▶ plan: settled
//!                                                        └──▶ ended or silent ──▶ plan: closed, told as `returned`
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`keys`] | whom this machine believes |
//! | [`plan`] | what is to run; one file, replaced whole |
//! | [`shelf`] | versions on the disk |
//! | [`fetch`] | a release on its way here |
//! | [`trying`] | whether a program runs here at all |
//! | [`launch`] | which version runs, and the way back |
//! | [`wish`] | that a person of this machine wants the version before |
//! | [`by_hand`] | the commands for it |

use std::path::{Path, PathBuf};

pub(crate) mod by_hand;
pub mod fetch;
pub mod keys;
pub mod launch;
pub mod plan;
pub mod shelf;
pub mod trying;
pub mod wish;

#[cfg(test)]
mod tests;

/// Tells a version that a launcher stands behind it.
pub const LAUNCHED: &str = "VONGGAC_LAUNCHED";

/// With this code a version asks its launcher to look again which version is to run.
pub const EXIT_AGAIN: u8 = 75;

/// Where the plan and the versions lie.
#[must_use]
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("upgrade")
}

/// How an agent ended that was not in trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// It was asked to stop.
    Stopped,
    /// Another version is to run.
    Again,
}

//! A person of this machine wants the version before: `upgrade/back.json`, written by `vonggac-agent upgrade back`, followed by
//! the launcher.
//!
//! The launcher alone follows it, because nothing of the version that is to go may be needed for it. The wish names the
//! version, so that one that was followed already, or comes too late, changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder;
use super::plan::{Plan, Slot};
use crate::keep;
use crate::os::protect;

const FILENAME: &str = "back.json";

/// That a version is to go.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// Which: on trial or settled.
    pub from: Slot,
}

fn path(state_dir: &Path) -> PathBuf {
    folder(state_dir).join(FILENAME)
}

impl Wish {
    /// What a person of this machine wants; `None`: nothing, or nothing that can be read.
    #[must_use]
    pub fn read(state_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(state_dir)).ok()?).ok()
    }

    /// Keeps it for the launcher.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep(&self, state_dir: &Path) -> io::Result<()> {
        let _protection = protect::create_private_dir(&folder(state_dir))?;
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;

        keep::write_whole(&path(state_dir), &text)
    }

    /// It was followed, or there is nothing to follow.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn forget(state_dir: &Path) -> io::Result<()> {
        keep::remove_file(&path(state_dir))
    }

    /// Whether it is about a version that the plan would start.
    #[must_use]
    pub fn concerns(&self, plan: &Plan) -> bool {
        let trial = plan.trial.as_ref().map(|trial| &trial.slot);

        trial.into_iter().chain(&plan.settled).any(|slot| *slot == self.from)
    }
}

//! What a collector asks a host to watch. Validated whole or refused whole; exclusions of the host always win.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::file::Area;
use crate::limits::{
    ASSIGNMENT_PATHS_MAX, BUDGET_KIB_MAX, BUDGET_KIB_MIN, PATH_BYTES_MAX, REBASELINE_ORDERS_MAX,
    TEXT_BYTES_MAX,
};
use crate::record::RecordSubject;

/// One path to watch beside the defaults.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct WatchPath {
    /// What for.
    #[n(0)]
    pub area: Area,
    /// Absolute path; a folder is watched with all that is in it.
    #[n(1)]
    pub path: String,
}

/// What to watch and how often to report.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Grows with every change; an agent keeps the last one it accepted.
    #[n(0)]
    pub version: u64,
    /// Paths beside the defaults of the system and the agent's own configuration.
    #[n(1)]
    pub watch: Vec<WatchPath>,
    /// Seconds between two signs of life on an idle connection, 5 to 3,600.
    #[n(2)]
    pub heartbeat_secs: u32,
    /// Seconds between two readings of packages and patches, 60 to 86,400.
    #[n(3)]
    pub inventory_secs: u32,
    /// Roots to measure anew, by named persons; an agent does each once. `None`: there are none.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebaseline: Option<Vec<RebaselineOrder>>,
    /// KiB that an agent may move on the line in a day, headers counted, 128 to 4,194,304. `None`: no limit.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_budget_kib: Option<u32>,
    /// Folders in which packages of languages (Python, npm, Java) are looked for, beside the agent's own. `None`: none.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_roots: Option<Vec<String>>,
    /// Which of the operating system's own records are told. `None`: all kinds.
    #[n(9)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<RecordSubject>>,
}

/// A named person wants a root measured anew.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct RebaselineOrder {
    /// Grows with every order for this host; what is not above the last one done was done.
    #[n(0)]
    pub number: u64,
    /// A watched root, or `*` for all.
    #[n(1)]
    pub root: String,
    /// The person.
    #[n(2)]
    pub by: String,
    /// Why, in that person's words.
    #[n(3)]
    pub reason: String,
}

/// Why an assignment is not acceptable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckAssignmentError {
    /// Too many paths.
    #[error("{0} paths, at most {ASSIGNMENT_PATHS_MAX} are accepted")]
    TooManyPaths(usize),
    /// A path that is not absolute or too long.
    #[error("path {0} is not absolute or is too long")]
    Path(usize),
    /// Too many orders, or one whose texts are too long or empty.
    #[error("orders of a new baseline are more than {REBASELINE_ORDERS_MAX}, or one is empty or too long")]
    Rebaseline,
    /// A number outside its limits.
    #[error("{name} is {found}, expected {least} to {most}")]
    OutOfRange {
        /// The field.
        name: &'static str,
        /// What it is.
        found: u32,
        /// Smallest accepted.
        least: u32,
        /// Largest accepted.
        most: u32,
    },
}

impl Default for Assignment {
    /// What a host does before any collector asks for something else.
    fn default() -> Self {
        Self {
            version: 0,
            watch: Vec::new(),
            heartbeat_secs: 240,
            inventory_secs: 3_600,
            rebaseline: None,
            daily_budget_kib: None,
            language_roots: None,
            records: None,
        }
    }
}

impl Assignment {
    /// Checks every field.
    ///
    /// # Errors
    /// At the first field that is outside its limits.
    pub fn check(&self) -> Result<(), CheckAssignmentError> {
        if self.watch.len() > ASSIGNMENT_PATHS_MAX {
            return Err(CheckAssignmentError::TooManyPaths(self.watch.len()));
        }
        let absolute = |path: &str| {
            path.starts_with('/')
                || (path.get(1..3) == Some(":\\") && path.as_bytes()[0].is_ascii_alphabetic())
        };
        if let Some(at) = self.watch.iter().position(|w| !absolute(&w.path) || w.path.len() > PATH_BYTES_MAX)
        {
            return Err(CheckAssignmentError::Path(at));
        }
        let roots = self.language_roots.as_deref().unwrap_or_default();
        if roots.len() > ASSIGNMENT_PATHS_MAX {
            return Err(CheckAssignmentError::TooManyPaths(roots.len()));
        }
        let is_plain = |root: &str| {
            absolute(root)
                && root.len() <= PATH_BYTES_MAX
                && !root.split(['/', '\\']).any(|part| part == "..")
        };
        if let Some(at) = roots.iter().position(|root| !is_plain(root)) {
            return Err(CheckAssignmentError::Path(at));
        }
        let orders = self.rebaseline.as_deref().unwrap_or_default();
        let is_text = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
        let is_order =
            |order: &RebaselineOrder| is_text(&order.root) && is_text(&order.by) && is_text(&order.reason);
        if orders.len() > REBASELINE_ORDERS_MAX || !orders.iter().all(is_order) {
            return Err(CheckAssignmentError::Rebaseline);
        }
        let ranges = [
            ("heartbeat_secs", self.heartbeat_secs, 5, 3_600),
            ("inventory_secs", self.inventory_secs, 60, 86_400),
        ];
        let budget =
            self.daily_budget_kib.map(|found| ("daily_budget_kib", found, BUDGET_KIB_MIN, BUDGET_KIB_MAX));
        for (name, found, least, most) in ranges.into_iter().chain(budget) {
            if !(least..=most).contains(&found) {
                return Err(CheckAssignmentError::OutOfRange { name, found, least, most });
            }
        }

        Ok(())
    }
}

//! What may replace what is held: nothing older, nothing that would silently empty findings, nothing from the future.

use std::time::Duration;

use vonggac_protocol::time::Timestamp;

use super::part::Part;
use crate::store::feeds::Kept;

/// A carried file's clock may be a little ahead of ours.
const AHEAD_MOST: Duration = Duration::from_secs(26 * 60 * 60);

/// What a person allows against the rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// Data older than what is held.
    pub older: bool,
    /// Much less than what is held.
    pub smaller: bool,
}

/// Why a part may not come in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefusePartError {
    /// Its data is dated later than now.
    #[error("{name}: its data is dated {dated}, which is not yet")]
    Ahead {
        /// The part.
        name: String,
        /// Its date.
        dated: Timestamp,
    },
    /// Its data is older than what is held.
    #[error(
        "{name}: its data is of {dated}, older than what is held, of {held}; --older takes it nevertheless"
    )]
    Older {
        /// The part.
        name: String,
        /// Its date.
        dated: Timestamp,
        /// The date of what is held.
        held: Timestamp,
    },
    /// It has less than half of what is held, or no longer speaks for an ecosystem.
    #[error(
        "{name}: it has {rows} rows where {held} are held{lost}; findings would vanish. --smaller takes it nevertheless"
    )]
    Smaller {
        /// The part.
        name: String,
        /// Its rows.
        rows: u64,
        /// Rows that are held.
        held: u64,
        /// Ecosystems that it no longer speaks for, in words.
        lost: String,
    },
}

/// Whether a part may take the place of what is held under its name.
///
/// # Errors
/// If it may not.
pub fn admit(
    part: &Part,
    held: Option<&Kept>,
    allowed: Allowed,
    now: Timestamp,
) -> Result<(), RefusePartError> {
    let name = || part.name.clone();
    if part.dated > now.plus(AHEAD_MOST) {
        return Err(RefusePartError::Ahead { name: name(), dated: part.dated });
    }
    let Some(held) = held.map(|held| &held.part) else { return Ok(()) };
    if part.dated < held.dated && !allowed.older {
        return Err(RefusePartError::Older { name: name(), dated: part.dated, held: held.dated });
    }
    let lost: Vec<String> = held.covers.difference(&part.covers).map(ToString::to_string).collect();
    if (part.rows.saturating_mul(2) < held.rows || !lost.is_empty()) && !allowed.smaller {
        let lost =
            if lost.is_empty() { String::new() } else { format!(", and nothing about {}", lost.join(", ")) };
        return Err(RefusePartError::Smaller { name: name(), rows: part.rows, held: held.rows, lost });
    }

    Ok(())
}

//! How old the data of a feed is, and whether that is too old.

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use crate::store::feeds::Kept;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Whole days from the date of the data until now.
#[must_use]
pub fn days(dated: Timestamp, now: Timestamp) -> i64 {
    now.0.saturating_sub(dated.0).max(0) / DAY_MILLIS
}

/// A feed with its age.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Aged {
    /// The feed.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub feed: Kept,
    /// Days since the date of its data.
    pub age_days: i64,
    /// Whether that is more than the configuration allows.
    pub too_old: bool,
}

impl Aged {
    /// The feed as it stands now.
    #[must_use]
    pub fn of(kept: &Kept, days_max: u32, now: Timestamp) -> Self {
        let age_days = days(kept.part.dated, now);

        Self { feed: kept.clone(), age_days, too_old: age_days > i64::from(days_max) }
    }
}

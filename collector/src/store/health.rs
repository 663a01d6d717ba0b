//! Whether the store takes what it is given, said once when it changes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use serde::Serialize;
use tracing::{error, info};

use crate::clock;

/// A group of jobs that takes longer than this is a trouble that people should see.
const SLOW_AFTER: Duration = Duration::from_secs(5);

/// Why nothing can be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The disk is slow, or another process holds the database.
    Slow,
    /// The disk is full.
    Full,
    /// It fails otherwise.
    Failing,
}

impl Trouble {
    /// The word in JSON and in the files of words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Full => "full",
            Self::Failing => "failing",
        }
    }

    /// What a failure means.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        let code =
            error.chain().find_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code());
        match code {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Slow,
            Some(_) | None => Self::Failing,
        }
    }
}

/// How the store does; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    working_since: Option<Instant>,
    trouble: Option<Trouble>,
}

impl Health {
    /// What is wrong; `None` if nothing is.
    #[must_use]
    pub fn trouble(&self, now: Instant) -> Option<Trouble> {
        let inside = self.lock();
        let slow =
            inside.working_since.is_some_and(|since| now.saturating_duration_since(since) >= SLOW_AFTER);

        if slow { inside.trouble.or(Some(Trouble::Slow)) } else { inside.trouble }
    }

    /// A group of jobs begins.
    pub(super) fn begin(&self) {
        self.lock().working_since = Some(clock::instant());
    }

    /// It ended well; `changed` if anything was written.
    pub(super) fn good(&self, changed: bool) {
        let mut inside = self.lock();
        inside.working_since = None;
        // Keeping nothing succeeds on a full disk too.
        if changed && let Some(trouble) = inside.trouble.take() {
            info!(trouble = trouble.word(), "The store takes what it is given again");
        }
    }

    /// It failed; nothing of it was kept.
    pub(super) fn bad(&self, trouble: Trouble, error: &anyhow::Error) {
        let mut inside = self.lock();
        inside.working_since = None;
        if inside.trouble.replace(trouble) != Some(trouble) {
            let error = format!("{error:#}");
            match trouble {
                Trouble::Full => {
                    error!(error, "The disk is full: nothing is kept until there is room; agents wait")
                }
                Trouble::Slow => error!(error, "The database is held by another process; agents wait"),
                Trouble::Failing => error!(error, "The store fails; agents wait"),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("nobody panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_over_when_something_was_written_and_not_before() {
        let (health, now) = (Health::default(), clock::instant());
        let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None);
        let error = anyhow::Error::new(full).context("commit");

        health.bad(Trouble::of(&error), &error);
        health.good(false);
        assert_eq!(health.trouble(now), Some(Trouble::Full));
        health.good(true);
        assert_eq!(health.trouble(now), None);
    }

    #[test]
    fn a_group_that_takes_long_is_seen_while_it_lasts() {
        let health = Health::default();
        health.begin();
        let now = clock::instant();

        assert_eq!(health.trouble(now), None);
        assert_eq!(health.trouble(now + SLOW_AFTER), Some(Trouble::Slow));
        health.good(true);
        assert_eq!(health.trouble(now + SLOW_AFTER), None);
    }
}

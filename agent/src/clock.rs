//! The one place where time enters this program.

use std::time::Instant;

use vonggac_protocol::time::Timestamp;

/// The wall clock, in UTC.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the place the ban points to")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();

    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The steady clock.
#[must_use]
pub fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the place the ban points to")]
    Instant::now()
}

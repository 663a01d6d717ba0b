//! A policy over the age of patches: "security patches no older than 30 days on servers", answered host by host with the
//! packages that break it.
//!
//! Two things tell that a patch waits: the machine's own package manager (since when its agent has seen it offered) and
//! an imported advisory (since the day it was published). The earlier day counts. "Kept" is said only where one of
//! them can tell; otherwise the answer is "unknown", with the reason.
//!
//! | module | subject |
//! |---|---|
//! | [`weigh`] | the answer for one host, from plain values |
//! | [`mod@survey`] | the answers for all hosts in view |

pub mod survey;
pub mod weigh;

pub use survey::{Answer, Page, Wanted, survey};
pub use weigh::{Breaking, State, Weighed};

/// Days that a security patch may wait, if nobody says otherwise.
pub const DAYS: u32 = 30;

/// Days at most that may be asked for.
pub const DAYS_MAX: u32 = 3_650;

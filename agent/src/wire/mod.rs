//! How the collector is reached; shared by enrolment, link and doctor.
//!
//! | module | subject |
//! |---|---|
//! | [`tls`] | whom we believe, and who we say we are |
//! | [`dial`] | from `host:port` to a connection |
//! | [`frames`] | frames on a stream |

pub mod dial;
pub mod frames;
pub mod tls;

#[cfg(test)]
pub(crate) mod tests;

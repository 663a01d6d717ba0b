//! Which machine has which weakness: the feeds that are held, judged against the inventories that are kept.
//!
//! Judging is the crate `vonggac-advisory`; here its book and its fleet are kept in step with the store and asked.
//!
//! | module | subject |
//! |---|---|
//! | [`held`] | book, fleet and marks in memory |
//! | [`step`] | keeping them in step with the store |
//! | [`report`] | what is told of one machine |

pub mod held;
pub mod report;
pub mod step;

pub use held::Vulnerabilities;

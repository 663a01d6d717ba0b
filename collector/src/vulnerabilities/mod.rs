//! Which machine has which weakness: the feeds that are held, judged against the inventories that are kept.
//!
//! Judging is the crate `vonggac-advisory`; here its book and its fleet are kept in step with the store and asked.
//!
//! | module | subject |
//! |---|---|
//! | [`accepted`] | which findings accepted risks answer |
//! | [`cleared`] | what feeds say a machine is not affected by |
//! | [`held`] | book, fleet and marks in memory |
//! | [`keeping`] | the fleet's numbers in the store, for the next start |
//! | [`step`] | keeping them in step with the store |
//! | [`report`] | what is told of one machine |
//! | [`touched`] | which machines an acceptance would speak of |
//! | [`windows`] | likewise, of Windows |

pub mod accepted;
pub mod cleared;
pub mod held;
mod keeping;
pub mod report;
pub mod step;
pub mod touched;
pub mod windows;

pub use held::Vulnerabilities;

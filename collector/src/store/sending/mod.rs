//! What leaves the collector by itself, as it is kept. A message is written in the transaction of what it speaks of and
//! stays, with its receipt, when it was sent.
//!
//! | file | subject |
//! |---|---|
//! | [`destinations`] | where to |
//! | [`outgoing`] | the queue: put in, taken, settled |
//! | [`announce`] | which destinations hear of what |
//! | [`reports`] | reports to addressees, and what their receipts are good for |
//! | [`lists`] | the queue as people see it |

pub mod announce;
pub mod destinations;
pub mod lists;
pub mod outgoing;
pub mod reports;

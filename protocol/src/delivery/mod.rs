//! Delivery of one lane: at least once, in order, no hidden gap. No I/O: the records lie in the spool,
//! the marks in the store; these two only know places.
//!
//! | module | on | subject |
//! |---|---|---|
//! | [`outbox`] | the agent | which records are due |
//! | [`inbox`] | the collector | what of a batch is new |

pub mod inbox;
pub mod outbox;

#[cfg(test)]
mod tests;

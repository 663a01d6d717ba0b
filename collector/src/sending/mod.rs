//! What leaves the collector by itself: notices of incidents, warnings of clocks, reports.
//!
//! What is to be sent is written in the transaction of what it speaks of ([`crate::store::sending`]), so nothing is
//! lost between the two; one task, the courier, takes it from there until the receiver confirms.
//!
//! | module | subject |
//! |---|---|
//! | [`settings`] | carriers and their addresses: as written, checked |
//! | [`letter`] | what a message says, in the form of its carrier |
//! | [`guard`] | addresses that nobody sends to unless the operator allows it |
//! | [`tls`] | whom we trust |
//! | [`mail`], [`webhook`], [`syslog`] | carriers |
//! | [`outcome`] | how a try ended, and when the next one comes |
//! | [`secret`] | passwords and keys of destinations, in files of our own |
//! | [`courier`] | the task that sends |
//! | [`clocks`] | the task that warns before clocks end |

pub mod clocks;
pub mod courier;
pub mod guard;
pub mod letter;
pub mod mail;
pub mod outcome;
pub mod secret;
pub mod settings;
pub mod syslog;
pub mod tls;
pub mod webhook;

pub use settings::{Event, Settings};

//! Bytes of an event on the wire, and the dictionary that makes them few.
//!
//! | module | subject |
//! |---|---|
//! | [`corpus`] | what a real agent says of real changes, twice: to train on, to measure on |
//! | [`train`] | makes the file of a dictionary |
//! | [`size`] | bytes of an event in batches of 1, 10, 100, 500 |

pub(super) mod corpus;
pub(super) mod size;
pub(super) mod train;

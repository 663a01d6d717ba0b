//! An incident as others read it: their formats, made of what we hold.
//!
//! The formats are pure: what they say is read from the store, and cut by the incident's marks, in one place
//! ([`gather`]). The same incident gives the same bytes.
//!
//! | module | subject |
//! |---|---|
//! | [`reveal`] | what of an incident its marks let out |
//! | [`event`] | one thing that happened to an incident |
//! | [`syslog`], [`cef`] | such an event as a line: RFC 5424, Common Event Format |
//! | [`case`] | an incident for others, already cut |
//! | [`gather`] | reading it from the store |
//! | [`uuid`] | names made of names |
//! | [`stix`], [`misp`], [`iodef`], [`ocsf`] | an incident in each format |
//! | [`paper`], [`docx`] | a report on the form of the law's profile; as a file for a word processor |
//! | [`make`] | a whole file, or why there is none |
//! | `samples` | incidents for the tests of the formats |

pub mod case;
pub mod cef;
pub mod docx;
pub mod event;
pub mod gather;
pub mod iodef;
pub mod make;
pub mod misp;
pub mod ocsf;
pub mod paper;
pub mod reveal;
#[cfg(test)]
mod samples;
pub mod stix;
pub mod syslog;
pub mod uuid;

pub use event::Event;

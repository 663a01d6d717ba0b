//! What is known to be vulnerable, and which machine that touches: advisories in, findings out.
//!
//! Pure by rule: no I/O beyond a reader that the caller opened, no clock, no randomness. The `tidy` test holds this.
//!
//! | module | subject |
//! |---|---|
//! | [`ecosystem`] | whose packages an advisory speaks of; which order their versions have |
//! | [`version`] | versions as byte keys that sort as the ecosystem sorts |
//! | [`row`] | one statement: this package of this ecosystem, up to this version, by this advisory |
//! | [`source`] | the feed a row came from, and what is wrong with a feed that cannot be read |
//! | [`book`] | all rows, by package, sorted so that what touches a version is the rest of a list |
//! | [`origin`], [`kernel`] | what is not judged: what somebody else built; what of a kernel does not run |
//! | [`fleet`] | every distinct package judged once, told to the machines that have it |
//! | [`windows`] | Windows by build, by updates and by its own word |
//! | [`priority`] | what to mend first |
//! | [`feed`] | the readers of feeds: bytes in, rows out |

pub mod book;
pub mod ecosystem;
pub mod feed;
pub mod fleet;
pub mod kernel;
pub mod origin;
pub mod priority;
pub mod row;
pub mod source;
pub mod version;
pub mod windows;

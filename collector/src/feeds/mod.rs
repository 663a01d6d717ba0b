//! Advisories without Internet: what a person carries in, in what form it is kept, and what may replace what.
//!
//! Reading feeds is the crate `vonggac-advisory`; here files are turned into parts, parts into signed bundles, and
//! parts are let into the store, all of one import or none. `docs/decisions/0029` says why it is so.
//!
//! | module | subject |
//! |---|---|
//! | [`part`] | one feed, packed, and what is known about it |
//! | [`convert`] | a carried file becomes a part |
//! | [`bundle`] | parts with a manifest and a signature, in one file |
//! | [`admit`] | what may replace what is held |
//! | [`age`] | how old the data is |

pub mod admit;
pub mod age;
pub mod bundle;
pub mod convert;
pub mod part;

#[cfg(test)]
mod tests;

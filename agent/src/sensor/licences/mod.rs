//! The licence of each package as an SPDX expression, from what the package itself says; what it does not say stays unknown.
//!
//! [`mark`] takes the packages of [`packages::read`](super::packages::read) and gives them back with `licence` and
//! `licence_basis` filled in: for dpkg from `/usr/share/doc/NAME/copyright`, for rpm from the licence tag. `run.rs` keeps
//! one [`Cache`] for the life of the process: a pass over files that did not change reads none of them.
//!
//! A free text that points at no common licence is known by the sentences that grant (`texts`), if it has them.
//!
//! Short names that the SPDX list does not have become `LicenseRef-…`, unlisted exceptions `AdditionRef-…`.

mod copyright;
mod expression;
mod marking;
mod names;
mod texts;

pub use copyright::licence as of_copyright_file;
pub use expression::spdx as of_words;
pub use marking::{Cache, mark};

#[cfg(test)]
mod tests;

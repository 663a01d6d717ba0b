//! Windows: judged by what it is, by what it records, and by what it says itself.
//!
//! Three answers to one question stand side by side. The build and revision against the build that mends, in the row of
//! the very product; the updates recorded as installed, and all that those took the place of; the answer of Windows
//! Update. The first that says anything decides; where two say different things, that is told of its own.
//!
//! | file | subject |
//! |---|---|
//! | [`release`] | what Microsoft calls the system that a build number stands for |
//! | [`shelves`] | the rows of that product, and of parts of it |
//! | [`supersedence`] | which updates hold which |
//! | [`opinion`] | what each of the three says of one weakness |
//! | [`judge`] | one machine |

pub mod judge;
pub mod opinion;
pub mod release;
pub mod shelves;
pub mod supersedence;
#[cfg(test)]
mod tests;

pub use judge::{Disagreement, Finding, Judged, NotJudged, State};
pub use opinion::{Basis, Opinions, Says, Silence};
pub use release::UnknownSystem;
pub use shelves::Shelves;
pub(crate) use shelves::parts_of;

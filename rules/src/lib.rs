//! How we judge.

pub mod clause;
pub mod plan;
pub mod table;
pub mod words;

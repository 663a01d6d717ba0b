//! Stories: several parts together, the laws of the tree, and what hostile bytes may not do.
//!
//! | module | subject |
//! |---|---|
//! | [`fuzz`] | what hostile bytes may not do |
//! | [`tidy`] | the laws of the tree that no compiler holds |

pub mod fuzz;
pub mod tidy;

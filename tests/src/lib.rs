//! Stories: several parts together, the laws of the tree, and what hostile bytes may not do.
//!
//! | module | subject |
//! |---|---|
//! | [`tidy`] | the laws of the tree that no compiler holds |

pub mod tidy;

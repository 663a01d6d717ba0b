//! Several parts together: stories, real programs, fuzz replay, tidy, and the measurements.
//!
//! | module | subject |
//! |---|---|
//! | [`fuzz`] | what hostile bytes may not do |
//! | [`measure`] | figures, by name |
//! | [`programs`] | real programs on loopback |
//! | [`tidy`] | the laws of the tree that no compiler holds |
//! | [`world`] | hosts, links and a collector in memory, and their faults |

pub mod fuzz;
pub mod measure;
pub mod programs;
pub mod tidy;
pub mod world;

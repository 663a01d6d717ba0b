//! Several parts together: stories, real programs, fuzz replay, tidy, and the measurements.
//!
//! | module | subject |
//! |---|---|
//! | [`crowd`] | many agents in one process |
//! | [`fuzz`] | what hostile bytes may not do |
//! | [`line`] | bad lines between real programs |
//! | [`measure`] | figures, by name |
//! | [`programs`] | real programs on loopback |
//! | [`tidy`] | the laws of the tree that no compiler holds |
//! | [`world`] | hosts, links and a collector in memory, and their faults |

pub mod crowd;
pub mod fuzz;
pub mod line;
pub mod measure;
pub mod programs;
pub mod tidy;
pub mod world;

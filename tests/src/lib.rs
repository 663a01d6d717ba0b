//! Several parts together: stories, real programs, fuzz replay, tidy, and the measurements.
//!
//! | module | subject |
//! |---|---|
//! | [`crowd`] | many agents in one process |
//! | [`fuzz`] | what hostile bytes may not do |
//! | [`mod@line`] | bad lines between real programs |
//! | [`measure`] | figures, by name |
//! | [`programs`] | real programs on loopback |
//! | [`tidy`] | the laws of the tree that no compiler holds |
//! | [`simulation`] | the world in a box: hosts, links and a collector under one simulated clock |

pub mod crowd;
pub mod fuzz;
pub mod line;
pub mod measure;
pub mod programs;
pub mod simulation;
pub mod tidy;

//! The laws of this tree that no compiler holds. Every check takes the tree's root and returns what breaks it.
//!
//! | module | subject |
//! |---|---|
//! | [`manifests`] | who may depend on whom, and why |
//! | [`sources`] | one system's code in one place, lengths, tables of contents, nothing unfinished |
//! | [`papers`] | what documents and rule files must say |
//! | [`tree`] | reading the tree |

pub mod manifests;
pub mod papers;
pub mod sources;
pub mod tree;

use std::path::Path;

/// A check: what of the tree breaks it, one line each.
pub type Check = fn(&Path) -> anyhow::Result<Vec<String>>;

/// All of them, by name.
pub const CHECKS: [(&str, Check); 12] = [
    ("pure crates stay pure", manifests::pure_crates),
    ("the dependency rule holds", manifests::dependency_rule),
    ("every dependency has its reason", manifests::reasons),
    ("both systems have the same files", sources::same_files_for_both_systems),
    ("the system is chosen in one place", sources::system_chosen_once),
    ("files stay short", sources::short_files),
    ("every folder has its table of contents", sources::tables_of_contents),
    ("nothing is unfinished", sources::nothing_unfinished),
    ("parts of a crate do not import each other", sources::parts_keep_apart),
    ("the wire page names everything on the wire", papers::wire_page),
    ("every rule says when it fires and when not", papers::rules_with_trials),
    ("the workspace's lints are used", manifests::lints_used),
];

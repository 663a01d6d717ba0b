//! Rules that others wrote, held against records that others recorded.
//!
//! | module | names |
//! |---|---|
//! | [`corpus`] | `sigma-corpus` |
//! | [`rate`] | `judge-rate`; [`beside`] runs the peers in it |
//! | [`replay`] | `replay` |
//! | [`memory`] | `correlation-memory` |
//!
//! [`folder`] reads a checkout of SigmaHQ's repository, [`stream`] makes the records that are judged.

mod beside;
pub(super) mod corpus;
mod folder;
pub(super) mod memory;
pub(super) mod rate;
pub(super) mod replay;
mod stream;

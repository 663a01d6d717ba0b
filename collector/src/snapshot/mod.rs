//! A compliance snapshot: one file that says how every clause of the plans stands, with the evidence for it.
//!
//! It is a zip with stored entries, made so that the same content has the same bytes, and it carries what it was
//! made from: the exact bytes of the observations, the rule and plan files, incidents and people's actions. So
//! [`verify`] can check it on another machine without a database: the signature, every digest, and by working out
//! the state of every clause again from the facts inside. `docs/decisions/0010` to `0012` say why it is so.
//!
//! | module | subject |
//! |---|---|
//! | [`container`] | the zip: one form for one content |
//! | [`key`] | the key that snapshots are signed with, in minisign's form |
//! | [`book`] | the rules, plans and tables that a snapshot is made by |
//! | [`facts`], [`gather`] | what is known as of a moment, and reading it from the store |
//! | [`inventory`] | the packages of a host, from its observations alone |
//! | [`figures`], [`clauses`] | numbers for clauses; the state of every clause, worked out from the facts |
//! | [`make`] | the file |
//! | [`verify`] | checking it |

pub mod book;
pub mod clauses;
pub mod container;
pub mod facts;
pub mod figures;
pub mod gather;
pub mod inventory;
pub mod key;
pub mod make;
pub mod verify;

#[cfg(test)]
mod tests;

//! What agencies may use: their ledgers, and what their machines have.
//!
//! | file | subject |
//! |---|---|
//! | [`sheet`] | a ledger as an office keeps it: CSV, read and checked whole |
//! | [`difference`] | what a file would change |
//! | [`survey`] | what the machines of the province have installed, and how that stands against the ledgers |

pub mod difference;
pub mod sheet;
pub mod survey;

#[cfg(test)]
mod tests;

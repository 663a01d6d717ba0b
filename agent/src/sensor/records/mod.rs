//! The operating system's own records that matter to response: logins, rights of others used, accounts, services.
//!
//! ```text
//! journal ─┐
//! auth.log ├─▶ record ──▶ fact (who, from where, by which service, with what result) ──▶ counted ──▶ observation
//! audit.log┘
//! ```
//!
//! What is read stays where it is; what was typed never leaves (decision 0042).
//!
//! | module | subject |
//! |---|---|
//! | [`journal`] | the journal of systemd, by reading its files |
//! | [`lines`] | text files that grow and are rotated |
//! | [`syslog`] | lines of `auth.log` and `secure` |
//! | [`audit`] | lines of auditd |
//! | [`record`] | a record, whatever it was read from |
//! | [`fact`] | what a record says, if it concerns us |
//! | `said` | the sentences of sshd, sudo, su, PAM, the account tools, the service manager |
//! | [`names`] | which names are accounts; what stands for those that are not |
//! | [`counted`] | facts alike within a short time are one observation with a count |
//! | [`sensor`] | all of it: what is new, what is told, what is remembered |

pub mod audit;
pub mod counted;
pub mod fact;
pub mod journal;
pub mod lines;
pub mod names;
pub mod record;
mod said;
pub mod sensor;
pub mod syslog;

#[cfg(test)]
mod tests;

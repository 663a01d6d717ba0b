//! How we judge: observations in, findings and the decision about their incident out.
//!
//! Pure by rule: no I/O, no clock, no randomness. The caller reads files and passes their text; time is an
//! argument. The `tidy` test holds this.
//!
//! | module | subject |
//! |---|---|
//! | [`ruleset`] | rule files, read and checked whole: Sigma with a block of our own |
//! | [`mistake`] | what is wrong in a rule file: code, file, line, expected, hint, in two languages |
//! | [`fields`] | the log sources and the fields that a rule may ask for |
//! | [`flatten`], [`reads`] | an observation as the flat event that rules are matched against; which of its fields they look at |
//! | [`state`] | a host's packages, patches, protection and description as one such event |
//! | [`in_force`] | which set judges whose observations |
//! | [`judge`], [`window`] | what the rules conclude; counting within a time span |
//! | [`finding`], [`incident`] | a conclusion with its evidence; the incident it belongs to, and that incident's life |
//! | [`profile`] | the law as data: within which times, to whom, on which form |
//! | [`packs`] | the rule files this program was built with |
//! | [`foreign`] | rules that others wrote for log sources of others: the engine without our block |
//! | [`trial`] | the tests that every rule carries |
//! | [`clause`], [`plan`], [`table`] | the register of clauses that oblige, and the tables it is read from |
//! | [`support`], [`support_update`] | until when a system gets security fixes; newer days from a feed |
//! | [`catalogue`], [`software`] | products and their licence classes; what a host's packages say by them |
//! | [`entitlement`], [`balance`] | what an agency may use; what it has installed, held against that |
//! | [`share`] | open source on the machines of an agency or a province, and what would change it |
//! | [`nearest`] | the known word that was probably meant |
//! | [`words`], [`owner`] | a text in two languages; who answers for a rule |

mod activation;
pub mod balance;
pub mod catalogue;
pub mod clause;
pub mod entitlement;
pub mod fields;
pub mod finding;
pub mod flatten;
pub mod foreign;
pub mod in_force;
pub mod incident;
pub mod judge;
pub mod mistake;
pub mod nearest;
pub mod owner;
pub mod packs;
pub mod plan;
mod posture;
pub mod profile;
mod read;
pub mod reads;
pub mod ruleset;
pub mod share;
pub mod software;
pub mod state;
pub mod support;
pub mod support_update;
pub mod table;
mod text;
pub mod trial;
pub mod window;
pub mod words;

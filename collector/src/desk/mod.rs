//! The desk that people and programs sit at: who is asking, in which language, what they may do. The pages of
//! `console` and the JSON of `api` are two faces of it; neither does anything the other cannot.
//!
//! | module | subject |
//! |---|---|
//! | [`state`] | what every page and route has at hand |
//! | [`knowledge`] | rules and plans as people read them |
//! | [`caller`] | who is asking |
//! | [`origin`] | requests that another site made a browser send; headers of every answer |
//! | [`password`], [`throttle`] | signing in |
//! | [`account`] | own language and password |
//! | [`casework`] | what people do to incidents |
//! | [`machines`] | letting machines in, deciding which keeps an identity |
//! | [`budgets`] | what hosts may move in a day |
//! | [`decided`] | what risks, exceptions and change windows share |
//! | [`exceptions`] | making exceptions to rules, and taking that back |
//! | [`risks`] | accepting risks, and taking that back |
//! | [`licences`] | software held against entitlements |
//! | [`exports`] | files for other programs |
//! | [`exchange`] | an incident as a file for others |
//! | [`windows`] | opening and closing change windows |
//! | [`words`] | every word in two languages; moments and numbers as people write them |
//! | [`sentence`] | an observation as a sentence |
//! | `records` | the same of the system's own records |
//! | [`posture`] | how a machine is protected, part by part |
//! | [`activation`] | how products are activated, and traces of activation tools |
//! | [`compliance`] | the state of each clause |

pub mod account;
pub mod activation;
pub mod budgets;
pub mod caller;
pub mod casework;
pub mod compliance;
pub mod decided;
pub mod exceptions;
pub mod exchange;
pub mod exports;
pub mod knowledge;
pub(crate) mod licences;
pub mod machines;
pub mod origin;
pub mod password;
pub mod posture;
mod records;
pub mod risks;
pub mod sentence;
pub mod state;
pub mod throttle;
pub mod windows;
pub mod words;

pub use caller::Caller;
pub use state::{Desk, Settings};

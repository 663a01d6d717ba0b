//! Incidents: which finding belongs to which, and what may become of one.
//!
//! | module | subject |
//! |---|---|
//! | [`exception`] | which findings an exception answers |
//! | [`joining`] | findings about the same matter are one incident |
//! | [`life`] | states, outcomes, and the steps between them |
//! | [`marks`] | what people say of an incident besides: TLP, PAP, what it touches |

pub mod exception;
pub mod joining;
pub mod life;
pub mod marks;

pub use joining::{ClosedIncident, Filing, OpenIncident, file, join_key};

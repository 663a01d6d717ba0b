//! How we see: sensors, a spool, and a link to the collector.

pub mod clock;
pub mod os;

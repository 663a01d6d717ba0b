//! A bad line between two real programs, for kernels that have no `netem`: it stands in user space before the
//! collector's port and does to datagrams what lines do to them.
//!
//! | module | subject |
//! |---|---|
//! | [`udp`] | the line of the link: loss, delay, rate, doubling, reordering, corruption, cuts, a new outer port |
//! | [`tcp`] | a forwarder of connections that can swallow or refuse everything |

pub mod tcp;
pub mod udp;

#[cfg(test)]
mod tests;

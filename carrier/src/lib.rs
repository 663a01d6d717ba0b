//! What carries frames between an agent and its collector.
//!
//! One connection has a control channel, on which both speak, and a lane channel for each lane, on which only the
//! agent does. Whoever talks on it does not ask what carries it.
//!
//! | module | subject |
//! |---|---|
//! | [`connection`] | a connection: its channels, its end, its peer |
//! | [`stream`] | one direction of a channel |
//! | [`closed`] | why a connection or a channel ended |
//! | [`tcp`] | the channels over TLS on TCP |
//! | [`os`] | what one system has and another has not |

pub mod closed;
pub mod connection;
mod os;
pub mod stream;
pub mod tcp;

pub use closed::{Closed, ReadError};
pub use connection::{Connection, Moved, Way};
pub use stream::{RecvStream, SendStream};

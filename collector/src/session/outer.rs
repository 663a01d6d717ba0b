//! Where an agent's packets come from: told when it changes, so that the agent knows what the way to us does to it.

use std::net::SocketAddr;

use vonggac_carrier::Connection;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::Hello;
use vonggac_protocol::line::Outer;

/// What one agent was told last.
#[derive(Debug)]
pub(super) struct Whereabouts {
    told: SocketAddr,
    wanted: bool,
}

impl Whereabouts {
    /// The welcome tells the first.
    pub(super) fn new(connection: &Connection, hello: &Hello) -> Self {
        Self { told: connection.remote_address(), wanted: hello.tell_outer == Some(true) }
    }

    /// What to tell now; nothing while nothing changed, and nothing to agents that did not ask.
    pub(super) fn news(&mut self, connection: &Connection) -> Option<Frame> {
        let now = connection.remote_address();
        if !self.wanted || now == self.told {
            return None;
        }
        self.told = now;

        Some(Frame::Outer(Outer { address: now.to_string() }))
    }
}

//! What one end makes of bytes that came, without a socket: for tests of hostile input.

use super::state::{CHANNELS, Side, State};
use crate::closed::Closed;

/// Bytes read at once, as a slow reader does.
const READ_BYTES: usize = 1_000;

/// What was made of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenIn {
    /// What can be read of each channel.
    pub channels: [Vec<u8>; CHANNELS],
    /// How the peer ended the connection.
    pub closed: Option<Closed>,
    /// The rule that the peer broke; nothing after it was taken in.
    pub broken: Option<String>,
}

/// Feeds these parts, one after the other, to the agent's or the collector's end. With `is_read` the channels are read
/// after each part, and the peer is allowed as much anew; without, only at the end.
pub fn take_in<'b>(is_agent: bool, is_read: bool, parts: impl IntoIterator<Item = &'b [u8]>) -> TakenIn {
    let mut state = State::new(if is_agent { Side::Agent } else { Side::Collector });
    let mut channels: [Vec<u8>; CHANNELS] = Default::default();
    let mut broken = None;
    for part in parts {
        if let Err(rule) = state.feed(part) {
            broken = Some(rule.to_string());
            break;
        }
        if is_read {
            read(&mut state, &mut channels);
            drop(state.take(true));
            state.written();
        }
    }
    read(&mut state, &mut channels);

    TakenIn { channels, closed: state.closed().cloned(), broken }
}

fn read(state: &mut State, channels: &mut [Vec<u8>; CHANNELS]) {
    for (channel, bytes) in channels.iter_mut().enumerate() {
        while let Ok(Some(1..)) = state.read(channel, READ_BYTES, bytes) {}
    }
}

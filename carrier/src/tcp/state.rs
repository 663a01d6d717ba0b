//! The channels of one connection, without its socket: what waits to be sent, what came and waits to be read.

use std::collections::VecDeque;

use super::piece::{self, CARRIED_MAX, HEADER, Header, Kind, REASON_MAX};
use crate::closed::Closed;

/// Control, prompt, bulk; the lower goes first.
pub(super) const CHANNELS: usize = 3;

/// Bytes that the peer may send on a channel before we have read them; what QUIC gives the same streams.
const CONTROL_WINDOW: u32 = 32 * 1024;
const LANE_WINDOW: u32 = 64 * 1024;

/// Bytes of a channel that wait for the socket: a few pieces.
const WAITING_MAX: usize = 64 * 1024;

/// Bytes that are made ready for the socket at once: one record of TLS. A prompt batch waits for no more than this
/// and what the system has taken.
const READY_MAX: usize = CARRIED_MAX + HEADER;

/// A queue that is empty gives back memory above this.
const QUEUE_KEEP: usize = 4 * 1024;

/// Which end of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Agent,
    Collector,
}

/// What the peer broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("more bytes on a channel than were allowed")]
    Credit,
    #[error("a channel that there is not, or that has ended")]
    Channel,
    #[error("a piece of a length that its kind has not")]
    Length,
}

#[derive(Debug, Default)]
struct Outgoing {
    waiting: VecDeque<u8>,
    credit: u64,
    finished: bool,
    end_taken: bool,
    end_written: bool,
}

#[derive(Debug, Default)]
struct Incoming {
    window: u32,
    came: VecDeque<u8>,
    /// What the peer may still send.
    allowed: u64,
    /// Read, and not yet allowed anew.
    read: u32,
    ended: bool,
}

/// The channels of one connection.
#[derive(Debug)]
pub(super) struct State {
    outgoing: [Outgoing; CHANNELS],
    incoming: [Incoming; CHANNELS],
    closed: Option<Closed>,
    /// Our last piece, until it is taken.
    last: Option<Vec<u8>>,
    header: [u8; HEADER],
    header_have: usize,
    piece: Option<Header>,
    /// Bytes of the piece that have not come.
    left: usize,
    /// What a short piece carries, as far as it has come.
    short: Vec<u8>,
    /// Whether something came since the last that we sent.
    pub(super) unanswered: bool,
    /// Only a collector answers: an agent speaks of itself.
    answers: bool,
}

impl State {
    pub(super) fn new(side: Side) -> Self {
        let (ours, theirs) = match side {
            Side::Agent => ([CONTROL_WINDOW, 0, 0], [CONTROL_WINDOW, LANE_WINDOW, LANE_WINDOW]),
            Side::Collector => ([CONTROL_WINDOW, LANE_WINDOW, LANE_WINDOW], [CONTROL_WINDOW, 0, 0]),
        };

        Self {
            outgoing: theirs.map(|credit| Outgoing { credit: u64::from(credit), ..Outgoing::default() }),
            incoming: ours.map(|window| Incoming {
                window,
                allowed: u64::from(window),
                ..Incoming::default()
            }),
            closed: None,
            last: None,
            header: [0; HEADER],
            header_have: 0,
            piece: None,
            left: 0,
            short: Vec::new(),
            unanswered: false,
            answers: side == Side::Collector,
        }
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Ends it, unless it has ended; says whether that was now.
    pub(super) fn close(&mut self, why: Closed, last: Option<Vec<u8>>) -> bool {
        if self.closed.is_some() {
            return false;
        }
        self.closed = Some(why);
        self.last = last;
        for outgoing in &mut self.outgoing {
            outgoing.waiting = VecDeque::new();
        }

        true
    }

    /// Takes as many of the bytes as there is room for; says how many.
    pub(super) fn write(&mut self, channel: usize, bytes: &[u8]) -> Result<usize, Closed> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let Some(outgoing) = self.outgoing.get_mut(channel) else { return Ok(0) };
        let room = WAITING_MAX.saturating_sub(outgoing.waiting.len()).min(bytes.len());
        outgoing.waiting.extend(bytes.iter().take(room));

        Ok(room)
    }

    pub(super) fn finish(&mut self, channel: usize) {
        if let Some(outgoing) = self.outgoing.get_mut(channel) {
            outgoing.finished = true;
        }
    }

    /// Whether everything of the channel, its end included, is with the system.
    pub(super) fn is_written(&self, channel: usize) -> bool {
        self.outgoing.get(channel).is_some_and(|outgoing| outgoing.end_written)
    }

    /// At most `most` bytes that came, put at the end of `into`. `None`: nothing yet. 0: the channel has ended.
    pub(super) fn read(
        &mut self,
        channel: usize,
        most: usize,
        into: &mut Vec<u8>,
    ) -> Result<Option<usize>, Closed> {
        let Some(incoming) = self.incoming.get_mut(channel) else { return Ok(Some(0)) };
        let count = incoming.came.len().min(most);
        if count > 0 {
            into.extend(incoming.came.drain(..count));
            incoming.read = incoming.read.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            if incoming.came.is_empty() {
                incoming.came.shrink_to(QUEUE_KEEP);
            }
            return Ok(Some(count));
        }
        if incoming.ended {
            return Ok(Some(0));
        }

        self.closed.clone().map_or(Ok(None), Err)
    }

    /// What to put on the socket now; empty if there is nothing. `answer`: say that we hear, if nothing else is said.
    pub(super) fn take(&mut self, answer: bool) -> Vec<u8> {
        let mut out = self.last.take().unwrap_or_default();
        if self.closed.is_some() {
            return out;
        }
        for (channel, incoming) in self.incoming.iter_mut().enumerate() {
            if !incoming.ended && incoming.read > 0 && incoming.read >= incoming.window / 2 {
                piece::put(&mut out, Kind::Credit, channel, &incoming.read.to_be_bytes());
                incoming.allowed += u64::from(incoming.read);
                incoming.read = 0;
            }
        }
        for (channel, outgoing) in self.outgoing.iter_mut().enumerate() {
            outgoing.take(channel, &mut out);
        }
        if out.is_empty() && answer && self.unanswered {
            piece::put(&mut out, Kind::Heard, 0, &[]);
        }
        if !out.is_empty() {
            self.unanswered = false;
        }

        out
    }

    /// What was taken is with the system.
    pub(super) fn written(&mut self) {
        for outgoing in &mut self.outgoing {
            outgoing.end_written = outgoing.end_taken;
        }
    }

    /// Takes in what came.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() && self.closed.is_none() {
            let Some(piece) = self.piece else {
                let count = bytes.len().min(HEADER - self.header_have);
                let (head, rest) = bytes.split_at(count);
                self.header[self.header_have..self.header_have + count].copy_from_slice(head);
                self.header_have += count;
                bytes = rest;
                if self.header_have == HEADER {
                    self.begin(Header::read(self.header))?;
                }
                continue;
            };
            let (carried, rest) = bytes.split_at(bytes.len().min(self.left));
            bytes = rest;
            self.left -= carried.len();
            match piece.kind {
                Some(Kind::Bytes) => self.incoming[piece.channel].came.extend(carried),
                Some(Kind::End | Kind::Credit | Kind::Close | Kind::Heard) => {
                    self.short.extend_from_slice(carried);
                }
                None => {}
            }
            if self.left == 0 {
                self.end(piece)?;
            }
        }

        Ok(())
    }

    /// Weighs a piece by its header, before anything of it is kept.
    fn begin(&mut self, piece: Header) -> Result<(), Broken> {
        self.header_have = 0;
        if piece.channel >= CHANNELS {
            return Err(Broken::Channel);
        }
        let length = u64::try_from(piece.length).unwrap_or(u64::MAX);
        match piece.kind {
            Some(Kind::Bytes) => {
                let incoming = &mut self.incoming[piece.channel];
                if incoming.ended {
                    return Err(Broken::Channel);
                }
                incoming.allowed = incoming.allowed.checked_sub(length).ok_or(Broken::Credit)?;
                self.unanswered = self.answers;
            }
            Some(Kind::End) => self.unanswered = self.answers,
            Some(Kind::Credit) if piece.length != 4 => return Err(Broken::Length),
            Some(Kind::Close) if !(4..=4 + REASON_MAX).contains(&piece.length) => {
                return Err(Broken::Length);
            }
            Some(Kind::Credit | Kind::Close | Kind::Heard) | None => {}
        }
        if matches!(piece.kind, Some(Kind::End | Kind::Heard)) && piece.length > 0 {
            return Err(Broken::Length);
        }
        self.left = piece.length;
        if piece.length == 0 {
            return self.end(piece);
        }
        self.piece = Some(piece);

        Ok(())
    }

    fn end(&mut self, piece: Header) -> Result<(), Broken> {
        self.piece = None;
        let short = std::mem::take(&mut self.short);
        match piece.kind {
            Some(Kind::End) => {
                let incoming = &mut self.incoming[piece.channel];
                if incoming.ended || incoming.window == 0 {
                    return Err(Broken::Channel);
                }
                incoming.ended = true;
            }
            Some(Kind::Credit) => {
                let outgoing = &mut self.outgoing[piece.channel];
                outgoing.credit = outgoing.credit.saturating_add(u64::from(number(&short)));
            }
            Some(Kind::Close) => {
                let reason = String::from_utf8_lossy(short.get(4..).unwrap_or_default()).into_owned();
                self.close(Closed::ByPeer { code: number(&short).into(), reason }, None);
            }
            Some(Kind::Bytes | Kind::Heard) | None => {}
        }

        Ok(())
    }
}

impl Outgoing {
    fn take(&mut self, channel: usize, out: &mut Vec<u8>) {
        let room = READY_MAX.saturating_sub(out.len() + HEADER);
        let credit = usize::try_from(self.credit).unwrap_or(usize::MAX);
        let count = self.waiting.len().min(room).min(credit);
        if count > 0 {
            let carried: Vec<u8> = self.waiting.drain(..count).collect();
            piece::put(out, Kind::Bytes, channel, &carried);
            self.credit -= u64::try_from(count).unwrap_or(u64::MAX);
            if self.waiting.is_empty() {
                self.waiting.shrink_to(QUEUE_KEEP);
            }
        }
        if self.finished && !self.end_taken && self.waiting.is_empty() && room > 0 {
            piece::put(out, Kind::End, channel, &[]);
            self.end_taken = true;
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_be_bytes)
}

//! The links: frames on their way, in order as a stream keeps them unless the link is rough, and what befalls them.

use vonggac_protocol::frame::Frame;

use super::agenda::{Event, Wire};
use super::law::print;
use super::{MINUTE, SECOND, World};

/// A host's path to the collector.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    /// Milliseconds one way.
    pub(super) latency: u64,
    /// Nothing passes before this moment.
    pub(super) cut_until: u64,
    /// Frames are lost, doubled, overtaken and altered before this moment: worse than a stream would ever let happen.
    pub(super) rough_until: u64,
    /// Frames handed to the transport since the path was cut: it takes no more than its window.
    pub(super) sent_in_vain: usize,
    pub(super) last_up: u64,
    pub(super) last_down: u64,
}

/// What the transport does with a frame on a rough link.
enum Luck {
    Whole,
    Lost,
    Doubled,
    Overtaken,
    Altered,
}

impl World {
    pub(super) fn is_cut_off(&self, host: usize) -> bool {
        self.links[host].cut_until > self.now
    }

    fn luck(&mut self, host: usize, frame: &Frame) -> Luck {
        if self.links[host].rough_until <= self.now {
            return Luck::Whole;
        }
        // A doubled hello would be a breach of the protocol and no fault of the link.
        let many = matches!(frame, Frame::Batch(_) | Frame::Ack(_) | Frame::Heartbeat(_));
        let (luck, name) = match self.numbers.below(10) {
            0 => (Luck::Lost, "frame_lost"),
            1 if many => (Luck::Doubled, "frame_doubled"),
            2 if many => (Luck::Overtaken, "frame_overtaken"),
            3 => (Luck::Altered, "frame_altered"),
            _ => return Luck::Whole,
        };
        self.count(name);

        luck
    }

    /// The bytes as they leave, and how often they arrive and when.
    fn depart(&mut self, host: usize, frame: &Frame, last: u64) -> (Wire, Vec<u64>) {
        let bytes = frame.encode();
        let seal = print(&bytes);
        let mut wire = Wire { bytes, seal };
        let luck = self.luck(host, frame);
        let jitter = self.below(self.links[host].latency / 2 + 1);
        let arrival = (self.now + self.links[host].latency + jitter).max(last);
        let later = arrival + 1 + self.below(5 * SECOND);
        let arrivals = match luck {
            Luck::Whole => vec![arrival],
            Luck::Lost => Vec::new(),
            Luck::Doubled => vec![arrival, later],
            Luck::Overtaken => vec![later],
            Luck::Altered => {
                let at = self.numbers.below(wire.bytes.len());
                wire.bytes[at] ^= 1 << self.numbers.below(8);
                vec![arrival]
            }
        };

        (wire, arrivals)
    }

    pub(super) fn send_up(&mut self, host: usize, connection: u64, frame: &Frame) {
        if self.is_cut_off(host) {
            self.links[host].sent_in_vain += 1;
        }
        let (wire, arrivals) = self.depart(host, frame, self.links[host].last_up);
        if let Some(first) = arrivals.first() {
            self.links[host].last_up = self.links[host].last_up.max(*first);
        }
        for at in arrivals {
            self.agenda.plan(at, Event::Up { host, connection, frame: wire.clone() });
        }
    }

    pub(super) fn send_down(&mut self, host: usize, connection: u64, frame: &Frame) {
        let (wire, arrivals) = self.depart(host, frame, self.links[host].last_down);
        if let Some(first) = arrivals.first() {
            self.links[host].last_down = self.links[host].last_down.max(*first);
        }
        for at in arrivals {
            self.agenda.plan(at, Event::Down { host, connection, frame: wire.clone() });
        }
    }

    /// Reads what arrived; an altered frame does not fit its seal, is refused, and the connection ends with it.
    fn arrive(&mut self, frame: &Wire) -> Option<Frame> {
        // Whatever was altered, reading it must come to an end.
        let read = frame.bytes.get(4..).and_then(|bytes| Frame::decode(bytes).ok());
        if print(&frame.bytes) != frame.seal {
            self.count("altered_refused");
            return None;
        }
        if read.is_none() {
            self.law.breaks("a whole frame could not be read".to_owned());
        }

        read
    }

    pub(super) fn arrive_up(&mut self, host: usize, connection: u64, frame: Wire) -> anyhow::Result<()> {
        let alive = self.hosts[host].process.is_some() && self.hosts[host].connection == connection;
        if self.is_cut_off(host) {
            // The sender's transport sends it again once the path carries; if there still is a sender.
            if alive {
                let at = self.links[host].cut_until + self.links[host].latency;
                self.agenda.plan(at, Event::Up { host, connection, frame });
            }
            return Ok(());
        }
        match self.arrive(&frame) {
            Some(frame) => self.heard_by_collector(host, connection, frame),
            None => {
                self.collector_closes(host, connection);
                Ok(())
            }
        }
    }

    pub(super) fn arrive_down(&mut self, host: usize, connection: u64, frame: Wire) -> anyhow::Result<()> {
        if self.is_cut_off(host) {
            if self.collector.holds(host, connection) {
                let at = self.links[host].cut_until + self.links[host].latency;
                self.agenda.plan(at, Event::Down { host, connection, frame });
            }
            return Ok(());
        }
        match self.arrive(&frame) {
            Some(frame) => self.heard_by_host(host, connection, frame),
            None => {
                self.lost(host, connection);
                Ok(())
            }
        }
    }

    /// The path carries nothing for so long; connections that notice are given up.
    pub(super) fn cut_off(&mut self, host: usize, long: u64) {
        if !self.is_cut_off(host) {
            self.links[host].sent_in_vain = 0;
        }
        self.links[host].cut_until = self.links[host].cut_until.max(self.now + long);
        self.plan_idle(host);
    }

    /// As the agent's transport: a silent collector is believed for two signs of life and a quarter of a minute.
    pub(super) fn plan_idle(&mut self, host: usize) {
        let idle = self.hosts[host].pace * 2 + MINUTE / 4;
        let connection = self.hosts[host].connection;
        self.plan_in(idle, Event::Idle { host, connection });
    }

    pub(super) fn idle(&mut self, host: usize, connection: u64) {
        let answered = !self.is_cut_off(host) && self.collector.is_up();
        if !answered {
            self.lost(host, connection);
        }
    }
}

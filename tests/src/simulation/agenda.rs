//! What happens next: one row of events, in the order of the simulated clock.

use std::collections::BTreeMap;

/// Something that happens at its moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Somebody changes the host's file.
    Change { host: usize },
    /// The host has something to tell that is not urgent.
    Report { host: usize },
    /// The agent does its next step.
    Work { host: usize },
    /// The agent tries to connect.
    Dial { host: usize, life: u64 },
    /// Nobody answered the agent's hello.
    WelcomeLate { host: usize, connection: u64 },
    /// A connection on a path that carries nothing is given up, if it still carries nothing.
    Idle { host: usize, connection: u64 },
    /// The agent shows life.
    Beat { host: usize, connection: u64 },
    /// An unconfirmed batch may be due again.
    Resend { host: usize, connection: u64 },
    /// A frame arrives at the collector.
    Up { host: usize, connection: u64, frame: Wire },
    /// A frame arrives at the agent.
    Down { host: usize, connection: u64, frame: Wire },
    /// The agent learns that the collector does not know its connection.
    Reset { host: usize, connection: u64 },
    /// The collector commits what waits.
    Commit { life: u64 },
    /// Somebody may have fallen silent.
    Silence { life: u64 },
    /// By now a silent host must be known to be silent.
    Promise { host: usize },
    /// Something goes wrong.
    Fault,
    /// A host comes up.
    HostStart { host: usize },
    /// A host is restarted in order.
    Reboot { host: usize },
    /// The collector comes up.
    CollectorStart,
}

/// A frame on its way, and the seal that the transport puts on what it carries.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) bytes: Vec<u8>,
    pub(super) seal: u64,
}

/// Events by their moment, in milliseconds; those of one moment in the order in which they were planned.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    planned: u64,
    events: BTreeMap<(u64, u64), Event>,
}

impl Agenda {
    pub(super) fn plan(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.events.keys().next().map(|(at, _)| *at)
    }
}

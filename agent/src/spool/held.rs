//! What of a lane stays readable although the collector has it: the files sensor's baseline is behind the spool, and an
//! agent that dies now finds there what it had told. Pure.

use vonggac_protocol::id::Seq;

/// Of one lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    from: Option<Seq>,
    confirmed: Seq,
}

impl Held {
    /// The collector has everything up to here; up to where it may be let go of.
    pub(super) fn confirm(&mut self, up_to: Seq) -> Seq {
        self.confirmed = self.confirmed.max(up_to);

        match self.from {
            Some(from) => self.confirmed.min(Seq(from.0.saturating_sub(1))),
            None => self.confirmed,
        }
    }

    /// Holds from here on; what is confirmed.
    pub(super) fn hold(&mut self, from: Option<Seq>) -> Seq {
        self.from = from;

        self.confirmed
    }

    /// How many of the records kept from here on are confirmed.
    pub(super) fn only_held(&self, kept_from: Seq) -> u64 {
        (self.confirmed.0 + 1).saturating_sub(kept_from.0)
    }
}

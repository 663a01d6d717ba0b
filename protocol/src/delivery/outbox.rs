//! Which records of a lane are due on the wire.
//!
//! The caller's loop: after every `handle_*`, call [`Outbox::poll_transmit`] until it gives nothing; read those
//! records from the spool and put them on the stream; ask [`Outbox::poll_timeout`] when to call
//! [`Outbox::handle_timeout`]. After [`Outbox::handle_ack`] the spool may forget up to [`Outbox::kept`].

use std::time::{Duration, Instant};

use crate::id::Seq;
use crate::limits::BATCH_OBSERVATIONS_MAX;

/// Batches on the way at once: enough to fill a slow link while the collector commits.
const IN_FLIGHT_MAX: u64 = 4;

/// An unconfirmed batch is sent again after this: only a collector that lost it without closing the connection
/// lets it pass, so it is long.
const RESEND_AFTER: Duration = Duration::from_secs(60);

/// Records to put on the wire as one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// The first.
    pub first: Seq,
    /// At most so many; fewer if their bytes reach the batch's limit.
    pub count_max: usize,
    /// Places just before `first` that the spool no longer has.
    pub gap_before: u64,
}

/// One lane of one epoch on the agent.
#[derive(Debug)]
pub struct Outbox {
    /// First record still in the spool.
    kept_from: Seq,
    /// Place of the record that will be written next.
    end: Seq,
    /// The collector has everything up to and including this.
    acked: Seq,
    /// The next record to send.
    next: Seq,
    /// First places of the batches on the way are not kept: one number is enough, acknowledgements are cumulative.
    in_flight: u64,
    connected: bool,
    resend_at: Option<Instant>,
    /// Places (first, last) inside the span that the spool can no longer read, in order.
    holes: Vec<(Seq, Seq)>,
}

impl Outbox {
    /// A lane whose spool holds the records from `kept_from` up to, not including, `end`.
    #[must_use]
    pub fn new(kept_from: Seq, end: Seq) -> Self {
        assert!(kept_from >= Seq(1) && kept_from <= end, "a spool holds a span of places that begin at 1");
        Self {
            kept_from,
            end,
            acked: Seq(kept_from.0 - 1),
            next: kept_from,
            in_flight: 0,
            connected: false,
            resend_at: None,
            holes: Vec::new(),
        }
    }

    /// The spool cannot read the places from `first` to `last` any more; told in order, before anything is sent.
    pub fn handle_hole(&mut self, first: Seq, last: Seq) {
        assert!(first <= last && last < self.end, "a hole lies within what was written");
        assert!(self.holes.last().is_none_or(|hole| hole.1 < first), "holes are told in order");
        self.holes.push((first, last));
        self.kept_from = self.after_hole(self.kept_from);
        self.next = self.after_hole(self.next);
    }

    /// A link stands; the collector has everything up to and including `kept`.
    pub fn handle_connected(&mut self, kept: Seq) {
        self.connected = true;
        self.rewind_to(kept);
    }

    /// The link is gone; nothing is due until there is another.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.in_flight = 0;
        self.resend_at = None;
    }

    /// The spool wrote records; `end` is the place of the next one.
    pub fn handle_appended(&mut self, end: Seq) {
        assert!(end >= self.end, "a spool only grows at its end");
        self.end = end;
    }

    /// The spool dropped everything before `kept_from`.
    pub fn handle_dropped(&mut self, kept_from: Seq) {
        self.kept_from = self.after_hole(self.kept_from.max(kept_from));
        self.next = self.next.max(self.kept_from);
    }

    /// The caller put `count` records from `first` on the wire.
    pub fn handle_transmitted(&mut self, first: Seq, count: usize, now: Instant) {
        assert!(count > 0 && first == self.next, "records are sent in the order they fell due");
        let next = Seq(first.0.saturating_add(u64::try_from(count).unwrap_or(u64::MAX))).min(self.end);
        self.next = self.after_hole(next);
        self.in_flight += 1;
        self.resend_at = Some(now + RESEND_AFTER);
    }

    /// The collector has everything up to and including `kept`; `resend` says that it threw away what came after.
    /// An acknowledgement from the future or the past is ignored.
    pub fn handle_ack(&mut self, kept: Seq, resend: bool, now: Instant) {
        if kept >= self.end || !self.connected {
            return;
        }
        if resend {
            // One that was overtaken would begin again at what the spool has forgotten.
            if kept >= self.acked {
                self.rewind_to(kept);
            }
            return;
        }
        if kept > self.acked {
            self.acked = kept;
            // It may come after its batch fell due again; what is confirmed is not sent any more.
            self.next = self.next.max(self.after_hole(kept.next()));
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.after_hole(self.acked.next()) >= self.next {
            self.in_flight = 0;
        }
        self.resend_at = (self.in_flight > 0).then(|| now + RESEND_AFTER);
    }

    /// Everything unconfirmed is due again once the deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.resend_at.is_some_and(|at| at <= now) {
            self.rewind_to(self.acked);
        }
    }

    /// The next batch to put on the wire, if any is due; the caller answers with
    /// [`handle_transmitted`](Self::handle_transmitted).
    #[must_use]
    pub fn poll_transmit(&self) -> Option<Due> {
        if !self.connected || self.in_flight >= IN_FLIGHT_MAX || self.next >= self.end {
            return None;
        }
        let stop = self.holes.iter().map(|hole| hole.0).find(|first| *first > self.next).unwrap_or(self.end);
        let count_max =
            usize::try_from(stop.0 - self.next.0).unwrap_or(usize::MAX).min(BATCH_OBSERVATIONS_MAX);
        // A gap precedes what the spool now begins with, and what follows a hole; other batches follow each other.
        let gap_before = if self.next == self.kept_from {
            self.kept_from.0.saturating_sub(self.acked.0 + 1)
        } else {
            self.holes
                .iter()
                .find(|hole| hole.1.next() == self.next)
                .map_or(0, |(first, last)| last.0 - first.0 + 1)
        };

        Some(Due { first: self.next, count_max, gap_before })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.resend_at
    }

    /// How far the collector has confirmed; the spool may forget up to and including this.
    #[must_use]
    pub fn kept(&self) -> Seq {
        self.acked
    }

    /// How many records the collector has not confirmed and the spool still holds.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let from = self.kept_from.max(self.after_hole(self.acked.next())).min(self.end);
        let lost: u64 =
            self.holes.iter().filter(|hole| hole.0 >= from).map(|(first, last)| last.0 - first.0 + 1).sum();

        (self.end.0 - from.0).saturating_sub(lost)
    }

    fn rewind_to(&mut self, kept: Seq) {
        self.acked = kept.min(Seq(self.end.0 - 1));
        self.next = self.after_hole(self.acked.next().max(self.kept_from));
        self.in_flight = 0;
        self.resend_at = None;
    }

    fn after_hole(&self, seq: Seq) -> Seq {
        self.holes
            .iter()
            .find(|(first, last)| (*first..=*last).contains(&seq))
            .map_or(seq, |(_, last)| last.next())
    }
}

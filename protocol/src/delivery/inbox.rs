//! What of a batch is new to the collector.

use crate::id::Seq;

/// How far one lane of one epoch is kept; the caller reads it from, and writes it to, the store in the same
/// transaction as the observations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Inbox {
    kept: Seq,
}

/// What to do with a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Keep the observations from index `skip` on; if `missing` is set, those places (first, last) never come.
    Keep {
        /// How many at the start are already kept.
        skip: usize,
        /// Places that the agent dropped or lost.
        missing: Option<(Seq, Seq)>,
    },
    /// All of it is already kept: acknowledge again.
    Known,
    /// Something between the mark and this batch has not come: throw it away and ask for all after the mark.
    OutOfOrder,
}

impl Inbox {
    /// An inbox that has everything up to and including `kept`.
    #[must_use]
    pub fn new(kept: Seq) -> Self {
        Self { kept }
    }

    /// How far the lane is kept.
    #[must_use]
    pub fn kept(&self) -> Seq {
        self.kept
    }

    /// Weighs a batch of `count` observations from `first`, before which `gap_before` places never come; moves the
    /// mark if something is to be kept.
    pub fn handle_batch(&mut self, first: Seq, gap_before: u64, count: usize) -> Verdict {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let last = first.0.saturating_add(count.saturating_sub(1));
        if count == 0 || first.0 == 0 || last == u64::MAX || last <= self.kept.0 {
            return Verdict::Known;
        }
        let expected = self.kept.0 + 1;
        let reachable = first.0.saturating_sub(gap_before);
        if reachable > expected {
            return Verdict::OutOfOrder;
        }
        let skip = usize::try_from(expected.saturating_sub(first.0)).unwrap_or(usize::MAX);
        let missing = (first.0 > expected).then(|| (Seq(expected), Seq(first.0 - 1)));
        self.kept = Seq(last);

        Verdict::Keep { skip, missing }
    }
}

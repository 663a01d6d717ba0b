//! Admission as people and programs read it.

use serde::Serialize;

use super::Admission;
use crate::clock;

/// Admission at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// Seconds since the collector began to count.
    pub since_secs: u64,
    /// Connections now.
    pub connections: usize,
    /// Handshakes in progress.
    pub handshakes: usize,
    /// Handshakes that wait their turn.
    pub handshakes_waiting: usize,
    /// Hellos that wait their turn.
    pub hellos_waiting: usize,
    /// Batches that wait for the store.
    pub batches_waiting: usize,
    /// What was turned away or noticed, by reason, since the start.
    pub turned_away: Vec<TurnedAway>,
}

/// One reason and its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TurnedAway {
    /// The reason's word.
    #[schema(value_type = String)]
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

impl Admission {
    /// How it stands.
    #[must_use]
    pub fn report(&self) -> Report {
        let counted = self.counts.counted().into_iter();

        Report {
            since_secs: clock::instant().saturating_duration_since(self.began()).as_secs(),
            connections: self.connections.taken(),
            handshakes: self.handshakes.held(),
            handshakes_waiting: self.handshakes.waiting(),
            hellos_waiting: self.hellos.waiting(),
            batches_waiting: self.batches.waiting(),
            turned_away: counted.map(|(reason, count)| TurnedAway { reason: reason.word(), count }).collect(),
        }
    }
}

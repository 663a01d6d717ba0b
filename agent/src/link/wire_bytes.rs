//! What was moved on the line, as the link that counts and the loop that tells share it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use vonggac_protocol::line::Traffic;
use vonggac_protocol::time::Timestamp;

use super::budget::Budget;
use crate::clock;
use crate::keep;

const FILENAME: &str = "traffic";

/// Bytes on the line, headers of IP and of UDP or TCP counted.
#[derive(Debug)]
pub struct WireBytes(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    sent: u64,
    received: u64,
    budget: Budget,
    beat: Duration,
    moves: u64,
}

impl Default for WireBytes {
    fn default() -> Self {
        Self::with(Budget::new(clock::now()))
    }
}

impl WireBytes {
    fn with(budget: Budget) -> Self {
        Self(Mutex::new(Inside { sent: 0, received: 0, budget, beat: Duration::ZERO, moves: 0 }))
    }

    /// Goes on with what was kept of the day; a file that is not ours is as good as none.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        let kept = fs::read_to_string(state_dir.join(FILENAME)).unwrap_or_default();

        Self::with(Budget::restore(&kept, clock::now()))
    }

    /// Keeps what was used of the day: at most what was moved since the last time is forgotten by a crash.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep(&self, state_dir: &Path) -> io::Result<()> {
        let kept = self.lock().budget.keep();

        keep::write_view(&state_dir.join(FILENAME), kept.as_bytes())
    }

    /// Sent and received since the start of the process.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        let inside = self.lock();

        (inside.sent, inside.received)
    }

    /// Counts what was moved.
    pub fn add(&self, sent: u64, received: u64) {
        let mut inside = self.lock();
        inside.sent += sent;
        inside.received += received;
        inside.budget.handle_moved(sent, received, clock::now());
    }

    /// What is shown of the rhythm.
    pub fn show(&self, beat: Duration, moves: u64) {
        let mut inside = self.lock();
        (inside.beat, inside.moves) = (beat, moves);
    }

    /// Asks or tells the day's budget.
    pub fn with_budget<T>(&self, act: impl FnOnce(&mut Budget) -> T) -> T {
        act(&mut self.lock().budget)
    }

    /// What health and status tell of today.
    #[must_use]
    pub fn today(&self, now: Timestamp) -> Traffic {
        let mut inside = self.lock();
        let used = inside.budget.used(now);

        Traffic {
            sent_today: used.sent,
            received_today: used.received,
            budget: used.limit,
            beat_secs: u32::try_from(inside.beat.as_secs()).unwrap_or(u32::MAX),
            moves: inside.moves,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

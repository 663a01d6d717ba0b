//! Admission as people and programs read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use vonggac_protocol::time::Timestamp;

use super::Admission;
use crate::clock;
use crate::store::Store;
use crate::store::health::Trouble;

/// The command line shows nothing older.
const WRITE_EVERY: Duration = Duration::from_secs(5);

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
    /// Why nothing can be kept; absent if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
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

/// Writes it into the file every few seconds, until told to stop. On a full disk the file stays as it was.
///
/// # Errors
/// Never; what cannot be written is tried again.
pub async fn keep_written(
    admission: Arc<Admission>,
    store: Store,
    path: PathBuf,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut write = tokio::time::interval(WRITE_EVERY);
    write.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = write.tick() => {}
        }
        let written = Written { at: clock::now(), report: admission.report(&store) };
        if let Err(error) = written.write(&path).await {
            debug!(error = format!("{error:#}"), "The state could not be written");
        }
    }
    // It speaks of a running collector.
    tokio::fs::remove_file(path).await.ok();

    Ok(())
}

/// A report in a file, for the command line.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub report: Report,
}

impl Written {
    async fn write(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("json.new");
        tokio::fs::write(&beside, serde_json::to_vec_pretty(self)?).await?;

        Ok(tokio::fs::rename(&beside, path).await?)
    }
}

impl Admission {
    /// How it stands.
    #[must_use]
    pub fn report(&self, store: &Store) -> Report {
        let counted = self.counts.counted().into_iter();

        Report {
            since_secs: clock::instant().saturating_duration_since(self.began()).as_secs(),
            connections: self.connections.taken(),
            handshakes: self.handshakes.held(),
            handshakes_waiting: self.handshakes.waiting(),
            hellos_waiting: self.hellos.waiting(),
            batches_waiting: self.batches.waiting(),
            trouble: store.trouble(),
            turned_away: counted.map(|(reason, count)| TurnedAway { reason: reason.word(), count }).collect(),
        }
    }
}

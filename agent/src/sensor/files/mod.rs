//! The files sensor: what stands at the watched paths, and how it changes.
//!
//! ```text
//! watch ──▶ settle ──▶ measure ──▶ ledger (compare with the baseline) ──▶ Change ──▶ run.rs
//! scan ───▶ suspects ─────▲                    ▲───────── confirm(ticket) ─────────────┘
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`settings`] | what `run.rs` decides |
//! | `key` | paths in the order of a walk |
//! | `bounds` | what is never looked at |
//! | `roots` | what is watched, and for which purpose |
//! | `watch` | notices of directories |
//! | `autostart` | values of the registry that start something, told as changes of files |
//! | `journal` | what a volume's journal says of the time before |
//! | `lookout` | notices of whole file systems, and the mounts |
//! | `survey` | which mounts hold what is watched; by which means |
//! | `modes` | by which means each root is watched; mounts that come and go |
//! | `actors` | who does it: what every process runs and as whom |
//! | `claims` | who touched a path; pure |
//! | `settle` | when a touched path is worth measuring; pure |
//! | `measure` | the state of one path |
//! | `compare` | what a difference means; pure |
//! | `baseline` | the last confirmed state of every path, on disk |
//! | [`behind`] | a baseline that is behind the spool |
//! | `burst` | very many changes in a short time; pure |
//! | `rebaseline` | roots measured anew on a person's order |
//! | `ledger` | spool before baseline |
//! | `texts` | how the text of small declared files differs; the texts stay here |
//! | `packaged` | what the package manager's database says of a path |
//! | `pace` | how much of a processor a scan may take; pure |
//! | `walk` | names and metadata, directory by directory, in the order of the baseline |
//! | `reread` | which content is read again today |
//! | `rereading` | having it read |
//! | `front` | the walk beside the baseline |
//! | `crew` | threads that hash what the walk finds |
//! | `scan` | one scan of a root |
//! | `watchman` | the loop that joins them |
//! | [`once`] | one folder, once, without a service |
//! | `plans` | what is due, and since when |
//! | `directories` | directories that come |
//!
//! # How `run.rs` uses it
//!
//! ```no_run
//! # use vonggac_agent::sensor::files::{FilesSensor, FilesSettings};
//! # async fn spool_and_sync<T>(_: &[T]) {}
//! # async fn life(settings: FilesSettings) -> anyhow::Result<()> {
//! let (sender, mut changes) = tokio::sync::mpsc::channel(256);
//! let sensor = FilesSensor::start(settings, sender)?;
//! let mut batch = Vec::new();
//! while changes.recv_many(&mut batch, 256).await > 0 {
//!     spool_and_sync(&batch).await;               // every observation is on the disk, whatever its lane
//!     if let Some(last) = batch.last() {
//!         sensor.confirm(last.ticket);             // only now the baseline moves
//!     }
//!     batch.clear();
//! }
//! // The channel ends when both threads have ended: after `ask_to_stop`, or because the sensor died. On the way
//! // down keep receiving and confirming until it ends, then join.
//! sensor.join()?;
//! # Ok(()) }
//! ```
//!
//! Tickets rise in the order of the channel; `confirm` covers everything up to its ticket. What was never confirmed
//! is observed again after the next start, as changed while off; but what is in the spool all the same, because the
//! agent died between the two, is taken from there ([`FilesSensor::start_behind`], [`FilesSensor::confirm_at`]).

mod actors;
mod autostart;
mod baseline;
pub mod behind;
pub(in crate::sensor) mod bounds;
mod burst;
mod claims;
mod compare;
mod crew;
mod directories;
mod front;
mod journal;
mod key;
mod ledger;
mod lookout;
mod measure;
mod modes;
pub mod once;
mod pace;
mod packaged;
mod plans;
mod rebaseline;
mod reread;
mod rereading;
mod roots;
mod scan;
mod sensor;
pub mod settings;
mod settle;
mod survey;
mod texts;
mod walk;
mod watch;
mod watchman;

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test names the kinds that it is about")]
mod tests;

pub use baseline::{reread as reread_block, sealed as sealed_block};
pub use packaged::read_owners;
pub use sensor::{FilesSensor, FilesStats, ScanStats};
pub use settings::{FilesSettings, WatchBy};
pub use texts::{DeclaredText, KeptDifference, Share, TEXTS_MAX, difference, kept_differences};

use vonggac_protocol::observation::Observation;

/// The place of a [`Change`] in the order of changes of this run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// Something to spool; [`FilesSensor::confirm`] its ticket once it is on the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What to confirm with.
    pub ticket: Ticket,
    /// What was seen: `FileChanged`, `BaselineTaken`, `WatchLost` or `SensorFailed`.
    pub observation: Observation,
}

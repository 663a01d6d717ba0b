//! The files sensor in the life of the agent: started, started anew, ended.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::PoisonError;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tracing::warn;
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::id::{Lane, Seq};
use vonggac_protocol::observation::Observation;

use crate::config::Config;
use crate::link::SharedSpool;
use crate::os::paths;
use crate::sensor::files::behind::{SpoolPlace, Spooled};
use crate::sensor::files::{Change, FilesSensor, FilesSettings, FilesStats};

use super::writer::Places;

/// Changes between the sensor and the loop; the sensor waits when it is full.
const CHANGES_WAITING: usize = 256;

/// Changes spooled with one wait for the disk.
const CHANGES_AT_ONCE: usize = 256;

/// The sensor, and what it tells.
#[derive(Debug)]
pub(super) struct Files {
    sensor: FilesSensor,
    changes: mpsc::Receiver<Change>,
}

impl Files {
    /// Starts the sensor on what configuration and assignment say. Blocks.
    pub(super) fn start(
        config: &Config,
        assignment: &Assignment,
        spool: &SharedSpool,
    ) -> anyhow::Result<Self> {
        let (sender, changes) = mpsc::channel(CHANGES_WAITING);
        let mut spooled = OwnSpool(spool);
        let sensor = FilesSensor::start_behind(settings(config, assignment), sender, Some(&mut spooled))
            .context("start the files sensor")?;

        sensor.rebaseline(assignment.rebaseline.clone().unwrap_or_default());

        Ok(Self { sensor, changes })
    }

    /// The next changes; none at all once the sensor has ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.changes.recv_many(&mut changes, CHANGES_AT_ONCE).await;

        changes
    }

    /// These changes are on the disk of the spool.
    pub(super) fn confirm(&self, changes: &[Change], at: &Places) {
        let seq = at.places.iter().rev().find(|(lane, _)| *lane == Lane::Prompt).map(|(_, seq)| *seq);
        if let Some(last) = changes.last() {
            self.sensor.confirm_at(last.ticket, seq.map(|seq| SpoolPlace { epoch: at.epoch, seq }));
        }
    }

    /// Up to where the baseline holds what was spooled.
    pub(super) fn absorbed(&self) -> Option<SpoolPlace> {
        self.sensor.absorbed()
    }

    /// Asks the sensor to end; what it still tells is to be taken until [`next`](Self::next) gives nothing.
    pub(super) fn ask_to_stop(&self) {
        self.sensor.ask_to_stop();
    }

    /// Hands over the orders of named persons to measure roots anew; each is done once.
    pub(super) fn rebaseline(&self, assignment: &Assignment) {
        self.sensor.rebaseline(assignment.rebaseline.clone().unwrap_or_default());
    }

    /// How it fares.
    pub(super) fn stats(&self) -> FilesStats {
        self.sensor.stats()
    }

    /// Waits for its threads.
    pub(super) async fn join(self) -> anyhow::Result<()> {
        drop(self.changes);
        tokio::task::spawn_blocking(|| self.sensor.join()).await.context("end the files sensor")?
    }
}

/// Records read at once when the baseline catches up, and their bytes.
const CAUGHT_UP_AT_ONCE: usize = 512;
const CAUGHT_UP_BYTES: usize = 256 * 1024;

/// The spool as the files sensor sees it at its start.
struct OwnSpool<'a>(&'a SharedSpool);

impl Spooled for OwnSpool<'_> {
    fn end(&self) -> SpoolPlace {
        let spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);

        SpoolPlace { epoch: spool.epoch(), seq: Seq(spool.span(Lane::Prompt).next.0 - 1) }
    }

    fn after(&mut self, seq: Seq) -> Vec<(Seq, Option<Observation>)> {
        let mut spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match spool.read(Lane::Prompt, seq.next(), CAUGHT_UP_AT_ONCE, CAUGHT_UP_BYTES) {
            Ok(records) => {
                records.into_iter().map(|(seq, bytes)| (seq, Observation::decode(&bytes).ok())).collect()
            }
            Err(error) => {
                // Watching is worth more: what cannot be read back is told a second time.
                warn!(%error, "Spool cannot be read back");
                Vec::new()
            }
        }
    }
}

/// What the baseline takes on the disk, with its journal.
pub(super) fn baseline_bytes(config: &Config) -> u64 {
    let size = |name: &str| std::fs::metadata(config.state_dir.join(name)).map_or(0, |found| found.len());

    size("baseline.db") + size("baseline.db-wal")
}

/// The machine's own configuration first, then what the collector asks for, then the system's own paths.
fn settings(config: &Config, assignment: &Assignment) -> FilesSettings {
    let baseline_path: PathBuf = config.state_dir.join("baseline.db");
    let mut settings = FilesSettings::new(baseline_path);
    settings.watch = config.watch.clone();
    settings.watch.extend(assignment.watch.iter().cloned());
    if config.watch_defaults {
        settings.watch.extend(paths::watched());
    }
    settings.excluded.clone_from(&config.exclude.0);
    settings.package_root.clone_from(&config.package_root);
    settings.texts.clone_from(&config.texts);
    settings.hash_bytes_max = config.file_bytes_max;
    settings.scan_cpu_percent = config.cpu_percent;
    settings.scan_processors = usize::from(config.scan_processors);
    settings.scan_disk_bytes_per_second = NonZeroU64::new(config.scan_disk_mib_per_second << 20);
    settings.rehash_days = config.rehash_days;
    settings.watch_by = config.watch_by;
    settings.autostart = config.watch_defaults;
    settings.burst_files = config.burst_files;

    settings
}

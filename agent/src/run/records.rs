//! The records sensor in the life of the agent.
//!
//! What was read is kept (`records.json`) *before* it is spooled, together with the place that the spool's next record
//! will have: an agent that dies in between sees at its next start how much of it the spool has, and spools the rest.
//! So nothing is lost and nothing is doubled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tracing::warn;
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{Kind, Observation, SensorFailed};
use vonggac_protocol::record::RecordSubject;

use super::Agent;
use crate::config::Config;
use crate::sensor::records::names::KEY_BYTES;
use crate::sensor::records::sensor::{Records, Settings};
use crate::{clock, keep, os};

/// How often it is looked for new records: a few system calls.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the place is kept while nothing is told: less to read again after a crash.
const KEEP_EVERY: Duration = Duration::from_secs(600);

const REMEMBERED: &str = "records.json";
const KEY: &str = "records.key";

/// What was read, and where the spool stood before it was written there.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    state: serde_json::Value,
    #[serde(default)]
    batch: Vec<String>,
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    next: u64,
}

/// The sensor and its files.
#[derive(Debug)]
pub(super) struct Recorder {
    records: Records,
    path: PathBuf,
    kept: Option<(serde_json::Value, Instant)>,
}

/// What may be told: what the collector asks for, of what the machine's own configuration allows.
pub(super) fn subjects(config: &Config, assignment: &Assignment) -> BTreeSet<RecordSubject> {
    let all = || RecordSubject::ALL.to_vec();
    let allowed = config.records.clone().unwrap_or_else(all);
    let asked = assignment.records.clone().unwrap_or_else(all);

    asked.into_iter().filter(|subject| allowed.contains(subject)).collect()
}

impl Recorder {
    /// The sensor where it stood, and what was read before and has not reached the spool; `None` where the system keeps no
    /// such records that we could read.
    pub(super) fn open(
        config: &Config,
        assignment: &Assignment,
        epoch: Epoch,
        next: Seq,
    ) -> anyhow::Result<Option<(Self, Vec<Observation>)>> {
        if !os::records::AVAILABLE {
            return Ok(None);
        }
        let path = config.state_dir.join(REMEMBERED);
        let kept: Option<Kept> = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context("read which records were told"),
        };
        let settings = Settings {
            root: config.records_root.clone(),
            subjects: subjects(config, assignment),
            excluded: config.exclude.0.clone(),
        };
        let records = Records::new(settings, key(&config.state_dir)?, kept.as_ref().map(|kept| &kept.state));
        let rest = kept.map(|kept| kept.unspooled(epoch, next)).unwrap_or_default();

        Ok(Some((Self { records, path, kept: None }, rest)))
    }

    /// What another identity told is forgotten: its records begin where this one does.
    pub(super) fn forget(state_dir: &Path) -> std::io::Result<()> {
        keep::remove_file(&state_dir.join(REMEMBERED))
    }

    /// The sensor itself.
    pub(super) fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Whether it is worth reading now.
    pub(super) fn has_news(&self) -> bool {
        self.records.has_news(clock::now())
    }

    /// Keeps what was read, to be spooled next at this place. Blocks.
    pub(super) fn keep(
        &mut self,
        observations: &[Observation],
        epoch: Epoch,
        next: Seq,
    ) -> std::io::Result<()> {
        let state = self.records.keep();
        let instant = clock::instant();
        let is_due = match &self.kept {
            None => true,
            Some((kept, at)) => *kept != state && instant.duration_since(*at) >= KEEP_EVERY,
        };
        if observations.is_empty() && !is_due {
            return Ok(());
        }

        self.keep_now(state, observations, epoch, next)
    }

    /// Keeps where the sensor stands, at the end of the agent. Blocks.
    pub(super) fn keep_last(&mut self, epoch: Epoch, next: Seq) -> std::io::Result<()> {
        let state = self.records.keep();

        self.keep_now(state, &[], epoch, next)
    }

    fn keep_now(
        &mut self,
        state: serde_json::Value,
        observations: &[Observation],
        epoch: Epoch,
        next: Seq,
    ) -> std::io::Result<()> {
        let batch = observations.iter().map(|it| data_encoding::BASE64.encode(&it.encode())).collect();
        let kept = Kept { state, batch, epoch: epoch.0, next: next.0 };
        keep::write_whole(&self.path, &serde_json::to_vec(&kept).map_err(std::io::Error::other)?)?;
        self.kept = Some((kept.state, clock::instant()));

        Ok(())
    }
}

impl Kept {
    /// What of the batch the spool has not.
    fn unspooled(self, epoch: Epoch, next: Seq) -> Vec<Observation> {
        if self.epoch != epoch.0 {
            return Vec::new();
        }
        let there = usize::try_from(next.0.saturating_sub(self.next)).unwrap_or(usize::MAX);
        let decode =
            |text: &String| Observation::decode(&data_encoding::BASE64.decode(text.as_bytes()).ok()?).ok();

        self.batch.iter().skip(there).filter_map(decode).collect()
    }
}

/// The key of this machine under which names that are no accounts are digested; it never leaves.
fn key(state_dir: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    let path = state_dir.join(KEY);
    if let Ok(bytes) = fs::read(&path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    keep::write_whole(&path, &key).context("keep the key of unknown names")?;

    Ok(key)
}

/// What a reading gave.
pub(super) type Read = crate::sensor::records::sensor::Reading;

impl Agent {
    /// Opens the sensor; what it had read before a crash and the spool has not is spooled first.
    pub(super) async fn start_records(&mut self) -> anyhow::Result<()> {
        let (epoch, next) = self.spool_stands();
        let opened = Recorder::open(&self.config, self.assigned.current(), epoch, next)?;
        let Some((recorder, rest)) = opened else { return Ok(()) };
        if !rest.is_empty() {
            self.write(&rest).await?;
        }
        self.recorder = Some(recorder);
        self.due.records = Some(tokio::time::Instant::now());

        Ok(())
    }

    /// Where the spool writes next.
    fn spool_stands(&self) -> (Epoch, Seq) {
        let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);

        (spool.epoch(), spool.span(Lane::Prompt).next)
    }

    pub(super) fn begin_recording(&mut self) {
        self.due.records = Some(tokio::time::Instant::now() + LOOK_EVERY);
        let Some(mut recorder) = self.recorder.take_if(|recorder| recorder.has_news()) else { return };
        self.recording = Some(tokio::task::spawn_blocking(move || {
            let read = recorder.records().read(clock::now());
            (recorder, read)
        }));
    }

    pub(super) async fn handle_records(&mut self, mut recorder: Recorder, read: Read) -> anyhow::Result<()> {
        if read.more {
            self.due.records = Some(tokio::time::Instant::now());
        }
        let mut observations = read.observations;
        if let Some(reason) = read.trouble
            && self.records_failing.as_ref() != Some(&reason)
        {
            warn!("Records of the system cannot all be read");
            let failed = SensorFailed { sensor: "records".to_owned(), reason: reason.clone() };
            observations.push(Observation { at: clock::now(), kind: Kind::SensorFailed(failed) });
            self.records_failing = Some(reason);
        }
        let (epoch, next) = self.spool_stands();
        let (recorder, observations, kept) = tokio::task::spawn_blocking(move || {
            let kept = recorder.keep(&observations, epoch, next);
            (recorder, observations, kept)
        })
        .await
        .context("keep which records were told")?;
        // Nothing is spooled that is not kept first: the same again, until the disk takes it.
        if let Err(error) = kept {
            warn!(%error, "Which records were told could not be kept; tried again");
            self.recording = Some(tokio::spawn(async move {
                tokio::time::sleep(LOOK_EVERY).await;
                (recorder, Read { observations, more: read.more, trouble: None })
            }));
            return Ok(());
        }
        self.recorder = Some(recorder);
        if !observations.is_empty() {
            self.write(&observations).await?;
        }
        self.retell_records();

        Ok(())
    }

    /// Follows what is asked for now.
    pub(super) fn retell_records(&mut self) {
        let subjects = subjects(&self.config, self.assigned.current());
        if let Some(recorder) = &mut self.recorder {
            recorder.records().tell(subjects);
        }
    }

    /// Keeps where the sensor stands.
    pub(super) async fn end_records(&mut self) -> anyhow::Result<()> {
        if let Some(recording) = self.recording.take() {
            let (recorder, read) = recording.await.context("read the system's records")?;
            self.handle_records(recorder, read).await?;
            // Still not kept: the next start reads it again.
            self.recording = None;
        }
        let (epoch, next) = self.spool_stands();
        let Some(mut recorder) = self.recorder.take() else { return Ok(()) };

        let kept = tokio::task::spawn_blocking(move || recorder.keep_last(epoch, next));
        if let Err(error) = kept.await.context("keep which records were told")? {
            warn!(%error, "Place in the system's records could not be kept; the next start reads from the one before");
        }

        Ok(())
    }
}

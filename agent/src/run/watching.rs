//! The files sensor among everything else: what it tells is spooled before its baseline moves; if it fails it is tried again.

use std::sync::PoisonError;

use anyhow::Context as _;
use tokio::time::Instant;
use tracing::warn;
use vonggac_protocol::id::Lane;
use vonggac_protocol::observation::{Kind, Observation, SensorFailed};

use super::files::Files;
use super::{Agent, FILES_AGAIN};
use crate::sensor::files::Change;

impl Agent {
    /// Starts the files sensor; if it cannot work, that is told once, and it is tried again soon, then at each tick: a disk
    /// that was full for a moment costs no minute of watching.
    pub(super) async fn start_files(&mut self) -> anyhow::Result<()> {
        let (config, assignment, spool) =
            (self.config.clone(), self.assigned.current().clone(), self.spool.clone());
        let started = tokio::task::spawn_blocking(move || Files::start(&config, &assignment, &spool)).await;
        match started.context("start the files sensor")? {
            Ok(files) => {
                self.files = Some(files);
                self.files_failing = false;
                self.files_again = FILES_AGAIN;

                self.hold().await
            }
            Err(error) => self.files_failed(&error).await,
        }
    }

    pub(super) async fn files_failed(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.files_failing, true) {
            return Ok(());
        }
        warn!("Files sensor cannot work");
        self.due.tick = self.due.tick.min(Instant::now() + self.files_again);
        // The innermost cause may name a path; what we were doing does not.
        let failed = SensorFailed { sensor: "files".to_owned(), reason: error.to_string() };
        self.spool(vec![Kind::SensorFailed(failed)]).await?;

        Ok(())
    }

    /// Spool before baseline.
    pub(super) async fn handle_changes(&mut self, changes: Vec<Change>) -> anyhow::Result<()> {
        if changes.is_empty() {
            let error = match self.end_files().await {
                Ok(()) => anyhow::anyhow!("the files sensor ended"),
                Err(error) => error,
            };
            return self.files_failed(&error).await;
        }
        let observations: Vec<Observation> =
            changes.iter().map(|change| change.observation.clone()).collect();
        let places = self.write(&observations).await?;
        if let Some(files) = &self.files {
            files.confirm(&changes, &places);
        }
        self.hold().await?;

        Ok(())
    }

    /// Has the spool keep what the baseline does not hold yet: an agent that dies now finds there what it had told.
    pub(super) async fn hold(&mut self) -> anyhow::Result<()> {
        let absorbed = self.files.as_ref().map(Files::absorbed);
        if self.held == absorbed {
            return Ok(());
        }
        self.held = absorbed;
        let spool = self.spool.clone();
        let held = tokio::task::spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            match absorbed {
                Some(Some(place)) if place.epoch == spool.epoch() => {
                    spool.hold(Lane::Prompt, place.seq.next())
                }
                Some(_) => Ok(()),
                None => spool.let_go(),
            }
        });

        held.await.context("hold what was spooled")?.context("hold what was spooled")
    }

    /// Ends the files sensor; what it still tells is spooled.
    pub(super) async fn end_files(&mut self) -> anyhow::Result<()> {
        let Some(mut files) = self.files.take() else { return Ok(()) };
        files.ask_to_stop();
        loop {
            let changes = files.next().await;
            if changes.is_empty() {
                break;
            }
            let observations: Vec<Observation> =
                changes.iter().map(|change| change.observation.clone()).collect();
            let places = self.write(&observations).await?;
            files.confirm(&changes, &places);
        }
        self.watch_losses += files.stats().watch_losses;
        files.join().await?;

        self.hold().await
    }
}

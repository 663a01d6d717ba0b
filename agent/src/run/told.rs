//! What stands in the status file.

use std::sync::PoisonError;

use tracing::warn;
use vonggac_protocol::id::Lane;

use super::Agent;
use super::files::{self, Files};
use super::inventory::Inventory;
use crate::clock;
use crate::os::own;
use crate::status::{Problem, Status};

impl Agent {
    pub(super) fn write_status(&mut self) {
        self.due.status = None;
        if let Err(error) = self.status().write(&self.config.state_dir) {
            warn!(%error, "Status could not be written");
        }
    }

    pub(super) fn status(&self) -> Status {
        let (waiting, spool_bytes, dropped) = {
            let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
            (Lane::ALL.map(|lane| spool.waiting(lane)), spool.used_bytes(), spool.dropped())
        };
        let used = own::used().ok();
        let files = self.files.as_ref().map(Files::stats);
        let (wire_sent_bytes, wire_received_bytes) = self.wire.read();
        let names = &self.identity.names;

        Status {
            version: crate::version::own().to_owned(),
            process: std::process::id(),
            started_at: self.started.0,
            at: clock::now(),
            host: names.host,
            agency: names.agency.clone(),
            agency_name: names.agency_name.clone(),
            address: names.address.clone(),
            connected: self.connection.connected,
            connection_since: self.connection.since,
            reason: self.connection.reason.map(str::to_owned),
            way: self.connection.way.map(|way| way.word().to_owned()),
            waiting_prompt: waiting[0],
            waiting_bulk: waiting[1],
            spool_bytes,
            spool_bytes_max: self.config.spool_bytes_max,
            dropped,
            watch_losses: self.watch_losses + files.map_or(0, |files| files.watch_losses),
            watch_mode: files.and_then(|files| files.mode),
            scan: files.and_then(|files| files.scan),
            is_scanned: files.is_some_and(|files| files.is_scanned),
            wire_sent_bytes,
            wire_received_bytes,
            today: Some(self.wire.today(clock::now())),
            memory_bytes: used.map_or(0, |used| used.memory_bytes),
            memory_bytes_max: u64::from(self.config.memory_max_mib) << 20,
            cpu_percent_max: self.config.cpu_percent,
            baseline_bytes: files::baseline_bytes(&self.config),
            processor_ms: used.map_or(0, |used| used.processor_ms),
            baseline_paths: files.map_or(0, |files| files.baseline_paths),
            exclusions: u32::try_from(self.config.exclude.0.len()).unwrap_or(u32::MAX),
            clock_offset_ms: self.connection.clock_offset_ms,
            certificate: self.connection.certificate,
            confined: self.confined,
            assignment: self.assigned.current().version,
            problems: self.problems(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let files = self.files_failing.then_some("files");
        let records = self.records_failing.as_ref().map(|_| "records");
        let failing = self.inventory.iter().flat_map(Inventory::failing).chain(files).chain(records);
        let mut problems: Vec<Problem> = failing
            .map(|sensor| Problem { id: "problem-sensor".to_owned(), sensor: Some(sensor.to_owned()) })
            .collect();
        if self.assignment_refused {
            problems.push(Problem::new("problem-assignment"));
        }

        problems
    }
}

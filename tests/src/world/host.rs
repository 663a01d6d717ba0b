//! A machine with a file, an agent and its disk.

use std::collections::BTreeMap;
use std::time::Instant;

use vonggac_protocol::delivery::outbox::Outbox;
use vonggac_protocol::file::{Area, FileAction, FileChanged, FileKind, FileState};
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Ack, Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{AgentStopped, Kind, Observation, SpoolDropped};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::{Place, Point};

/// One lane of the spool, on the disk.
#[derive(Clone, Debug)]
pub struct LaneDisk {
    /// What is kept.
    pub records: BTreeMap<u64, Vec<u8>>,
    /// The place of the next.
    pub next: u64,
    /// How far the collector has confirmed.
    pub acked: u64,
}

/// What survives a power cut.
#[derive(Clone, Debug)]
pub struct HostDisk {
    /// Life of the spool.
    pub epoch: u64,
    /// The version of the file that the baseline has.
    pub baseline: u64,
    /// Prompt and bulk.
    pub lanes: [LaneDisk; 2],
}

/// What does not.
#[derive(Debug)]
struct Memory {
    outboxes: [Outbox; 2],
    sensed: Option<u64>,
    /// Handed to the disk and not synced, with the version that the baseline may move to.
    unsynced: Vec<(Lane, Vec<u8>, Option<u64>)>,
    settled: Option<u64>,
}

/// A machine.
#[derive(Debug)]
pub struct Host {
    number: usize,
    /// The version of the file that stands on the disk.
    pub file: u64,
    /// The disk.
    pub disk: HostDisk,
    room: usize,
    memory: Option<Memory>,
    lives: u64,
}

fn lane_disk() -> LaneDisk {
    LaneDisk { records: BTreeMap::new(), next: 1, acked: 0 }
}

fn at(lane: Lane) -> usize {
    usize::from(lane.code())
}

impl Host {
    pub(super) fn new(number: usize, room: usize) -> Self {
        let disk = HostDisk { epoch: 1, baseline: 0, lanes: [lane_disk(), lane_disk()] };
        let mut host = Self { number, file: 0, disk, room, memory: None, lives: 1 };
        host.start();

        host
    }

    pub(super) fn is_up(&self) -> bool {
        self.memory.is_some()
    }

    pub(super) fn start(&mut self) {
        if self.memory.is_none() {
            self.memory = Some(Memory {
                outboxes: Lane::ALL.map(|lane| self.disk.lanes[at(lane)].outbox()),
                sensed: None,
                unsynced: Vec::new(),
                settled: None,
            });
        }
    }

    pub(super) fn power_cut(&mut self) {
        self.memory = None;
    }

    /// The next thing that the agent does by itself.
    pub(super) fn step(&mut self, early: bool, written: &mut BTreeMap<Place, Vec<u8>>) -> Option<Point> {
        let file = self.file;
        let memory = self.memory.as_mut()?;
        if let Some(version) = memory.settled.take() {
            self.disk.baseline = version;
            return Some(Point::BaselineMoved);
        }
        if !memory.unsynced.is_empty() {
            self.sync(written);
            return Some(Point::Synced);
        }
        if let Some(version) = memory.sensed.take() {
            memory.unsynced.push((Lane::Prompt, changed(self.disk.baseline, version), Some(version)));
            if early {
                self.disk.baseline = version;
            }
            return Some(Point::Written);
        }
        if file != self.disk.baseline {
            memory.sensed = Some(file);
            return Some(Point::Sensed);
        }

        None
    }

    fn sync(&mut self, written: &mut BTreeMap<Place, Vec<u8>>) {
        let Some(memory) = self.memory.as_mut() else { return };
        let mut group = std::mem::take(&mut memory.unsynced);
        let kept: usize = self.disk.lanes.iter().map(|lane| lane.records.len()).sum();
        if let Some(excess) = (kept + group.len()).checked_sub(self.room).filter(|excess| *excess > 0) {
            // A quarter of the room at once, as a segment would go.
            let lane = if self.disk.lanes[1].records.is_empty() { Lane::Prompt } else { Lane::Bulk };
            let disk = &mut self.disk.lanes[at(lane)];
            let count = excess.max(self.room / 4).min(disk.records.len());
            for _ in 0..count {
                disk.records.pop_first();
            }
            memory.outboxes[at(lane)].handle_dropped(Seq(disk.kept_from()));
            group.push((Lane::Prompt, dropped(lane, count), None));
        }
        for (lane, bytes, version) in group {
            let disk = &mut self.disk.lanes[at(lane)];
            written.insert((self.number, self.disk.epoch, lane, disk.next), bytes.clone());
            disk.records.insert(disk.next, bytes);
            disk.next += 1;
            memory.outboxes[at(lane)].handle_appended(Seq(disk.next));
            memory.settled = version.or(memory.settled);
        }
    }

    pub(super) fn report_health(&mut self) {
        if let Some(memory) = self.memory.as_mut() {
            memory.unsynced.push((Lane::Bulk, plain("health"), None));
        }
    }

    /// The next batch for the wire.
    pub(super) fn due(&mut self, now: Instant) -> Option<Frame> {
        let memory = self.memory.as_mut()?;
        for lane in Lane::ALL {
            let outbox = &mut memory.outboxes[at(lane)];
            let Some(due) = outbox.poll_transmit() else { continue };
            let records: Vec<Vec<u8>> = self.disk.lanes[at(lane)]
                .records
                .range(due.first.0..)
                .take(due.count_max.min(8))
                .map(|(_, bytes)| bytes.clone())
                .collect();
            outbox.handle_transmitted(due.first, records.len(), now);
            let epoch = Epoch(self.disk.epoch);
            return Some(Frame::Batch(Batch::pack_with(
                Some(Dictionary::NEWEST),
                epoch,
                lane,
                due.first,
                due.gap_before,
                &records,
            )));
        }

        None
    }

    pub(super) fn acknowledged(&mut self, ack: Ack, now: Instant) {
        let Some(memory) = self.memory.as_mut() else { return };
        if ack.epoch.0 == self.disk.epoch {
            let outbox = &mut memory.outboxes[at(ack.lane)];
            outbox.handle_ack(ack.kept, ack.resend, now);
            self.disk.lanes[at(ack.lane)].forget(outbox.kept().0);
        }
    }

    pub(super) fn time_passed(&mut self, now: Instant) {
        for outbox in self.memory.iter_mut().flat_map(|memory| memory.outboxes.iter_mut()) {
            outbox.handle_timeout(now);
        }
    }

    pub(super) fn connected(&mut self, marks: [u64; 2]) {
        let Some(memory) = self.memory.as_mut() else { return };
        // As the link does: every connection begins with what the spool holds now.
        memory.outboxes = Lane::ALL.map(|lane| self.disk.lanes[at(lane)].outbox());
        for lane in Lane::ALL {
            let outbox = &mut memory.outboxes[at(lane)];
            outbox.handle_connected(Seq(marks[at(lane)]));
            self.disk.lanes[at(lane)].forget(outbox.kept().0);
        }
    }

    pub(super) fn disconnected(&mut self) {
        for outbox in self.memory.iter_mut().flat_map(|memory| memory.outboxes.iter_mut()) {
            outbox.handle_disconnected();
        }
    }

    /// Whether the collector has more of this epoch than this disk ever wrote.
    pub(super) fn is_behind(&self, marks: [u64; 2]) -> bool {
        Lane::ALL.iter().any(|lane| marks[at(*lane)] >= self.disk.lanes[at(*lane)].next)
    }

    /// Begins a new life with the records that are kept.
    pub(super) fn renew(&mut self, written: &mut BTreeMap<Place, Vec<u8>>) {
        self.lives += 1;
        self.disk.epoch = self.lives;
        for lane in Lane::ALL {
            let old = std::mem::replace(&mut self.disk.lanes[at(lane)], lane_disk());
            let disk = &mut self.disk.lanes[at(lane)];
            for bytes in old.records.into_values() {
                written.insert((self.number, self.lives, lane, disk.next), bytes.clone());
                disk.records.insert(disk.next, bytes);
                disk.next += 1;
            }
        }
        if let Some(memory) = self.memory.as_mut() {
            memory.outboxes = Lane::ALL.map(|lane| self.disk.lanes[at(lane)].outbox());
        }
    }

    /// An older copy of the disk is put back, as when a virtual machine is set back to a snapshot.
    pub fn set_back(&mut self, disk: HostDisk) {
        self.disk = disk;
        self.memory = None;
    }
}

impl LaneDisk {
    fn kept_from(&self) -> u64 {
        self.records.keys().next().copied().unwrap_or(self.next)
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(Seq(self.kept_from()), Seq(self.next))
    }

    fn forget(&mut self, kept: u64) {
        self.acked = self.acked.max(kept);
        self.records = self.records.split_off(&(kept + 1));
    }
}

fn changed(before: u64, after: u64) -> Vec<u8> {
    let path = HostPath::from_text("/etc/passwd");
    let change = FileChanged {
        path: path.clone(),
        area: Area::Configuration,
        root: path,
        action: FileAction::Modified,
        before: Some(state(before)),
        after: Some(state(after)),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: None,
    };

    Observation { at: Timestamp(0), kind: Kind::FileChanged(change) }.encode()
}

fn state(version: u64) -> FileState {
    FileState {
        kind: FileKind::File,
        size: version,
        digest: None,
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: Timestamp(0),
        changed: Timestamp(0),
        link_target: None,
        attributes: None,
        flags: None,
    }
}

/// The version of the file that a record tells of.
pub(super) fn version_of(bytes: &[u8]) -> Option<u64> {
    let Kind::FileChanged(change) = Observation::decode(bytes).ok()?.kind else { return None };

    change.after.map(|state| state.size)
}

/// How many records a record says were dropped.
#[must_use]
pub fn dropped_by(bytes: &[u8]) -> u64 {
    match Observation::decode(bytes).map(|observation| observation.kind) {
        Ok(Kind::SpoolDropped(dropped)) => dropped.count,
        Ok(_) | Err(_) => 0,
    }
}

fn dropped(lane: Lane, count: usize) -> Vec<u8> {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let kind = Kind::SpoolDropped(SpoolDropped { lane, count, from: Timestamp(0), until: Timestamp(0) });

    Observation { at: Timestamp(0), kind }.encode()
}

fn plain(reason: &str) -> Vec<u8> {
    let kind = Kind::AgentStopped(AgentStopped { reason: reason.to_owned() });

    Observation { at: Timestamp(0), kind }.encode()
}

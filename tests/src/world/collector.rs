//! A collector and its disk: many hosts' batches in one commit, acknowledged only after it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use vonggac_protocol::delivery::inbox::{Inbox, Verdict};
use vonggac_protocol::frame::{Ack, Batch};
use vonggac_protocol::id::{Lane, Seq};

/// What is kept of one lane of one epoch of one host.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// How far.
    pub mark: u64,
    /// The observations.
    pub records: BTreeMap<u64, Vec<u8>>,
    /// Places that never come.
    pub missing: BTreeSet<u64>,
}

/// The disk: by host, epoch and lane.
pub type Disk = BTreeMap<(usize, u64, Lane), Kept>;

/// A collector.
#[derive(Debug)]
pub struct Collector {
    /// The disk.
    pub disk: Disk,
    /// Whether it runs.
    pub up: bool,
    /// Whether an older copy of the disk was put back.
    pub restored: bool,
    waiting: VecDeque<(usize, u64, Batch)>,
    owed: VecDeque<(usize, u64, Ack)>,
}

impl Default for Collector {
    fn default() -> Self {
        Self { disk: Disk::new(), up: true, restored: false, waiting: VecDeque::new(), owed: VecDeque::new() }
    }
}

impl Collector {
    pub(super) fn marks(&self, host: usize, epoch: u64) -> [u64; 2] {
        Lane::ALL.map(|lane| self.disk.get(&(host, epoch, lane)).map_or(0, |kept| kept.mark))
    }

    pub(super) fn take(&mut self, host: usize, connection: u64, batch: Batch) {
        self.waiting.push_back((host, connection, batch));
    }

    /// Only a mistaken collector does this.
    pub(super) fn owe_early(&mut self, host: usize, connection: u64, batch: &Batch) {
        let kept = Seq(batch.first.0 + u64::from(batch.count) - 1);
        self.owed.push_back((
            host,
            connection,
            Ack { epoch: batch.epoch, lane: batch.lane, kept, resend: false },
        ));
    }

    /// Writes everything that waits in one transaction; the mark is read and written inside it.
    pub(super) fn commit(&mut self) -> bool {
        let any = self.up && !self.waiting.is_empty();
        if any {
            for (host, connection, batch) in std::mem::take(&mut self.waiting) {
                self.keep(host, connection, &batch);
            }
        }

        any
    }

    fn keep(&mut self, host: usize, connection: u64, batch: &Batch) {
        let Ok(observations) = batch.unpack() else { return };
        let kept = self.disk.entry((host, batch.epoch.0, batch.lane)).or_default();
        let mut inbox = Inbox::new(Seq(kept.mark));
        let verdict = inbox.handle_batch(batch.first, batch.gap_before, observations.len());
        if let Verdict::Keep { skip, missing } = verdict {
            if let Some((first, last)) = missing {
                kept.missing.extend(first.0..=last.0);
            }
            kept.records.extend((batch.first.0..).zip(observations).skip(skip));
            kept.mark = inbox.kept().0;
        }
        let resend = verdict == Verdict::OutOfOrder;
        let ack = Ack { epoch: batch.epoch, lane: batch.lane, kept: Seq(kept.mark), resend };
        self.owed.push_back((host, connection, ack));
    }

    /// The next acknowledgement for this connection; those of older ones go nowhere.
    pub(super) fn next_ack(&mut self, host: usize, connection: u64) -> Option<Ack> {
        self.owed.retain(|(to, on, _)| *to != host || *on == connection);
        let at = self.owed.iter().position(|(to, ..)| *to == host)?;

        self.owed.remove(at).map(|(_, _, ack)| ack)
    }

    pub(super) fn power_cut(&mut self) {
        self.waiting.clear();
        self.owed.clear();
        self.up = false;
    }

    /// An older copy of the disk is put back.
    pub fn restore(&mut self, backup: Disk) {
        self.disk = backup;
        self.restored = true;
    }

    pub(super) fn kept(&self, host: usize) -> impl Iterator<Item = &Vec<u8>> {
        self.disk.iter().filter(move |((of, ..), _)| *of == host).flat_map(|(_, kept)| kept.records.values())
    }

    pub(super) fn missing(&self, host: usize) -> BTreeSet<(u64, Lane, Seq)> {
        self.disk
            .iter()
            .filter(|((of, ..), _)| *of == host)
            .flat_map(|((_, epoch, lane), kept)| kept.missing.iter().map(|seq| (*epoch, *lane, Seq(*seq))))
            .collect()
    }
}

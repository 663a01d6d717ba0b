//! What was observed and is not yet confirmed: on the disk before anything else moves, and after a power cut.
//!
//! Two lanes, each a row of segment files that are only written at their end; a group of records is packed into one
//! block that carries its place and checksums, and costs one write and one sync a lane. The collector's acknowledgement lets go of
//! whole files. What cannot be read any more becomes a hole with known places, which the delivery tells the
//! collector; nothing goes missing silently. `docs/spool.md` gives the bytes, and what is assumed of the disk.
//!
//! | module | subject |
//! |---|---|
//! | [`segment`] | the bytes of one file; pure |
//! | [`block`] | records packed together, as they are written; pure |
//! | `record` | single records, as older versions wrote them; pure |
//! | `lane` | the files of one lane |
//! | `read` | the records of one file, one after another |
//! | `recovery` | what opening finds, and mends |
//! | `held` | what stays readable although it is confirmed |
//! | `life` | the epoch: beginning, renewing |
//! | [`error`] | what can go wrong |

use std::fs::File;
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

pub mod block;
pub mod error;
mod held;
mod lane;
mod life;
mod read;
mod record;
mod recovery;
pub mod segment;

use block::Packed;
pub use error::{AppendError, OpenSpoolError, ReadSpoolError};
use held::Held;
use lane::LaneFiles;
pub use recovery::{Lost, Recovered};

/// Kept free for telling that something was dropped: the notice must fit when nothing else does.
const RESERVE_BYTES: u64 = 64 * 1024;

/// How much disk the spool may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all segments together; at least 1 MiB.
    pub bytes_max: u64,
    /// Bytes after which a new segment is begun; never more than an eighth of `bytes_max`.
    pub segment_bytes: u64,
}

impl Default for Limits {
    /// 256 MiB hold about a million file changes: days of outage of a busy host. 4 MiB a segment keeps what one
    /// drop costs small and opening cheap.
    fn default() -> Self {
        Self { bytes_max: 256 * 1024 * 1024, segment_bytes: 4 * 1024 * 1024 }
    }
}

/// An observation to append; its bytes are its encoding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The queue.
    pub lane: Lane,
    /// When it was observed.
    pub at: Timestamp,
    /// The encoded observation.
    pub bytes: Vec<u8>,
}

/// Records that were dropped to stay within the limit; the caller spools an observation that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// The queue.
    pub lane: Lane,
    /// How many.
    pub count: u64,
    /// When the first of them was observed.
    pub from: Timestamp,
    /// When the last of them was observed.
    pub until: Timestamp,
    /// First place that is still kept, or the next one to be written.
    pub kept_from: Seq,
}

/// What an append did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Appended {
    /// The place of each record, in the order given.
    pub places: Vec<(Lane, Seq)>,
    /// What had to go to make room.
    pub dropped: Vec<Dropped>,
}

/// Where a lane stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First record that is kept and not confirmed; equal to `next` if there is none.
    pub kept_from: Seq,
    /// The place that the next record gets.
    pub next: Seq,
}

/// The spool; one process at a time has it open.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    limits: Limits,
    epoch: Epoch,
    prompt: LaneFiles,
    bulk: LaneFiles,
    held: [Held; 2],
    dropped: u64,
    /// Dropped for an append that then failed: told by the next one that does not.
    untold: Vec<Dropped>,
    broken: bool,
    lock: File,
}

impl Spool {
    /// Opens the spool in `dir`, makes it under `new_epoch` if there is none, mends what a crash or the disk did.
    /// Beside `dir` lie `dir.lock` and, if anything was ever damaged, `dir.aside`.
    ///
    /// # Errors
    /// If another process has it open, or the disk refuses.
    pub fn open(dir: &Path, limits: Limits, new_epoch: Epoch) -> Result<(Self, Recovered), OpenSpoolError> {
        let bytes_max = limits.bytes_max.max(1024 * 1024);
        let limits = Limits { bytes_max, segment_bytes: limits.segment_bytes.clamp(4096, bytes_max / 8) };

        life::open(dir, limits, new_epoch)
    }

    /// The life of this spool; the collector's marks belong to it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Writes the records and returns when they are on the disk, making room first if the limit asks for it.
    ///
    /// # Errors
    /// If a record is longer than an observation may be, if the disk is full or refuses. Then none of the records
    /// is in the spool; after [`AppendError::Broken`] the spool must be opened again.
    pub fn append(&mut self, records: &[Record]) -> Result<Appended, AppendError> {
        self.append_up_to(records, self.limits.bytes_max - RESERVE_BYTES)
    }

    /// Like [`append`](Self::append), for the notice that something was dropped: may use the room kept in reserve,
    /// so that it seldom has to drop anything itself.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_notice(&mut self, notice: Record) -> Result<Appended, AppendError> {
        self.append_up_to(std::slice::from_ref(&notice), self.limits.bytes_max)
    }

    fn append_up_to(&mut self, records: &[Record], bytes_max: u64) -> Result<Appended, AppendError> {
        if self.broken {
            return Err(AppendError::Broken);
        }
        if let Some(record) = records.iter().find(|record| record.bytes.len() > OBSERVATION_BYTES_MAX) {
            return Err(AppendError::RecordTooLong { found: record.bytes.len() });
        }
        let packed = pack_lanes(records);
        let bytes = packed.each_ref().map(|blocks| blocks.iter().map(Packed::bytes).sum::<u64>());
        let needed = bytes.iter().sum::<u64>();
        if needed > bytes_max / 2 {
            return Err(AppendError::TooMany { needed, limit: bytes_max });
        }
        let growth = |spool: &Self| {
            Lane::ALL.into_iter().zip(bytes).map(|(lane, bytes)| spool.lane(lane).growth(bytes)).sum::<u64>()
        };
        if self.bytes() + growth(self) > bytes_max {
            self.let_go().map_err(AppendError::write)?;
        }
        while self.bytes() + growth(self) > bytes_max {
            match self.drop_oldest()? {
                Some(one) => self.untold.push(one),
                None => break,
            }
        }
        // Room in advance for either lane, if there is some within the limit.
        let room = bytes_max.saturating_sub(self.bytes() + growth(self)) / 2;
        let before = Lane::ALL.map(|lane| self.lane(lane).checkpoint());
        match self.write_and_sync(records, &packed, room) {
            Ok(places) => Ok(Appended { places, dropped: std::mem::take(&mut self.untold) }),
            Err(error) => {
                let undone = before.into_iter().try_for_each(|state| {
                    let lane = state.lane();
                    self.lane_mut(lane).return_to(state)
                });
                // After a failed sync the system may have thrown away what it had not written: trust nothing here.
                self.broken = undone.is_err() || matches!(error, AppendError::Sync { .. });
                Err(error)
            }
        }
    }

    fn write_and_sync(
        &mut self,
        records: &[Record],
        packed: &[Vec<Packed>; 2],
        room: u64,
    ) -> Result<Vec<(Lane, Seq)>, AppendError> {
        let places = self.write(records, packed, room)?;
        for lane in Lane::ALL {
            self.lane_mut(lane).sync().map_err(AppendError::sync)?;
        }

        Ok(places)
    }

    fn write(
        &mut self,
        records: &[Record],
        packed: &[Vec<Packed>; 2],
        room: u64,
    ) -> Result<Vec<(Lane, Seq)>, AppendError> {
        let segment_bytes = self.limits.segment_bytes;
        for (lane, blocks) in Lane::ALL.into_iter().zip(packed) {
            self.lane_mut(lane).write(blocks, segment_bytes, room).map_err(AppendError::write)?;
        }
        let mut next = Lane::ALL.map(|lane| {
            let count = records.iter().filter(|record| record.lane == lane).count();
            self.lane(lane).next().0 - u64::try_from(count).unwrap_or(0)
        });
        let places = records
            .iter()
            .map(|record| {
                let next = &mut next[usize::from(record.lane.code())];
                let seq = Seq(*next);
                *next += 1;
                (record.lane, seq)
            })
            .collect();

        Ok(places)
    }

    /// Where a lane stands.
    #[must_use]
    pub fn span(&self, lane: Lane) -> Span {
        self.lane(lane).span()
    }

    /// Places (first, last) inside the span that are lost; the outbox must know them to tell the collector.
    #[must_use]
    pub fn holes(&self, lane: Lane) -> Vec<(Seq, Seq)> {
        self.lane(lane).holes()
    }

    /// The records from `from` on, in order: at most `count_max`, and no more than `bytes_max` bytes unless the
    /// first alone is longer; stops before a hole. Starts at the first that is kept if that is after `from`.
    ///
    /// # Errors
    /// If the disk refuses, or a record is damaged that was not when the spool was opened: open it again.
    pub fn read(
        &mut self,
        lane: Lane,
        from: Seq,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Seq, Vec<u8>)>, ReadSpoolError> {
        let records = self.lane_mut(lane).read(from, count_max, bytes_max)?;

        Ok(records.into_iter().map(|(seq, _, bytes)| (seq, bytes)).collect())
    }

    /// The collector has everything up to and including `up_to`: lets go of it, but for what is held. Whole files are deleted; the mark
    /// itself is written without waiting for the disk, because losing it only means that records are sent again.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn forget(&mut self, lane: Lane, up_to: Seq) -> std::io::Result<()> {
        let segment_bytes = self.limits.segment_bytes;
        let up_to = up_to.min(Seq(self.span(lane).next.0 - 1));
        let up_to = self.held[usize::from(lane.code())].confirm(up_to);

        self.lane_mut(lane).forget(up_to, segment_bytes)
    }

    /// Records from this place on stay readable although the collector has them, as long as there is room; those
    /// before it do not. A renewed spool holds nothing.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn hold(&mut self, lane: Lane, from: Seq) -> std::io::Result<()> {
        let confirmed = self.held[usize::from(lane.code())].hold(Some(from));

        self.forget(lane, confirmed)
    }

    /// Lets go of what was only held.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn let_go(&mut self) -> std::io::Result<()> {
        Lane::ALL.into_iter().try_for_each(|lane| {
            let confirmed = self.held[usize::from(lane.code())].hold(None);
            self.forget(lane, confirmed)
        })
    }

    /// How many records the lane keeps that are not confirmed.
    #[must_use]
    pub fn waiting(&self, lane: Lane) -> u64 {
        let held = self.held[usize::from(lane.code())].only_held(self.span(lane).kept_from);

        self.lane(lane).waiting().saturating_sub(held)
    }

    /// Bytes of the disk that are taken, those in advance too.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.prompt.on_disk() + self.bulk.on_disk()
    }

    /// Bytes of the records on the disk, packed.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.prompt.used() + self.bulk.used()
    }

    /// Records dropped because of the limit since the spool was opened.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops the oldest segment, bulk before prompt, and says what was in it; `None` if there is nothing to drop.
    /// For a caller whose disk is full.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn drop_oldest(&mut self) -> Result<Option<Dropped>, AppendError> {
        self.let_go().map_err(AppendError::write)?;
        for lane in [Lane::Bulk, Lane::Prompt] {
            if let Some(dropped) = self.lane_mut(lane).drop_oldest().map_err(AppendError::write)? {
                self.dropped += dropped.count;
                return Ok(Some(dropped));
            }
        }

        Ok(None)
    }

    /// The caller could not tell of this drop: the next append that works gives it again.
    pub fn tell_later(&mut self, dropped: Dropped) {
        self.untold.push(dropped);
    }

    /// Begins a new life with the records that are kept, under new places. For the case that the collector has more
    /// of this epoch than this spool ever wrote, so that this disk is an older copy of itself: continuing the old
    /// numbers would make the collector take new records for known ones.
    ///
    /// # Errors
    /// If the disk refuses; the old life then goes on.
    pub fn renew(&mut self, new_epoch: Epoch) -> Result<(), OpenSpoolError> {
        life::renew(self, new_epoch)
    }

    fn lane(&self, lane: Lane) -> &LaneFiles {
        match lane {
            Lane::Prompt => &self.prompt,
            Lane::Bulk => &self.bulk,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut LaneFiles {
        match lane {
            Lane::Prompt => &mut self.prompt,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

/// The records of either lane, packed.
fn pack_lanes(records: &[Record]) -> [Vec<Packed>; 2] {
    Lane::ALL.map(|lane| block::pack(records.iter().filter(|record| record.lane == lane)))
}

#[cfg(test)]
mod tests;

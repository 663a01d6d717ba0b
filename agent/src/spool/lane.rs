//! The files of one lane: `DIR/LANE/<first place>.seg`, oldest first; the newest is written to.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::time::Timestamp;

use crate::os::disk::{sync_dir, take_room};

use super::block::Packed;
use super::read::{Cursor, SegmentReader};
use super::segment::{Form, HEADER_BYTES, Identity};
use super::{Dropped, ReadSpoolError, Span};

/// Room taken in advance, so that a sync need not wait for the file system's own books: some thousand records.
const ROOM_BYTES: u64 = 256 * 1024;

/// What a disk gives at once.
const DISK_UNIT: u64 = 4096;

/// Records read at once to learn their moments.
const READ_AT_ONCE: usize = 512;

/// One file, whose records lie in `first..end` (places inside may be lost).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) identity: Identity,
    pub(super) path: PathBuf,
    /// The place after its last record.
    pub(super) end: Seq,
    /// Where its last record ends.
    pub(super) bytes: u64,
    /// Bytes of the file: those of the records, and room for more.
    pub(super) length: u64,
}

impl Segment {
    /// What it takes of the disk.
    fn on_disk(&self) -> u64 {
        self.length.max(self.bytes).next_multiple_of(DISK_UNIT)
    }
}

/// What an append can return to.
pub(super) struct Checkpoint {
    lane: Lane,
    segments: usize,
    last: Segment,
    holes: usize,
}

impl Checkpoint {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }
}

#[derive(Debug)]
pub(super) struct LaneFiles {
    lane: Lane,
    epoch: Epoch,
    dir: PathBuf,
    segments: VecDeque<Segment>,
    newest: File,
    unsynced: bool,
    acked: Seq,
    mark: File,
    holes: Vec<(Seq, Seq)>,
    cursor: Option<Cursor>,
}

impl LaneFiles {
    /// Lets go of every file in its folder, which no system but Unix would rename else. It is never read or written again:
    /// another lane takes its place, or the spool is given up.
    pub(super) fn leave(&mut self, elsewhere: &File) -> io::Result<()> {
        self.newest = elsewhere.try_clone()?;
        self.mark = elsewhere.try_clone()?;
        self.cursor = None;

        Ok(())
    }

    /// A lane whose segments were found, or made, by recovery; there is at least one.
    pub(super) fn of_segments(
        lane: Lane,
        epoch: Epoch,
        dir: PathBuf,
        segments: VecDeque<Segment>,
        holes: Vec<(Seq, Seq)>,
    ) -> io::Result<Self> {
        let last = segments.back().ok_or(io::ErrorKind::NotFound)?;
        let newest = OpenOptions::new().write(true).open(&last.path)?;
        let mark =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("acked"))?;
        let mut files = Self {
            lane,
            epoch,
            dir,
            segments,
            newest,
            unsynced: false,
            acked: Seq(0),
            mark,
            holes,
            cursor: None,
        };
        files.acked = files.load_mark()?.unwrap_or_default();

        Ok(files)
    }

    pub(super) fn next(&self) -> Seq {
        self.segments.back().map_or(Seq(1), |segment| segment.end)
    }

    pub(super) fn acked(&self) -> Seq {
        self.acked
    }

    pub(super) fn span(&self) -> Span {
        let held = self.segments.front().map_or(Seq(1), |segment| segment.identity.first);
        let mut kept_from = held.max(self.acked.next()).min(self.next());
        if let Some(&(_, last)) =
            self.holes.iter().find(|(first, last)| (*first..=*last).contains(&kept_from))
        {
            kept_from = last.next();
        }

        Span { kept_from, next: self.next() }
    }

    pub(super) fn holes(&self) -> Vec<(Seq, Seq)> {
        let Span { kept_from, .. } = self.span();

        self.holes.iter().copied().filter(|(first, _)| *first >= kept_from).collect()
    }

    pub(super) fn waiting(&self) -> u64 {
        let Span { kept_from, next } = self.span();
        let lost: u64 = self.holes().iter().map(|(first, last)| last.0 - first.0 + 1).sum();

        (next.0 - kept_from.0).saturating_sub(lost)
    }

    /// Bytes of the records.
    pub(super) fn used(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of the disk.
    pub(super) fn on_disk(&self) -> u64 {
        self.segments.iter().map(Segment::on_disk).sum()
    }

    /// How much more of the disk, at most, blocks of so many bytes will take.
    pub(super) fn growth(&self, bytes: u64) -> u64 {
        if bytes == 0 {
            return 0;
        }
        let Some(last) = self.segments.back() else { return bytes };

        // If they go on in another file, its header and one unit begun there.
        (last.bytes + bytes).next_multiple_of(DISK_UNIT).saturating_sub(last.on_disk()) + DISK_UNIT
    }

    /// Whether there is anything besides one empty file.
    fn has_records(&self) -> bool {
        self.segments.iter().any(|segment| segment.end > segment.identity.first)
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        let last = self.segments.back().expect("a lane has at least one segment").clone();

        Checkpoint { lane: self.lane, segments: self.segments.len(), last, holes: self.holes.len() }
    }

    /// Takes back everything written since, on the disk too.
    pub(super) fn return_to(&mut self, state: Checkpoint) -> io::Result<()> {
        while self.segments.len() > state.segments {
            if let Some(segment) = self.segments.pop_back() {
                crate::os::disk::remove_file(&segment.path)?;
            }
        }
        self.newest = OpenOptions::new().write(true).open(&state.last.path)?;
        self.newest.set_len(state.last.bytes)?;
        self.newest.sync_data()?;
        self.unsynced = false;
        self.holes.truncate(state.holes);
        self.cursor = None;
        if let Some(last) = self.segments.back_mut() {
            *last = state.last;
            last.length = last.bytes;
        }

        Ok(())
    }

    /// Writes without syncing; begins new segments as they fill. May take so many bytes of the disk in advance.
    pub(super) fn write(&mut self, blocks: &[Packed], segment_bytes: u64, room: u64) -> io::Result<()> {
        let mut rest = blocks;
        while !rest.is_empty() {
            let closed = |last: &Segment| last.bytes >= segment_bytes || last.identity.form == Form::Records;
            if self.segments.back().is_some_and(closed) {
                self.begin_segment(self.next())?;
            }
            let last = self.segments.back_mut().expect("a lane has at least one segment");
            let mut buffer = Vec::new();
            let mut end = last.end;
            let mut taken = 0;
            for block in rest {
                let written = last.bytes + u64::try_from(buffer.len()).unwrap_or(u64::MAX);
                if taken > 0 && written >= segment_bytes {
                    break;
                }
                block.seal(&last.identity, end, &mut buffer);
                end = Seq(end.0 + u64::from(block.count));
                taken += 1;
            }
            self.unsynced = true;
            let needed = last.bytes + u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            if needed > last.length {
                last.length = take(&self.newest, last.length, needed, room.min(segment_bytes))?;
            }
            self.newest.seek(SeekFrom::Start(last.bytes))?;
            self.newest.write_all(&buffer)?;
            last.bytes = needed;
            last.end = end;
            rest = &rest[taken..];
        }

        Ok(())
    }

    /// Returns when everything written is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.newest.sync_data()?;
            self.unsynced = false;
        }

        Ok(())
    }

    /// Closes the newest segment and begins another at `first`; places between are a hole.
    pub(super) fn begin_segment(&mut self, first: Seq) -> io::Result<()> {
        self.sync()?;
        self.give_room_back()?;
        let next = self.next();
        let segment = create_segment(&self.dir, Identity::new(self.epoch, self.lane, first))?;
        self.newest = OpenOptions::new().write(true).open(&segment.path)?;
        if first > next && !self.segments.is_empty() {
            self.holes.push((next, Seq(first.0 - 1)));
        }
        self.segments.push_back(segment);

        Ok(())
    }

    /// The newest segment is not written to any more.
    fn give_room_back(&mut self) -> io::Result<()> {
        if let Some(last) = self.segments.back_mut().filter(|last| last.length > last.bytes) {
            self.newest.set_len(last.bytes)?;
            last.length = last.bytes;
        }

        Ok(())
    }

    pub(super) fn forget(&mut self, up_to: Seq, segment_bytes: u64) -> io::Result<()> {
        let up_to = up_to.min(Seq(self.next().0 - 1));
        if up_to <= self.acked {
            return Ok(());
        }
        self.acked = up_to;
        self.save_mark()?;
        // The newest file stays, because its name carries the numbering; it is exchanged once it has grown.
        if up_to.next() == self.next()
            && self.segments.back().is_some_and(|segment| segment.bytes >= segment_bytes / 4)
        {
            self.begin_segment(self.next())?;
        }
        while self.segments.len() > 1 && self.segments[0].end <= up_to.next() {
            self.remove_oldest()?;
        }

        Ok(())
    }

    pub(super) fn drop_oldest(&mut self) -> io::Result<Option<Dropped>> {
        if !self.has_records() {
            return Ok(None);
        }
        if self.segments.len() == 1 {
            self.begin_segment(self.next())?;
        }
        let from = self.span().kept_from;
        let end = self.segments[0].end;
        let mut told: Option<(u64, Timestamp, Timestamp)> = None;
        // A record that cannot be read is dropped with the others; the delivery still counts its place.
        if let Ok(records) = self.read_until(from, end) {
            for at in records {
                let (count, first, _) = told.unwrap_or((0, at, at));
                told = Some((count + 1, first, at));
            }
        }
        self.remove_oldest()?;
        let (count, from, until) = told.unwrap_or_default();

        Ok(Some(Dropped { lane: self.lane, count, from, until, kept_from: self.span().kept_from }))
    }

    fn read_until(&mut self, from: Seq, end: Seq) -> Result<Vec<Timestamp>, ReadSpoolError> {
        let mut moments = Vec::new();
        let mut from = from;
        while from < end {
            let read = self.read(from, READ_AT_ONCE, ROOM_BYTES.try_into().unwrap_or(usize::MAX))?;
            let Some((last, ..)) = read.last() else { break };
            from = self.after_hole(last.next());
            moments.extend(read.into_iter().filter(|(seq, ..)| *seq < end).map(|(_, at, _)| at));
        }

        Ok(moments)
    }

    fn after_hole(&self, seq: Seq) -> Seq {
        self.holes
            .iter()
            .find(|(first, last)| (*first..=*last).contains(&seq))
            .map_or(seq, |hole| hole.1.next())
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        if let Some(segment) = self.segments.front() {
            crate::os::disk::remove_file(&segment.path)?;
        }
        self.segments.pop_front();
        let held = self.segments.front().map_or(Seq(1), |segment| segment.identity.first);
        self.holes.retain(|(_, last)| *last >= held);
        if self.cursor.is_some_and(|cursor| cursor.segment < held) {
            self.cursor = None;
        }

        Ok(())
    }

    /// The records from `from` on; stops before a hole.
    pub(super) fn read(
        &mut self,
        from: Seq,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Seq, Timestamp, Vec<u8>)>, ReadSpoolError> {
        let mut want = self.after_hole(from.max(self.span().kept_from));
        let mut records: Vec<(Seq, Timestamp, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        while want < self.next() && records.len() < count_max {
            let at = self.segments.partition_point(|segment| segment.end <= want);
            let Some(segment) = self.segments.get(at) else { break };
            let first = segment.identity.first;
            if first > want {
                break;
            }
            let mut source = SegmentReader::open(
                &segment.path,
                segment.identity,
                segment.bytes,
                self.cursor_at(first, want),
            )?;
            let (mut stop, end) = (false, segment.end);
            while want < end && records.len() < count_max {
                let Some(found) = source.next(want, self.lane)? else { break };
                if found.seq != want || (bytes + found.payload.len() > bytes_max && !records.is_empty()) {
                    stop = true;
                    break;
                }
                bytes += found.payload.len();
                records.push((want, found.at, found.payload));
                want = want.next();
                self.cursor = Some(Cursor { segment: first, seq: want, offset: found.go_on_at });
            }
            if stop {
                break;
            }
        }

        Ok(records)
    }

    fn cursor_at(&self, segment: Seq, want: Seq) -> Option<Cursor> {
        self.cursor.filter(|cursor| cursor.segment == segment && cursor.seq <= want)
    }

    /// The mark file: place, epoch, CRC-32 of both. A torn one is as good as none.
    fn load_mark(&mut self) -> io::Result<Option<Seq>> {
        let mut bytes = Vec::new();
        self.mark.seek(SeekFrom::Start(0))?;
        (&mut self.mark).take(64).read_to_end(&mut bytes)?;
        let Some((content, sum)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
        let (Some(seq), Some(epoch)) = (content.first_chunk::<8>(), content.last_chunk::<8>()) else {
            return Ok(None);
        };
        let fits = content.len() == 16
            && crc32fast::hash(content).to_be_bytes() == *sum
            && u64::from_be_bytes(*epoch) == self.epoch.0;

        Ok(fits.then_some(Seq(u64::from_be_bytes(*seq))))
    }

    fn save_mark(&mut self) -> io::Result<()> {
        let mut bytes = self.acked.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.epoch.0.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        self.mark.seek(SeekFrom::Start(0))?;

        self.mark.write_all(&bytes)
    }
}

/// Takes room for a file that ends at `length` and needs `needed` bytes, and for more if there is some; says where it
/// ends now. A system that gives no room in advance lets the file grow with what is written.
fn take(file: &File, length: u64, needed: u64, room: u64) -> io::Result<u64> {
    let wished = needed + room.min(ROOM_BYTES);
    let given = match take_room(file, length, wished - length) {
        Ok(true) => wished,
        Ok(false) => needed,
        // Perhaps it is full but for what is needed now.
        Err(_) if take_room(file, length, needed - length)? => needed,
        Err(error) => return Err(error),
    };

    Ok(given)
}

/// Makes an empty segment that survives a power cut.
pub(super) fn create_segment(dir: &Path, identity: Identity) -> io::Result<Segment> {
    let path = segment_path(dir, identity.first);
    // Nothing is overwritten that may hold records: an empty file of the same name is what a crash left.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    file.write_all(&identity.header())?;
    file.sync_all()?;
    sync_dir(dir)?;
    let bytes = u64::try_from(HEADER_BYTES).unwrap_or(0);

    Ok(Segment { identity, path, end: identity.first, bytes, length: bytes })
}

pub(super) fn segment_path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:020}.seg", first.0))
}

#[cfg(test)]
impl LaneFiles {
    pub(super) fn replace_newest(&mut self, path: &Path) -> io::Result<()> {
        self.newest = OpenOptions::new().write(true).open(path)?;

        Ok(())
    }

    pub(super) fn newest_bytes(&self) -> u64 {
        self.segments.back().map_or(0, |segment| segment.bytes)
    }

    pub(super) fn newest_path(&self) -> PathBuf {
        self.segments.back().map(|segment| segment.path.clone()).unwrap_or_default()
    }
}

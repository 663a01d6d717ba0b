//! The files of one lane: `DIR/LANE/<first place>.seg`, oldest first; the newest is written to.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::time::Timestamp;

use crate::os::disk::sync_dir;

use super::segment::{HEADER_BYTES, Identity, RECORD_HEADER_BYTES};
use super::{Dropped, ReadSpoolError, Record, Span};

/// One file, whose records lie in `first..end` (places inside may be lost).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) identity: Identity,
    pub(super) path: PathBuf,
    /// The place after its last record.
    pub(super) end: Seq,
    pub(super) bytes: u64,
}

/// Where a read stopped; the next one usually goes on there.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    segment: Seq,
    seq: Seq,
    offset: u64,
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

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
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
                fs::remove_file(&segment.path)?;
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
        }

        Ok(())
    }

    /// Writes without syncing; begins new segments as they fill.
    pub(super) fn write(&mut self, records: &[&Record], segment_bytes: u64) -> io::Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            if self.segments.back().is_some_and(|segment| segment.bytes >= segment_bytes) {
                self.begin_segment(self.next())?;
            }
            let last = self.segments.back_mut().expect("a lane has at least one segment");
            let mut buffer = Vec::new();
            let mut end = last.end;
            let mut taken = 0;
            for record in rest {
                let written = last.bytes + u64::try_from(buffer.len()).unwrap_or(u64::MAX);
                if taken > 0 && written >= segment_bytes {
                    break;
                }
                last.identity.encode_record(end, record.at, &record.bytes, &mut buffer);
                end = end.next();
                taken += 1;
            }
            self.unsynced = true;
            self.newest.seek(SeekFrom::Start(last.bytes))?;
            self.newest.write_all(&buffer)?;
            last.bytes += u64::try_from(buffer.len()).unwrap_or(u64::MAX);
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
        let next = self.next();
        let segment = create_segment(&self.dir, Identity::new(self.epoch, self.lane, first))?;
        self.newest = OpenOptions::new().write(true).open(&segment.path)?;
        if first > next && !self.segments.is_empty() {
            self.holes.push((next, Seq(first.0 - 1)));
        }
        self.segments.push_back(segment);

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
            let Some((seq, at, _)) = self.read(from, 1, 0)?.into_iter().next().filter(|(seq, ..)| *seq < end)
            else {
                break;
            };
            moments.push(at);
            from = self.after_hole(seq.next());
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
            fs::remove_file(&segment.path)?;
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
            let mut source =
                SegmentReader::open(segment, self.cursor.filter(|c| c.segment == first && c.seq <= want))?;
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
                self.cursor = Some(Cursor { segment: first, seq: want, offset: found.next });
            }
            if stop {
                break;
            }
        }

        Ok(records)
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

/// Reads the records of one file one after another.
struct SegmentReader {
    identity: Identity,
    file: BufReader<File>,
    offset: u64,
    left: u64,
}

impl SegmentReader {
    fn open(segment: &Segment, cursor: Option<Cursor>) -> io::Result<Self> {
        let offset = match cursor {
            Some(cursor) => cursor.offset,
            None => u64::try_from(HEADER_BYTES).unwrap_or(0),
        };
        let mut file = BufReader::with_capacity(64 * 1024, File::open(&segment.path)?);
        file.seek(SeekFrom::Start(offset))?;

        Ok(Self { identity: segment.identity, file, offset, left: segment.bytes.saturating_sub(offset) })
    }

    /// The first record at or after `want`.
    fn next(&mut self, want: Seq, lane: Lane) -> Result<Option<Whole>, ReadSpoolError> {
        while self.left > 0 {
            let mut header = [0; RECORD_HEADER_BYTES];
            self.file.read_exact(&mut header)?;
            let damaged = ReadSpoolError::Damaged { lane, seq: want };
            let Some(header) = self.identity.decode_record_header(&header) else { return Err(damaged) };
            let length = super::segment::record_bytes(header.length);
            self.offset += length;
            self.left = self.left.saturating_sub(length);
            if header.seq < want {
                self.file.seek_relative(i64::try_from(header.length).unwrap_or(i64::MAX))?;
                continue;
            }
            let mut payload = vec![0; header.length];
            self.file.read_exact(&mut payload)?;
            if !self.identity.payload_fits(&header, &payload) {
                return Err(damaged);
            }
            return Ok(Some(Whole { seq: header.seq, at: header.at, payload, next: self.offset }));
        }

        Ok(None)
    }
}

/// A record read back, and where the one after it begins.
struct Whole {
    seq: Seq,
    at: Timestamp,
    payload: Vec<u8>,
    next: u64,
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

    Ok(Segment { identity, path, end: identity.first, bytes })
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

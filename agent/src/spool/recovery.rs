//! What opening finds, and mends. Damaged files are kept aside; damaged places become holes, never used again.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Epoch, Lane, Seq};

use crate::os::disk::{self, sync_dir};
use crate::os::protect;

use super::lane::{LaneFiles, Segment, create_segment, segment_path};
use super::segment::{Form, HEADER_BYTES, Identity, Piece, Scan, Tail, places_in};

/// Damaged files kept for a person to look at; beyond it they are mended without a copy, so that a failing disk
/// does not fill itself.
const ASIDE_FILES_MAX: usize = 8;

/// Places that can no longer be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// The queue.
    pub lane: Lane,
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
}

/// What opening found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovered {
    /// There was no spool, or it had to be given up: a new epoch began.
    pub epoch_is_new: bool,
    /// Bytes of writes that never finished, cut off; no record that was confirmed to the caller was in them.
    pub torn_bytes: u64,
    /// Places newly found unreadable; the delivery counts them for the collector.
    pub lost: Vec<Lost>,
    /// Copies of the files that were damaged.
    pub aside: Vec<PathBuf>,
}

impl Recovered {
    /// Whether anything happened that an operator should know.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.torn_bytes == 0 && self.lost.is_empty() && self.aside.is_empty()
    }
}

/// The segment files of a lane, by their first place.
pub(super) fn list_segments(dir: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".seg"))
            .and_then(|digits| digits.parse::<u64>().ok());
        if let Some(first) = first.filter(|&first| first > 0 && segment_path(dir, Seq(first)) == path) {
            found.push((Seq(first), path));
        }
    }
    found.sort();

    Ok(found)
}

/// Opens a lane that has segments, or makes its first one.
pub(super) fn open_lane(
    dir: &Path,
    aside: &Path,
    lane: Lane,
    epoch: Epoch,
    recovered: &mut Recovered,
) -> io::Result<LaneFiles> {
    fs::create_dir_all(dir)?;
    let listed = list_segments(dir)?;
    let mut segments = VecDeque::new();
    let mut holes = Vec::new();
    let mut next = listed.first().map_or(Seq(1), |(first, _)| *first);
    for (at, (first, path)) in listed.iter().enumerate() {
        let follower = listed.get(at + 1).map(|(first, _)| *first);
        if *first > next {
            holes.push((next, Seq(first.0 - 1)));
        }
        let identity = Identity::new(epoch, lane, *first);
        let found = Opened { identity, path, follower }.mend(aside, recovered)?;
        holes.extend(holes_between(*first, &found.pieces));
        next = found.segment.end;
        segments.push_back(found.segment);
        // What the newest file may have held beyond its last whole record must not be numbered again.
        if follower.is_none() && found.next > next {
            segments.push_back(create_segment(dir, Identity::new(epoch, lane, found.next))?);
            holes.push((next, Seq(found.next.0 - 1)));
            next = found.next;
        }
    }
    // What an older version wrote is sent as it is; what is written now goes into a file of today's form.
    let older = segments.back().filter(|newest: &&Segment| newest.identity.form == Form::Records);
    if older.is_some_and(|newest| newest.end == newest.identity.first) {
        segments.pop_back();
    }
    if segments.back().is_none_or(|newest: &Segment| newest.identity.form == Form::Records) {
        segments.push_back(create_segment(dir, Identity::new(epoch, lane, next))?);
    }
    let mut files = LaneFiles::of_segments(lane, epoch, dir.to_owned(), segments, holes)?;
    if files.acked() >= files.next() {
        files.begin_segment(files.acked().next())?;
    }

    Ok(files)
}

struct Opened<'a> {
    identity: Identity,
    path: &'a Path,
    /// First place of the file after it; `None` for the newest.
    follower: Option<Seq>,
}

struct Found {
    segment: Segment,
    pieces: Vec<Piece>,
    next: Seq,
}

impl Opened<'_> {
    /// Reads the file and brings it to a form without damage.
    fn mend(mut self, aside: &Path, recovered: &mut Recovered) -> io::Result<Found> {
        let (bytes, scan) = match fs::read(self.path) {
            Ok(bytes) => {
                self.identity = self.identity.in_form_of(&bytes);
                let scan = self.identity.scan(&bytes);
                (bytes, scan)
            }
            Err(_unreadable) => (Vec::new(), self.unreadable()?),
        };
        let limit = self.follower.unwrap_or(Seq(u64::MAX));
        let pieces: Vec<Piece> = scan.pieces.iter().copied().filter(|piece| piece.end <= limit).collect();
        let end = pieces.last().map_or(self.identity.first, |piece| piece.end);
        let next = scan.next.max(end).min(limit);
        let torn = scan.tail == Tail::Torn && self.follower.is_none();
        let mut length = bytes.len();
        let mut used = scan.good_end.max(HEADER_BYTES);
        if scan.damaged_inside || scan.tail == Tail::Damaged || (scan.tail == Tail::Torn && !torn) {
            let mut lost = holes_between(self.identity.first, &pieces);
            let after = self.follower.unwrap_or(next);
            if after > end {
                lost.push((end, Seq(after.0 - 1)));
            }
            let lane = self.identity.lane;
            recovered.lost.extend(lost.into_iter().map(|(first, last)| Lost { lane, first, last }));
            self.set_aside(aside, recovered)?;
            length = self.rewrite(&bytes, &pieces)?;
            used = length;
        } else if torn || !scan.header_fits {
            recovered.torn_bytes += u64::try_from(scan.written - scan.good_end).unwrap_or(u64::MAX);
            self.cut(scan.good_end)?;
            length = used;
        } else if self.follower.is_some() && length > used {
            // The program ended between the last record and giving the room back.
            OpenOptions::new()
                .write(true)
                .open(self.path)?
                .set_len(u64::try_from(used).unwrap_or(u64::MAX))?;
            length = used;
        }
        let [bytes, length] = [used, length].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let segment = Segment { identity: self.identity, path: self.path.to_owned(), end, bytes, length };

        Ok(Found { segment, pieces, next })
    }

    /// The disk does not give the file back: everything that it may have held is lost.
    fn unreadable(&self) -> io::Result<Scan> {
        let bytes = usize::try_from(fs::metadata(self.path)?.len()).unwrap_or(usize::MAX);
        let places = places_in(bytes, self.identity.form);

        Ok(Scan {
            header_fits: false,
            pieces: Vec::new(),
            damaged_inside: true,
            tail: Tail::Damaged,
            good_end: 0,
            written: 0,
            next: Seq(self.identity.first.0.saturating_add(places)),
        })
    }

    /// Keeps the damaged file under another name; the original name stays until the mended file takes it.
    fn set_aside(&self, aside: &Path, recovered: &mut Recovered) -> io::Result<()> {
        let _protection = protect::create_private_dir(aside)?;
        if fs::read_dir(aside)?.count() >= ASIDE_FILES_MAX {
            return Ok(());
        }
        let Identity { epoch, lane, first, .. } = self.identity;
        let name = (0..ASIDE_FILES_MAX)
            .map(|copy| aside.join(format!("{epoch}-{}-{:020}-{copy}.seg", lane.word(), first.0)))
            .find(|path| !path.exists());
        if let Some(path) = name {
            fs::hard_link(self.path, &path)?;
            sync_dir(aside)?;
            recovered.aside.push(path);
        }

        Ok(())
    }

    /// Puts a file with only the whole pieces in place of the damaged one; says how long it is.
    fn rewrite(&self, bytes: &[u8], pieces: &[Piece]) -> io::Result<usize> {
        let mut good = self.identity.header().to_vec();
        for piece in pieces {
            good.extend_from_slice(&bytes[piece.offset..piece.offset + piece.bytes]);
        }
        let made = self.path.with_extension("mend");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&made)?;
        file.write_all(&good)?;
        file.sync_all()?;
        disk::rename(&made, self.path)?;
        self.path.parent().map_or(Ok(()), sync_dir)?;

        Ok(good.len())
    }

    /// Cuts what never finished and writes the header as it should be.
    fn cut(&self, good_end: usize) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path)?;
        file.set_len(u64::try_from(good_end.max(HEADER_BYTES)).unwrap_or(u64::MAX))?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.identity.header())?;

        file.sync_all()
    }
}

fn holes_between(first: Seq, pieces: &[Piece]) -> Vec<(Seq, Seq)> {
    let mut expected = first;
    let mut holes = Vec::new();
    for piece in pieces {
        if piece.first > expected {
            holes.push((expected, Seq(piece.first.0 - 1)));
        }
        expected = piece.end;
    }

    holes
}

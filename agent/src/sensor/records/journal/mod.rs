//! The journal of systemd, read from its files: no library of systemd, no program of it, no socket.
//!
//! | module | subject |
//! |---|---|
//! | [`mod@file`] | one file: its header, its entries one after the other |
//! | [`folder`] | files of one machine: which there are, which follows which |
//! | [`place`] | how far was read, over restarts, rotations and the move from memory to the disk |
//! | `unpack` | packed fields |

pub mod file;
pub mod folder;
pub mod place;
mod unpack;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use file::{Entry, Header, JournalFile, ReadAt, ReadJournalError};
use folder::{Found, Kept};
use place::{Places, Series};
use vonggac_protocol::time::Timestamp;

use crate::sensor::moment;

/// Files that are open at once: the current ones of the system and of the people who are there, and what waits to be read.
const OPEN_MAX: usize = 64;

/// A folder is looked at so often before something missing in it is believed.
const LOOKS_MAX: usize = 4;

/// Entries read before the caller gets to work.
pub const ENTRIES_AT_ONCE: usize = 10_000;

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match crate::os::records::read_at(self, &mut buffer[filled..], at) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }

        Ok(filled)
    }
}

/// Entries that were gone before they were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// At most so many; `None`: nobody knows.
    pub at_most: Option<u64>,
    /// When the last entry before was written, microseconds.
    pub from: Option<u64>,
    /// When the first one after was written; `None`: there is none yet.
    pub until: Option<u64>,
}

/// What a reading gave.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Entries of ours, in the order of each file.
    pub entries: Vec<Entry>,
    /// What is missing between them.
    pub gaps: Vec<Gap>,
    /// There is more to be read at once.
    pub more: bool,
    /// Why a file was left, in English; the rest of it is a gap.
    pub trouble: Option<String>,
}

/// A file that is read.
#[derive(Debug)]
struct Open {
    series: Series,
    id: u128,
    numbering: u128,
    head_at: u64,
    file: JournalFile<File>,
    /// It cannot be read on.
    broken: bool,
}

/// The journal of one machine.
#[derive(Debug)]
pub struct Journal {
    folders: Vec<(Kept, PathBuf)>,
    stamps: Vec<Option<SystemTime>>,
    places: Places,
    open: Vec<Open>,
}

impl Journal {
    /// Over these folders, each of one machine, from these places on. Opens nothing yet.
    #[must_use]
    pub fn new(folders: Vec<(Kept, PathBuf)>, places: Places) -> Self {
        let stamps = vec![None; folders.len()];

        Self { folders, stamps, places, open: Vec::new() }
    }

    /// How far was read.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Whether there is a journal at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.folders.iter().any(|(_, folder)| folder.is_dir())
    }

    /// Whether a reading would find something new; costs a few system calls.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.stamps() != self.stamps
            || self.open.iter().any(|open| {
                !open.broken && open.file.header().is_ok_and(|header| header.tail > open.file.read())
            })
    }

    fn stamps(&self) -> Vec<Option<SystemTime>> {
        let stamp = |folder: &PathBuf| fs::metadata(folder).and_then(|data| data.modified()).ok();

        self.folders.iter().map(|(_, folder)| stamp(folder)).collect()
    }

    /// Reads what is new, at most [`ENTRIES_AT_ONCE`] entries.
    ///
    /// # Errors
    /// If a folder that is there cannot be listed.
    pub fn read(&mut self, now: Timestamp) -> io::Result<Progress> {
        let mut progress = Progress::default();
        let stamps = self.stamps();
        if stamps != self.stamps {
            self.look(&mut progress)?;
            self.stamps = stamps.into_iter().map(|stamp| settled(stamp, now)).collect();
        }
        let mut left = ENTRIES_AT_ONCE;
        // In the order in which they began: what was written first is told first.
        self.open.sort_by_key(|open| (open.series.kept, open.head_at));
        for open in &mut self.open {
            if left == 0 {
                progress.more = true;
                break;
            }
            if !open.broken
                && let Err(error) = read_file(open, &mut self.places, &mut left, &mut progress)
            {
                open.broken = true;
                let tail = open.file.header().map_or(0, |header| header.tail);
                let lost = tail.saturating_sub(open.file.read());
                progress.gaps.push(Gap {
                    at_most: (tail > 0).then_some(lost),
                    from: self.places.last_at(&open.series),
                    until: None,
                });
                progress.trouble = Some(error.to_string());
            }
        }
        self.close_finished();

        Ok(progress)
    }

    /// Lists the folders; opens what has entries that were not read, closes what is gone or done. A rotation renames
    /// files in the midst of a listing, which then shows them under neither name: what seems missing is looked for again.
    fn look(&mut self, progress: &mut Progress) -> io::Result<()> {
        for _ in 1..LOOKS_MAX {
            let (open, gaps) = (self.open.len(), progress.gaps.len());
            let was_steady = self.look_once(progress)?;
            if was_steady && progress.gaps.len() == gaps {
                self.places.begun = true;
                return Ok(());
            }
            self.open.truncate(open);
            progress.gaps.truncate(gaps);
        }
        self.look_once(progress)?;
        self.places.begun = true;

        Ok(())
    }

    /// Says whether the folders held the same names before and after.
    fn look_once(&mut self, progress: &mut Progress) -> io::Result<bool> {
        let found = self.list()?;
        if !self.places.begun {
            for (series, files) in &found {
                self.begin(series, files);
            }
        }
        for (series, files) in &found {
            self.open_unread(series, files, &found, progress);
        }

        Ok(self.list()? == found)
    }

    fn list(&self) -> io::Result<BTreeMap<Series, Vec<Found>>> {
        let mut found: BTreeMap<Series, Vec<Found>> = BTreeMap::new();
        for (kept, folder) in &self.folders {
            for file in folder::list(*kept, folder)? {
                found.entry(file.series.clone()).or_default().push(file);
            }
        }

        Ok(found)
    }

    /// The first time: everything that stands there was before us.
    fn begin(&mut self, series: &Series, files: &[Found]) {
        for found in files {
            if let Some((numbering, _)) = found.named {
                self.places.pass(series, numbering, u64::MAX);
            }
        }
        for found in files {
            if let Ok((_, header)) = found.open()
                && found.named.is_none()
            {
                self.places.start(series, &header);
            }
        }
    }

    fn open_unread(
        &mut self,
        series: &Series,
        files: &[Found],
        all: &BTreeMap<Series, Vec<Found>>,
        progress: &mut Progress,
    ) {
        let place = self.places.current(series);
        let mut unread: Vec<(JournalFile<File>, Header)> = Vec::new();
        let mut holds_place = false;
        for found in folder::worth_opening(files, |numbering| self.places.number(series, numbering)) {
            let Ok((file, header)) = found.open() else { continue };
            let read = self.places.number(series, header.numbering);
            if let Some(place) = &place
                && place.numbering == header.numbering
                && header.head <= place.number
                && header.tail >= place.number
                && header.head != 0
            {
                holds_place = true;
            }
            let is_open = self.open.iter().any(|open| open.id == header.file);
            // One without entries is opened only while it is the one that is written to.
            let is_wanted = header.tail > read.unwrap_or(0) || (header.tail == 0 && !header.archived);
            let is_current = found.named.is_none() && !found.aside;
            if !is_open && (is_wanted || is_current) {
                unread.push((file, header));
            }
        }
        if let Some(place) = place.filter(|place| !holds_place && place.number != u64::MAX)
            && !self.open.iter().any(|open| open.series == *series && open.numbering == place.numbering)
        {
            let gap = self.gap(series, &place, &unread, all);
            progress.gaps.extend(gap);
        }
        unread.sort_by_key(|(_, header)| (header.head_at, header.head));
        for (mut file, header) in unread {
            if self.open.len() >= OPEN_MAX {
                // The folder is looked at again once others are done.
                progress.more = true;
                return;
            }
            let read = self.places.number(series, header.numbering).unwrap_or(0);
            let broken = file.seek_after(read, &header).is_err();
            let (id, numbering, head_at) = (header.file, header.numbering, header.head_at);
            self.open.push(Open { series: series.clone(), id, numbering, head_at, file, broken });
        }
    }

    /// What lies between our place, whose file is gone, and the first entry of the same numbering that is still there.
    fn gap(
        &self,
        series: &Series,
        place: &place::Place,
        unread: &[(JournalFile<File>, Header)],
        all: &BTreeMap<Series, Vec<Found>>,
    ) -> Option<Gap> {
        let of_numbering = unread.iter().map(|(_, header)| header);
        let next = of_numbering
            .filter(|header| header.numbering == place.numbering && header.head > place.number)
            .min_by_key(|header| header.head);
        let from = Some(place.at);
        let Some(next) = next else {
            // What was in memory went to the disk, or with the start of the machine; else nobody knows.
            let is_moved = series.kept == Kept::InMemory && all.keys().any(|it| it.kept == Kept::OnDisk);
            let is_quiet = unread.iter().all(|(_, header)| header.tail == 0);
            let until = unread.iter().map(|(_, header)| header.head_at).filter(|at| *at > 0).min();

            return (!(is_moved || (is_quiet && place.done))).then_some(Gap { at_most: None, from, until });
        };
        let missing = next.head.saturating_sub(place.number).saturating_sub(1);
        // All files of a folder count in one row: others have some of these numbers.
        let others = all.iter().filter(|(other, _)| *other != series && other.kept == series.kept);
        let elsewhere: u64 = others
            .flat_map(|(_, files)| files)
            .filter_map(|found| found.open().ok())
            .map(|(file, header)| file.count_between(place.number, next.head, &header).unwrap_or(0))
            .sum();
        let at_most = missing.saturating_sub(elsewhere);

        (at_most > 0).then_some(Gap { at_most: Some(at_most), from, until: Some(next.head_at) })
    }

    /// Closes files that their writer has closed, once they are read to the end, or that cannot be read.
    fn close_finished(&mut self) {
        let places = &mut self.places;
        self.open.retain(|open| {
            let Ok(header) = open.file.header() else { return false };
            let is_done = header.archived && (open.broken || open.file.read() >= header.tail);
            if is_done && !open.broken {
                places.finish(&open.series, header.numbering);
            }

            !is_done
        });
    }
}

/// The time of a folder, unless it is so young that another change could bear the same: then it is looked at again.
fn settled(stamp: Option<SystemTime>, now: Timestamp) -> Option<SystemTime> {
    const YOUNG_MS: i64 = 1_000;

    stamp.filter(|stamp| moment(*stamp).is_some_and(|at| now.0.saturating_sub(at.0) > YOUNG_MS))
}

fn read_file(
    open: &mut Open,
    places: &mut Places,
    left: &mut usize,
    progress: &mut Progress,
) -> Result<(), ReadJournalError> {
    let header = open.file.header()?;
    if header.tail <= open.file.read() {
        return Ok(());
    }
    open.head_at = header.head_at;
    while let Some(entry) = open.file.next(&header)? {
        *left -= 1;
        let is_new = places.advance(&open.series, &header, &entry);
        if is_new && !entry.fields.is_empty() {
            progress.entries.push(entry);
        }
        if *left == 0 {
            progress.more = true;
            break;
        }
    }

    Ok(())
}

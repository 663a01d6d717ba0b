//! The files of one machine in one folder, by their names: `system.journal`, `user-1000.journal` are written to,
//! `system@….journal` are closed, `…journal~` were closed by an accident.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{Header, JournalFile, ReadJournalError};
use super::place::Series;

/// Names of one folder that are looked at.
const NAMES_MAX: usize = 16_384;

/// Where a journal is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Under `/run`: until the machine stops, or until it moves to the disk.
    InMemory,
    /// Under `/var`.
    OnDisk,
}

/// A file, by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Which row of files it belongs to.
    pub series: Series,
    /// Numbering and first number, where the name says them: a closed file.
    pub named: Option<(u128, u64)>,
    /// Put aside after an accident.
    pub aside: bool,
    path: PathBuf,
}

impl Found {
    /// Opens it and reads its header.
    ///
    /// # Errors
    /// If it is gone, is no plain file or no journal.
    pub fn open(&self) -> Result<(JournalFile<File>, Header), ReadJournalError> {
        let file = crate::os::records::open_plain(&self.path).map_err(ReadJournalError::Read)?;
        let file = JournalFile::new(file);
        let header = file.header()?;

        Ok((file, header))
    }
}

/// The journal files of a folder; none if it is not there.
///
/// # Errors
/// If it is there and cannot be listed.
pub fn list(kept: Kept, folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<Found> = entries
        .take(NAMES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            named(kept, entry.file_name().to_str()?, entry.path())
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));

    Ok(found)
}

fn named(kept: Kept, name: &str, path: PathBuf) -> Option<Found> {
    let (stem, aside) = match name.strip_suffix(".journal~") {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(".journal")?, false),
    };
    let (series, rest) = stem.split_once('@').map_or((stem, None), |(series, rest)| (series, Some(rest)));
    let is_ours = series == "system"
        || series
            .strip_prefix("user-")
            .is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()));
    if !is_ours {
        return None;
    }
    let named = rest.filter(|_| !aside).and_then(|rest| {
        let mut parts = rest.split('-');
        let numbering = u128::from_str_radix(parts.next()?, 16).ok()?;
        Some((numbering, u64::from_str_radix(parts.next()?, 16).ok()?))
    });

    Some(Found { series: Series { kept, name: series.to_owned() }, named, aside, path })
}

/// Of a row's files those that may hold something unread: of closed files of a numbering known, those that begin beyond what
/// was read, and the last that begins before.
pub fn worth_opening(files: &[Found], read: impl Fn(u128) -> Option<u64>) -> impl Iterator<Item = &Found> {
    let holds_place = |numbering: u128, head: u64, read: u64| {
        let later = files.iter().filter_map(|it| it.named);
        head <= read
            && !later.into_iter().any(|(other, begins)| other == numbering && begins > head && begins <= read)
    };

    files.iter().filter(move |found| {
        let Some((numbering, head)) = found.named else { return true };
        let Some(read) = read(numbering) else { return true };
        head > read || (read != u64::MAX && holds_place(numbering, head, read))
    })
}

//! Text files that grow, are rotated and cut: whole lines, each once, over restarts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::os::records::{number_at, number_of, open_plain, read_at};

/// Bytes read at once.
const BYTES_AT_ONCE: usize = 256 * 1024;

/// A longer line is cut.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// How far a file was read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct LinePlace {
    /// What stays with the file over renames; 0: there was none yet.
    number: u64,
    /// Bytes of whole lines that were read.
    offset: u64,
}

/// What a reading gave.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Lines {
    /// Whole lines.
    pub lines: Vec<String>,
    /// Lines before these were gone, or may have been.
    pub gap: bool,
    /// There is more to be read at once.
    pub more: bool,
}

/// A file, and how far it was read.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    place: Option<LinePlace>,
}

impl Tail {
    /// From this place on; `None`: what stands there now is passed over.
    #[must_use]
    pub fn new(path: PathBuf, place: Option<LinePlace>) -> Self {
        Self { path, place }
    }

    /// How far was read.
    #[must_use]
    pub fn place(&self) -> Option<LinePlace> {
        self.place
    }

    /// Whether the file is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.path.is_file()
    }

    /// Whether a reading would find something.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let Some(place) = self.place else { return true };
        let Ok(data) = fs::symlink_metadata(&self.path) else { return false };

        data.len() != place.offset || number_at(&self.path).is_ok_and(|number| number != place.number)
    }

    /// Reads whole lines that are new.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(&mut self) -> io::Result<Lines> {
        let mut lines = Lines::default();
        let file = match open_plain(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // What comes later is all new.
                self.place.get_or_insert_default();
                return Ok(lines);
            }
            Err(error) => return Err(error),
        };
        let (number, length) = (number_of(&file)?, file.metadata()?.len());
        let Some(mut place) = self.place else {
            self.place = Some(LinePlace { number, offset: length });
            return Ok(lines);
        };
        if place.number != number {
            if place.number != 0 && !self.finish_rotated(&mut place, &mut lines)? {
                self.place = Some(place);
                return Ok(lines);
            }
            place = LinePlace { number, offset: 0 };
        }
        if length < place.offset {
            // Cut in its place: what stood between is gone.
            lines.gap = true;
            place.offset = 0;
        }
        read_lines(&file, &mut place, &mut lines, false)?;
        self.place = Some(place);

        Ok(lines)
    }

    /// Reads the rest of the file under the name that rotation gives; says whether that was all of it.
    fn finish_rotated(&self, place: &mut LinePlace, lines: &mut Lines) -> io::Result<bool> {
        let file = open_plain(&rotated(&self.path)).ok();
        match file.filter(|file| number_of(file).is_ok_and(|number| number == place.number)) {
            Some(file) => read_lines(&file, place, lines, true)?,
            None => lines.gap = true,
        }

        Ok(!lines.more)
    }
}

/// `auth.log` becomes `auth.log.1`.
fn rotated(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");

    PathBuf::from(name)
}

fn read_lines(file: &fs::File, place: &mut LinePlace, lines: &mut Lines, is_last: bool) -> io::Result<()> {
    let mut bytes = vec![0; BYTES_AT_ONCE];
    let mut filled = 0;
    while filled < bytes.len() {
        let at = place.offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match read_at(file, &mut bytes[filled..], at) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let bytes = &bytes[..filled];
    let is_full = filled == BYTES_AT_ONCE;
    // The last line of a file that still grows may be half of one; one that fills everything is cut.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let taken = if whole == 0 && (is_full || is_last) { filled } else { whole };
    place.offset = place.offset.saturating_add(u64::try_from(taken).unwrap_or(0));
    lines.more = is_full;
    let whole_lines = bytes[..taken].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.lines.extend(
        whole_lines.map(|line| String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]).into_owned()),
    );

    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    #[test]
    fn lines_are_read_once_over_restarts_rotation_and_half_written_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.log");
        write(&path, "before\n");
        let mut tail = Tail::new(path.clone(), None);
        assert!(tail.read().unwrap().lines.is_empty(), "what stood there is passed over");

        write(&path, "one\ntw");
        assert_eq!(tail.read().unwrap().lines, ["one"]);
        write(&path, "o\nthree\n");
        let mut tail = Tail::new(path.clone(), tail.place());
        fs::rename(&path, rotated(&path)).unwrap();
        write(&path, "four\n");
        let read = tail.read().unwrap();

        assert_eq!(read.lines, ["two", "three", "four"]);
        assert!(!read.gap && !tail.has_news());
    }

    #[test]
    fn a_file_that_is_gone_or_cut_is_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.log");
        write(&path, "before\n");
        let mut tail = Tail::new(path.clone(), None);
        tail.read().unwrap();

        fs::write(&path, "new\n").unwrap();
        let cut = tail.read().unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(tail.read().unwrap(), Lines::default());
        write(&folder.path().join("other"), "takes the place\n");
        write(&path, "newer\n");
        let gone = tail.read().unwrap();

        assert_eq!((cut.lines, cut.gap), (vec!["new".to_owned()], true));
        assert_eq!(gone.lines.last().unwrap(), "newer");
    }
}

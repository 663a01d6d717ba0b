//! The mark that says until when an agent watched, and whether it ended in order; `alive` in the state folder.
//!
//! Fixed length and overwritten in place: one small write a minute and after each append, without waiting for the
//! disk. Losing the last ones makes the span that nobody watched look longer, never shorter.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use vonggac_protocol::time::Timestamp;

use crate::keep;

/// What the run before left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Before {
    /// Whether it ended without being asked to.
    pub(super) crashed: bool,
    /// The last moment it is known to have watched; `None`: there was none.
    pub(super) watched_until: Option<Timestamp>,
}

/// The mark of this run.
#[derive(Debug)]
pub(super) struct Alive {
    file: File,
}

impl Alive {
    /// Reads what the run before left and begins the mark of this one.
    pub(super) fn begin(state_dir: &Path, now: Timestamp) -> io::Result<(Self, Before)> {
        let mut file = keep::open(&state_dir.join("alive"))?;
        let mut text = String::new();
        // What is not text is what nobody of ours wrote: nothing is known then.
        file.read_to_string(&mut text).unwrap_or_default();
        let mut words = text.split_whitespace();
        let state = words.next().map(str::to_owned);
        let watched_until = words.next().and_then(|millis| millis.parse().ok()).map(Timestamp);
        let before = Before { crashed: state.as_deref() == Some("running"), watched_until };
        let mut alive = Self { file };
        alive.write("running", now)?;

        Ok((alive, before))
    }

    /// Watching until now.
    pub(super) fn mark(&mut self, now: Timestamp) -> io::Result<()> {
        self.write("running", now)
    }

    /// Ended in order.
    pub(super) fn end(&mut self, now: Timestamp) -> io::Result<()> {
        self.write("stopped", now)?;

        self.file.sync_all()
    }

    fn write(&mut self, state: &str, now: Timestamp) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;

        self.file.write_all(format!("{state} {:020}\n", now.0).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_not_asked_to_end_is_told_from_one_that_was() {
        let folder = tempfile::tempdir().unwrap();

        let (mut first, before_first) = Alive::begin(folder.path(), Timestamp(10)).unwrap();
        first.mark(Timestamp(20)).unwrap();
        drop(first);
        let (mut second, before_second) = Alive::begin(folder.path(), Timestamp(30)).unwrap();
        second.end(Timestamp(40)).unwrap();
        let (_third, before_third) = Alive::begin(folder.path(), Timestamp(50)).unwrap();

        assert_eq!(before_first, Before { crashed: false, watched_until: None });
        assert_eq!(before_second, Before { crashed: true, watched_until: Some(Timestamp(20)) });
        assert_eq!(before_third, Before { crashed: false, watched_until: Some(Timestamp(40)) });
    }
}

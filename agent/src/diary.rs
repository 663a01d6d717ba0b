//! The log of a service whose manager keeps nothing of what is printed: two files in the state folder, each of a bounded
//! size, the older one replaced when the newer is full.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::keep;
use crate::os::protect;

const FILENAME: &str = "agent.log";
const BEFORE: &str = "agent.log.1";

/// Weeks of ordinary life; twice of that is all that is ever kept.
const BYTES_MAX: u64 = 1024 * 1024;

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) struct Diary(Arc<Mutex<Pages>>);

#[derive(Debug)]
struct Pages {
    folder: PathBuf,
    file: File,
    written: u64,
    bytes_max: u64,
}

impl Diary {
    /// Goes on with the log of a state folder.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub(crate) fn open(state_dir: &Path) -> io::Result<Self> {
        Self::with_size(state_dir, BYTES_MAX)
    }

    fn with_size(state_dir: &Path, bytes_max: u64) -> io::Result<Self> {
        let _protection = protect::create_private_dir(state_dir)?;
        let file = keep::append(&state_dir.join(FILENAME))?;
        let written = file.metadata()?.len();

        Ok(Self(Arc::new(Mutex::new(Pages { folder: state_dir.to_owned(), file, written, bytes_max }))))
    }
}

impl Write for Diary {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.written >= pages.bytes_max {
            pages.turn()?;
        }
        let written = pages.file.write(line)?;
        pages.written += u64::try_from(written).unwrap_or(0);

        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pages {
    fn turn(&mut self) -> io::Result<()> {
        crate::os::disk::rename(&self.folder.join(FILENAME), &self.folder.join(BEFORE))?;
        self.file = keep::append(&self.folder.join(FILENAME))?;
        self.written = 0;

        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Diary {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_goes_on_over_a_restart_and_never_takes_more_than_two_files() {
        let state = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let mut diary = Diary::with_size(state.path(), 100).unwrap();
            for _ in 0..50 {
                diary.write_all(&[b'x'; 30]).unwrap();
            }
        }

        let length = |name: &str| fs::metadata(state.path().join(name)).unwrap().len();
        assert!(length(FILENAME) <= 130 && length(BEFORE) <= 130, "{} {}", length(FILENAME), length(BEFORE));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 2);
    }
}

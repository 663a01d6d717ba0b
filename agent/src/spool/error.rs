//! What can go wrong with a spool.

use std::io;
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Lane, Seq};
use vonggac_protocol::limits::OBSERVATION_BYTES_MAX;

/// The spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSpoolError {
    /// Another process has it open.
    #[error("another agent has the spool open (lock {lock})")]
    Locked {
        /// The file that is locked.
        lock: PathBuf,
    },
    /// The disk refuses.
    #[error("cannot {what} {path}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// On which file or folder; one of our own.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl OpenSpoolError {
    /// For `map_err`: the disk refused `what` on `path`.
    pub(super) fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Disk { what, path, source }
    }
}

/// Nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The disk has no room left although the spool's own limit is not reached.
    #[error("the disk that holds the spool is full")]
    DiskFull(#[source] io::Error),
    /// The disk refuses to write.
    #[error("cannot write to the spool")]
    Write(#[source] io::Error),
    /// The disk did not confirm; the spool must be opened again.
    #[error("the disk did not confirm what was written to the spool")]
    Sync {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// An earlier failure left the files in doubt; the spool must be opened again.
    #[error("the spool must be opened again after an earlier failure of the disk")]
    Broken,
    /// Longer than an observation may be.
    #[error("observation of {found} bytes, at most {OBSERVATION_BYTES_MAX} can be spooled")]
    RecordTooLong {
        /// Its bytes.
        found: usize,
    },
    /// More at once than half the spool.
    #[error("{needed} bytes at once do not fit a spool of {limit} bytes")]
    TooMany {
        /// What they would take.
        needed: u64,
        /// What there is.
        limit: u64,
    },
}

impl AppendError {
    pub(super) fn write(source: io::Error) -> Self {
        if is_full(&source) { Self::DiskFull(source) } else { Self::Write(source) }
    }

    pub(super) fn sync(source: io::Error) -> Self {
        if is_full(&source) { Self::DiskFull(source) } else { Self::Sync { source } }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadSpoolError {
    /// The disk refuses.
    #[error("cannot read the spool")]
    Disk(#[from] io::Error),
    /// A record does not fit its checksum.
    #[error("record {seq} of the {} lane was damaged since the spool was opened", lane.word())]
    Damaged {
        /// The queue.
        lane: Lane,
        /// The place that was expected.
        seq: Seq,
    },
}

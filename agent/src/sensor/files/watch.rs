//! Notices of the system, and whether they are complete.
//!
//! The callback runs on the thread that also adds watches, so it only pushes into a bounded queue: a queue that is full
//! raises a flag, and a scan finds what was missed. Where the system watches whole trees (Windows), that is used, for the
//! library that stands between would lose without a word what the system's buffer cannot hold. On Linux every directory gets its own watch from us, not from
//! notify's recursion: excluded directories are not entered, links are not followed, and a new directory is listed
//! after its watch stands.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use anyhow::{Context, Result};
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use vonggac_protocol::file::WatchLossReason;

use super::claims::Claims;
use super::lookout::{Backlog, Lookout};
use super::settings::{FilesSettings, WatchBy};
use super::survey::Survey;
use crate::os::TreeNotice;
use crate::os::file::{Dir, is_absence};
use crate::os::trees::{self, Trees};

/// Notices between two looks at the queue; at some 50 bytes each it stays below half a MiB.
pub(super) const NOTICES_MAX: usize = 8_192;

/// Something to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    /// Something about this path changed.
    Touched(PathBuf),
    /// A name appeared or went: there may be a new directory, whose watch and contents are due.
    Structure(PathBuf),
    /// A whole file system's notices of this path, joined.
    Seen(PathBuf, Seen),
    /// Notices were lost: of whole file systems (`true`), or of directories.
    Lost(WatchLossReason, bool),
    /// Something watched stands on another mount than before, or is watched by other means.
    Mounts(Box<Survey>),
    /// A confirmation or a scan has something for the loop.
    Wake,
}

/// What a whole file system's notices say of a path.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Seen {
    /// A directory came with all that is in it, or the way to a root changed.
    pub(super) is_structure: bool,
    pub(super) claims: Claims,
}

/// What became of a wish to watch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Watched {
    /// It is watched.
    Yes,
    /// It is not there any more, or out of reach.
    Gone,
    /// The system or our own limit allows no more.
    Limit,
}

/// The system's watcher of directories; none for those whose file system is watched whole.
pub(super) struct Watch {
    pub(super) survey: Survey,
    /// What is to come; `None` where nothing is told of whole file systems.
    backlog: Option<Arc<Backlog>>,
    is_refused: bool,
    by: By,
    count: usize,
    limit: usize,
}

/// Which of the system's means there are.
enum By {
    /// One watch covers a tree.
    Trees(Trees),
    /// One for each directory.
    Directories(RecommendedWatcher),
}

impl Watch {
    pub(super) fn new(
        settings: &FilesSettings,
        inbox: SyncSender<Notice>,
        overloaded: Arc<AtomicBool>,
        lookout: Option<&Lookout>,
    ) -> Result<Self> {
        let by = if trees::AVAILABLE {
            let take = move |told| pass_on_tree(told, &inbox, &overloaded);
            By::Trees(Trees::open(Arc::new(take)).context("start the system's watcher")?)
        } else {
            let config = Config::default().with_follow_symlinks(false);
            let watcher = RecommendedWatcher::new(move |event| pass_on(event, &inbox, &overloaded), config);
            By::Directories(watcher.context("start the system's watcher")?)
        };

        let is_refused = settings.watch_by == WatchBy::FileSystem;
        let (survey, backlog) =
            (lookout.map(Lookout::survey).unwrap_or_default(), lookout.map(Lookout::backlog));
        Ok(Self { survey, backlog, is_refused, by, count: 0, limit: settings.watches_max })
    }

    /// Whether the inbox holds, or has held, all that has happened, so far as this can be known.
    pub(super) fn is_read(&self) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.is_empty())
    }

    /// Whether the file system that this directory lies on is watched whole.
    pub(super) fn covers(&self, dir: &Path) -> bool {
        !self.survey.0.is_empty()
            && Dir::open(dir).and_then(|dir| dir.own_stat()).is_ok_and(|stat| self.survey.covers(stat.device))
    }

    /// Watches a directory; on systems where one watch covers a tree, all beneath it too.
    pub(super) fn add(&mut self, dir: &Path) -> Watched {
        if self.covers(dir) {
            return Watched::Yes;
        }
        if self.count >= self.limit || self.is_refused {
            return Watched::Limit;
        }
        let added = match &mut self.by {
            By::Trees(trees) => trees.add(dir).map_or_else(|error| refused_tree(&error), |()| Watched::Yes),
            By::Directories(watcher) => watcher
                .watch(dir, RecursiveMode::NonRecursive)
                .map_or_else(|error| refused_directory(error.kind), |()| Watched::Yes),
        };
        if added == Watched::Yes && !self.covers_trees() {
            self.count += 1;
        }

        added
    }

    /// Whether one watch covers all that is beneath it, now and later.
    pub(super) fn covers_trees(&self) -> bool {
        matches!(self.by, By::Trees(_))
    }
}

/// What cannot be watched although it is there is scanned instead, and that is told.
fn refused_tree(error: &io::Error) -> Watched {
    if is_absence(error) { Watched::Gone } else { Watched::Limit }
}

fn refused_directory(kind: ErrorKind) -> Watched {
    match kind {
        ErrorKind::MaxFilesWatch => Watched::Limit,
        ErrorKind::PathNotFound
        | ErrorKind::WatchNotFound
        | ErrorKind::Io(_)
        | ErrorKind::Generic(_)
        | ErrorKind::InvalidConfig(_) => Watched::Gone,
    }
}

fn pass_on_tree(told: TreeNotice, inbox: &SyncSender<Notice>, overloaded: &AtomicBool) {
    let push = |notice| match inbox.try_send(notice) {
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(_)) => overloaded.store(true, Ordering::Release),
    };
    match told {
        TreeNotice::Name(path) | TreeNotice::Gone(path) => push(Notice::Structure(path)),
        TreeNotice::Change(path) => push(Notice::Touched(path)),
        TreeNotice::Lost => push(Notice::Lost(WatchLossReason::QueueOverflow, false)),
        TreeNotice::Failed(path) => {
            push(Notice::Lost(WatchLossReason::WatcherFailed, false));
            // Its watch is tried once more; refused again, it is scanned instead.
            push(Notice::Structure(path));
        }
    }
}

fn pass_on(event: notify::Result<Event>, inbox: &SyncSender<Notice>, overloaded: &AtomicBool) {
    let push = |notice| match inbox.try_send(notice) {
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(_)) => overloaded.store(true, Ordering::Release),
    };
    match event {
        Err(error) => push(Notice::Lost(
            match error.kind {
                ErrorKind::MaxFilesWatch => WatchLossReason::WatchLimit,
                ErrorKind::Io(_)
                | ErrorKind::PathNotFound
                | ErrorKind::WatchNotFound
                | ErrorKind::Generic(_)
                | ErrorKind::InvalidConfig(_) => WatchLossReason::WatcherFailed,
            },
            false,
        )),
        Ok(event) if event.need_rescan() => push(Notice::Lost(WatchLossReason::QueueOverflow, false)),
        Ok(event) => {
            for path in event.paths {
                if let Some(notice) = notice(event.kind, path) {
                    push(notice);
                }
            }
        }
    }
}

fn notice(kind: EventKind, path: PathBuf) -> Option<Notice> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Notice::Touched(path)),
        // Reading is nobody's business, and our own reading would feed itself.
        EventKind::Access(_) => None,
        // Said already by the two halves of the rename.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => Some(Notice::Structure(path)),
        EventKind::Create(CreateKind::File) => Some(Notice::Touched(path)),
        EventKind::Create(_) => Some(Notice::Structure(path)),
        EventKind::Any | EventKind::Modify(_) | EventKind::Other => Some(Notice::Touched(path)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use notify::event::Flag;

    use super::*;

    #[test]
    fn a_full_queue_raises_the_flag_and_does_not_block() {
        let (sender, receiver) = sync_channel(1);
        let overloaded = AtomicBool::new(false);
        let event = Event::new(EventKind::Create(CreateKind::File)).add_path("/a".into());

        pass_on(Ok(event.clone()), &sender, &overloaded);
        assert!(!overloaded.load(Ordering::Acquire));
        pass_on(Ok(event), &sender, &overloaded);

        assert!(overloaded.load(Ordering::Acquire));
        assert_eq!(receiver.try_recv(), Ok(Notice::Touched("/a".into())));
    }

    #[test]
    fn an_overflow_of_the_systems_queue_is_told_though_it_names_no_path() {
        let (sender, receiver) = sync_channel(1);

        pass_on(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), &sender, &AtomicBool::new(false));

        assert_eq!(receiver.try_recv(), Ok(Notice::Lost(WatchLossReason::QueueOverflow, false)));
    }

    #[test]
    fn reading_gives_no_notice() {
        assert_eq!(notice(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/a".into()), None);
        assert_eq!(notice(EventKind::Access(AccessKind::Close(AccessMode::Read)), "/a".into()), None);
    }

    #[test]
    fn a_trees_notices_are_passed_on_and_its_losses_told() {
        let (sender, receiver) = sync_channel(2);
        let overloaded = AtomicBool::new(false);

        pass_on_tree(TreeNotice::Name("/a".into()), &sender, &overloaded);
        pass_on_tree(TreeNotice::Lost, &sender, &overloaded);
        pass_on_tree(TreeNotice::Change("/b".into()), &sender, &overloaded);

        assert_eq!(receiver.try_recv(), Ok(Notice::Structure("/a".into())));
        assert_eq!(receiver.try_recv(), Ok(Notice::Lost(WatchLossReason::QueueOverflow, false)));
        assert!(overloaded.load(Ordering::Acquire));
    }
}

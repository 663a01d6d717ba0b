//! The thread that reads notices of whole file systems and looks after the mounts.
//!
//! It only resolves, drops what is out of bounds or elsewhere, joins what concerns one path, and pushes into the loop's
//! bounded queue. Where the queue stays full it says so by a flag, and a scan finds what was missed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use anyhow::{Context, Result};
use vonggac_protocol::file::{Actor, WatchLossReason};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::actors::{Actors, Touch, Witness};
use super::bounds::Bounds;
use super::claims::{About, Claim};
use super::key::Key;
use super::ledger::Shared;
use super::roots::Roots;
use super::settings::WatchBy;
use super::survey::{Holding, Means, Survey, holders, is_seen_through};
use super::watch::{Notice, Seen};
use crate::clock;
use crate::os::Mount;
use crate::os::fanotify::{self, FileSystemId, FileSystemWatch, Handle, Raw, Waker, What, Wish};
use crate::os::file::Dir;
use crate::os::mounts::Mounts;
use crate::os::paths;
use crate::os::processes::{self, ProcessEvents, Taken};

/// Buffers read before what they hold is handed on; more of a storm stays with the kernel, which joins like notices.
const BUFFERS_AT_ONCE: usize = 4;

/// Directories whose paths are remembered, twice: those used lately, and those used before.
const DIRECTORIES_MAX: usize = 4_096;

/// Mounts of one file system that programs are looked for through.
const DOORS_MAX: usize = 8;

/// Directories of programs whose paths are remembered.
const HALLS_MAX: usize = 1_024;

/// How long what processes do may wait for us when no file changes.
const HEAR_EVERY: Duration = Duration::from_millis(250);

/// How often the lists of users are looked at again.
const NAMES_EVERY: Duration = Duration::from_secs(5);

/// How long a full queue is waited for before notices are given up. Meanwhile the kernel keeps what comes.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two tries at a full queue.
const TRY_EVERY: Duration = Duration::from_millis(5);

/// Whether notices are on their way that the loop has not been given yet.
#[derive(Debug)]
pub(super) struct Backlog {
    queue: Option<fanotify::Backlog>,
    is_reading: AtomicBool,
}

impl Backlog {
    /// Whether the loop has, or will find in its inbox, everything that has happened.
    pub(super) fn is_empty(&self) -> bool {
        // In this order: what left the queue is being read, or has been handed on.
        self.queue.as_ref().is_none_or(fanotify::Backlog::is_empty)
            && !self.is_reading.load(Ordering::Acquire)
    }
}

/// The reading thread's belongings.
pub(super) struct Lookout {
    backlog: Arc<Backlog>,
    watch: Option<FileSystemWatch>,
    mounts: Mounts,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
    inbox: SyncSender<Notice>,
    overloaded: Arc<AtomicBool>,
    by: WatchBy,
    refused: Option<String>,
    sorter: Sorter,
    survey: Survey,
    /// Who does what; `None` where the system does not tell of processes.
    who: Option<(ProcessEvents, Actors<System>)>,
}

/// What the loop and the sensor's face share with it.
pub(super) struct Post {
    pub(super) bounds: Arc<Bounds>,
    pub(super) roots: Arc<Roots>,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: SyncSender<Notice>,
    pub(super) overloaded: Arc<AtomicBool>,
    pub(super) waker: Arc<Waker>,
}

impl Lookout {
    /// Opens the queue if the settings want one, and surveys the mounts for the first time.
    ///
    /// # Errors
    /// If this system tells nothing of its mounts.
    pub(super) fn open(post: Post, by: WatchBy) -> Result<Self> {
        let (watch, refused) = match by {
            WatchBy::Directories => (None, Some("chosen in the configuration".to_owned())),
            WatchBy::Auto | WatchBy::FileSystem => match FileSystemWatch::open() {
                Ok(watch) => (Some(watch), None),
                Err(error) => {
                    (None, Some(format!("the system gives no notices of whole file systems: {error}")))
                }
            },
        };
        let queue = watch.as_ref().map(FileSystemWatch::backlog).transpose().context("look at the queue")?;
        let mut lookout = Self {
            backlog: Arc::new(Backlog { queue, is_reading: AtomicBool::new(false) }),
            watch,
            mounts: Mounts::open().context("open the list of mounts")?,
            waker: post.waker,
            shared: post.shared,
            inbox: post.inbox,
            overloaded: post.overloaded,
            by,
            refused,
            sorter: Sorter::new(post.bounds, post.roots),
            survey: Survey::default(),
            who: None,
        };
        if lookout.watch.is_some() {
            lookout.who = hear_of_processes();
        }
        lookout.survey = lookout.survey_mounts()?;

        Ok(lookout)
    }

    pub(super) fn backlog(&self) -> Arc<Backlog> {
        Arc::clone(&self.backlog)
    }

    pub(super) fn survey(&self) -> Survey {
        self.survey.clone()
    }

    /// Reads until asked to stop.
    pub(super) fn run(mut self) -> Result<()> {
        let mut names_due = clock::instant() + NAMES_EVERY;
        while !self.shared.is_stopping() {
            let at_most = self.who.as_ref().map(|_| HEAR_EVERY);
            let mounts_changed = fanotify::wait(self.watch.as_ref(), &self.mounts, &self.waker, at_most)
                .context("wait for notices")?;
            if mounts_changed {
                self.look_at_mounts()?;
            }
            self.backlog.is_reading.store(true, Ordering::Release);
            self.round()?;
            self.backlog.is_reading.store(false, Ordering::Release);
            let now = clock::instant();
            if let Some((_, actors)) = self.who.as_mut().filter(|_| now >= names_due) {
                actors.refresh_names();
                names_due = now + NAMES_EVERY;
            }
        }

        Ok(())
    }

    /// Marks what can be marked, and says by which means each mount that matters is watched.
    fn survey_mounts(&mut self) -> Result<Survey> {
        let mounts = self.mounts.list().context("list the mounts")?;
        let held = holders(&mounts, &self.sorter.roots, &self.sorter.bounds);
        let mut found = Vec::new();
        for (mount, roots) in held {
            let means = self.mark(&mount);
            let device = Dir::open(&mount.point).and_then(|dir| dir.own_stat()).map_or(0, |stat| stat.device);
            found.push(Holding { mount, roots, means, device });
        }
        self.sorter.see_through(&found);
        self.watch_programs(&mounts);

        Ok(Survey(found))
    }

    fn mark(&self, mount: &Mount) -> Means {
        let worse = |reason: String| match self.by {
            WatchBy::FileSystem => Means::Nothing(reason),
            WatchBy::Auto | WatchBy::Directories => Means::Directories(reason),
        };
        if mount.is_remote() {
            return worse("a file system that others change too".to_owned());
        }
        let Some(watch) = &self.watch else {
            return worse(self.refused.clone().unwrap_or_default());
        };
        match watch.mark(&mount.point, Wish::Changes) {
            Ok(()) => Means::FileSystem,
            Err(error) => worse(format!("{} gives no notices of the whole: {error}", mount.kind)),
        }
    }

    /// Programs may lie on any file system; where they are run without our being told the system is asked.
    fn watch_programs(&mut self, mounts: &[Mount]) {
        let Some(watch) = self.watch.as_ref().filter(|_| self.who.is_some()) else { return };
        for mount in mounts.iter().filter(|mount| mount.holds_files() && !mount.is_remote()) {
            if watch.mark(&mount.point, Wish::Programs).is_ok()
                && let Some(id) = fanotify::file_system_of(&mount.point)
            {
                let points = self.sorter.doors.entry(id).or_default();
                if !points.contains(&mount.point) && points.len() < DOORS_MAX {
                    points.push(mount.point.clone());
                }
            }
        }
    }

    fn look_at_mounts(&mut self) -> Result<()> {
        let survey = self.survey_mounts()?;
        if survey != self.survey {
            self.survey = survey.clone();
            self.sorter.forget();
            self.push(Notice::Mounts(Box::new(survey)));
        }

        Ok(())
    }

    /// Hands on what the kernel has.
    fn round(&mut self) -> Result<()> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let sorter = &mut self.sorter;
        let (mut is_drained, mut until_ns) = (false, 0);
        for _ in 0..BUFFERS_AT_ONCE {
            until_ns = processes::steady_ns();
            if !watch.read(&mut |raw| sorter.take(raw)).context("read notices")? {
                is_drained = true;
                break;
            }
        }
        let until = clock::now();
        let events = std::mem::take(&mut self.sorter.events);
        self.hear(is_drained, until_ns)?;
        let mut seen: BTreeMap<PathBuf, Seen> = BTreeMap::new();
        let mut order = Vec::new();
        for event in events {
            let claim = event.claim(self.judge(&event, is_drained), until);
            for path in event.paths {
                let one = seen.entry(path.clone()).or_insert_with(|| {
                    order.push(path);
                    Seen::default()
                });
                one.is_structure |= event.is_structure;
                one.claims.add(claim.clone());
            }
        }
        for path in order {
            if let Some(one) = seen.remove(&path) {
                self.push(Notice::Seen(path, one));
            }
        }
        if let Some((_, actors)) = self.who.as_mut().filter(|_| is_drained) {
            actors.end_round(until_ns);
        }
        if std::mem::take(&mut self.sorter.is_overflown) {
            self.push(Notice::Lost(WatchLossReason::QueueOverflow, true));
        }

        Ok(())
    }

    /// Takes in what processes did, so that everything before the touches of this round is known.
    fn hear(&mut self, is_drained: bool, until_ns: u64) -> Result<()> {
        let opened = std::mem::take(&mut self.sorter.opened);
        let Some((events, actors)) = &mut self.who else { return Ok(()) };
        for (process, place, program) in opened {
            // What is out of bounds is not opened: taken for a binary without a name.
            let within = program.filter(|path| self.sorter.bounds.allow(&Key::of(path)));
            let is_binary = within.as_deref().is_none_or(is_binary);
            actors.handle_opened(process, place, until_ns, within.as_deref(), is_binary);
        }
        let mut is_lost = false;
        loop {
            let taken = events.read(&mut |event| is_lost |= !actors.handle_event(event));
            match taken.context("read what processes did")? {
                Taken::Some => {}
                Taken::Nothing => break,
                Taken::Lost => is_lost = true,
            }
        }
        if is_lost {
            actors.begin_anew(processes::steady_ns());
        } else if is_drained {
            actors.apply(until_ns);
        }

        Ok(())
    }

    fn judge(&mut self, event: &Event, is_drained: bool) -> Option<Arc<Actor>> {
        let path = event.paths.first()?;
        let (_, actors) = self.who.as_mut()?;
        let touch = Touch {
            process: event.process,
            place: event.place,
            may_be_joined: event.what.is_written(),
            path,
        };
        let mut actor = actors.judge(&touch, is_drained)?;
        // A program out of bounds is not named either.
        let is_nameable = |program: &HostPath| {
            paths::from_bytes(program.to_bytes())
                .is_some_and(|path| self.sorter.bounds.allow(&Key::of(&path)))
        };
        actor.program = actor.program.filter(is_nameable);

        Some(Arc::new(actor))
    }

    /// Into the queue; when that stays full the flag is raised instead.
    fn push(&self, notice: Notice) {
        let mut notice = notice;
        let mut waited = Duration::ZERO;
        while let Err(error) = self.inbox.try_send(notice) {
            match error {
                TrySendError::Full(back) if waited < PATIENCE && !self.overloaded.load(Ordering::Acquire) => {
                    notice = back;
                    self.shared.wait(None, TRY_EVERY);
                    waited += TRY_EVERY;
                }
                TrySendError::Full(Notice::Mounts(survey)) if !self.shared.is_stopping() => {
                    notice = Notice::Mounts(survey);
                    self.shared.wait(None, TRY_EVERY);
                }
                TrySendError::Full(_) => {
                    self.overloaded.store(true, Ordering::Release);
                    return;
                }
                TrySendError::Disconnected(_) => return,
            }
        }
    }
}

/// Whether it begins as a program does that the kernel runs by itself.
fn is_binary(program: &Path) -> bool {
    let head = || -> Option<[u8; 4]> {
        let mut head = [0; 4];
        let mut file = Dir::open(program.parent()?).ok()?.open_file(program.file_name()?).ok()?;
        file.read_exact(&mut head).ok()?;

        Some(head)
    };

    head().as_ref() == Some(b"\x7fELF")
}

fn hear_of_processes() -> Option<(ProcessEvents, Actors<System>)> {
    match ProcessEvents::open() {
        Ok(events) => Some((events, Actors::new(System, processes::steady_ns()))),
        Err(error) => {
            tracing::warn!(%error, "Processes are not told of; nobody is named for a change");
            None
        }
    }
}

/// The system's own word.
struct System;

impl Witness for System {
    fn all(&self) -> Vec<u32> {
        processes::all()
    }

    fn program(&self, process: u32) -> Option<HostPath> {
        processes::program(process).map(|path| HostPath::from_bytes(&paths::to_bytes(&path)))
    }

    fn user(&self, process: u32) -> Option<u32> {
        processes::user(process)
    }

    fn session(&self, process: u32) -> Option<u32> {
        processes::session(process)
    }

    fn changed_ns(&self, path: &Path) -> Option<u64> {
        let stat = Dir::open(path.parent()?).ok()?.stat(path.file_name()?).ok()?;
        // Rather a thousandth early than late: our clock counts whole ones.
        let now = (i128::from(clock::now().0) + 1) * 1_000_000;
        let since = now - i128::from(stat.changed_ns);

        u64::try_from(i128::from(processes::steady_ns()) - since).ok()
    }
}

/// A notice that concerns us.
struct Event {
    what: What,
    process: u32,
    /// Its place in the queue.
    place: u64,
    target: Option<Handle>,
    paths: Vec<PathBuf>,
    is_structure: bool,
}

impl Event {
    fn claim(&self, actor: Option<Arc<Actor>>, until: Timestamp) -> Claim {
        let about = match (&self.target, self.what.is_removal()) {
            // One process made it and took it away again: what stands there now is not of its making.
            (_, true) => About::Removal,
            (Some(target), false) => About::File(target.clone()),
            (None, false) => About::Unsaid,
        };

        Claim { actor, about, is_change: self.what.is_change(), until }
    }
}

/// Where a directory can be seen.
#[derive(Clone, Debug)]
enum Place {
    /// At these paths, which are watched or lead to what is.
    Here(Arc<[PathBuf]>),
    /// Nowhere that concerns us.
    Elsewhere,
}

/// Tells the few notices that concern us from all others, early and cheaply.
struct Sorter {
    bounds: Arc<Bounds>,
    roots: Arc<Roots>,
    /// The mounts to look through, by file system.
    windows: BTreeMap<FileSystemId, Vec<PathBuf>>,
    young: BTreeMap<Handle, Place>,
    old: BTreeMap<Handle, Place>,
    events: Vec<Event>,
    is_overflown: bool,
    /// Places given to notices so far.
    place: u64,
    /// One mount or a few of each file system that programs may lie on.
    doors: BTreeMap<FileSystemId, Vec<PathBuf>>,
    /// Directories of programs; emptied when full.
    halls: BTreeMap<Handle, Option<PathBuf>>,
    opened: Vec<(u32, u64, Option<PathBuf>)>,
}

impl Sorter {
    fn new(bounds: Arc<Bounds>, roots: Arc<Roots>) -> Self {
        let (windows, young, old) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());

        Self {
            bounds,
            roots,
            windows,
            young,
            old,
            events: Vec::new(),
            is_overflown: false,
            place: 0,
            doors: BTreeMap::new(),
            halls: BTreeMap::new(),
            opened: Vec::new(),
        }
    }

    /// From now on paths are looked for through these mounts.
    fn see_through(&mut self, held: &[Holding]) {
        self.windows.clear();
        for holding in held.iter().filter(|holding| holding.means == Means::FileSystem) {
            if held.iter().any(|other| is_seen_through(&holding.mount, &other.mount)) {
                continue;
            }
            if let Some(id) = fanotify::file_system_of(&holding.mount.point) {
                self.windows.entry(id).or_default().push(holding.mount.point.clone());
            }
        }
    }

    fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
        self.halls.clear();
    }

    fn take(&mut self, raw: Raw<'_>) {
        match raw {
            Raw::Overflow => self.is_overflown = true,
            Raw::Named { what, process, dir, name, target } => {
                self.place += 1;
                if what.is_run() {
                    let program = self.hall(dir).map(|dir| dir.join(name));
                    self.opened.push((process, self.place, program));
                }
                // Our own writes lie out of bounds; our reading makes no notices.
                if !what.is_notice() {
                    return;
                }
                if let Place::Here(dirs) = self.place(dir) {
                    self.sort(what, process, &dirs, name, target);
                }
                if what.is_directory() && what.is_move() {
                    // Everything beneath it has another path now.
                    self.forget();
                }
            }
        }
    }

    fn sort(&mut self, what: What, process: u32, dirs: &[PathBuf], name: &OsStr, target: Option<&Handle>) {
        let mut paths = Vec::new();
        let mut is_structure = what.is_directory() && what.is_arrival();
        for dir in dirs {
            let path = if name == "." { dir.clone() } else { dir.join(OsString::from(name)) };
            let key = Key::of(&path);
            if !self.bounds.allow(&key) {
                continue;
            }
            if self.roots.find(&key).is_some() {
                paths.push(path);
            } else if what.is_move() || what.is_removal() || what.is_written() {
                // The way to a root came, went or moved.
                let on_the_way = self.roots.within(&key).map(|(_, root)| root.path.clone());
                let before = paths.len();
                paths.extend(on_the_way.filter(|_| name != "."));
                is_structure |= paths.len() > before;
            }
        }
        if !paths.is_empty() {
            let target = target.cloned();
            let place = self.place;
            self.events.push(Event { what, process, place, target, paths, is_structure });
        }
    }

    fn place(&mut self, dir: &Handle) -> Place {
        if let Some(place) = self.young.get(dir) {
            return place.clone();
        }
        let place = self.old.remove(dir).unwrap_or_else(|| self.find(dir));
        if self.young.len() >= DIRECTORIES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(dir.clone(), place.clone());

        place
    }

    /// Where a directory of programs is.
    fn hall(&mut self, dir: &Handle) -> Option<PathBuf> {
        if let Some(known) = self.halls.get(dir) {
            return known.clone();
        }
        let doors = self.doors.get(&dir.file_system()).map(Vec::as_slice).unwrap_or_default();
        let found = doors.iter().find_map(|door| fanotify::resolve(dir, door));
        if self.halls.len() >= HALLS_MAX {
            self.halls.clear();
        }
        self.halls.insert(dir.clone(), found.clone());

        found
    }

    fn find(&self, dir: &Handle) -> Place {
        let windows = self.windows.get(&dir.file_system()).map(Vec::as_slice).unwrap_or_default();
        let paths: BTreeSet<PathBuf> = windows
            .iter()
            .filter_map(|window| fanotify::resolve(dir, window))
            .filter(|path| self.concerns(path))
            .collect();
        if paths.is_empty() {
            return Place::Elsewhere;
        }

        Place::Here(paths.into_iter().collect())
    }

    fn concerns(&self, dir: &Path) -> bool {
        let key = Key::of(dir);

        self.bounds.allow(&key)
            && (self.roots.find(&key).is_some() || self.roots.within(&key).next().is_some())
    }
}

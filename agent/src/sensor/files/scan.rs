//! Walking a root beside its baseline.
//!
//! The walk and the baseline have the same order, so that both are streamed. What differs is only *suspected* here: the
//! path goes to the loop, which measures and files it like any other, so that two threads never tell one path.
//! Only a root's first scan measures here, and puts what nobody knows yet into the baseline.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use vonggac_protocol::file::FileKind;

use super::baseline::Glance;
use super::bounds::Bounds;
use super::compare::{Entry, Mark};
use super::key::Key;
use super::ledger::{Ledger, Shared, Stopped, lock};
use super::measure::{Measured, Measurer};
use super::pace::Pace;
use super::roots::Roots;
use super::watch::Notice;
use crate::clock;
use crate::os::file::{Dir, is_absence};
use crate::os::{Stat, priority};

/// Suspects on their way to the loop; the scan waits when there are more.
pub(super) const SUSPECTS_MAX: usize = 64;

/// Rows of the baseline in memory at once.
const PAGE: usize = 512;

/// Measured paths that go into the baseline together.
const BATCH: usize = 128;

/// Deeper trees are told as out of reach: each level holds an open directory.
const DEPTH_MAX: usize = 200;

/// Scan this root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) root: Key,
    /// Whether it is the root's first scan.
    pub(super) is_first: bool,
}

/// What a scan says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// This path differs from its baseline, or did a moment ago.
    Suspect(Key),
    /// The root is walked; so many of its directories could not be.
    Done { unreachable: u64 },
}

/// The scanning thread's belongings.
pub(super) struct Scanner {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) shared: Arc<Shared>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) roots: Arc<Roots>,
    pub(super) measurer: Measurer,
    pub(super) pace: Pace,
    pub(super) found: SyncSender<Found>,
    pub(super) inbox: SyncSender<Notice>,
    /// Whether it steps behind everybody else on the machine.
    pub(super) is_polite: bool,
}

/// One scan under way.
struct Walk<'a> {
    scanner: &'a mut Scanner,
    order: Order,
    rows: Rows,
    measured: Vec<(Key, PathBuf, Entry)>,
    unreachable: u64,
}

/// A directory being walked.
struct Frame {
    dir: Dir,
    path: PathBuf,
    names: std::vec::IntoIter<OsString>,
}

impl Scanner {
    /// Scans as ordered until nobody orders any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> Result<()> {
        if self.is_polite && priority::lower_this_thread() == crate::os::Protection::NotAvailable {
            tracing::warn!("Scanned at ordinary priority, the system allowed no lower one");
        }
        while let Ok(order) = orders.recv() {
            self.measurer.refresh_names();
            self.scan(order)?;
        }

        Ok(())
    }

    fn scan(&mut self, order: Order) -> Result<()> {
        let root = self.roots.get(&order.root).context("find the root of a scan")?.path.clone();
        let rows = Rows::of(&order.root);
        let mut walk = Walk { scanner: self, order, rows, measured: Vec::new(), unreachable: 0 };
        walk.tree(&root)?;
        walk.pass_rows(None)?;
        walk.flush()?;
        let unreachable = walk.unreachable;

        self.say(Found::Done { unreachable })
    }

    fn say(&mut self, found: Found) -> Result<()> {
        self.pace_from_here();
        self.found.send(found).map_err(|_| anyhow!(Stopped))?;
        // Full means that the loop is awake already.
        drop(self.inbox.try_send(Notice::Wake));
        self.pace.handle_paused(clock::instant());

        Ok(())
    }

    fn pace_from_here(&mut self) {
        if let Some(pause) = self.pace.poll_pause(clock::instant()) {
            self.shared.wait(None, pause);
            self.pace.handle_paused(clock::instant());
        }
    }
}

impl Walk<'_> {
    fn tree(&mut self, root: &Path) -> Result<()> {
        let (Some(parent), Some(name)) = (root.parent(), root.file_name()) else {
            return Ok(());
        };
        let Some(parent) = self.open(&Key::of(root), || Dir::open(parent))? else {
            return Ok(());
        };
        let mut frames: Vec<Frame> = self.visit(&parent, name, root.to_owned())?.into_iter().collect();
        while let Some(frame) = frames.last_mut() {
            let Some(name) = frame.names.next() else {
                frames.pop();
                continue;
            };
            let path = frame.path.join(&name);
            let deeper = self.visit(&frame.dir, &name, path)?;
            match deeper {
                Some(deeper) if frames.len() < DEPTH_MAX => frames.push(deeper),
                Some(deeper) => self.step_over(&Key::of(&deeper.path))?,
                None => {}
            }
            self.scanner.pace_from_here();
            if self.scanner.shared.is_stopping() {
                return Err(anyhow!(Stopped));
            }
        }

        Ok(())
    }

    /// Looks at one name; a directory is returned to be walked.
    fn visit(&mut self, dir: &Dir, name: &OsStr, path: PathBuf) -> Result<Option<Frame>> {
        let key = Key::of(&path);
        if !self.scanner.bounds.allow(&key) || !self.is_ours(&key) {
            return Ok(None);
        }
        let stat = match dir.stat(name) {
            Ok(stat) => stat,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(_) => {
                self.step_over(&key)?;
                return Ok(None);
            }
        };
        self.pass_rows(Some(&key))?;
        match self.rows.pop_if(&self.scanner.ledger, &key)? {
            Some(glance) if is_same(&glance, &stat) => {}
            None if self.order.is_first => self.measure(dir, name, &path, &key)?,
            Some(_) | None => self.suspect(key.clone())?,
        }
        if stat.kind != FileKind::Directory {
            return Ok(None);
        }
        let opened = self.open(&key, || {
            let dir = dir.open_child(name)?;
            let names = dir.names()?;
            Ok((dir, names))
        })?;

        Ok(opened.map(|(dir, names)| Frame { dir, path, names: names.into_iter() }))
    }

    /// Opens something; what is out of reach is stepped over, for nothing can be said of what is beneath it.
    fn open<T>(&mut self, key: &Key, open: impl FnOnce() -> io::Result<T>) -> Result<Option<T>> {
        match open() {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(_) => {
                self.step_over(key)?;
                Ok(None)
            }
        }
    }

    fn step_over(&mut self, key: &Key) -> Result<()> {
        self.unreachable += 1;
        self.pass_rows(Some(key))?;
        self.rows.skip_to(&key.beneath().1);

        Ok(())
    }

    /// Whether this root is the one the path counts for.
    fn is_ours(&self, key: &Key) -> bool {
        self.scanner.roots.find(key).is_some_and(|(root, _)| *root == self.order.root)
    }

    /// Rows before `until` that the walk did not meet are suspected to be gone.
    fn pass_rows(&mut self, until: Option<&Key>) -> Result<()> {
        while let Some(key) = self.rows.peek(&self.scanner.ledger)? {
            if until.is_some_and(|until| key >= *until) {
                break;
            }
            let other =
                self.scanner.roots.find(&key).map(|(root, _)| root).filter(|root| **root != self.order.root);
            if let Some(other) = other {
                let end = other.beneath().1;
                self.rows.skip_to(&end);
            } else {
                self.rows.pop();
                self.suspect(key)?;
            }
        }

        Ok(())
    }

    fn suspect(&mut self, key: Key) -> Result<()> {
        // The loop must not meet a path that is still on its way into the baseline.
        self.flush()?;

        self.scanner.say(Found::Suspect(key))
    }

    fn measure(&mut self, dir: &Dir, name: &OsStr, path: &Path, key: &Key) -> Result<()> {
        match self.scanner.measurer.in_dir(dir, name, path) {
            Ok(Measured::Found(entry)) => {
                self.measured.push((key.clone(), path.to_owned(), entry));
                if self.measured.len() >= BATCH {
                    self.flush()?;
                }
            }
            Ok(Measured::Gone | Measured::OutOfBounds) => {}
            Err(_) => self.unreachable += 1,
        }

        Ok(())
    }

    /// Puts what was measured into the baseline, except what somebody knows already or what moved on meanwhile: looked
    /// at once more under the ledger's lock, for every later change is compared behind that lock.
    fn flush(&mut self) -> Result<()> {
        if self.measured.is_empty() {
            return Ok(());
        }
        let mut moved_on = Vec::new();
        let mut ledger = lock(&self.scanner.ledger);
        ledger.baseline().begin()?;
        for (key, path, entry) in self.measured.drain(..) {
            if ledger.knows(&key)? {
                continue;
            }
            if is_still(&path, &entry) {
                ledger.absorb(&key, &entry)?;
            } else {
                moved_on.push(key);
            }
        }
        ledger.baseline().commit()?;
        drop(ledger);
        for key in moved_on {
            self.scanner.say(Found::Suspect(key))?;
        }

        Ok(())
    }
}

fn is_same(glance: &Glance, stat: &Stat) -> bool {
    let mark = Mark { modified_ns: stat.modified_ns, changed_ns: stat.changed_ns, inode: stat.inode };

    *glance == Glance { kind: stat.kind, size: stat.size, mark }
}

fn is_still(path: &Path, entry: &Entry) -> bool {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let stat = Dir::open(parent).and_then(|dir| dir.stat(name));

    stat.is_ok_and(|stat| {
        stat.kind == entry.state.kind
            && stat.size == entry.state.size
            && stat.inode == entry.mark.inode
            && stat.modified_ns == entry.mark.modified_ns
            && super::compare::moment(stat.changed_ns) == entry.state.changed
    })
}

/// The baseline of a root as a stream, a page at a time.
struct Rows {
    page: VecDeque<(Key, Glance)>,
    /// The root itself comes before all beneath it.
    own: Option<Key>,
    next: Key,
    end: Key,
    is_drained: bool,
}

impl Rows {
    fn of(root: &Key) -> Self {
        let (next, end) = root.beneath();

        Self { page: VecDeque::new(), own: Some(root.clone()), next, end, is_drained: false }
    }

    fn peek(&mut self, ledger: &Mutex<Ledger>) -> Result<Option<Key>> {
        if let Some(own) = self.own.take() {
            self.page.extend(lock(ledger).baseline().glance(&own)?);
        }
        if self.page.is_empty() && !self.is_drained {
            let page = lock(ledger).baseline().glances(&self.next, &self.end, PAGE)?;
            self.is_drained = page.len() < PAGE;
            if let Some((last, _)) = page.last() {
                self.next = last.successor();
            }
            self.page.extend(page);
        }

        Ok(self.page.front().map(|(key, _)| key.clone()))
    }

    fn pop(&mut self) -> Option<Glance> {
        self.page.pop_front().map(|(_, glance)| glance)
    }

    fn pop_if(&mut self, ledger: &Mutex<Ledger>, key: &Key) -> Result<Option<Glance>> {
        Ok(if self.peek(ledger)?.as_ref() == Some(key) { self.pop() } else { None })
    }

    fn skip_to(&mut self, key: &Key) {
        while self.page.front().is_some_and(|(front, _)| front < key) {
            self.page.pop_front();
        }
        if self.page.is_empty() && self.next < *key {
            self.next = key.clone();
        }
    }
}

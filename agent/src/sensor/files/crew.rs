//! The threads of a scan. Each takes the next file from the front whenever one of its lanes is free, so that small files
//! are hashed side by side and large ones on all processors.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use anyhow::{Context as _, Error, Result, anyhow};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileKind;
use vonggac_protocol::time::Timestamp;
use vonggac_sha256::{Engine, Hashed, Hasher, Next};

use super::front::{Front, Wanted};
use super::ledger::{Stopped, lock};
use super::measure::{Measurer, Trust};
use super::pace::Pace;
use super::scan::{Found, Shift};
use crate::clock;
use crate::os::file::{self, is_absence};
use crate::os::{Stat, own, priority};

/// What a lane reads at once: most files whole, and all lanes together fit the cache of a processor.
const LANE_BYTES: usize = 64 * 1024;

/// From this size on a file is shared out with care: it holds a lane for long.
const LARGE_BYTES: u64 = 1024 * 1024;

/// Files between two looks at the clock.
const FILES_AT_ONCE: u32 = 16;

/// Scans on as many threads as the order allows.
pub(super) fn scan<'a>(shift: &'a Shift<'a>, front: Front<'a>) -> Result<()> {
    let count = if shift.reads() { shift.scanner.effort.processors.max(1) } else { 1 };
    let large: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
    let front = Mutex::new(front);
    let work = |number| Hand::new(shift, &large, number).work(&front);
    if count == 1 {
        return work(0);
    }

    std::thread::scope(|scope| {
        let mut others = Vec::new();
        for number in 1..count {
            let other = move || {
                if shift.scanner.effort.is_polite {
                    // The scanning thread has warned already where this cannot be.
                    let _told = priority::lower_this_thread();
                }
                work(number)
            };
            let thread = Builder::new().name(format!("files-scan-{number}")).spawn_scoped(scope, other);
            others.push(thread.context("start a hashing thread")?);
        }
        let mut result = work(0);
        for other in others {
            let ended = other.join().map_err(|_| anyhow!("a hashing thread panicked"))?;
            result = result.and(ended);
        }

        result
    })
}

/// One thread at work.
pub(super) struct Hand<'a> {
    shift: &'a Shift<'a>,
    /// Large files in the lanes of each thread.
    large: &'a [AtomicUsize],
    number: usize,
    pace: RefCell<Pace>,
    measurer: Measurer,
    files: Cell<u32>,
    failed: RefCell<Option<Error>>,
}

/// A file on its way through a lane.
struct Job<'h> {
    hand: &'h Hand<'h>,
    wanted: Wanted,
    file: File,
    opened: Stat,
    left: u64,
    began: Timestamp,
}

impl<'a> Hand<'a> {
    fn new(shift: &'a Shift<'a>, large: &'a [AtomicUsize], number: usize) -> Self {
        let scanner = shift.scanner;
        let hands = u8::try_from(large.len()).unwrap_or(u8::MAX);
        let percent = scanner.effort.cpu_percent;
        // Each thread takes its part of the share; the whole processor means no limit at all.
        let percent = if percent == 100 { 100 } else { (percent / hands).max(1) };

        Self {
            shift,
            large,
            number,
            pace: RefCell::new(Pace::new(percent, own::thread_time())),
            measurer: Measurer::new(Arc::clone(&scanner.bounds), scanner.hash_bytes_max),
            files: Cell::new(0),
            failed: RefCell::new(None),
        }
    }

    fn work(&self, front: &Mutex<Front<'_>>) -> Result<()> {
        if !self.shift.reads() {
            while let Some(wanted) = lock(front).next(self)? {
                drop(wanted);
            }
            return Ok(());
        }
        let mut hasher = Hasher::new(Engine::best(), LANE_BYTES);
        hasher.run(&mut |is_idle| self.next(front, is_idle), &mut |job, hashed| self.finish(job, hashed));

        self.failed.take().map_or(Ok(()), Err)
    }

    /// Takes the pauses that are due.
    pub(super) fn breathe(&self) {
        let mut pace = self.pace.borrow_mut();
        if !pace.is_free()
            && let Some(pause) = pace.poll_pause(own::thread_time())
        {
            self.shift.scanner.shared.wait(None, pause);
        }
    }

    fn fail(&self, error: Error) {
        self.shift.is_over.store(true, Ordering::Release);
        self.failed.borrow_mut().get_or_insert(error);
    }

    fn next<'h>(&'h self, front: &Mutex<Front<'_>>, is_idle: bool) -> Next<Job<'h>> {
        self.files.set(self.files.get() + 1);
        if self.files.get() >= FILES_AT_ONCE {
            self.files.set(0);
            self.breathe();
        }
        loop {
            if self.shift.is_over() {
                if self.shift.scanner.shared.is_stopping() {
                    self.fail(anyhow!(Stopped));
                }
                return Next::End;
            }
            let found = {
                let mut front = lock(front);
                match front.next(self) {
                    Ok(Some(wanted)) if !is_idle && wanted.stat.size >= LARGE_BYTES && self.has_more() => {
                        front.hold(wanted);
                        return Next::NotNow;
                    }
                    other => other,
                }
            };
            match found.and_then(|wanted| wanted.map(|wanted| self.open(wanted)).transpose()) {
                Ok(Some(Some(job))) => return Next::Job(job),
                Ok(Some(None)) => {}
                Ok(None) => return Next::End,
                Err(error) => {
                    self.fail(error);
                    return Next::End;
                }
            }
        }
    }

    /// Whether another thread has fewer large files than this one: then the next is for that one.
    fn has_more(&self) -> bool {
        let count = |hand: &AtomicUsize| hand.load(Ordering::Acquire);
        let own = self.large.get(self.number).map_or(0, count);

        self.large.iter().map(count).min().is_some_and(|least| least < own)
    }

    fn count_large(&self, size: u64, change: isize) {
        if let Some(own) = self.large.get(self.number).filter(|_| size >= LARGE_BYTES) {
            own.store(own.load(Ordering::Acquire).saturating_add_signed(change), Ordering::Release);
        }
    }

    fn open(&self, wanted: Wanted) -> Result<Option<Job<'_>>> {
        let began = clock::now();
        let file = match wanted.dir.open_file(&wanted.name) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => {
                // Gone, or something else now: what is new is left to the notice of it.
                if wanted.recorded.is_some() {
                    self.shift.say(Found::Suspect(wanted.key))?;
                }
                return Ok(None);
            }
            // It is there and may not be read: recorded without its content.
            Err(_) => {
                if wanted.recorded.is_none() {
                    let trust = Trust::Stamp(began);
                    let entry = self.measurer.entry(&wanted.stat, None, None, None, trust);
                    self.shift.keep(wanted.key, entry)?;
                }
                return Ok(None);
            }
        };
        let opened = file::stat_open(&file).ok();
        let is_it = |opened: &Stat| {
            opened.kind == FileKind::File
                && (opened.inode, opened.device) == (wanted.stat.inode, wanted.stat.device)
        };
        let Some(opened) = opened.filter(is_it) else {
            self.shift.say(Found::Suspect(wanted.key))?;
            return Ok(None);
        };
        self.count_large(wanted.stat.size, 1);

        Ok(Some(Job { hand: self, wanted, file, opened, left: opened.size, began }))
    }

    fn finish(&self, job: Job<'_>, hashed: io::Result<Hashed>) {
        self.count_large(job.wanted.stat.size, -1);
        if !self.shift.is_over()
            && let Err(error) = self.judge(job, hashed)
        {
            self.fail(error);
        }
    }

    /// A file that changed while it was read is suspected: the loop reads it again, in peace or as often as it takes.
    fn judge(&self, job: Job<'_>, hashed: io::Result<Hashed>) -> Result<()> {
        let Job { wanted, file, opened, began, .. } = job;
        let digest = hashed.ok().map(|hashed| Digest(hashed.digest));
        let attributes = if wanted.recorded.is_none() { file::attributes_open(&file) } else { None };
        if file::stat_open(&file).ok() != Some(opened) {
            return self.shift.say(Found::Suspect(wanted.key));
        }
        match (wanted.recorded, digest) {
            (None, digest) => {
                let entry = self.measurer.entry(&opened, digest, None, attributes, Trust::Stamp(began));
                self.shift.keep(wanted.key, entry)
            }
            (Some(recorded), Some(found)) if recorded != found => self.shift.say(Found::Forged(wanted.key)),
            (Some(_), Some(_) | None) => Ok(()),
        }
    }
}

impl Read for Job<'_> {
    /// As much as the file had when it was opened: one that grows meanwhile is not read without end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let shift = self.hand.shift;
        if shift.is_over() {
            return Err(io::Error::other(Stopped));
        }
        let length = self.file.read(&mut buffer[..most])?;
        let bytes = u64::try_from(length).unwrap_or(0);
        self.left -= bytes;
        shift.scanner.progress.bytes_read.fetch_add(bytes, Ordering::AcqRel);
        if let Some(throttle) = &shift.throttle {
            let pause = lock(throttle).charge(bytes, clock::instant());
            if let Some(pause) = pause {
                shift.scanner.shared.wait(None, pause);
            }
        }
        if self.opened.size >= LARGE_BYTES {
            self.hand.breathe();
        }

        Ok(length)
    }
}

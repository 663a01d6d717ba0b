//! Being told that something changed in the registry, and reading it through the system.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, UNIX_EPOCH};

use vonggac_protocol::time::Timestamp;

use super::super::ledger::Shared;
use super::super::watch::Notice;
use super::places::{OF_MACHINE, OF_USER, Pick};
use super::read::{Hive, Values, users};
use crate::clock;
use crate::os::registry::{Key, Watch};
use crate::os::{RegistryRoot, RegistryView};

/// How soon a stop is noticed.
const STOP_EVERY: Duration = Duration::from_secs(1);

/// So long is waited after a notice before everything is read again: what is written comes in more than one piece.
const REST: Duration = Duration::from_secs(2);

/// And at most so long. Services write below their keys all the time (one of them at every start of a program), and a
/// reading of everything is some ten thousand calls: the next is waited for twice as long as the one before.
const REST_MAX: Duration = Duration::from_secs(32);

/// After so long without a notice the next one is taken up at once.
const QUIET: Duration = Duration::from_secs(10);

/// How often everything is read although nothing was noticed: keys that come are not watched before they are there.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The registry of this system; programs of 32 bits have their part of it by its own name.
pub(in crate::sensor::files) struct System;

impl Hive for System {
    fn subkeys(&self, root: RegistryRoot, path: &str) -> io::Result<Vec<String>> {
        let names = Key::open(root, path, RegistryView::Bits64)?.subkeys()?;

        // A key with a name that is no text cannot be opened by one; there is no such key of the system's own.
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn values(&self, root: RegistryRoot, path: &str) -> io::Result<Values> {
        let key = Key::open(root, path, RegistryView::Bits64)?;
        let written = key.written_at()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let values =
            key.values()?.into_iter().map(|(name, value)| (name.into_encoded_bytes(), value)).collect();

        Ok((values, Timestamp(i64::try_from(written.as_millis()).unwrap_or(i64::MAX))))
    }
}

/// Whether this system has a registry.
pub(in crate::sensor::files) fn is_there() -> bool {
    Key::open(RegistryRoot::LocalMachine, "SOFTWARE", RegistryView::Bits64).is_ok()
}

/// Raises the flag and wakes the loop whenever something may have changed, until the sensor ends.
pub(in crate::sensor::files) fn run(shared: &Shared, is_due: &Arc<AtomicBool>, inbox: &SyncSender<Notice>) {
    let mut rests = Rests::default();
    while !shared.is_stopping() {
        let watch = watch();
        let until = clock::instant() + LOOK_EVERY;
        // What changed before the watch stood.
        raise(is_due, inbox);
        while clock::instant() < until && !shared.is_stopping() {
            match watch.as_ref().map(|(watch, users)| (watch.wait(STOP_EVERY), *users)) {
                Ok((Ok(None), _)) => {}
                Ok((Ok(Some(which)), users)) => {
                    rest(shared, rests.after_notice(clock::instant()));
                    raise(is_due, inbox);
                    // Somebody signed in or out.
                    if Some(which) == users {
                        break;
                    }
                }
                // Without notices it is read every so often all the same.
                Ok((Err(_), _)) | Err(_) => shared.wait(None, STOP_EVERY),
            }
        }
    }
}

/// Rests, but not beyond a stop.
fn rest(shared: &Shared, long: Duration) {
    let until = clock::instant() + long;
    while !shared.is_stopping() && clock::instant() < until {
        shared.wait(None, STOP_EVERY.min(long));
    }
}

/// How long is rested after a notice: longer and longer while they do not end.
#[derive(Default)]
struct Rests {
    /// When the last rest ended, and how long it was.
    last: Option<(Instant, Duration)>,
}

impl Rests {
    fn after_notice(&mut self, now: Instant) -> Duration {
        let long = match self.last {
            Some((ended, long)) if now.duration_since(ended) < QUIET => (long * 2).min(REST_MAX),
            Some(_) | None => REST,
        };
        self.last = Some((now + long, long));

        long
    }
}

fn raise(is_due: &AtomicBool, inbox: &SyncSender<Notice>) {
    is_due.store(true, Ordering::Release);
    // Full means that the loop is awake already.
    drop(inbox.try_send(Notice::Wake));
}

/// A watch on everything that is there, and the number in it of the list of loaded users.
fn watch() -> io::Result<(Watch, Option<usize>)> {
    let mut watch = Watch::new()?;
    let whole = Key::open(RegistryRoot::Users, "", RegistryView::Bits64);
    let list = whole.and_then(|key| watch.add(key, false)).ok();
    let mut add = |root, path: &str, pick| {
        let is_deep = !matches!(pick, Pick::All | Pick::Names(_));
        // What is not there, or is one too many, is read every so often.
        drop(Key::open(root, path, RegistryView::Bits64).and_then(|key| watch.add(key, is_deep)));
    };
    for spot in OF_MACHINE {
        add(RegistryRoot::LocalMachine, spot.path, spot.pick);
    }
    for user in users(&System) {
        for spot in OF_USER {
            add(RegistryRoot::Users, &format!(r"{user}\{}", spot.path), spot.pick);
        }
    }

    Ok((watch, list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_all_the_time_is_read_seldom_and_a_single_notice_is_taken_up_soon() {
        let mut rests = Rests::default();
        let mut now = clock::instant();
        let mut told = Vec::new();
        for _ in 0..7 {
            let long = rests.after_notice(now);
            told.push(long.as_secs());
            now += long + Duration::from_secs(1);
        }

        assert_eq!(told, [2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(rests.after_notice(now + QUIET), REST);
    }
}

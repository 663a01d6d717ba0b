//! Which touched paths wait while the package manager works, and when they are released. Pure: time is passed in.
//!
//! While it works its database is behind its files, so that nothing that it puts there can be recognised yet. Only names
//! wait here, and not for long: at the limit they are looked at whatever the package manager does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::sensor::files::key::Key;

/// Nothing waits longer than this for the package manager to end.
pub(in super::super) const HOLD_MAX: Duration = Duration::from_secs(5 * 60);

/// Between two looks at its lock while something waits.
const POLL: Duration = Duration::from_millis(100);

/// Paths that wait at most; one more is looked at at once and told by itself.
pub(in super::super) const HELD_MAX: usize = 16_384;

/// Bytes of those paths at most.
const HELD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What waits. `C` is what is known of each path besides.
#[derive(Debug)]
pub(in super::super) struct Gather<C> {
    held: BTreeMap<Key, C>,
    bytes: usize,
    /// When the oldest of them began to wait.
    since: Option<Instant>,
    next_poll: Option<Instant>,
    is_releasing: bool,
}

impl<C> Gather<C> {
    pub(in super::super) fn new() -> Self {
        Self { held: BTreeMap::new(), bytes: 0, since: None, next_poll: None, is_releasing: false }
    }

    /// Has a path wait. Given back if there is no room, or if all that waits is being released.
    pub(in super::super) fn hold(&mut self, key: Key, known: C, now: Instant) -> Result<(), C> {
        let length = key.as_bytes().len();
        let is_known = self.held.contains_key(&key);
        let has_room = self.held.len() < HELD_MAX && self.bytes + length <= HELD_BYTES_MAX;
        if self.is_releasing || !(is_known || has_room) {
            return Err(known);
        }
        if !is_known {
            self.bytes += length;
        }
        self.held.insert(key, known);
        self.since.get_or_insert(now);
        self.next_poll.get_or_insert(now + POLL);

        Ok(())
    }

    /// What is known of a path that waits.
    pub(in super::super) fn known_mut(&mut self, key: &Key) -> Option<&mut C> {
        self.held.get_mut(key)
    }

    /// Whether it is time to ask what the package manager does.
    pub(in super::super) fn wants_poll(&self, now: Instant) -> bool {
        !self.is_releasing && self.next_poll.is_some_and(|at| at <= now)
    }

    /// What the package manager does. Whether everything is released from now on.
    pub(in super::super) fn handle_polled(&mut self, is_working: bool, now: Instant) -> bool {
        let is_late = self.since.is_some_and(|since| now.duration_since(since) >= HOLD_MAX);
        self.is_releasing = !self.held.is_empty() && (!is_working || is_late);
        self.next_poll = (!self.held.is_empty()).then_some(now + POLL);

        self.is_releasing
    }

    /// The next path to look at.
    pub(in super::super) fn poll_released(&mut self) -> Option<(Key, C)> {
        if !self.is_releasing {
            return None;
        }
        let (key, known) = self.held.pop_first()?;
        self.bytes = self.bytes.saturating_sub(key.as_bytes().len());
        if self.held.is_empty() {
            *self = Self::new();
        }

        Some((key, known))
    }

    /// Everything is to be released, whatever the package manager does.
    pub(in super::super) fn release(&mut self) {
        self.is_releasing = !self.held.is_empty();
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When to come back.
    pub(in super::super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        if self.is_releasing { Some(now) } else { self.next_poll }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn key(path: &str) -> Key {
        Key::of(Path::new(path))
    }

    #[test]
    fn what_waits_is_released_in_order_once_the_package_manager_rests() {
        let now = crate::clock::instant();
        let mut gather = Gather::new();
        assert_eq!(gather.hold(key("/b"), 2, now), Ok(()));
        assert_eq!(gather.hold(key("/a"), 1, now), Ok(()));

        assert!(!gather.wants_poll(now) && gather.wants_poll(now + POLL));
        assert!(!gather.handle_polled(true, now + POLL));
        assert_eq!(gather.poll_released(), None);
        assert!(gather.handle_polled(false, now + POLL * 2));
        assert_eq!(gather.hold(key("/c"), 3, now), Err(3), "what comes now is looked at now");

        assert_eq!(gather.poll_released(), Some((key("/a"), 1)));
        assert_eq!(gather.poll_released(), Some((key("/b"), 2)));
        assert_eq!((gather.poll_released(), gather.poll_timeout(now)), (None, None));
    }

    #[test]
    fn nothing_waits_longer_than_the_limit_whoever_keeps_the_lock() {
        let start = crate::clock::instant();
        let mut gather = Gather::new();
        assert_eq!(gather.hold(key("/a"), (), start), Ok(()));
        assert_eq!(gather.hold(key("/b"), (), start + HOLD_MAX / 2), Ok(()));

        assert!(!gather.handle_polled(true, start + HOLD_MAX - POLL));
        assert!(gather.handle_polled(true, start + HOLD_MAX));
    }

    #[test]
    fn what_has_no_room_is_given_back() {
        let now = crate::clock::instant();
        let mut gather = Gather::new();
        for number in 0..HELD_MAX {
            assert_eq!(gather.hold(key(&format!("/{number}")), (), now), Ok(()));
        }

        assert_eq!(gather.hold(key("/more"), (), now), Err(()));
        assert_eq!(gather.hold(key("/0"), (), now), Ok(()), "it waits already");
        gather.release();
        assert_eq!(std::iter::from_fn(|| gather.poll_released()).count(), HELD_MAX);
        assert_eq!((gather.bytes, gather.is_empty()), (0, true));
    }
}

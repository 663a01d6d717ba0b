//! When a touched path is worth measuring. Pure: time is passed in.
//!
//! A path is ready after [`QUIET`] without a touch, and at the latest a ceiling after the first one. The ceiling doubles
//! with every time a path was still busy when it came, so that a log written without pause costs less and less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claims::{Claim, Claims};

/// Editors and package managers finish one file within this.
pub(super) const QUIET: Duration = Duration::from_millis(80);

/// A path under continuous writes is measured after this all the same.
pub(super) const CEILING: Duration = Duration::from_secs(1);

/// The longest the ceiling grows to.
const CEILING_MAX: Duration = Duration::from_secs(60);

/// A burst touches at most this many paths at once; beyond it we scan instead of remembering.
pub(super) const TOUCHED_MAX: usize = 8_192;

/// Touched paths, until they are ready.
#[derive(Debug)]
pub(super) struct Settle {
    touched: BTreeMap<Arc<Path>, Touched>,
    due: BTreeSet<(Instant, Arc<Path>)>,
    /// Paths that were busy at their ceiling, and until when that is held against them.
    busy: BTreeMap<PathBuf, (Duration, Instant)>,
    limit: usize,
}

#[derive(Debug)]
struct Touched {
    at_latest: Instant,
    due: Instant,
    claims: Claims,
}

impl Settle {
    pub(super) fn new(limit: usize) -> Self {
        Self { touched: BTreeMap::new(), due: BTreeSet::new(), busy: BTreeMap::new(), limit }
    }

    /// Takes note of a touch. `false`: there is no room, and a scan must find this path instead.
    pub(super) fn handle_touched(&mut self, path: &Path, claim: Option<Claim>, now: Instant) -> bool {
        let is_noted = self.note(path, now);
        if let (Some(claim), Some(touched)) = (claim, self.touched.get_mut(path)) {
            touched.claims.add(claim);
        }

        is_noted
    }

    /// Takes a path back that was looked at too early, with what was known of it.
    pub(super) fn put_back(&mut self, path: &Path, claims: Claims, now: Instant) -> bool {
        let is_noted = self.note(path, now);
        if let Some(touched) = self.touched.get_mut(path) {
            let newer = std::mem::replace(&mut touched.claims, claims);
            touched.claims.join(newer);
        }

        is_noted
    }

    fn note(&mut self, path: &Path, now: Instant) -> bool {
        if let Some(known) = self.touched.get_mut(path) {
            let due = (now + QUIET).min(known.at_latest);
            if due != known.due {
                let shared =
                    self.due.take(&(known.due, Arc::from(path))).map_or_else(|| Arc::from(path), |(_, p)| p);
                known.due = due;
                self.due.insert((due, shared));
            }
            return true;
        }
        if self.touched.len() >= self.limit {
            return false;
        }
        let ceiling = match self.busy.get(path) {
            Some((ceiling, until)) if *until > now => *ceiling,
            Some(_) | None => CEILING,
        };
        let shared: Arc<Path> = Arc::from(path);
        let due = now + QUIET;
        self.due.insert((due, Arc::clone(&shared)));
        self.touched.insert(shared, Touched { at_latest: now + ceiling, due, claims: Claims::default() });

        true
    }

    /// The next path to measure, if any is ready.
    pub(super) fn poll_ready(&mut self, now: Instant) -> Option<(Arc<Path>, Claims)> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (due, path) = self.due.pop_first()?;
        let touched = self.touched.remove(&path)?;
        if due == touched.at_latest {
            self.hold_busy(&path, now);
        } else {
            self.busy.remove(&*path);
        }

        Some((path, touched.claims))
    }

    /// When to call [`poll_ready`](Self::poll_ready) again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether this path is touched and not ready yet.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.touched.contains_key(path)
    }

    /// Whether it is, and who touched it is known.
    pub(super) fn holds_claims(&self, path: &Path) -> bool {
        self.touched.get(path).is_some_and(|touched| !touched.claims.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    fn hold_busy(&mut self, path: &Path, now: Instant) {
        self.busy.retain(|_, (_, until)| *until > now);
        let ceiling = self.busy.get(path).map_or(CEILING, |(ceiling, _)| *ceiling);
        let longer = (ceiling * 2).min(CEILING_MAX);
        if self.busy.len() < self.limit {
            self.busy.insert(path.to_owned(), (longer, now + longer * 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(settle: &mut Settle, now: Instant) -> Option<PathBuf> {
        settle.poll_ready(now).map(|(path, _)| path.to_path_buf())
    }

    #[test]
    fn a_path_is_ready_after_quiet_and_only_once() {
        let now = crate::clock::instant();
        let mut settle = Settle::new(4);
        settle.handle_touched(Path::new("/a"), None, now);
        settle.handle_touched(Path::new("/a"), None, now + QUIET / 2);

        assert_eq!(ready(&mut settle, now + QUIET), None);
        let at = settle.poll_timeout().unwrap();
        assert_eq!(at, now + QUIET / 2 + QUIET);
        assert_eq!(ready(&mut settle, at), Some("/a".into()));
        assert_eq!(ready(&mut settle, at), None);
        assert!(settle.is_empty() && settle.poll_timeout().is_none());
    }

    #[test]
    fn writes_without_pause_cannot_hide_a_path_and_cost_less_and_less() {
        let start = crate::clock::instant();
        let mut settle = Settle::new(4);
        let mut seen = Vec::new();
        for step in 0..1_000 {
            let now = start + Duration::from_millis(10) * step;
            settle.handle_touched(Path::new("/log"), None, now);
            if ready(&mut settle, now).is_some() {
                seen.push(now - start);
            }
        }

        assert!(seen[0] <= CEILING + QUIET, "{seen:?}");
        assert!(seen.len() >= 3 && seen.len() <= 4, "{seen:?}");
    }

    #[test]
    fn what_has_no_room_is_said_and_what_has_is_kept() {
        let now = crate::clock::instant();
        let mut settle = Settle::new(1);

        assert!(settle.handle_touched(Path::new("/a"), None, now));
        assert!(!settle.handle_touched(Path::new("/b"), None, now));
        assert!(settle.handle_touched(Path::new("/a"), None, now));
        assert_eq!(ready(&mut settle, now + QUIET), Some("/a".into()));
        assert!(settle.handle_touched(Path::new("/b"), None, now));
    }
}

//! The loop's part: holding, releasing, telling.

use std::time::{Duration, Instant};

use anyhow::Result;
use vonggac_protocol::file::Area;

use super::account::WINDOW;
use super::manager::may_be_manager;
use crate::clock;
use crate::sensor::files::claims::Claims;
use crate::sensor::files::key::Key;
use crate::sensor::files::ledger::{Circumstance, lock};
use crate::sensor::files::watchman::Watchman;

/// An installation is told when nothing was added to it for this long.
const QUIET: Duration = Duration::from_secs(1);

/// Or for this long, while other paths have yet to stand still.
const QUIET_AMONG_OTHERS: Duration = Duration::from_secs(5);

/// Between two looks at an installation that only waits for others.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// And at the latest after this, however long a scan takes.
const OPEN_MAX: Duration = Duration::from_secs(5 * 60);

/// Released paths looked at before the queue is emptied again.
const RELEASED_AT_ONCE: usize = 64;

impl Watchman {
    /// Whether a touched path waits for the package manager to end. Never what lets people in, nor what no package brings.
    pub(in super::super) fn holds_back(&mut self, key: &Key, how: &Circumstance, claims: &Claims) -> bool {
        let found = self.roots.find(key).filter(|_| self.bounds.allow(key));
        let may_wait = found.is_some_and(|(_, root)| match root.area {
            Area::Configuration
            | Area::Boot
            | Area::Programs
            | Area::Libraries
            | Area::Persistence
            | Area::Application => true,
            Area::Access | Area::Web | Area::Data => false,
        });
        let now = clock::instant();
        let by = claims.last_change().and_then(|claim| claim.actor);
        if by.is_some_and(|actor| !may_be_manager(&actor)) {
            return false;
        }
        if !may_wait || self.packaged.relative(key).is_none() || !self.packaged.manager.is_working(now) {
            return false;
        }
        if let Some((_, known)) = self.packaged.gather.known_mut(key) {
            known.join(claims.clone());
            return true;
        }
        let is_held = self.packaged.gather.hold(key.clone(), (how.clone(), claims.clone()), now).is_ok();
        if is_held {
            self.packaged.began.get_or_insert(how.at);
        }

        is_held
    }

    /// Releases what waited when the package manager rests, and tells an installation that is whole.
    pub(in super::super) fn keep_installation(&mut self) -> Result<()> {
        let now = clock::instant();
        if self.packaged.gather.wants_poll(now) {
            let is_working = self.packaged.manager.is_working(now);
            if self.packaged.gather.handle_polled(is_working, now) {
                self.packaged.refresh(now);
                self.packaged.window = Some(now + WINDOW);
            }
        }
        for _ in 0..RELEASED_AT_ONCE {
            if !self.look_at_released()? || self.shared.is_stopping() {
                break;
            }
        }
        self.tell_installations(now)
    }

    /// Looks at the next path that waited; `false` if there is none.
    pub(in super::super) fn look_at_released(&mut self) -> Result<bool> {
        let Some((key, (how, claims))) = self.packaged.gather.poll_released() else { return Ok(false) };
        if let Some(path) = key.path() {
            self.look(&path, &Circumstance { at: clock::now(), ..how }, &claims)?;
        }

        Ok(true)
    }

    fn tell_installations(&mut self, now: Instant) -> Result<()> {
        let Some(window) = self.packaged.window else { return Ok(()) };
        let is_busy = !self.packaged.gather.is_empty()
            || !self.plans.is_idle()
            || !self.plans.unscanned.is_empty()
            || !self.watch.is_read()
            || !self.is_inbox_empty;
        let quiet = if self.settle.is_empty() { QUIET } else { QUIET_AMONG_OTHERS };
        let is_quiet = self.packaged.added_at.is_none_or(|at| now.saturating_duration_since(at) >= quiet);
        let is_due = !is_busy && is_quiet;
        for slot in 0..2 {
            let whole = self.packaged.under_way[slot].take_if(|known| {
                is_due || known.is_full() || now.saturating_duration_since(known.opened) >= OPEN_MAX
            });
            if let Some(whole) = whole {
                lock(&self.ledger).tell_installed(whole, clock::now())?;
                if is_due {
                    self.packaged.end_transaction();
                }
            }
        }
        let is_told = self.packaged.under_way.iter().all(Option::is_none) && lock(&self.ledger).is_settled();
        if is_busy {
            self.packaged.window = Some(now + WINDOW);
        } else if window <= now && is_told {
            self.packaged.close_window();
        }

        Ok(())
    }

    /// The end: what waits is released whatever the package manager does.
    pub(in super::super) fn release_all(&mut self) {
        if !self.packaged.gather.is_empty() {
            let now = clock::instant();
            self.packaged.refresh(now);
            self.packaged.window = Some(now + WINDOW);
            self.packaged.gather.release();
        }
    }

    /// Tells what is under way as it is.
    pub(in super::super) fn tell_installations_now(&mut self) -> Result<()> {
        for slot in 0..2 {
            if let Some(installation) = self.packaged.under_way[slot].take() {
                lock(&self.ledger).tell_installed(installation, clock::now())?;
            }
        }

        Ok(())
    }

    /// When an installation wants [`keep_installation`](Self::keep_installation).
    pub(in super::super) fn installation_timeout(&self, now: Instant) -> Option<Instant> {
        let is_open = self.packaged.under_way.iter().any(Option::is_some);
        let quiet = self
            .packaged
            .added_at
            .filter(|_| is_open && self.plans.is_idle())
            .map(|at| if at + QUIET > now { at + QUIET } else { now + LOOK_EVERY });

        [self.packaged.gather.poll_timeout(now), quiet].into_iter().flatten().min()
    }
}

//! Reading content again although nothing about it changed: ordered when there is nothing else to scan.

use std::time::Duration;

use anyhow::Result;

use super::claims::Claims;
use super::key::Key;
use super::ledger::{Circumstance, lock};
use super::plans::Cause;
use super::reread::Reread;
use super::scan::Order;

use super::watchman::Watchman;
use crate::clock;

/// How often it is asked whether something is due.
const ASKED_EVERY: Duration = Duration::from_secs(60);

impl Watchman {
    /// Has the next root read, if content is to be read today and every root was scanned.
    pub(super) fn order_reread(&mut self) -> Result<()> {
        let now = clock::instant();
        if self.plans.reread.is_none() && now >= self.plans.next_reread && self.plans.unscanned.is_empty() {
            self.plans.next_reread = now + ASKED_EVERY;
            let (days, roots) = (self.settings.rehash_days, self.roots.by_weight());
            self.plans.reread = Reread::of(lock(&self.ledger).baseline(), days, roots, clock::now())?;
        }
        let Some(reread) = &mut self.plans.reread else { return Ok(()) };
        if reread.roots.is_empty() {
            return Ok(());
        }
        let root = reread.roots.remove(0);
        reread.is_under_way = true;
        let again = Some(reread.portion);
        self.plans.current = Some((root.clone(), Cause::Again(Some(self.plans.quiet_at)), now));

        self.orders.send(Order { root, is_first: false, again }).or_else(|_| self.without_scanner())
    }

    /// A scan is over; if it was the last root of today's portion, that is written down.
    pub(super) fn finish_reread(&mut self) -> Result<()> {
        let Some(reread) = &mut self.plans.reread else { return Ok(()) };
        if std::mem::take(&mut reread.is_under_way) && reread.roots.is_empty() {
            reread.finish(lock(&self.ledger).baseline(), clock::now())?;
            self.plans.reread = None;
        }

        Ok(())
    }

    /// The content differs and the times do not say when it changed: after it was last read, is all that is known.
    pub(super) fn look_at_forged(&mut self, key: &Key) -> Result<()> {
        let Some(path) = key.path() else { return Ok(()) };
        let not_before = self.plans.reread.as_ref().and_then(|reread| reread.last_read);
        let how = Circumstance { at: clock::now(), watched_from: None, not_before, actor: None };

        self.look(&path, &how, &Claims::default())
    }
}

//! Roots measured anew on a named person's order: everything is hashed again and every difference told first, then who
//! ordered it, why, and what the digest was before. Nothing is ever forgotten.
//!
//! An order is done once for each root that it names. The number of the last one done moves in the same commit as the
//! history's entry, after both were confirmed: a crash may repeat an order and never skips one.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use vonggac_protocol::assignment::RebaselineOrder;
use vonggac_protocol::file::BaselineTaken;

use super::key::Key;
use super::ledger::lock;
use super::plans::Cause;
use super::watchman::Watchman;
use crate::clock;

/// The word for every root.
const EVERY_ROOT: &str = "*";

/// Orders, and where the one that is being done stands.
#[derive(Debug, Default)]
pub(super) struct Rebaselines {
    orders: Vec<RebaselineOrder>,
    /// Something may have become due since it was looked for.
    is_fresh: bool,
    doing: Option<Doing>,
    /// The last number told of a root; the baseline has it once it is confirmed.
    told: BTreeMap<Key, u64>,
}

#[derive(Debug)]
struct Doing {
    root: Key,
    order: RebaselineOrder,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Wanted, not begun.
    Due,
    /// Everything is being hashed.
    Scanning,
    /// Scanned; told once every difference is confirmed.
    Scanned { began: Instant, unreachable: u64 },
}

impl Rebaselines {
    /// Whether everything in this root is to be hashed again by the scan that begins now.
    pub(super) fn begin(&mut self, root: &Key) -> bool {
        match &mut self.doing {
            Some(doing) if doing.root == *root => {
                doing.stage = Stage::Scanning;
                true
            }
            _ => false,
        }
    }

    /// A scan of this root ended.
    pub(super) fn scanned(&mut self, root: &Key, began: Instant, unreachable: u64) {
        if let Some(doing) = self.doing.as_mut().filter(|doing| doing.root == *root)
            && matches!(doing.stage, Stage::Scanning)
        {
            doing.stage = Stage::Scanned { began, unreachable };
        }
    }

    /// The highest number of the orders that name this root: for a root that is taken for the first time all are done.
    pub(super) fn last_number(&self, root: &Key) -> Option<u64> {
        self.orders.iter().filter(|order| names(order, root)).map(|order| order.number).max()
    }
}

fn names(order: &RebaselineOrder, root: &Key) -> bool {
    order.root == EVERY_ROOT || order.root == root.host_path().as_str()
}

impl Watchman {
    /// Takes new orders, tells what is done, and has the next root scanned.
    pub(super) fn keep_orders(&mut self) -> Result<()> {
        if let Some(orders) = self.shared.take_orders() {
            self.rebaselines.orders = orders;
            self.rebaselines.orders.sort_by_key(|order| order.number);
            self.rebaselines.is_fresh = true;
        }
        self.tell_retaken()?;
        if self.rebaselines.doing.is_some() || !self.rebaselines.is_fresh {
            return Ok(());
        }
        for root in self.roots.by_weight() {
            // One that is not there, or not measured yet, has its turn when it is.
            if self.plans.first.contains(&root) || self.plans.absent.contains(&root) {
                continue;
            }
            let told = self.rebaselines.told.get(&root).copied().unwrap_or(0);
            let done = lock(&self.ledger).baseline().rebaselined(&root)?.max(told);
            let mut orders = self.rebaselines.orders.iter();
            let Some(order) = orders.find(|order| order.number > done && names(order, &root)).cloned() else {
                continue;
            };
            self.plans.want(&root, Cause::Again(Some(self.plans.quiet_at)));
            self.rebaselines.doing = Some(Doing { root, order, stage: Stage::Due });
            return Ok(());
        }
        self.rebaselines.is_fresh = false;

        Ok(())
    }

    /// Looks again for what is due, such as in a root that has come back.
    pub(super) fn look_for_orders(&mut self) {
        self.rebaselines.is_fresh = true;
    }

    fn tell_retaken(&mut self) -> Result<()> {
        let Some(Doing { root, order, stage: Stage::Scanned { began, unreachable } }) =
            &self.rebaselines.doing
        else {
            return Ok(());
        };
        let mut ledger = lock(&self.ledger);
        if !ledger.is_settled() {
            return Ok(());
        }
        let roots = &self.roots;
        let ours = |key: &Key| roots.find(key).is_some_and(|(found, _)| found == root);
        let sums = ledger.baseline().sums(root, self.settings.hash_bytes_max, &ours)?;
        if let Some(found) = roots.get(root) {
            let previous = ledger.baseline().history(root)?.last().map(|taking| taking.digest);
            let took = clock::instant().duration_since(*began).as_millis();
            let taken = BaselineTaken {
                root: root.host_path(),
                area: found.area,
                paths: sums.paths,
                bytes: sums.bytes,
                digest: sums.digest,
                unreadable: sums.unreadable + unreachable,
                took_ms: u64::try_from(took).unwrap_or(u64::MAX),
                by: Some(order.by.clone()),
                reason: Some(order.reason.clone()),
                previous,
            };
            ledger.tell_retaken(order, root, clock::now(), taken)?;
        }
        drop(ledger);
        self.rebaselines.told.insert(root.clone(), order.number);
        self.rebaselines.doing = None;
        self.rebaselines.is_fresh = true;

        Ok(())
    }
}

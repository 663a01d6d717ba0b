//! A baseline that is behind the spool: what an agent that died had spooled and not yet taken into the baseline is taken
//! into it before anything is compared, so that it is not told a second time.

use std::collections::BTreeMap;

use anyhow::Result;
use vonggac_protocol::file::FileChanged;
use vonggac_protocol::id::{Epoch, Seq};
use vonggac_protocol::observation::{Kind, Observation};

use super::autostart;
use super::baseline::Baseline;
use super::bounds::Bounds;
use super::compare::{Entry, Mark};
use super::key::Key;
use super::ledger::first_taking;
use super::roots::Roots;

/// A place in the lane of the spool that changes of files go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpoolPlace {
    /// The life of the spool that numbers it.
    pub epoch: Epoch,
    /// The place itself.
    pub seq: Seq,
}

/// What was spooled, as far as it can still be read.
pub trait Spooled {
    /// The place of the last record.
    fn end(&self) -> SpoolPlace;

    /// Some of the records after this place, in order, as far as this version understands them; none: there are no more.
    fn after(&mut self, seq: Seq) -> Vec<(Seq, Option<Observation>)>;
}

/// Brings the baseline up to the end of the spool. Within bounds only: what is excluded now was perhaps not then.
pub(super) fn catch_up(
    baseline: &mut Baseline,
    spooled: &mut dyn Spooled,
    bounds: &Bounds,
    roots: &Roots,
) -> Result<()> {
    let end = spooled.end();
    // Places of another life say nothing. Without a place nothing was ever spooled for this baseline.
    let mut from =
        baseline.spooled()?.filter(|from| from.epoch == end.epoch).map_or(end.seq, |from| from.seq);
    while from < end.seq {
        let records = spooled.after(from);
        let Some((last, _)) = records.last() else { break };
        from = *last;
        let mut paths = BTreeMap::new();
        let mut takings = Vec::new();
        for observation in records.into_iter().filter_map(|(_, observation)| observation) {
            if let Kind::FileChanged(change) = observation.kind {
                let key = Key::of_host_path(&change.path);
                if autostart::is_ours(&key) || (bounds.allow(&key) && roots.find(&key).is_some()) {
                    paths.insert(key, entry(&change));
                }
            } else if let Kind::BaselineTaken(taken) = observation.kind
                && taken.by.is_none()
            {
                // Of an order: it is done again. What a first scan found is in the baseline since before it was told
                // (`Ledger::tell_taken`); without this, what changed since would be taken in unseen.
                let root = Key::of_host_path(&taken.root);
                if autostart::is_ours(&root) || roots.get(&root).is_some() {
                    takings.push(first_taking(&root, observation.at, &taken));
                }
            }
        }
        let sorted: Vec<_> = paths.iter().map(|(key, entry)| (key, entry.as_ref())).collect();
        baseline.begin()?;
        baseline.put_or_remove(&sorted)?;
        for taking in &takings {
            if !baseline.is_taken(&taking.root)? {
                baseline.take(&taking.root, taking.at)?;
                baseline.append_history(taking)?;
            }
        }
        baseline.set_spooled(SpoolPlace { epoch: end.epoch, seq: from })?;
        baseline.commit()?;
    }

    baseline.set_spooled(end)
}

fn entry(change: &FileChanged) -> Option<Entry> {
    let state = change.after.clone()?;
    let mark = Mark::rough(&state);

    Some(Entry { state, mark })
}

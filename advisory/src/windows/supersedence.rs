//! Which updates hold which: an update that takes the place of another holds all that the other brought.

use std::collections::{BTreeMap, BTreeSet};

/// What takes the place of what, for one product.
#[derive(Clone, Debug, Default)]
pub struct Supersedence {
    before: BTreeMap<u32, BTreeSet<u32>>,
    after: BTreeMap<u32, BTreeSet<u32>>,
}

impl Supersedence {
    /// Takes word that an update has taken the place of another.
    pub fn add(&mut self, update: u32, before: u32) {
        self.before.entry(update).or_default().insert(before);
        self.after.entry(before).or_default().insert(update);
    }

    /// Whether anything is known of an update.
    #[must_use]
    pub fn knows(&self, update: u32) -> bool {
        self.before.contains_key(&update) || self.after.contains_key(&update)
    }

    /// These updates and all that they took the place of, however far back. Circles do no harm.
    #[must_use]
    pub fn held_by(&self, updates: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        reach(&self.before, updates)
    }

    /// The newest updates that hold this one: those that nothing has taken the place of; itself if it is one. Empty if
    /// they go round in a circle.
    #[must_use]
    pub fn newest(&self, update: u32) -> BTreeSet<u32> {
        let mut newest = reach(&self.after, [update]);
        newest.retain(|it| self.after.get(it).is_none_or(BTreeSet::is_empty));

        newest
    }
}

fn reach(edges: &BTreeMap<u32, BTreeSet<u32>>, from: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    let mut open: Vec<u32> = from.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(update) = open.pop() {
        if found.insert(update) {
            open.extend(edges.get(&update).into_iter().flatten());
        }
    }

    found
}

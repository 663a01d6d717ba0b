//! What a file would change in a ledger.

use std::collections::BTreeMap;

use vonggac_rules::entitlement::Entitlement;

/// The difference between a ledger and a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Rights that are new.
    pub added: Vec<Entitlement>,
    /// Rights whose quantity, end or note is another: before and after.
    pub changed: Vec<(Entitlement, Entitlement)>,
    /// Rights that the file does not have.
    pub removed: Vec<Entitlement>,
    /// How many stay as they are.
    pub same: usize,
}

impl Difference {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// Lines that go.
    pub fn gone(&self) -> impl Iterator<Item = &Entitlement> {
        self.removed.iter().chain(self.changed.iter().map(|(before, _)| before))
    }

    /// Lines that come.
    pub fn come(&self) -> impl Iterator<Item = &Entitlement> {
        self.added.iter().chain(self.changed.iter().map(|(_, after)| after))
    }
}

/// Compares right by right; neither side has one twice.
#[must_use]
pub fn difference(before: &[Entitlement], after: &[Entitlement]) -> Difference {
    let mut before: BTreeMap<_, _> = before.iter().map(|line| (line.right(), line)).collect();
    let mut difference = Difference::default();
    for line in after {
        match before.remove(&line.right()) {
            None => difference.added.push(line.clone()),
            Some(old) if old == line => difference.same += 1,
            Some(old) => difference.changed.push((old.clone(), line.clone())),
        }
    }
    difference.removed = before.into_values().cloned().collect();

    difference
}

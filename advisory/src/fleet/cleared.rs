//! What a machine has and its feeds say is not affected: not found, and worth telling to whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Fleet, Installed, Standing, index};
use crate::book::Book;
use crate::row::Advisory;
use crate::source::Feed;

/// A package of a machine that a feed says is not affected by an advisory.
#[derive(Clone, Debug)]
pub struct Cleared<'a> {
    /// The advisory, with its CVEs.
    pub advisory: &'a Arc<Advisory>,
    /// The package as the advisory names it.
    pub package: &'a str,
    /// The publisher's remark; empty if none.
    pub note: &'a str,
    /// What the machine has of it.
    pub installed: BTreeSet<Installed<'a>>,
    /// The feed that says so.
    pub feed: &'a Feed,
    /// Other feeds with a row that says the contrary, of this version or another.
    pub contrary: Vec<&'a Feed>,
}

impl<H: Ord + Clone> Fleet<H> {
    /// What the feeds say a machine's packages are not affected by, in the book's order. Whether another feed says the
    /// contrary is not looked at: [`Fleet::findings`] has that.
    #[must_use]
    pub fn cleared<'a>(&'a self, host: &H, book: &'a Book) -> Vec<Cleared<'a>> {
        let Some(host) = self.hosts.get(host) else { return Vec::new() };
        let mut found: BTreeMap<(u32, usize), Cleared<'a>> = BTreeMap::new();
        for number in &host.items {
            let is_judged = self.verdict(*number).is_some_and(|it| it.standing == Standing::Judged);
            let Some(item) = self.items.get(index(*number)).filter(|_| is_judged) else { continue };
            let Some(ecosystem) = self.ecosystems.get(item.whose()) else { continue };
            for subject in item.subjects(ecosystem) {
                for (at, place, row) in book.cleared(&subject) {
                    let Some(feed) = book.feed_of(row) else { continue };
                    let cleared = found.entry(at).or_insert_with(|| Cleared {
                        advisory: &row.advisory,
                        package: &place.package,
                        note: row.note(),
                        installed: BTreeSet::new(),
                        feed,
                        contrary: book.beside_at(at.0, row).into_iter().map(|(.., feed)| feed).collect(),
                    });
                    cleared.installed.extend(self.installed(*number));
                }
            }
        }

        found.into_values().collect()
    }
}

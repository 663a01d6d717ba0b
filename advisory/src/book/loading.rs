//! Rows on their way in: keyed and grouped, but not yet in the book, so that a feed that breaks off leaves no trace.

use std::collections::BTreeMap;

use super::REFUSED_NAMED_MAX;
use super::shelf::{Draft, Extra, Said};
use crate::ecosystem::Ecosystem;
use crate::feed::Superseded;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::version::Key;

/// A feed's rows; give it to [`Book::put`](super::Book::put) when the reader has ended well, drop it if not.
#[derive(Default)]
pub struct Loading {
    pub(super) drafts: BTreeMap<(Ecosystem, Names), BTreeMap<Box<str>, Vec<Draft>>>,
    pub(super) rows: u64,
    pub(super) no_weakness: u64,
    pub(super) refused: u64,
    pub(super) refused_named: Vec<String>,
    pub(super) superseded: Vec<Superseded>,
}

impl Loading {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes word that an update has taken the place of another.
    pub fn superseded(&mut self, edge: Superseded) {
        self.superseded.push(edge);
    }

    /// Takes one row; one whose version has no place in the ecosystem's order is counted and left out.
    pub fn push(&mut self, row: Row) {
        if is_no_weakness(&row.advisory) {
            self.no_weakness += 1;
            return;
        }
        let Placed { said, key, version, introduced } = match placed(&row) {
            Ok(placed) => placed,
            Err(version) => {
                self.refused += 1;
                if self.refused_named.len() < REFUSED_NAMED_MAX {
                    self.refused_named.push(format!("{} {} {version}", row.ecosystem, row.package));
                }
                return;
            }
        };
        let extra = Extra {
            introduced,
            module: row.module.map(String::into_boxed_str),
            architectures: row.architectures.into_iter().map(String::into_boxed_str).collect(),
            minor: row.minor,
            update: row.update.map(String::into_boxed_str),
            note: row.note.into_boxed_str(),
        };
        let draft = Draft {
            key,
            version,
            said,
            feed: 0,
            advisory: row.advisory,
            extra: (extra != Extra::default()).then(|| Box::new(extra)),
        };
        let aisle = self.drafts.entry((row.ecosystem, row.names)).or_default();
        match aisle.get_mut(row.package.as_str()) {
            Some(shelf) => shelf.push(draft),
            None => drop(aisle.insert(row.package.into_boxed_str(), vec![draft])),
        }
        self.rows += 1;
    }
}

/// Whether an advisory of the rpm family mends faults or brings improvements only: `ALBA-`, `RHEA-`, without a CVE.
fn is_no_weakness(advisory: &Advisory) -> bool {
    let kind = advisory.id.as_bytes().get(2..5);

    advisory.cves.is_empty() && matches!(kind, Some(b"BA-" | b"EA-"))
}

/// What a row says, as the book keeps it.
struct Placed {
    said: Said,
    key: Option<Key>,
    version: Box<str>,
    introduced: Option<Key>,
}

/// A row's place in the order; the version that has none, if one has none.
fn placed(row: &Row) -> Result<Placed, String> {
    let order = row.ecosystem.order();
    let key = |version: &String| order.key(version).map_err(|_| version.clone());
    let introduced = row.introduced.as_ref().map(key).transpose()?;
    let (said, version) = match &row.verdict {
        Verdict::Fixed(version) => (Said::Fixed, Some(version)),
        Verdict::LastAffected(version) => (Said::LastAffected, Some(version)),
        Verdict::ByUpdate => (Said::ByUpdate, None),
        Verdict::NoFix => (Said::NoFix, None),
        Verdict::WillNotFix => (Said::WillNotFix, None),
        Verdict::EndOfLife => (Said::EndOfLife, None),
        Verdict::NotAffected => (Said::NotAffected, None),
    };
    let place = match (said, version) {
        (Said::LastAffected, Some(version)) => Some(key(version)?.just_after()),
        (_, Some(version)) => Some(key(version)?),
        (_, None) => None,
    };
    let version = version.map(|version| version.as_str().into()).unwrap_or_default();

    Ok(Placed { said, key: place, version, introduced })
}

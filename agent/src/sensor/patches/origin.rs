//! Which archive an installed version comes from, and whether a person asked for it, by apt's own files.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use vonggac_protocol::package::{Manager, Package};

use super::lists::{Lists, filed_under};
use super::order::compare;
use crate::sensor::deb822::{Paragraph, Reader};
use crate::sensor::packages::{Mark, Marks};

/// Bytes of apt's notes of what was installed by itself; those of a desktop have 200 KiB.
const STATES_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Before an origin: the archive offers a newer version, not this one.
const FORMER: char = '<';

/// What apt knows of the packages of dpkg.
pub(super) fn marks(root: &Path, packages: &BTreeSet<Package>, lists: &Lists, native: &str) -> Marks {
    let automatic = automatic(root, native);
    let known = lists.newest.is_some();
    let mark = |package: &Package| {
        let key = (package.name.clone(), filed_under(&package.architecture, native).to_owned());
        let mark = Mark {
            offered: known.then(|| lists.offers.contains_key(&key)),
            origin: origin(lists, &key, &package.version),
            automatic: automatic.as_ref().map(|names| names.contains(&key)),
        };
        (package.key(), mark)
    };

    packages.iter().filter(|package| package.manager == Manager::Dpkg).map(mark).collect()
}

/// The archive whose list holds this version; else, with [`FORMER`] before it, one that offers a newer version of the
/// same package by the same maintainer: lists hold the newest versions only, and what is behind was the former one.
fn origin(lists: &Lists, key: &(String, String), version: &str) -> Option<String> {
    let offers = lists.offers.get(key)?;
    let best = |order: Ordering| {
        offers
            .iter()
            .filter(|offer| compare(&offer.version, version) == order)
            .filter(|offer| order == Ordering::Equal || offer.same_maintainer)
            .filter_map(|offer| lists.archives.get(offer.archive))
            .map(|archive| (Reverse(archive.rank()), archive.origin()))
            .min()
            .map(|(_, origin)| origin)
    };

    best(Ordering::Equal).or_else(|| best(Ordering::Greater).map(|origin| format!("{FORMER}{origin}")))
}

/// Names and architectures that apt installed because others needed them; `None` if it keeps no notes.
fn automatic(root: &Path, native: &str) -> Option<BTreeSet<(String, String)>> {
    let file = File::open(root.join("var/lib/apt/extended_states")).ok()?;
    let mut states = BTreeMap::new();
    let mut each = |paragraph: &Paragraph<3>| {
        if let (Some(name), Some(architecture)) = (paragraph.text(0), paragraph.text(1)) {
            let key = (name.to_owned(), filed_under(architecture, native).to_owned());
            states.insert(key, paragraph.text(2) == Some("1"));
        }
    };
    let mut reader = Reader::new(["Package", "Architecture", "Auto-Installed"]);
    let mut bytes = Vec::new();
    file.take(STATES_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    if u64::try_from(bytes.len()).ok()? > STATES_BYTES_MAX {
        return None;
    }
    reader.feed(&bytes, &mut each);
    reader.finish(&mut each);

    Some(states.into_iter().filter(|(_, automatic)| *automatic).map(|(key, _)| key).collect())
}

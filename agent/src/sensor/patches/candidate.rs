//! Which version apt would install: its policy, on the versions that the lists offer; pure.

use std::cmp::Ordering;

use super::archive::Archive;
use super::lists::Offer;
use super::order::compare;
use super::preferences::{Preferences, Version};

/// The priority of a version that is installed and in no list.
const INSTALLED: i32 = 100;

/// From this priority on a version may replace a newer one.
const DOWNGRADES: i32 = 1000;

/// An installed package.
pub(super) struct Installed<'p> {
    pub(super) name: &'p str,
    pub(super) architecture: &'p str,
    pub(super) version: &'p str,
    pub(super) source: Option<&'p str>,
}

/// The version that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate<'o> {
    pub(super) version: &'o str,
    /// Whether it, or a version between the installed one and it, stands in a security archive.
    pub(super) security: bool,
    /// The archive that offers it: the security archive if that is among them.
    pub(super) archive: usize,
}

/// The newer version that apt prefers to the installed one, if there is one.
pub(super) fn candidate<'o>(
    installed: &Installed<'_>,
    offers: &'o [Offer],
    archives: &[Archive],
    preferences: &Preferences,
) -> Option<Candidate<'o>> {
    let mut versions: Vec<&str> = offers.iter().map(|offer| offer.version.as_str()).collect();
    versions.push(installed.version);
    versions.sort_by(|a, b| compare(b, a).then_with(|| a.cmp(b)));
    versions.dedup();

    let mut best: Option<(i32, &str)> = None;
    for version in versions {
        let priority = priority(installed, version, offers, archives, preferences);
        if priority == 0
            || best.is_some_and(|(highest, _)| priority <= highest)
            || (best.is_none() && priority < 0)
        {
            continue;
        }
        let older = compare(version, installed.version) == Ordering::Less;
        if !(older && priority < DOWNGRADES) {
            best = Some((priority, version));
        }
    }
    let chosen = best.map(|(_, version)| version)?;
    if compare(chosen, installed.version) != Ordering::Greater {
        return None;
    }
    let chosen = offers.iter().find(|offer| offer.version == chosen)?;

    let is_security =
        |offer: &&Offer| archives.get(offer.archive).is_some_and(|archive| archive.release.is_security());
    let between = |offer: &&Offer| {
        compare(&offer.version, installed.version) == Ordering::Greater
            && compare(&offer.version, &chosen.version) != Ordering::Greater
    };
    let of_chosen = |offer: &&Offer| offer.version == chosen.version;
    let source = offers.iter().filter(of_chosen).find(is_security).unwrap_or(chosen);

    Some(Candidate {
        version: &chosen.version,
        security: offers.iter().filter(between).any(|offer| is_security(&offer)),
        archive: source.archive,
    })
}

fn priority(
    installed: &Installed<'_>,
    version: &str,
    offers: &[Offer],
    archives: &[Archive],
    preferences: &Preferences,
) -> i32 {
    let of_version = || offers.iter().filter(|offer| offer.version == version);
    let described = Version {
        name: installed.name,
        architecture: installed.architecture,
        source: of_version().next().map_or(installed.source, |offer| offer.source.as_deref()),
        version,
        archives: of_version().filter_map(|offer| archives.get(offer.archive)).collect(),
    };
    if let Some(pinned) = preferences.of_version(&described) {
        return pinned;
    }
    let listed = described.archives.iter().map(|archive| preferences.of_archive(archive)).max();
    let own = (version == installed.version).then_some(INSTALLED);

    listed.max(own).unwrap_or(0)
}

//! Advisories: the order of versions, a fleet judged, an update of a feed, verdicts beside peers.
//!
//! | module | names |
//! |---|---|
//! | [`versions`] | `version-order` |
//! | [`judge`] | `judge-fleet`, `feed-update` |
//! | [`start`] | `start-fleet`, which `judge-fleet` calls in a process of its own |
//! | [`debsecan`] | `against-debsecan` |
//! | [`rpm_root`] | `against-rpm` |
//! | [`wes`], [`wes_machines`] | `against-wes` |
//!
//! [`data`] finds the real advisories, [`made_fleet`] makes machines that have their packages.

mod data;
pub(super) mod debsecan;
pub(super) mod judge;
mod made_fleet;
pub(super) mod rpm_root;
pub(super) mod start;
pub(super) mod versions;
pub(super) mod wes;
mod wes_machines;

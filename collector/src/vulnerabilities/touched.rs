//! Which machines an acceptance would speak of: those that have the finding, open or accepted already.

use std::collections::BTreeSet;

use rusqlite::Connection;
use vonggac_protocol::time::Timestamp;

use super::Vulnerabilities;
use super::report::{Line, Report};
use crate::store::decided::Extent;
use crate::store::hosts::{self, HostState};
use crate::store::risks;
use crate::store::view::host;

/// What was found of an advisory or CVE in a package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Touched {
    /// Machines that have it open.
    pub open: usize,
    /// Machines on which it is accepted whole.
    pub accepted: usize,
    /// Packages that are named with this advisory or CVE there, at most [`NAMED_MAX`].
    pub packages: BTreeSet<String>,
}

/// How many packages are named.
pub const NAMED_MAX: usize = 20;

/// Looks at the machines of an extent that work or are held.
///
/// # Errors
/// If the store fails.
pub fn touched(
    db: &Connection,
    shared: &Vulnerabilities,
    extent: &Extent,
    (name, package): (&str, &str),
    now: Timestamp,
) -> anyhow::Result<Touched> {
    let mut touched = Touched::default();
    for machine in hosts::list(db)? {
        let is_meant = match extent {
            Extent::Host(id) => machine.id == *id,
            Extent::Agency(agency) => machine.agency == *agency,
            Extent::Province => true,
        };
        if !is_meant || !matches!(machine.state, HostState::Active | HostState::Held) {
            continue;
        }
        let (_, patches) = host::newest_states(db, machine.id)?;
        let report = Report::of(shared, machine.id, patches.as_ref(), now);
        let report = report.accepting(&risks::of_host(db, machine.id, now)?);
        let open: Vec<&Line> =
            report.with_fix.iter().chain(&report.without_fix).filter(|line| line.is_called(name)).collect();
        let accepted: Vec<&Line> = report.accepted.iter().filter(|line| line.is_called(name)).collect();
        touched.open += usize::from(open.iter().any(|line| line.package == package));
        touched.accepted += usize::from(
            open.iter().all(|line| line.package != package)
                && accepted.iter().any(|line| line.package == package),
        );
        for line in open.into_iter().chain(accepted) {
            if touched.packages.len() < NAMED_MAX {
                touched.packages.insert(line.package.clone());
            }
        }
    }

    Ok(touched)
}

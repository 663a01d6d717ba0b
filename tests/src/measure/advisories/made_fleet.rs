//! Machines that have the packages of the advisories: real names and versions, drawn by a fixed rule.
//!
//! Hosts of one system share a role (which packages) and a wave of patching (which versions), as in a province whose
//! machines are installed from a few images and upgraded on different days; one package in fifty is at a version of
//! the machine's own. A third of the packages has no advisory.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::row::{Row, Verdict};
use vonggac_protocol::package::{LicenceBasis, Manager, Package};

/// Packages of one machine, as in the prototype's fleet.
pub(super) const PACKAGES: usize = 1_830;
const WITHOUT_ADVISORY: usize = PACKAGES / 3;
const ROLES: u64 = 8;
const WAVES: u64 = 12;

/// The packages that machines of one system may have.
pub(super) struct System {
    pub(super) ecosystem: Ecosystem,
    /// Each package in the versions that it was mended in, and one before all.
    advised: Vec<Vec<Package>>,
    others: Vec<Vec<Package>>,
}

/// Collects names and versions while rows are read.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<Ecosystem, BTreeMap<String, BTreeSet<String>>>);

impl Seen {
    pub(super) fn note(&mut self, row: &Row) {
        if let Verdict::Fixed(version) = &row.verdict {
            let packages = self.0.entry(row.ecosystem.clone()).or_default();
            packages.entry(row.package.clone()).or_default().insert(version.clone());
        }
    }

    pub(super) fn systems(self) -> Vec<System> {
        self.0.into_iter().map(|(ecosystem, packages)| system(ecosystem, packages)).collect()
    }
}

fn system(ecosystem: Ecosystem, packages: BTreeMap<String, BTreeSet<String>>) -> System {
    let vendor = if matches!(ecosystem, Ecosystem::RockyLinux(_)) {
        "Rocky Enterprise Software Foundation"
    } else if matches!(ecosystem, Ecosystem::RedHat(_)) {
        "Red Hat, Inc."
    } else {
        "AlmaLinux"
    };
    let advised = packages.into_iter().map(|(name, versions)| {
        let before = std::iter::once("0.1-1.el9".to_owned());
        before.chain(versions).map(|version| package(&name, &version, vendor)).collect()
    });
    let others = (0..WITHOUT_ADVISORY * 2).map(|number| {
        let versions = ["1.0-1.el9", "1.0-2.el9", "1.2-1.el9"];
        versions.iter().map(|version| package(&format!("plain-{number}"), version, vendor)).collect()
    });

    System { advised: advised.collect(), others: others.collect(), ecosystem }
}

fn package(name: &str, version: &str, vendor: &str) -> Package {
    Package {
        manager: Manager::Rpm,
        name: name.to_owned(),
        architecture: "x86_64".to_owned(),
        version: version.to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: Some(vendor.to_owned()),
        licence: None,
        licence_basis: LicenceBasis::RpmTag,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

/// A number that looks drawn, of these two; the same every time.
fn drawn(one: u64, other: u64) -> u64 {
    let mut state = one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other.wrapping_mul(0xd1b5_4a32_d192_ed03);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);

    state ^ (state >> 31)
}

impl System {
    /// What the machine of this number has.
    pub(super) fn machine(&self, number: u64) -> Vec<&Package> {
        let role = number % ROLES;
        let wave = (number / ROLES) % WAVES;
        let pick = |pool: &'_ [Vec<Package>], count: usize, salt: u64| -> Vec<usize> {
            let mut order: Vec<usize> = (0..pool.len()).collect();
            order.sort_by_key(|at| drawn(role + salt, u64::try_from(*at).unwrap_or(0)));
            order.truncate(count);
            order
        };
        let mut packages = Vec::with_capacity(PACKAGES);
        let pools =
            [(&self.advised, PACKAGES - WITHOUT_ADVISORY, 100), (&self.others, WITHOUT_ADVISORY, 200)];
        for (pool, count, salt) in pools {
            for at in pick(pool, count, salt) {
                let Some(versions) = pool.get(at) else { continue };
                let place = u64::try_from(at).unwrap_or(0);
                let own = drawn(number, place).is_multiple_of(50);
                let choice = if own { drawn(number, place + 1) } else { drawn(wave + 1_000, place) };
                let many = u64::try_from(versions.len()).unwrap_or(1);
                packages.extend(usize::try_from(choice % many).ok().and_then(|at| versions.get(at)));
            }
        }

        packages
    }
}

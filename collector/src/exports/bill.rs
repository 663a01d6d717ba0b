//! What a bill of materials says, before it has a format: machines, each distinct package once, who holds what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vonggac_protocol::id::HostId;
use vonggac_protocol::package::{Manager, Package, PackageKey};
use vonggac_protocol::time::Timestamp;

use super::purl::{System, purl};
use crate::vulnerabilities::cleared::Clearance;
use crate::vulnerabilities::report::Line;

/// Whose bill it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// One machine.
    Host(HostId),
    /// All machines of an agency that work or are held: its id and name.
    Agency(String, String),
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its agency's id.
    pub agency: String,
    /// Its system; empty where it did not describe itself.
    pub system: System,
    /// Its system for people.
    pub system_name: String,
    /// When its inventory was read; `None`: none is known, which is not the same as an empty one.
    pub inventory_at: Option<Timestamp>,
}

/// A machine with what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The machine.
    pub machine: Machine,
    /// References of its packages, in order.
    pub holds: Vec<Arc<str>>,
}

/// A distinct package of a system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name within a document: the package URL, told apart where two packages have the same one.
    pub reference: Arc<str>,
    /// Its package URL.
    pub purl: Option<String>,
    /// What is known of it.
    pub package: Package,
}

/// A weakness and the packages that have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weakness {
    /// What the feed says.
    pub line: Line,
    /// References of packages.
    pub affects: BTreeSet<Arc<str>>,
    /// The machines of which it is said.
    pub machines: BTreeSet<HostId>,
}

/// Everything that a document says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// Whose it is.
    pub subject: Subject,
    /// The moment it speaks of.
    pub made_at: Timestamp,
    /// Machines, in order of id.
    pub holders: Vec<Holder>,
    /// Packages, in order of reference.
    pub entries: Vec<Entry>,
    /// Weaknesses, by advisory.
    pub weaknesses: Vec<Weakness>,
    /// What packages are not affected by, and which; only where it was asked for.
    pub cleared: BTreeMap<Clearance, BTreeSet<Arc<str>>>,
    /// The roles of the people who accepted something of it, by name.
    pub roles: BTreeMap<String, String>,
}

impl Bill {
    /// The name of what it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.subject {
            Subject::Agency(_, name) => name,
            Subject::Host(id) => {
                let own = self.holders.iter().find(|holder| holder.machine.id == *id);
                own.map_or("", |holder| &holder.machine.name)
            }
        }
    }
}

type Key = (System, PackageKey);

/// A bill in the making: machines come in order of id.
#[derive(Debug, Default)]
pub struct Counter {
    holders: Vec<Holder>,
    entries: BTreeMap<Key, Entry>,
    taken: BTreeSet<Arc<str>>,
    weaknesses: BTreeMap<[String; 6], Weakness>,
    cleared: BTreeMap<Clearance, BTreeSet<Arc<str>>>,
    roles: BTreeMap<String, String>,
}

impl Counter {
    /// The role of a person who accepted something.
    pub fn role(&mut self, person: String, role: String) {
        self.roles.insert(person, role);
    }

    /// Takes a machine, its packages, what the feeds say of it, and what they say is not affected.
    pub fn machine(
        &mut self,
        machine: Machine,
        packages: &BTreeSet<Package>,
        lines: Vec<Line>,
        cleared: Vec<Clearance>,
    ) {
        let mut holds = BTreeSet::new();
        let mut installed: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        for package in packages {
            let reference = self.entry(&machine.system, package);
            let named = format!("{} {}", package.name, package.version);
            installed.entry(named).or_default().insert(Arc::clone(&reference));
            holds.insert(reference);
        }
        for line in lines {
            let affects = references(&installed, &line.installed);
            let accepted: Vec<String> = line.accepted.iter().map(|it| format!("{:020}", it.id)).collect();
            let key = [
                line.advisory.clone(),
                line.package.clone(),
                line.state.to_owned(),
                line.fixed.clone().unwrap_or_default(),
                line.feed.clone(),
                accepted.join(" "),
            ];
            let weakness = self.weaknesses.entry(key).or_insert_with(|| Weakness {
                line,
                affects: BTreeSet::new(),
                machines: BTreeSet::new(),
            });
            weakness.affects.extend(affects);
            weakness.machines.insert(machine.id);
        }
        for mut clearance in cleared {
            let affects = references(&installed, &std::mem::take(&mut clearance.installed));
            self.cleared.entry(clearance).or_default().extend(affects);
        }
        self.holders.push(Holder { machine, holds: holds.into_iter().collect() });
    }

    /// The reference of a package; one that is known already may learn its licence and vendor from another machine.
    fn entry(&mut self, system: &System, package: &Package) -> Arc<str> {
        let key = (system.clone(), package.key());
        if let Some(known) = self.entries.get_mut(&key) {
            let own = &mut known.package;
            if own.licence.is_none() {
                own.licence.clone_from(&package.licence);
                own.licence_basis = package.licence_basis;
            }
            if own.vendor.is_none() {
                own.vendor.clone_from(&package.vendor);
            }
            return Arc::clone(&known.reference);
        }
        let purl = purl(package, system);
        let reference = self.reference(purl.clone().unwrap_or_else(|| fallback(package)));
        // What differs from machine to machine is none of a distinct package's.
        let package =
            Package { installed_at: None, automatic: None, place: None, copies: None, ..package.clone() };
        self.entries.insert(key, Entry { reference: Arc::clone(&reference), purl, package });

        reference
    }

    fn reference(&mut self, wanted: String) -> Arc<str> {
        let mut reference: Arc<str> = wanted.as_str().into();
        let mut number = 2_u64;
        while !self.taken.insert(Arc::clone(&reference)) {
            reference = format!("{wanted}#{number}").into();
            number += 1;
        }

        reference
    }

    /// The bill of what was taken.
    #[must_use]
    pub fn done(self, subject: Subject, made_at: Timestamp) -> Bill {
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        entries.sort_by(|one, other| one.reference.cmp(&other.reference));

        Bill {
            subject,
            made_at,
            holders: self.holders,
            entries,
            weaknesses: self.weaknesses.into_values().collect(),
            cleared: self.cleared,
            roles: self.roles,
        }
    }
}

/// References of what is named by name and version.
fn references(installed: &BTreeMap<String, BTreeSet<Arc<str>>>, named: &[String]) -> BTreeSet<Arc<str>> {
    named.iter().filter_map(|named| installed.get(named)).flatten().cloned().collect()
}

fn fallback(package: &Package) -> String {
    format!("package:{}:{}:{}", manager_word(package.manager), package.architecture, package.version)
}

/// A manager in one word, as files and pages have it.
#[must_use]
pub fn manager_word(manager: Manager) -> &'static str {
    match manager {
        Manager::Dpkg => "dpkg",
        Manager::Rpm => "rpm",
        Manager::WindowsUninstall => "windows",
        Manager::WindowsAppx => "appx",
        Manager::Apk => "apk",
        Manager::Python => "python",
        Manager::Npm => "npm",
        Manager::Jar => "jar",
        Manager::Snap => "snap",
        Manager::Flatpak => "flatpak",
    }
}

/// The reference of a machine.
#[must_use]
pub fn machine_reference(id: HostId) -> String {
    format!("host:{id}")
}

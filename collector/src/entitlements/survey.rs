//! What the machines of the province have installed, and how that stands against the ledgers.
//!
//! Machines count that work or are held; those that wait for approval or were revoked do not. What was read of a
//! machine is kept until its inventory or description changes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use jiff::civil::Date;
use rusqlite::Connection;
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::HostDescribed;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::balance::{Balance, Install};
use vonggac_rules::catalogue::Catalogue;
use vonggac_rules::entitlement::{Entitlement, day_of};
use vonggac_rules::share::{Machine, OpenSource};

use crate::store::entitlements::{self, Held};
use crate::store::hosts::{self, HostState};
use crate::store::{agencies, observations, packages};

/// The catalogue of this program.
pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

/// What was read of machines, by what it was read from.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<HostId, Remembered>>);

#[derive(Debug)]
struct Remembered {
    inventory: Option<Digest>,
    described: Option<i64>,
    machine: Arc<Machine>,
}

/// One machine of an agency.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Its id.
    pub host: HostId,
    /// Its agency.
    pub agency: String,
    /// What is counted of it.
    pub machine: Arc<Machine>,
}

/// Machines and ledgers at one moment.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Agencies: id, name, level; in order of id.
    pub agencies: Vec<(String, String, String)>,
    /// Machines, in order of agency.
    pub machines: Vec<Surveyed>,
    /// Lines of ledgers in force.
    pub ledger: Vec<Held>,
    /// The day in Vietnam.
    pub today: Date,
}

/// What a survey comes to for one agency, one level of agencies, or all of them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figures {
    /// Products held against entitlements.
    pub balance: Balance,
    /// Open source.
    pub open: OpenSource,
    /// Machines with traces of an activator.
    pub with_activators: u64,
}

impl Survey {
    /// Reads the agencies that are wanted.
    ///
    /// # Errors
    /// If the store fails or holds what it should not.
    pub fn read(
        db: &Connection,
        wanted: impl Fn(&str) -> bool,
        memory: &Memory,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let agencies = agencies::list(db)?.into_iter().filter(|(id, ..)| wanted(id)).collect();
        let mut machines = Vec::new();
        for host in hosts::list(db)? {
            if wanted(&host.agency) && matches!(host.state, HostState::Active | HostState::Held) {
                machines.push(Surveyed {
                    host: host.id,
                    machine: memory.of(db, host.id)?,
                    agency: host.agency,
                });
            }
        }
        let mut ledger = entitlements::in_force(db, None, None)?;
        ledger.retain(|held| wanted(&held.agency));

        Ok(Self { agencies, machines, ledger, today: day_of(now) })
    }

    /// The machines of the agencies that fit.
    pub fn machines_of(&self, wanted: impl Fn(&str) -> bool) -> Vec<&Machine> {
        let here = self.machines.iter().filter(|surveyed| wanted(&surveyed.agency));

        here.map(|surveyed| &*surveyed.machine).collect()
    }

    /// What it comes to for the agencies that fit; a right of one never covers a machine of another.
    pub fn figures(&self, wanted: impl Fn(&str) -> bool) -> Figures {
        let machines = self.machines_of(&wanted);
        let with_activators = machines
            .iter()
            .filter(|machine| machine.software.as_ref().is_some_and(|software| software.activators > 0))
            .count();
        let balances: Vec<Balance> =
            self.agencies.iter().filter(|(id, ..)| wanted(id)).map(|(id, ..)| self.balance(id)).collect();

        Figures {
            balance: Balance::together(&balances, &CATALOGUE),
            open: OpenSource::of(machines, &CATALOGUE),
            with_activators: u64::try_from(with_activators).unwrap_or(u64::MAX),
        }
    }

    fn balance(&self, agency: &str) -> Balance {
        let installs: Vec<Install> = self
            .machines
            .iter()
            .filter(|surveyed| surveyed.agency == agency)
            .flat_map(|surveyed| surveyed.machine.installs())
            .cloned()
            .collect();

        Balance::of(&installs, &lines_of(&self.ledger, agency), &CATALOGUE, self.today)
    }
}

/// The lines of one agency.
#[must_use]
pub fn lines_of(ledger: &[Held], agency: &str) -> Vec<Entitlement> {
    let own = ledger.iter().filter(|held| held.agency == agency);

    own.map(|held| held.entitlement.clone()).collect()
}

impl Memory {
    /// What is counted of a machine.
    ///
    /// # Errors
    /// If the store fails or holds what it should not.
    pub fn of(&self, db: &Connection, host: HostId) -> anyhow::Result<Arc<Machine>> {
        let inventory = packages::digest(db, host)?;
        let described = observations::latest(db, host, "host_described")?;
        let order = described.as_ref().map(|kept| kept.order);
        let fits = |known: &&Remembered| known.inventory == inventory && known.described == order;
        let known = self.locked().get(&host).filter(fits).map(|known| Arc::clone(&known.machine));
        if let Some(machine) = known {
            return Ok(machine);
        }
        let described = described.map(|kept| Observation::decode(&kept.body)).transpose()?;
        let described: Option<HostDescribed> = described.and_then(|observation| {
            if let Kind::HostDescribed(described) = observation.kind { Some(described) } else { None }
        });
        let packages = match inventory {
            None => None,
            Some(_) => Some(packages::all(db, host)?),
        };
        let machine = Arc::new(Machine::of(described.as_ref(), packages.as_ref(), &CATALOGUE));
        let remembered = Remembered { inventory, described: order, machine: Arc::clone(&machine) };
        self.locked().insert(host, remembered);

        Ok(machine)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<HostId, Remembered>> {
        self.0.lock().expect("nobody panics while holding this lock")
    }
}

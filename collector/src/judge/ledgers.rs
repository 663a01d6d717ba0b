//! What agencies may use, held against what their machines have.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::ObservationId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::balance;
use vonggac_rules::entitlement::{Entitlement, Standing, day_of};
use vonggac_rules::flatten::Event;

use crate::entitlements::survey::{Memory, Survey, lines_of};
use crate::store::entitlements::{self, Held};
use crate::store::{Store, packages};

/// The ledgers that are judged with, and the agencies that are due.
#[derive(Default)]
pub struct Ledgers {
    revision: i64,
    lines: Vec<Held>,
    due: BTreeSet<String>,
    memory: Arc<Memory>,
}

/// A product of an agency that some machine uses without an entitlement on record, or that an entitlement ended for.
pub struct Weighable {
    /// The agency.
    pub agency: String,
    /// The newest inventory with the product: what a finding rests on.
    pub rests_on: ObservationId,
    /// The flat event.
    pub event: Event,
    /// Tells this standing of the agency's rights to the product from another one.
    pub ledger: String,
}

impl Ledgers {
    /// Whether the store has a newer ledger.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn changed(&self, store: &Store) -> anyhow::Result<bool> {
        Ok(store.read(entitlements::revision).await? != self.revision)
    }

    /// Reads the ledgers, if they changed.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn read(&mut self, store: &Store) -> anyhow::Result<()> {
        let known = self.revision;
        let read = store
            .read(move |db| {
                let revision = entitlements::revision(db)?;
                if revision == known {
                    return Ok(None);
                }
                Ok(Some((revision, entitlements::in_force(db, None, None)?)))
            })
            .await?;
        if let Some((revision, lines)) = read {
            let agencies = |lines: &[Held]| lines.iter().map(|held| held.agency.clone()).collect::<Vec<_>>();
            self.due.extend(agencies(&lines).into_iter().chain(agencies(&self.lines)));
            (self.revision, self.lines) = (revision, lines);
        }

        Ok(())
    }

    /// Products that an agency may use at this moment.
    #[must_use]
    pub fn entitled(&self, agency: &str, now: Timestamp) -> BTreeSet<String> {
        let own = self.lines.iter().filter(|held| held.agency == agency);

        balance::entitled(own.map(|held| &held.entitlement), day_of(now))
    }

    /// Has an agency weighed next time.
    pub fn is_due(&mut self, agency: &str) {
        self.due.insert(agency.to_owned());
    }

    /// The products of agencies that are due; `None` if no agency is.
    ///
    /// # Errors
    /// If the store cannot be read; the agencies stay due.
    pub async fn balances(
        &mut self,
        store: &Store,
        now: Timestamp,
    ) -> anyhow::Result<Option<Vec<Weighable>>> {
        if self.due.is_empty() {
            return Ok(None);
        }
        let (due, memory) = (self.due.clone(), Arc::clone(&self.memory));
        let found = store.read(move |db| weighable(db, &due, &memory, now)).await?;
        self.due.clear();

        Ok(Some(found))
    }
}

fn weighable(
    db: &Connection,
    due: &BTreeSet<String>,
    memory: &Memory,
    now: Timestamp,
) -> anyhow::Result<Vec<Weighable>> {
    let survey = Survey::read(db, |agency| due.contains(agency), memory, now)?;
    let mut found = Vec::new();
    for (agency, ..) in &survey.agencies {
        let figures = survey.figures(|id| id == agency);
        let lines = lines_of(&survey.ledger, agency);
        for product in figures.balance.products.iter().filter(|product| product.over > 0) {
            let Some(rests_on) = newest_with(db, &survey, agency, &product.product)? else { continue };
            let (agency, event) = (agency.clone(), product.event(survey.today));
            let ledger = standing(&lines, &product.product, survey.today);
            found.push(Weighable { agency, rests_on, event, ledger });
        }
    }

    Ok(found)
}

/// The newest inventory of the agency in which the product stands.
fn newest_with(
    db: &Connection,
    survey: &Survey,
    agency: &str,
    product: &str,
) -> anyhow::Result<Option<ObservationId>> {
    let mut newest = None;
    let here = survey.machines.iter().filter(|surveyed| surveyed.agency == agency);
    for surveyed in here.filter(|surveyed| surveyed.machine.installs().any(|it| it.product == product)) {
        newest = newest.max(packages::rests_on(db, surveyed.host)?);
    }

    Ok(newest.map(|(_, id)| id))
}

/// Which rights to a product stand on a day, in a word.
fn standing(lines: &[Entitlement], product: &str, today: jiff::civil::Date) -> String {
    let valid = lines
        .iter()
        .filter(|line| line.product == product && line.standing(today) == Standing::Valid)
        .map(|line| format!("{line}\n"));

    Digest::of(valid.collect::<String>().as_bytes()).to_string()
}

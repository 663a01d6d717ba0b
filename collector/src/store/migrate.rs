//! Bringing the database to the newest form, step by numbered step.

use anyhow::{Context as _, bail};
use rusqlite::Connection;

/// The steps, frozen once released; the database's `user_version` counts those taken.
const STEPS: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_assignment.sql"),
    include_str!("migrations/0003_windows.sql"),
    include_str!("migrations/0004_orders.sql"),
    include_str!("migrations/0005_certificates.sql"),
    include_str!("migrations/0006_budgets.sql"),
    include_str!("migrations/0007_machines.sql"),
    include_str!("migrations/0008_feeds.sql"),
    include_str!("migrations/0009_entitlements.sql"),
    include_str!("migrations/0011_host_way.sql"),
    include_str!("migrations/0015_fleet.sql"),
    include_str!("migrations/0010_accepted_risks.sql"),
];

/// Takes every step that the database has not yet taken, each in a transaction of its own.
///
/// # Errors
/// If a step fails, or if the database was made by a newer program.
pub fn to_newest(database: &mut Connection) -> anyhow::Result<()> {
    let taken: usize = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if taken > STEPS.len() {
        bail!(
            "the database has form {taken}, this program knows forms up to {}: use a newer program",
            STEPS.len()
        );
    }
    for (at, step) in STEPS.iter().enumerate().skip(taken) {
        let number = at + 1;
        let transaction = database.transaction()?;
        transaction.execute_batch(step).with_context(|| format!("take step {number}"))?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }

    Ok(())
}

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
    include_str!("migrations/0016_casework.sql"),
    include_str!("migrations/0014_kernel_build.sql"),
    include_str!("migrations/0021_sending.sql"),
    include_str!("migrations/0018_exceptions.sql"),
    include_str!("migrations/0020_installation.sql"),
    include_str!("migrations/0019_rule_packs.sql"),
    include_str!("migrations/0026_releases.sql"),
    include_str!("migrations/0027_sealed_marks.sql"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_of_an_older_database_live_on_with_all_that_hangs_on_them() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "foreign_keys", true).unwrap();
        for step in &STEPS[..11] {
            db.execute_batch(step).unwrap();
        }
        db.pragma_update(None, "user_version", 11).unwrap();
        db.execute_batch(
            "INSERT INTO agency VALUES ('so-x', 'Sở X', 'department', 0);
             INSERT INTO host (id, agency, name, state, promised_secs, enrolled_at) VALUES (x'05050505050505050505050505050505', 'so-x', 'may-1', 'active', 180, 0);
             INSERT INTO incident VALUES (7, 'k', 'r', x'01', 'a', 'b', '[]', 'o', 'so-x', 's', 'high', 'closed', 'false_alarm', 'an', 1, 1787072400000, 3, 4, 5, 1, 9);
             INSERT INTO incident VALUES (8, 'l', 'r', x'01', 'a', 'b', '[]', 'o', 'so-x', 's', 'high', 'new', NULL, NULL, 1, 1787072399999, 3, NULL, NULL, 1, 1);
             INSERT INTO incident_host VALUES (7, x'05050505050505050505050505050505', 1);
             INSERT INTO finding VALUES (1, 'f', 'r', x'01', 7, 'so-x', x'05050505050505050505050505050505', 's', 'high', 1, '{}', '[]');
             INSERT INTO incident_entry VALUES (3, 7, 2, 'an', 'commented', 'ghi chú', NULL, NULL);",
        )
        .unwrap();

        to_newest(&mut db).unwrap();

        let row = |id: i64| -> (String, i64, i64, i64) {
            let query =
                "SELECT profile, detected_at, version, coalesce(resolved_at, 0) FROM incident WHERE id = ?1";
            db.query_row(query, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap()
        };
        assert_eq!(row(7), ("vn-2026".to_owned(), 1_787_072_400_000, 9, 5));
        assert_eq!(row(8), ("vn-2017".to_owned(), 1_787_072_340_000, 1, 0));
        let count = |query: &str| db.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM finding JOIN incident ON incident.id = finding.incident"), 1);
        assert_eq!(count("SELECT count(*) FROM incident_entry WHERE id = 3 AND text = 'ghi chú'"), 1);
        assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert!(db.execute("UPDATE incident_entry SET text = ''", []).is_err());
        assert!(db.execute("DELETE FROM incident_entry", []).is_err());
    }
}

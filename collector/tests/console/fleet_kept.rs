//! A collector that starts: it takes what it kept of the fleet, and only as long as that is what the inventories say.

use std::path::Path;
use std::sync::Arc;

use vonggac_collector::store::Store;
use vonggac_collector::vulnerabilities::report::Report;
use vonggac_collector::vulnerabilities::{Vulnerabilities, step};

use super::ask::{NOW, World};
use super::seed;
use super::vulnerabilities::{TRACKER, carry_in};

async fn judged(folder: &Path) -> (World, Vec<Report>) {
    let world = World::new().await;
    carry_in(&world, folder, TRACKER, 3).await;
    let reports = reports(&world.seed.desk.settings.vulnerabilities);
    assert_eq!(reports[0].with_fix.len(), 1, "there is something to lose");

    (world, reports)
}

fn reports(shared: &Vulnerabilities) -> Vec<Report> {
    (1..=6).map(|n| Report::of(shared, seed::host(n), None, NOW)).collect()
}

/// A collector that starts on this store.
async fn started(store: &Store) -> Vec<Report> {
    let shared = Arc::new(Vulnerabilities::default());
    step::once(&shared, store).await.unwrap();

    reports(&shared)
}

async fn run(store: &Store, sql: &'static str) {
    store.write(move |tx| Ok(tx.execute_batch(sql)?)).await.unwrap();
}

#[tokio::test]
async fn a_start_judges_by_what_was_kept_without_reading_an_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let (world, before) = judged(folder.path()).await;
    let store = &world.seed.desk.store;

    // If they were read, all would be lost.
    run(store, "DELETE FROM package").await;

    assert_eq!(started(store).await, before);
    assert_eq!(started(store).await, before, "and the next start finds the same");
}

#[tokio::test]
async fn an_inventory_that_changed_while_nothing_ran_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (world, before) = judged(folder.path()).await;
    let store = &world.seed.desk.store;

    run(
        store,
        "DELETE FROM package WHERE host = x'01010101010101010101010101010101';
         UPDATE inventory SET digest = zeroblob(32) WHERE host = x'01010101010101010101010101010101'",
    )
    .await;
    let after = started(store).await;

    assert_eq!(after[0].with_fix, [], "it has no packages any more");
    assert_eq!(after[1..], before[1..]);
    assert_eq!(started(store).await, after, "and that is kept");
}

#[tokio::test]
async fn what_is_kept_and_broken_is_not_used() {
    let breaks = [
        "UPDATE fleet_form SET form = 'older'",
        "DELETE FROM fleet_form",
        "DELETE FROM fleet_package WHERE number = 0",
        "DELETE FROM fleet_package WHERE number = (SELECT max(number) FROM fleet_package)",
        "UPDATE fleet_package SET identity = x'00' WHERE number = 1",
        "UPDATE fleet_package SET identity = (SELECT identity FROM fleet_package WHERE number = 0) WHERE number = 1",
        "UPDATE fleet_numbers SET packages = x'80'",
        "UPDATE fleet_numbers SET packages = x'ffff03'",
        "UPDATE fleet_host SET ecosystem = 'Nonsense'",
        "DELETE FROM fleet_numbers",
        "DELETE FROM fleet_host",
    ];
    let folder = tempfile::tempdir().unwrap();
    let (world, before) = judged(folder.path()).await;
    let store = &world.seed.desk.store;

    for broken in breaks {
        run(store, broken).await;

        assert_eq!(started(store).await, before, "{broken}");
        assert_eq!(started(store).await, before, "{broken}: once more");
    }
    run(store, "DELETE FROM package").await;
    assert_eq!(started(store).await, before, "it was mended each time");
}

#[tokio::test]
async fn what_somebody_took_from_under_us_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (world, before) = judged(folder.path()).await;
    let store = &world.seed.desk.store;
    let shared = &world.seed.desk.settings.vulnerabilities;

    run(store, "DELETE FROM fleet_package; UPDATE inventory SET digest = zeroblob(32)").await;
    step::once(shared, store).await.unwrap();
    run(store, "DELETE FROM package").await;

    assert_eq!(reports(shared), before);
    assert_eq!(started(store).await, before);
}

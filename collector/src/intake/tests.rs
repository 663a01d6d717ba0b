use std::collections::BTreeSet;

use vonggac_protocol::id::{AgencyId, Epoch, Lane};
use vonggac_protocol::observation::{AgentStopped, Observation};
use vonggac_protocol::package::{
    LicenceBasis, Manager, Package, PackagesChanged, PackagesListed, inventory_digest,
};
use vonggac_protocol::time::Timestamp;

use super::*;
use crate::authority::Issued;
use crate::store::agencies::{self, Level};

struct World {
    _folder: tempfile::TempDir,
    store: Store,
    intake: Intake,
}

fn sender(number: u8) -> Sender {
    Sender { host: HostId([number; 16]), certificate: Digest([number; 32]) }
}

async fn world(hosts_count: u8) -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("collector.db")).unwrap();
    store
        .write(move |tx| {
            let agency = AgencyId::new("so-tttt")?;
            agencies::add(tx, &agency, "Sở", Level::Department, Timestamp(0))?;
            for number in 1..=hosts_count {
                let Sender { host, certificate } = sender(number);
                hosts::add(tx, host, &agency, "may", HostState::Active, 180, Timestamp(0))?;
                let issued = Issued {
                    certificate: Vec::new(),
                    digest: certificate,
                    serial: Vec::new(),
                    issued_at: Timestamp(0),
                    not_after: Timestamp(i64::MAX),
                };
                certificates::add(tx, &issued, host)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let intake = Intake::new(store.clone(), Arc::new(Notify::new()));

    World { _folder: folder, store, intake }
}

fn batch_of(first: u64, gap_before: u64, kinds: Vec<Kind>) -> Batch {
    let bodies: Vec<Vec<u8>> =
        kinds.into_iter().map(|kind| Observation { at: Timestamp(5), kind }.encode()).collect();

    Batch::pack(Epoch(3), Lane::Prompt, Seq(first), gap_before, &bodies)
}

fn stopped(reason: &str) -> Kind {
    Kind::AgentStopped(AgentStopped { reason: reason.to_owned() })
}

fn batch(first: u64, gap_before: u64, count: u64) -> Batch {
    batch_of(first, gap_before, (0..count).map(|at| stopped(&(first + at).to_string())).collect())
}

fn acked(taken: &Intaken) -> (u64, bool) {
    let Intaken::Ack { ack, .. } = taken else { panic!("{taken:?}") };

    (ack.kept.0, ack.resend)
}

impl World {
    async fn count(&self, query: &'static str) -> i64 {
        self.store.read(move |db| Ok(db.query_row(query, [], |row| row.get(0))?)).await.unwrap()
    }

    async fn keep(&self, batch: Batch) -> Intaken {
        self.intake.keep(sender(1), batch).await.unwrap()
    }
}

#[tokio::test]
async fn a_doubled_batch_is_kept_once_and_an_overlapping_one_in_part() {
    let world = world(1).await;

    assert_eq!(acked(&world.keep(batch(1, 0, 3)).await), (3, false));
    assert_eq!(acked(&world.keep(batch(1, 0, 3)).await), (3, false));
    assert_eq!(acked(&world.keep(batch(2, 0, 4)).await), (5, false));

    assert_eq!(world.count("SELECT count(*) FROM observation").await, 5);
    assert_eq!(world.count("SELECT count(DISTINCT seq) FROM observation").await, 5);
}

#[tokio::test]
async fn a_batch_from_beyond_is_asked_for_again_and_a_named_gap_is_reported() {
    let world = world(1).await;
    world.keep(batch(1, 0, 1)).await;

    assert_eq!(acked(&world.keep(batch(5, 0, 1)).await), (1, true));
    assert_eq!(acked(&world.keep(batch(5, 3, 1)).await), (5, false));

    assert_eq!(
        world.count("SELECT count(*) FROM observation WHERE kind = 'records_missing' AND epoch = 0").await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM observation WHERE epoch = 3").await, 2);
}

#[tokio::test]
async fn batches_of_many_hosts_at_once_are_all_kept() {
    let world = world(40).await;

    let taken = futures_util::future::join_all(
        (1..=40).map(|number| world.intake.keep(sender(number), batch(1, 0, 2))),
    );
    for taken in taken.await {
        assert_eq!(acked(&taken.unwrap()), (2, false));
    }

    assert_eq!(world.count("SELECT count(*) FROM observation").await, 80);
}

#[tokio::test]
async fn a_host_revoked_by_another_process_is_refused_with_its_next_batch() {
    let world = world(1).await;
    world.keep(batch(1, 0, 1)).await;
    let path = world._folder.path().join("collector.db");
    let other = rusqlite::Connection::open(path).unwrap();

    other.execute("UPDATE host SET state = 'revoked'", []).unwrap();

    assert_eq!(world.keep(batch(2, 0, 1)).await, Intaken::Barred(HostState::Revoked));
    assert_eq!(world.count("SELECT count(*) FROM observation").await, 1);
}

#[tokio::test]
async fn a_forged_observation_of_the_collector_is_broken_and_nothing_is_kept() {
    let world = world(1).await;
    let forged = Kind::RecordsMissing(RecordsMissing { lane: Lane::Bulk, first: 1, last: 9 });

    let taken = world.keep(batch_of(1, 0, vec![stopped("a"), forged])).await;

    assert!(matches!(taken, Intaken::Broken { code: RefusalCode::Malformed, .. }), "{taken:?}");
    assert_eq!(world.count("SELECT count(*) FROM observation").await, 0);
}

fn package(name: &str) -> Package {
    Package {
        manager: Manager::Dpkg,
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: "1".to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
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

fn inventory(names: &[&str]) -> BTreeSet<Package> {
    names.iter().map(|name| package(name)).collect()
}

fn part(of: &BTreeSet<Package>, part: u32, names: &[&str]) -> Kind {
    let packages = inventory(names).into_iter().collect();

    Kind::PackagesListed(PackagesListed { digest: inventory_digest(of), part, parts: 2, packages })
}

#[tokio::test]
async fn an_inventory_counts_when_all_its_parts_are_there_and_follows_differences() {
    let world = world(1).await;
    let whole = inventory(&["a", "b", "c"]);
    let after = inventory(&["a", "c", "d"]);

    world.keep(batch_of(1, 0, vec![part(&whole, 0, &["a", "b"])])).await;
    assert_eq!(world.count("SELECT count(*) FROM package").await, 0);
    world.keep(batch_of(2, 0, vec![part(&whole, 1, &["c"])])).await;
    assert_eq!(world.count("SELECT count(*) FROM package").await, 3);
    let changed = PackagesChanged {
        before: inventory_digest(&whole),
        after: inventory_digest(&after),
        added: vec![package("d")],
        removed: vec![package("b").key()],
    };
    world.keep(batch_of(3, 0, vec![Kind::PackagesChanged(changed)])).await;

    let kept = world.store.read(|db| packages::all(db, sender(1).host)).await.unwrap();
    assert_eq!(kept, after);
}

#[tokio::test]
async fn a_difference_that_does_not_follow_asks_for_the_whole() {
    let world = world(1).await;
    let whole = inventory(&["a", "c"]);
    world.keep(batch_of(1, 0, vec![part(&whole, 0, &["a"]), part(&whole, 1, &["c"])])).await;
    let changed = PackagesChanged {
        before: Digest::of(b"another"),
        after: Digest::of(b"a third"),
        added: Vec::new(),
        removed: Vec::new(),
    };

    let taken = world.keep(batch_of(3, 0, vec![Kind::PackagesChanged(changed)])).await;

    assert!(matches!(taken, Intaken::Ack { greet_again: true, .. }), "{taken:?}");
    assert_eq!(world.store.read(|db| packages::digest(db, sender(1).host)).await.unwrap(), None);
}

#[tokio::test]
async fn an_inventory_with_another_digest_than_its_own_is_not_believed() {
    let world = world(1).await;
    let claimed = inventory(&["a", "b"]);

    let taken = world.keep(batch_of(1, 0, vec![part(&claimed, 0, &["a"]), part(&claimed, 1, &["x"])])).await;

    assert!(matches!(taken, Intaken::Ack { mistake: Some(_), .. }), "{taken:?}");
    assert_eq!(world.count("SELECT count(*) FROM package").await, 0);
}

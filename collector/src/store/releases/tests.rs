use vonggac_protocol::id::AgencyId;
use vonggac_protocol::release::Manifest;

use super::*;
use crate::store::Store;
use crate::store::agencies::{self, Level};
use crate::store::hosts::{self, HostState};

const NOW: Timestamp = Timestamp(1_795_312_345_678);

fn host(number: u8) -> HostId {
    HostId([number + 1; 16])
}

fn linux() -> Platform {
    Platform { system: "linux".to_owned(), architecture: "x86_64".to_owned() }
}

fn release(version: &str, program: &[u8]) -> Opened {
    let manifest = Manifest {
        format: "vonggac-release/1".to_owned(),
        version: version.to_owned(),
        platform: linux(),
        made_at: NOW,
        not_before: NOW,
        size: 1,
        sha256: Digest::of(program),
        pieces: vec![Digest::of(program)],
        key: "RW".to_owned(),
    };
    let text = format!("{version} {}", manifest.sha256);

    Opened { manifest, text, signature: "signed".to_owned(), pieces: vec![vec![1], vec![2]] }
}

fn ordered(version: Option<&str>, agency: Option<&str>) -> Order {
    Order {
        version: version.map(str::to_owned),
        agency: agency.map(str::to_owned),
        percent: 100,
        by: "an".to_owned(),
        reason: String::new(),
    }
}

fn upgrade(order: u64, outcome: UpgradeOutcome, reason: Option<UpgradeReason>) -> AgentUpgrade {
    AgentUpgrade { outcome, from: "0.1.0".to_owned(), to: "0.2.0".to_owned(), reason, order: Some(order) }
}

/// Two agencies of twenty hosts each, heard just now, and two releases.
async fn fleet(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("db")).unwrap();
    store
        .write(|tx| {
            for (agency, numbers) in [("a", 0..20), ("b", 20..40)] {
                let agency = AgencyId::new(agency)?;
                agencies::add(tx, &agency, "Sở", Level::Department, NOW)?;
                for number in numbers {
                    hosts::add(tx, host(number), &agency, "may", HostState::Active, 180, NOW)?;
                    hosts::heard(tx, host(number), NOW)?;
                }
            }
            take(tx, &release("0.2.0", b"two"), "an", NOW)?;
            take(tx, &release("0.3.0", b"three"), "an", NOW)
        })
        .await
        .unwrap();

    store
}

fn number_offered(db: &Connection, number: u8) -> Option<u64> {
    offer(db, host(number), &linux(), "0.1.0", None).unwrap().map(|offer| offer.order)
}

async fn in_one<T: Send + 'static>(
    job: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T> + Send + 'static,
) -> T {
    let folder = tempfile::tempdir().unwrap();
    let store = fleet(&folder).await;

    store.write(move |tx| job(tx)).await.unwrap()
}

#[tokio::test]
async fn a_program_that_was_taken_is_not_taken_again_under_another_name() {
    in_one(|tx| {
        let first = take(tx, &release("0.2.0", b"two"), "an", NOW)?;
        let other = take(tx, &release("0.4.0", b"two"), "an", NOW);
        let taken = take(tx, &release("0.2.0", b"another"), "an", NOW);

        assert_eq!(first, 1, "the very same changes nothing");
        assert!(other.unwrap_err().to_string().contains("as version 0.2.0"));
        assert!(taken.unwrap_err().to_string().contains("another program"));
        assert_eq!(all(tx)?.len(), 2);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_newest_order_about_a_host_decides_and_a_host_is_handed_only_what_it_is_offered() {
    in_one(|tx| {
        order(tx, &ordered(Some("0.2.0"), None), NOW)?;
        order(tx, &ordered(Some("0.3.0"), Some("a")), NOW)?;
        order(tx, &ordered(None, Some("b")), NOW)?;
        let wanted = |program: &[u8]| ReleaseWanted { sha256: Digest::of(program), piece: 1 };

        assert_eq!((number_offered(tx, 0), number_offered(tx, 20)), (Some(2), None));
        assert!(piece(tx, host(0), wanted(b"three"))?.1, "the last one");
        for (number, program) in [(0, b"two".as_slice()), (20, b"two"), (20, b"three")] {
            assert!(piece(tx, host(number), wanted(program))?.0.packed.is_empty(), "{number}");
        }
        let beyond = ReleaseWanted { sha256: Digest::of(b"three"), piece: u32::MAX };
        assert!(piece(tx, host(0), beyond)?.0.packed.is_empty());
        assert!(order(tx, &ordered(Some("9"), None), NOW).is_err());
        assert!(order(tx, &ordered(Some("0.2.0"), Some("c")), NOW).is_err());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_is_not_newer_or_for_another_system_is_not_offered() {
    in_one(|tx| {
        order(tx, &ordered(Some("0.2.0"), None), NOW)?;
        let windows = Platform { system: "windows".to_owned(), ..linux() };

        assert!(offer(tx, host(0), &linux(), "0.1.9", None)?.is_some());
        assert!(offer(tx, host(0), &linux(), "0.2.0", None)?.is_none());
        assert!(offer(tx, host(0), &linux(), "0.10.0", None)?.is_none());
        assert!(offer(tx, host(0), &linux(), "0.1.0", Some(1))?.is_none(), "it was told on this line");
        assert!(offer(tx, host(0), &windows, "0.1.0", None)?.is_none());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn whoever_widens_an_offer_keeps_those_who_had_it() {
    let among = |percent| (0..=u8::MAX).filter(move |n| is_among(HostId([*n; 16]), "0.2.0", percent));

    let (few, many): (Vec<u8>, Vec<u8>) = (among(10).collect(), among(50).collect());

    assert!((5..60).contains(&few.len()) && (90..170).contains(&many.len()), "{} {}", few.len(), many.len());
    assert!(few.iter().all(|number| many.contains(number)));
    assert_eq!((among(0).count(), among(100).count()), (0, 256));
}

#[tokio::test]
async fn one_in_ten_that_comes_back_halts_the_offer_where_it_was_made_and_nowhere_else() {
    in_one(|tx| {
        let here = order(tx, &ordered(Some("0.2.0"), Some("a")), NOW)?.cast_unsigned();
        order(tx, &ordered(Some("0.2.0"), Some("b")), NOW)?;
        for number in 0..12 {
            assert!(offered(tx, here, host(number), true, NOW)?);
            taken(tx, host(number), NOW)?;
        }
        for number in 1..12 {
            told(tx, host(number), &upgrade(here, UpgradeOutcome::Upgraded, None), NOW)?;
        }
        let full = Some(UpgradeReason::Disk);
        told(tx, host(1), &upgrade(here, UpgradeOutcome::Refused, full), NOW)?;
        assert_eq!(number_offered(tx, 15), Some(here), "a full disk says nothing of the release");
        told(tx, host(20), &upgrade(here, UpgradeOutcome::Returned, None), NOW)?;
        assert_eq!(number_offered(tx, 15), Some(here), "it was never offered to that one");

        told(tx, host(0), &upgrade(here, UpgradeOutcome::Returned, Some(UpgradeReason::Crashed)), NOW)?;
        assert_eq!(number_offered(tx, 15), Some(here), "one of twelve");
        told(tx, host(2), &upgrade(here, UpgradeOutcome::Returned, Some(UpgradeReason::Crashed)), NOW)?;

        assert_eq!((number_offered(tx, 15), number_offered(tx, 25)), (None, Some(2)));
        let orders = orders(tx, NOW)?;
        assert_eq!((orders.len(), orders[2].by.as_str()), (3, BY_ITSELF));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn hosts_that_fetched_it_and_fell_silent_halt_it_but_not_those_that_left_the_fleet() {
    in_one(|tx| {
        let number = order(tx, &ordered(Some("0.2.0"), None), NOW)?.cast_unsigned();
        for of in 0..3 {
            offered(tx, number, host(of), true, NOW)?;
            taken(tx, host(of), NOW)?;
        }
        for of in 0..2 {
            told(tx, host(of), &upgrade(number, UpgradeOutcome::Upgraded, None), NOW)?;
        }
        let later = Timestamp(NOW.0 + SILENT_MS + 1);

        tx.execute("UPDATE host SET state = 'revoked' WHERE id = ?1", [host(2).0])?;
        assert!(offered(tx, number, host(3), true, later)?, "a machine that was taken out is not silent");
        tx.execute("UPDATE host SET state = 'active' WHERE id = ?1", [host(2).0])?;
        assert!(offered(tx, number, host(4), false, later)?, "nobody looked");
        assert!(!offered(tx, number, host(5), true, later)?);
        assert_eq!(number_offered(tx, 5), None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_was_told_before_is_not_counted_again() {
    in_one(|tx| {
        let number = order(tx, &ordered(Some("0.2.0"), None), NOW)?.cast_unsigned();
        offered(tx, number, host(0), true, NOW)?;
        let crashed = upgrade(number, UpgradeOutcome::Returned, Some(UpgradeReason::Crashed));
        let at = |tx: &Transaction<'_>| -> anyhow::Result<i64> {
            Ok(tx.query_row("SELECT ended_at FROM release_host", [], |row| row.get(0))?)
        };

        told(tx, host(0), &crashed, NOW)?;
        told(tx, host(0), &crashed, Timestamp(NOW.0 + 1))?;

        assert_eq!(at(tx)?, NOW.0);
        assert_eq!(orders(tx, NOW)?.len(), 2, "halted once");
        Ok(())
    })
    .await;
}

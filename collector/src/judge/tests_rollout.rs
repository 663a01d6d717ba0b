//! Two versions of rules at once, and a change of rules while observations are judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::release::Version;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::in_force::InForce;
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};

use super::tests::{World, page_changed, world};
use super::*;
use crate::rule_packs::pack;
use crate::snapshot::key::{FEEDS, SigningKey};
use crate::store::agencies::{self, Level};
use crate::store::hosts::{self, HostState};
use crate::store::rule_packs::{OlderPackError, Order, order, standing, take};

const OTHER: HostId = HostId([6; 16]);

/// The packs with every rule of sites under another severity: what a set judged is told by both of them.
fn sources(severity: &str) -> Vec<RuleSource> {
    let mut all = packs::embedded();
    for source in all.iter_mut().filter(|source| source.path == "packs/integrity/web.yml") {
        source.text = source.text.replace("level: high", &format!("level: {severity}"));
        source.text = source.text.replace("level: critical", &format!("level: {severity}"));
    }

    all
}

fn set(severity: &str) -> Arc<RuleSet> {
    let clauses = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();

    Arc::new(RuleSet::load(sources(severity), &clauses).unwrap())
}

/// A second agency with a host of its own.
async fn neighbours(world: &World) {
    world
        .store
        .write(|tx| {
            let agency = vonggac_protocol::id::AgencyId::new("so-y-te")?;
            agencies::add(tx, &agency, "Sở Y tế", Level::Department, Timestamp(0))?;
            hosts::add(tx, OTHER, &agency, "may-2", HostState::Active, 180, Timestamp(0))
        })
        .await
        .unwrap();
}

/// Agency, rule set and severity of every finding, without doubles.
async fn judged(world: &World) -> BTreeSet<(String, Vec<u8>, String)> {
    world
        .store
        .read(|db| {
            let mut all = db.prepare("SELECT agency, rule_set, severity FROM finding")?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap()
}

async fn weigh(world: &World, bench: &mut Bench) {
    while let Some(weighed) = bench.weigh_next(&world.store, 7, clock::now()).await.unwrap() {
        world.store.write(move |tx| file_in(tx, &weighed)).await.unwrap();
    }
}

#[tokio::test]
async fn a_set_on_trial_judges_its_agencies_alone_and_every_finding_names_the_set_that_made_it() {
    let world = world().await;
    neighbours(&world).await;
    let (all, trial) = (set("high"), set("low"));
    let rules =
        InForce::with_trial(Arc::clone(&all), BTreeSet::from(["so-y-te".to_owned()]), Arc::clone(&trial));
    let mut bench = Bench::open(&world.store, rules).await.unwrap();
    for _ in 0..3 {
        world.observe(vec![page_changed("/srv/www/index.html")]).await;
        world.observe_of(OTHER, clock::now(), page_changed("/srv/www/index.html")).await;
    }

    weigh(&world, &mut bench).await;

    let told = |agency: &str, set: &RuleSet, severity: &str| {
        (agency.to_owned(), set.digest().0.to_vec(), severity.to_owned())
    };
    assert_eq!(
        judged(&world).await,
        BTreeSet::from([told("so-tttt", &all, "high"), told("so-y-te", &trial, "low")])
    );
}

#[tokio::test]
async fn rules_that_change_while_observations_are_judged_never_judge_one_by_halves() {
    let world = world().await;
    let sets = [set("high"), set("low")];
    let mut bench = Bench::open(&world.store, Arc::clone(&sets[0])).await.unwrap();

    // Each observation meets two rules of the set: a page and a script.
    for round in 0..40 {
        for _ in 0..5 {
            world.observe(vec![script_made(round)]).await;
        }
        let weighed = bench.weigh_next(&world.store, 3, clock::now()).await.unwrap().unwrap();
        // Rules are replaced after a stretch was weighed and before it is filed, the worst moment.
        bench.replace(Arc::clone(&sets[(round + 1) % 2]));
        world.store.write(move |tx| file_in(tx, &weighed)).await.unwrap();
    }
    weigh(&world, &mut bench).await;

    let by_observation: Vec<(i64, i64, i64)> = world
        .store
        .read(|db| {
            let mut all = db.prepare(
                "SELECT count(*), count(DISTINCT rule_set), count(DISTINCT severity) FROM finding
                 WHERE rule IN ('web-page-changed', 'web-script-created') GROUP BY evidence",
            )?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(by_observation.len(), 200);
    assert!(by_observation.iter().all(|it| (it.1, it.2) == (1, 1)), "{by_observation:?}");
    assert_eq!(judged(&world).await.len(), 2, "both sets judged some of them, each by its own severity");
}

fn script_made(n: usize) -> Kind {
    let Kind::FileChanged(mut change) = page_changed(&format!("/srv/www/a{n}.php")) else { unreachable!() };
    change.action = vonggac_protocol::file::FileAction::Created;
    change.before = None;

    Kind::FileChanged(change)
}

#[tokio::test]
async fn a_signed_pack_is_tried_in_one_agency_then_judges_all_and_is_withdrawn_by_order() {
    let world = world().await;
    neighbours(&world).await;
    let key = SigningKey::ensure_for(&FEEDS, &world.folder.path().join("keys")).unwrap();
    let at = clock::now();
    let packed = |version: &str, severity: &str| {
        let (sources, digest) = (sources(severity), set(severity).digest());
        pack(sources, digest, "tinh", &Version::parse(version).unwrap(), &key, at).unwrap()
    };
    let trusted = BTreeSet::from([key.public()]);
    let import = |bytes: Vec<u8>| {
        let opened = crate::rule_packs::open(&bytes, &trusted).unwrap();
        world.store.write(move |tx| take(tx, &opened.manifest, &bytes, "an", at))
    };
    let carried = packed("2026.2", "low");
    import(carried.clone()).await.unwrap();
    let older = import(packed("2026.1", "high")).await.unwrap_err();
    assert_eq!(older.downcast_ref::<OlderPackError>().unwrap().held, "2026.2");
    let other = import(packed("2026.2", "medium")).await.unwrap_err();
    assert!(other.is::<OlderPackError>(), "another pack under the same version");
    assert_eq!(import(carried).await.unwrap(), 1, "the same again changes nothing");

    let judging = world.judging(Folder::BuiltIn);
    let mut bench = Bench::open(&world.store, judging.rules.clone()).await.unwrap();
    let mut seen = Seen { taken: Default::default(), last: Default::default() };
    let held = world.store.read(rule_packs::all).await.unwrap().remove(0);
    let give = |wanted: Order| world.store.write(move |tx| order(tx, &wanted, "an", "thử", at));
    let own = judging.rules.all().digest();
    let low = set("low").digest();
    let of = |bench: &Bench| ["so-tttt", "so-y-te"].map(|agency| bench.rules().of(agency).digest());

    assert!(give(Order::Withdraw).await.is_err(), "nothing is tried");
    let nowhere = Order::Trial(held.clone(), BTreeSet::from(["so-khong-co".to_owned()]));
    assert!(give(nowhere).await.is_err());
    give(Order::Trial(held.clone(), BTreeSet::from(["so-y-te".to_owned()]))).await.unwrap();
    assert!(judging.look_at_rules(&mut bench, &mut seen).await);
    assert_eq!(of(&bench), [own, low]);
    // A collector that starts now has the same in force.
    let restarted = first_rules(&world.store, &Folder::BuiltIn).await.unwrap();
    assert!(restarted.same(bench.rules()));
    give(Order::Withdraw).await.unwrap();
    assert!(judging.look_at_rules(&mut bench, &mut seen).await);
    assert_eq!(of(&bench), [own, own]);
    give(Order::All(held)).await.unwrap();
    assert!(judging.look_at_rules(&mut bench, &mut seen).await);
    assert_eq!(of(&bench), [low, low]);
    let label = world.store.read(move |db| rule_packs::label(db, low)).await.unwrap();
    assert_eq!(label, "tinh 2026.2");
    give(Order::Folder).await.unwrap();
    assert!(judging.look_at_rules(&mut bench, &mut seen).await);
    assert_eq!(of(&bench), [own, own]);
    assert_eq!(world.store.read(standing).await.unwrap().order, 4);
    for sql in ["DELETE FROM rule_order", "UPDATE rule_pack SET version = '9'", "DELETE FROM rule_pack"] {
        assert!(world.store.write(move |tx| Ok(tx.execute(sql, [])?)).await.is_err(), "{sql}");
    }
}

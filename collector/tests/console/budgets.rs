//! An agency's daily budget through the API: whose it may be, who sets it, and that its hosts are told.

use axum::http::StatusCode;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::{audit, orders};

use super::ask::World;

const OWN: &str = "/api/v1/agencies/xa-hoa-binh/budget";
const THEIRS: &str = "/api/v1/agencies/so-y-te/budget";

#[tokio::test]
async fn a_person_of_an_agency_sets_its_budget_alone_and_a_neighbours_attempt_is_refused_and_audited() {
    let world = World::new().await;
    let token = world.session("chi", SessionKind::Token).await;

    for (method, body) in [("GET", ""), ("PUT", r#"{"daily_kib":512}"#), ("PUT", r#"{"daily_kib":null}"#)] {
        let answer = world.call(&token, method, THEIRS, None, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {body}");
    }
    assert_eq!(world.audited("scope.refused").await, 3);
    assert_eq!(world.audited("agency.budget").await, 0);
    let unset = world.call(&token, "GET", OWN, None, "").await.json();
    assert!(unset["daily_kib"].is_null());

    let set = world.call(&token, "PUT", OWN, None, r#"{"daily_kib":512}"#).await;
    assert_eq!((set.status, set.json()["daily_kib"].as_u64()), (StatusCode::OK, Some(512)));

    assert_eq!(world.call(&token, "GET", OWN, None, "").await.json()["daily_kib"], 512);
    let admin = world.session("an", SessionKind::Token).await;
    assert!(
        world.call(&admin, "GET", THEIRS, None, "").await.json()["daily_kib"].is_null(),
        "the neighbour's stays"
    );
    assert_eq!(world.audited("agency.budget").await, 1);
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn a_budget_reaches_the_hosts_of_the_agency_and_may_be_lifted() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let told = async || {
        let find = |db: &rusqlite::Connection| {
            let hosts = db.prepare("SELECT id FROM host WHERE agency = 'so-y-te'")?;
            let mut hosts = hosts;
            let ids: Vec<[u8; 16]> = hosts.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            ids.into_iter()
                .map(|id| {
                    Ok(orders::assigned(db, vonggac_protocol::id::HostId(id))?
                        .and_then(|it| it.daily_budget_kib))
                })
                .collect::<anyhow::Result<Vec<_>>>()
        };
        world.seed.desk.store.read(find).await.unwrap()
    };

    let set = world.call(&token, "PUT", THEIRS, None, r#"{"daily_kib":640}"#).await;
    assert_eq!(set.status, StatusCode::OK);
    let after = told().await;
    assert!(!after.is_empty() && after.iter().all(|kib| *kib == Some(640)), "{after:?}");
    world.call(&token, "PUT", THEIRS, None, r#"{"daily_kib":null}"#).await;

    assert!(told().await.iter().all(Option::is_none));
}

#[tokio::test]
async fn what_is_no_budget_is_refused_and_who_only_reads_sets_none() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let reader = world.session("giang", SessionKind::Token).await;

    for (body, status) in [
        (r#"{"daily_kib":127}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"daily_kib":4194305}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"daily_kib":-1}"#, StatusCode::BAD_REQUEST),
        ("{}", StatusCode::BAD_REQUEST),
        (r#"{"daily_kib":512,"x":1}"#, StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(world.call(&token, "PUT", THEIRS, None, body).await.status, status, "{body}");
    }
    let answer = world.call(&reader, "PUT", THEIRS, None, r#"{"daily_kib":512}"#).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let nowhere = "/api/v1/agencies/khong-co/budget";
    assert_eq!(world.call(&token, "GET", nowhere, None, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.audited("agency.budget").await, 0);
}

//! Machines that wait, and identities that two machines have: who decides, on the page and through the API.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::{audit, hosts};

use super::ask::World;
use super::seed;

async fn set(world: &World, n: u8, state: hosts::HostState) {
    world.seed.desk.store.write(move |tx| hosts::set_state(tx, seed::host(n), state)).await.unwrap();
}

async fn state(world: &World, n: u8) -> hosts::HostState {
    world.seed.desk.store.read(move |db| hosts::find(db, seed::host(n))).await.unwrap().unwrap().state
}

#[tokio::test]
async fn an_administrator_approves_a_waiting_machine_on_its_page_and_it_is_in_the_audit_log() {
    let world = World::new().await;
    set(&world, 1, hosts::HostState::Waiting).await;
    let browser = world.session("an", SessionKind::Browser).await;
    let path = format!("/ghi-danh/{}", seed::host(1));

    assert!(world.get(&browser, "/ghi-danh").await.text.contains(&path));
    let posted = world.post(&browser, &path, "viec=duyet&ly_do=").await;

    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    assert_eq!(posted.header("location"), "/ghi-danh?xong=accepted");
    assert_eq!(state(&world, 1).await, hosts::HostState::Active);
    assert_eq!(world.audited("host.approved").await, 1);
    let again = world.post(&browser, &path, "viec=tu-choi&ly_do=x").await;
    assert_eq!(again.header("location"), "/ghi-danh?xong=state");
    assert!(!world.get(&browser, "/ghi-danh").await.text.contains(&path));
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn whoever_has_not_the_role_and_a_page_of_another_site_decide_nothing() {
    let world = World::new().await;
    set(&world, 1, hosts::HostState::Waiting).await;
    let path = format!("/ghi-danh/{}", seed::host(1));
    for name in ["chi", "giang"] {
        let browser = world.session(name, SessionKind::Browser).await;
        let token = world.session(name, SessionKind::Token).await;
        let api = format!("/api/v1/hosts/{}/decide", seed::host(1));

        assert!(!world.get(&browser, "/ghi-danh").await.text.contains("<form"), "{name}");
        assert_eq!(world.post(&browser, &path, "viec=duyet").await.status, StatusCode::FORBIDDEN, "{name}");
        let called = world.call(&token, "POST", &api, None, r#"{"decision":"accept"}"#).await;
        assert_eq!(called.status, StatusCode::FORBIDDEN, "{name}");
    }
    let administrator = world.session("an", SessionKind::Browser).await;
    let foreign = Request::post(&path)
        .header(header::COOKIE, format!("vonggac={administrator}"))
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("viec=duyet"))
        .unwrap();

    assert_eq!(world.ask(foreign).await.status, StatusCode::FORBIDDEN);
    assert_eq!(state(&world, 1).await, hosts::HostState::Waiting);
}

#[tokio::test]
async fn of_a_held_pair_the_decision_needs_a_reason_and_neither_can_be_chosen() {
    let world = World::new().await;
    set(&world, 1, hosts::HostState::Held).await;
    let token = world.session("an", SessionKind::Token).await;
    let api = format!("/api/v1/hosts/{}/decide", seed::host(1));
    let decide = async |body: &str| world.call(&token, "POST", &api, None, body).await.status;

    let listed = world.call(&token, "GET", "/api/v1/enrolments", None, "").await.json();
    assert_eq!(listed["held"][0]["host"]["id"], seed::host(1).to_string());
    assert_eq!(decide(r#"{"decision":"enrol-again"}"#).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(decide(r#"{"decision":"accept"}"#).await, StatusCode::CONFLICT);
    let chosen = decide(r#"{"decision":"enrol-again","reason":"đĩa bị sao chép"}"#).await;

    assert_eq!(chosen, StatusCode::NO_CONTENT);
    assert_eq!(state(&world, 1).await, hosts::HostState::Revoked);
    assert_eq!(world.audited("host.revoked").await, 1);
}

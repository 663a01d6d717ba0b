//! The API, as programs use it.

use std::path::Path;

use axum::http::StatusCode;
use vonggac_collector::api;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;

#[tokio::test]
async fn an_incident_is_worked_on_by_version() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;
    let path = |act: &str| format!("/api/v1/incidents/{id}{act}");

    let seen = world.call(&token, "GET", &path(""), None, "").await;
    let tag = seen.header("etag").to_owned();
    let blind = world.call(&token, "POST", &path("/acknowledge"), None, "").await;
    let taken = world.call(&token, "POST", &path("/acknowledge"), Some(&tag), "").await;
    let stale = world.call(&token, "POST", &path("/comment"), Some(&tag), r#"{"text":"x"}"#).await;
    let wrong = world.call(&token, "POST", &path("/close"), Some("\"2\""), r#"{"outcome":"nope"}"#).await;
    let body = r#"{"outcome":"planned_change","text":"Cập nhật theo kế hoạch"}"#;
    let closed = world.call(&token, "POST", &path("/close"), Some("\"2\""), body).await;
    let twice = world.call(&token, "POST", &path("/close"), Some("\"3\""), body).await;
    let again = world.call(&token, "POST", &path("/reopen"), Some("\"3\""), r#"{"text":"Chưa"}"#).await;

    assert_eq!(seen.json()["state"], "new");
    assert_eq!(seen.json()["evidence"][0]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!((taken.json()["state"].as_str(), taken.header("etag")), (Some("acknowledged"), "\"2\""));
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(stale.json()["type"], "urn:vonggac:problem:changed");
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(closed.json()["outcome"], "planned_change");
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert_eq!(again.json()["state"], "acknowledged");
}

#[tokio::test]
async fn pages_of_a_list_hold_every_row_once() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;

    for list in ["incidents", "hosts", "audit"] {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/{list}?limit=2{after}");
            let page = world.call(&token, "GET", &path, None, "").await.json();
            ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let whole = world.call(&token, "GET", &format!("/api/v1/{list}"), None, "").await.json();
        let expected: Vec<_> =
            whole["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect();
        assert_eq!(ids, expected, "{list}");
    }
}

#[tokio::test]
async fn a_malformed_request_is_told_what_was_expected() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;

    for (query, told) in [
        ("incidents?severity=huge", "low, medium, high, critical"),
        ("incidents?after=x", "after"),
        ("incidents?limit=9999", "1 to 500"),
        ("incidents?host=x", "32 lower-case"),
        ("hosts?state=x", "waiting, active"),
    ] {
        let answer = world.call(&token, "GET", &format!("/api/v1/{query}"), None, "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(told), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_route_that_the_description_names_answers() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let described: serde_json::Value = serde_json::from_str(&api::description()).unwrap();

    assert_eq!(world.get("", "/livez").await.status, StatusCode::OK);
    assert_eq!(world.get("", "/readyz").await.status, StatusCode::OK);
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in described["paths"].as_object().unwrap() {
        if methods.get("get").is_some() && !path.contains('{') {
            assert_eq!(world.call(&token, "GET", path, None, "").await.status, StatusCode::OK, "{path}");
        }
    }
    assert_eq!(world.get("", "/api/v1/openapi.json").await.json(), described);
}

#[test]
fn every_act_of_a_page_has_its_twin_in_the_api() {
    let described = api::description();
    let routes = include_str!("../../src/console/mod.rs");
    let twins = [
        ("/su-co/{id}/tiep-nhan", "/api/v1/incidents/{id}/acknowledge"),
        ("/su-co/{id}/ghi-chu", "/api/v1/incidents/{id}/comment"),
        ("/su-co/{id}/ket-thuc", "/api/v1/incidents/{id}/close"),
        ("/su-co/{id}/mo-lai", "/api/v1/incidents/{id}/reopen"),
        ("/su-co/{id}/viec", "/api/v1/incidents/{id}/act"),
        ("/rui-ro", "/api/v1/risks"),
        ("/rui-ro/{id}/rut", "/api/v1/risks/{id}/withdraw"),
        ("/ghi-danh/{id}", "/api/v1/hosts/{id}/decide"),
        ("/khung-gio", "/api/v1/windows"),
        ("/khung-gio/{id}/dong", "/api/v1/windows/{id}/close"),
        ("/rui-ro", "/api/v1/risks"),
        ("/rui-ro/{id}/rut", "/api/v1/risks/{id}/withdraw"),
        ("/ngoai-le", "/api/v1/exceptions"),
        ("/ngoai-le/{id}/rut", "/api/v1/exceptions/{id}/withdraw"),
        ("/tai-khoan/ngon-ngu", "/api/v1/me/language"),
        ("/tai-khoan/mat-khau", "/api/v1/me/password"),
        ("/dang-xuat", "/api/v1/session"),
    ];
    // Signing in makes the secret that the API is then used with; it has no twin.
    let acts = routes.lines().filter(|line| line.contains("post(") && !line.contains("/dang-nhap"));

    for act in acts {
        let twin = twins.iter().find(|(page, _)| act.contains(&format!("\"{page}\"")));
        let (_, twin) = twin.unwrap_or_else(|| panic!("no twin for {act}"));
        assert!(described.contains(&format!("\"{twin}\"")), "{twin}");
    }
}

#[test]
fn the_committed_description_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("VONGGAC_UPDATE").is_some() {
        std::fs::write(&path, api::description()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();

    assert!(
        committed == api::description(),
        "run this test with VONGGAC_UPDATE=1 and commit docs/openapi.json"
    );
}

//! Change windows, on pages and through the API: whose they may be, how they end, what stays.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use vonggac_collector::store::audit;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::seed;

const OWN: &str = r#"{"agency":"xa-hoa-binh","hours":2,"reason":"Nâng cấp một cửa"}"#;

async fn opened(world: &World, token: &str, body: &str) -> i64 {
    let answer = world.call(token, "POST", "/api/v1/windows", None, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);

    answer.json()["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_person_of_an_agency_opens_windows_for_it_alone_and_a_neighbours_attempt_is_audited() {
    let world = World::new().await;
    let token = world.session("chi", SessionKind::Token).await;
    let browser = world.session("chi", SessionKind::Browser).await;
    let theirs = opened(
        &world,
        &world.session("an", SessionKind::Token).await,
        r#"{"agency":"so-y-te","hours":2,"reason":"x"}"#,
    )
    .await;
    let theirs_path = format!("/api/v1/windows/{theirs}");
    let attempts = [
        r#"{"agency":"so-y-te","hours":2,"reason":"x"}"#.to_owned(),
        format!(r#"{{"host":"{}","hours":2,"reason":"x"}}"#, seed::host(1)),
        // Its own agency with a neighbour's host.
        format!(r#"{{"agency":"xa-hoa-binh","host":"{}","hours":2,"reason":"x"}}"#, seed::host(1)),
    ];

    for body in &attempts {
        let answer = world.call(&token, "POST", "/api/v1/windows", None, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{body}");
    }
    for (method, path) in [("GET", theirs_path.clone()), ("POST", format!("{theirs_path}/close"))] {
        assert_eq!(world.call(&token, method, &path, None, "").await.status, StatusCode::NOT_FOUND);
    }
    let form = "don_vi=so-y-te&so_gio=2&ly_do=x";
    assert_eq!(world.post(&browser, "/khung-gio", form).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&browser, &format!("/khung-gio/{theirs}")).await.status, StatusCode::NOT_FOUND);
    let closing = world.post(&browser, &format!("/khung-gio/{theirs}/dong"), "").await;
    assert_eq!(closing.status, StatusCode::NOT_FOUND);

    assert_eq!(world.audited("scope.refused").await, 8);
    assert_eq!(world.audited("window.opened").await, 1);
    let own = opened(&world, &token, OWN).await;
    let listed = world.call(&token, "GET", "/api/v1/windows", None, "").await.json();
    let ids: Vec<i64> =
        listed["items"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [own]);
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn who_only_reads_opens_nothing() {
    let world = World::new().await;
    let token = world.session("giang", SessionKind::Token).await;
    let browser = world.session("giang", SessionKind::Browser).await;

    let called = world.call(&token, "POST", "/api/v1/windows", None, OWN).await;
    let posted = world.post(&browser, "/khung-gio", "don_vi=so-y-te&so_gio=2&ly_do=x").await;

    assert_eq!((called.status, posted.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
    assert!(!world.get(&browser, "/khung-gio").await.text.contains("<form"));
}

#[tokio::test]
async fn open_closed_and_expired_windows_stay_in_the_history() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let (first, second) = (opened(&world, &token, OWN).await, opened(&world, &token, OWN).await);
    let close = format!("/api/v1/windows/{first}/close");

    let closed = world.call(&token, "POST", &close, None, "").await;
    let again = world.call(&token, "POST", &close, None, "").await;
    assert_eq!((closed.status, again.status), (StatusCode::OK, StatusCode::CONFLICT));
    assert_eq!(closed.json()["closed_by"], "binh");
    // Two hours later the other one has closed by itself.
    world.seed.clock.fetch_add(2 * 3_600_000, Ordering::SeqCst);
    let stage = world.call(&token, "GET", &format!("/api/v1/windows/{second}"), None, "").await.json();
    assert_eq!(stage["stage"], "expired");

    let browser = world.session("binh", SessionKind::Browser).await;
    let page = world.get(&browser, "/khung-gio").await.text;
    assert!(page.contains("Đã đóng sớm") && page.contains("Đã hết hạn"), "{page}");
    assert_eq!(world.audited("window.opened").await, 2);
    assert_eq!(world.audited("window.closed").await, 1);
    let gone = world.seed.desk.store.write(|tx| Ok(tx.execute("DELETE FROM change_window", [])?)).await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn a_window_has_a_reason_an_end_and_whole_paths() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let bad = [
        (r#"{"agency":"so-y-te","hours":169,"reason":"x"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"agency":"so-y-te","hours":0,"reason":"x"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"agency":"so-y-te","hours":1,"reason":" "}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"agency":"so-y-te","hours":1,"reason":"x","roots":["etc"]}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (
            r#"{"agency":"so-y-te","hours":1,"reason":"x","roots":["/a/../b"]}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (r#"{"agency":"so-khong-co","hours":1,"reason":"x"}"#, StatusCode::NOT_FOUND),
        (r#"{"hours":1,"reason":"x"}"#, StatusCode::NOT_FOUND),
    ];

    for (body, status) in bad {
        assert_eq!(world.call(&token, "POST", "/api/v1/windows", None, body).await.status, status, "{body}");
    }
    assert_eq!(world.audited("window.opened").await, 0);
}

#[tokio::test]
async fn the_form_opens_a_window_and_its_page_shows_what_it_is_for() {
    let world = World::new().await;
    let browser = world.session("chi", SessionKind::Browser).await;
    let form =
        "don_vi=xa-hoa-binh&so_gio=3&duong_dan=%2Fsrv%2Fwww%2F%0D%0A%2Fopt&ly_do=n%C3%A2ng+c%E1%BA%A5p";

    let answer = world.post(&browser, "/khung-gio", form).await;
    let page = world.get(&browser, answer.header("location")).await;

    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(page.text.contains("<code>/srv/www</code>") && page.text.contains("<code>/opt</code>"));
    assert!(page.text.contains("nâng cấp") && page.text.contains("/dong"));
}

//! Coming in, staying in, going out.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use vonggac_collector::console::sign_in_path;
use vonggac_collector::store::people;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::{NOW, World};

async fn link(world: &World, name: &'static str) -> String {
    let until = NOW.plus(Duration::from_secs(3_600));

    world.seed.desk.store.write(move |tx| people::make_link(tx, name, until)).await.unwrap()
}

#[tokio::test]
async fn a_link_is_not_used_up_by_looking_and_works_once() {
    let world = World::new().await;
    let secret = link(&world, "an").await;
    let form = format!("ma={secret}");

    let previewed = world.get("", &sign_in_path(&secret)).await;
    let previewed_again = world.get("", &format!("/dang-nhap/lien-ket?ma={secret}")).await;
    let used = world.post("", "/dang-nhap/lien-ket", &form).await;
    let used_again = world.post("", "/dang-nhap/lien-ket", &form).await;
    let looked_at = world.get("", &sign_in_path(&secret)).await;

    assert_eq!((previewed.status, previewed_again.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(used.status, StatusCode::SEE_OTHER);
    let cookie = used.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!((used_again.status, looked_at.status), (StatusCode::GONE, StatusCode::GONE));
    let session = cookie.split_once('=').unwrap().1.split_once(';').unwrap().0;
    assert_eq!(world.get(session, "/").await.status, StatusCode::OK);
    assert_eq!(world.audited("sign-in.link").await, 1);
}

#[tokio::test]
async fn a_password_is_set_and_signs_in_and_the_sixth_wrong_one_waits() {
    let world = World::new().await;
    let session = world.session("binh", SessionKind::Browser).await;
    let sign_in = async |password: &str| {
        world.post("", "/dang-nhap", &format!("ten=binh&mat_khau={password}&tiep=%2F%2Fevil.example")).await
    };

    let short = world.post(&session, "/tai-khoan/mat-khau", "moi=ngan&lai=ngan").await;
    let set =
        world.post(&session, "/tai-khoan/mat-khau", "moi=mot+cau+dai+de+nho&lai=mot+cau+dai+de+nho").await;
    let right = sign_in("mot+cau+dai+de+nho").await;
    let mut wrong = Vec::new();
    for _ in 0..6 {
        wrong.push(sign_in("sai").await.status.as_u16());
    }

    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set.status, StatusCode::SEE_OTHER);
    assert_eq!((right.status, right.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(wrong, [401, 401, 401, 401, 401, 429]);
    assert_eq!(sign_in("mot+cau+dai+de+nho").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_when_signed_out_and_a_token_does_not_go_idle() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;
    let other = world.session("an", SessionKind::Browser).await;
    let token = world.session("an", SessionKind::Token).await;

    let out = world.post(&other, "/dang-xuat", "").await;
    let after_out = world.get(&other, "/").await;
    world.seed.clock.fetch_add(31 * 60 * 1_000, Ordering::SeqCst);
    let after_idle = world.get(&session, "/su-co?muc=high").await;
    let with_token = world.call(&token, "GET", "/api/v1/me", None, "").await;

    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(after_out.header("location"), "/dang-nhap");
    assert_eq!(after_idle.header("location"), "/dang-nhap?tiep=/su-co%3Fmuc%3Dhigh");
    assert_eq!(with_token.json()["name"], "an");
}

#[tokio::test]
async fn a_page_that_refreshes_itself_does_not_keep_a_session_young() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;
    let refresh = || {
        Request::get("/su-co/moi?tu=0")
            .header(header::COOKIE, format!("vonggac={session}"))
            .header("hx-request", "true")
            .body(Body::empty())
            .unwrap()
    };

    let mut answers = Vec::new();
    for _ in 0..4 {
        world.seed.clock.fetch_add(10 * 60 * 1_000, Ordering::SeqCst);
        answers.push(world.ask(refresh()).await.status.as_u16());
    }

    assert_eq!(answers, [200, 200, 200, 401]);
}

#[tokio::test]
async fn what_another_site_made_a_browser_send_is_refused() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;
    let id = world.incident("/etc/passwd").await;
    let send = async |name: &'static str, value: &'static str| {
        let request = Request::post(format!("/su-co/{id}/tiep-nhan"))
            .header(header::COOKIE, format!("vonggac={session}"))
            .header(header::HOST, "console.example")
            .header(name, value)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("ban=1"))
            .unwrap();
        world.ask(request).await.status
    };

    assert_eq!(send("sec-fetch-site", "cross-site").await, StatusCode::FORBIDDEN);
    assert_eq!(send("origin", "https://evil.example").await, StatusCode::FORBIDDEN);
    assert_eq!(send("accept", "*/*").await, StatusCode::FORBIDDEN);
    assert_eq!(world.audited("incident.acknowledged").await, 0);
    assert_eq!(send("origin", "https://console.example").await, StatusCode::SEE_OTHER);
}

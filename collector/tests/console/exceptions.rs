//! Exceptions to rules: who may make which, what becomes of findings, how an exception ends, what stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use vonggac_collector::judge::folder::Folder;
use vonggac_collector::store::audit;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_protocol::time::Timestamp;

use super::ask::World;
use super::seed;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The rule that says a host's updates wait; the seed's hosts fit it again and again by their state.
const RULE: &str = "security-patches-late";

fn body(place: &str, rule: &str, conditions: &str, until: &str) -> String {
    format!(
        r#"{{"rule":"{rule}",{place}"conditions":{conditions},"until":"{until}","reason":"Đang thay máy"}}"#
    )
}

async fn make(world: &World, token: &str, body: &str) -> i64 {
    let answer = world.call(token, "POST", "/api/v1/exceptions", None, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{body}: {}", answer.text);

    answer.json()["id"].as_i64().unwrap()
}

/// A web page of host 1 changes at this moment, and the judge weighs it.
async fn page_changes(world: &World, at: Timestamp, path: &'static str) {
    let store = world.seed.desk.store.clone();
    store.write(move |tx| seed::tell_page(tx, 1, at, path)).await.unwrap();
    let rules = Folder::BuiltIn.load(vonggac_rules::words::Language::En).unwrap();
    seed::judge(&store, Arc::new(rules), at).await;
}

async fn count(world: &World, query: &'static str) -> i64 {
    world.seed.desk.store.read(move |db| Ok(db.query_row(query, [], |row| row.get(0))?)).await.unwrap()
}

/// Findings under incidents.
const FILED: &str = "SELECT count(*) FROM finding WHERE fields ->> 'path' LIKE '/var/www/html/tam/%'";
/// Findings under exceptions.
const EXCEPTED: &str =
    "SELECT count(*) FROM excepted_finding WHERE fields ->> 'path' LIKE '/var/www/html/tam/%'";

#[tokio::test]
async fn an_excepted_finding_raises_no_incident_is_kept_and_raises_one_again_when_the_exception_ends() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let browser = world.session("binh", SessionKind::Browser).await;
    let now = world.seed.desk.now();
    page_changes(&world, now, "/var/www/html/tam/truoc.php").await;
    assert!(count(&world, FILED).await > 0, "without an exception it raises one");
    let rules: Vec<String> = world
        .seed
        .desk
        .store
        .read(|db| {
            let mut all = db.prepare(
                "SELECT DISTINCT rule FROM finding WHERE fields ->> 'path' LIKE '/var/www/html/tam/%'",
            )?;
            Ok(all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    let before = count(&world, FILED).await;

    let place = format!(r#""host":"{}","#, seed::host(1));
    let mut ids = Vec::new();
    for rule in &rules {
        let asked = body(&place, rule, r#"{"path":"/var/www/html/tam/*"}"#, "2026-11-30");
        ids.push(make(&world, &token, &asked).await);
    }
    page_changes(&world, Timestamp(now.0 + 1_000), "/var/www/html/tam/trong.php").await;
    assert_eq!(count(&world, FILED).await, before, "no incident took a new finding");
    let kept = count(&world, EXCEPTED).await;
    assert_eq!(kept, before, "and each is kept");
    let one = world.call(&token, "GET", &format!("/api/v1/exceptions/{}", ids[0]), None, "").await.json();
    assert_eq!(one["kept"], 1);
    assert_eq!(one["findings"].as_array().unwrap().len(), 1);
    let page = world.get(&browser, &format!("/ngoai-le/{}", ids[0])).await.text;
    assert!(page.contains("/var/www/html/tam/*") && page.contains("Đang thay máy"));

    // Nine days later all of them are over, by themselves.
    world.seed.clock.fetch_add(9 * DAY, Ordering::SeqCst);
    let later = Timestamp(now.0 + 9 * DAY);
    page_changes(&world, later, "/var/www/html/tam/sau.php").await;
    assert_eq!(count(&world, FILED).await, 2 * before);
    assert_eq!(count(&world, EXCEPTED).await, kept);
    let token = world.session("binh", SessionKind::Token).await;
    let one = world.call(&token, "GET", &format!("/api/v1/exceptions/{}", ids[0]), None, "").await.json();
    assert_eq!(one["stage"], "ended");
}

#[tokio::test]
async fn people_of_an_agency_neither_read_nor_make_nor_withdraw_those_of_another() {
    let world = World::new().await;
    let (chi, an) =
        (world.session("chi", SessionKind::Token).await, world.session("an", SessionKind::Token).await);
    let browser = world.session("chi", SessionKind::Browser).await;
    let theirs = make(&world, &an, &body(r#""agency":"so-y-te","#, RULE, "{}", "2026-12-31")).await;
    let province = make(&world, &an, &body("", RULE, "{}", "2026-12-31")).await;

    let host = format!(r#""host":"{}","#, seed::host(1));
    for (place, status) in [
        (r#""agency":"so-y-te","#, StatusCode::NOT_FOUND),
        (host.as_str(), StatusCode::NOT_FOUND),
        ("", StatusCode::FORBIDDEN),
    ] {
        let answer = world
            .call(&chi, "POST", "/api/v1/exceptions", None, &body(place, RULE, "{}", "2026-12-31"))
            .await;
        assert_eq!(answer.status, status, "{place}");
    }
    for (id, read, taken) in [
        (theirs, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
        (province, StatusCode::OK, StatusCode::FORBIDDEN),
    ] {
        let path = format!("/api/v1/exceptions/{id}");
        assert_eq!(world.call(&chi, "GET", &path, None, "").await.status, read);
        assert_eq!(world.get(&browser, &format!("/ngoai-le/{id}")).await.status, read);
        let taking = format!("{path}/withdraw");
        assert_eq!(world.call(&chi, "POST", &taking, None, r#"{"reason":"x"}"#).await.status, taken);
        let posted = world.post(&browser, &format!("/ngoai-le/{id}/rut"), "ly_do=x").await;
        assert_eq!(posted.status, taken);
    }
    let form = format!("luat={RULE}&don_vi=so-y-te&den_ngay=2026-12-31&ly_do=x");
    assert_eq!(world.post(&browser, "/ngoai-le", &form).await.status, StatusCode::NOT_FOUND);
    let listed = world.call(&chi, "GET", "/api/v1/exceptions", None, "").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "that of the province");
    assert!(!world.get(&browser, "/ngoai-le?loai=tat-ca").await.text.contains("so-y-te"));
    assert_eq!(world.audited("exception.made").await, 2);
    assert_eq!(world.audited("exception.withdrawn").await, 0);
    assert_eq!(world.audited("scope.refused").await, 10);

    make(&world, &chi, &body(r#""agency":"xa-hoa-binh","#, RULE, "{}", "2026-12-31")).await;
    for name in ["dung", "giang"] {
        let token = world.session(name, SessionKind::Token).await;
        let asked = body("", RULE, "{}", "2026-12-31");
        let made = world.call(&token, "POST", "/api/v1/exceptions", None, &asked).await;
        assert_eq!(made.status, StatusCode::FORBIDDEN, "{name} only reads");
    }
}

#[tokio::test]
async fn an_exception_has_a_rule_a_reason_and_an_end_and_nothing_of_it_is_edited() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let browser = world.session("an", SessionKind::Browser).await;
    let many: Vec<String> = (0..9).map(|n| format!("\"f{n}\":\"x\"")).collect();
    for (asked, status) in [
        (body("", "no-such-rule", "{}", "2026-12-31"), 422),
        (body("", RULE, r#"{"":"x"}"#, "2026-12-31"), 422),
        (body("", RULE, &format!("{{{}}}", many.join(",")), "2026-12-31"), 422),
        (body("", RULE, "{}", "2026-11-21"), 422),
        (body("", RULE, "{}", "2027-11-24"), 422),
        (body("", RULE, "{}", "2026-12-31").replace("Đang thay máy", " "), 422),
        (body(r#""agency":"khong-co","#, RULE, "{}", "2026-12-31"), 404),
    ] {
        let answer = world.call(&token, "POST", "/api/v1/exceptions", None, &asked).await;
        assert_eq!(answer.status.as_u16(), status, "{asked}");
    }
    let form = format!("luat={RULE}&dieu_kien=khong+co+dau+bang&den_ngay=2026-12-31&ly_do=giu+lai");
    let page = world.post(&browser, "/ngoai-le", &form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("giu lai"), "what was typed stays");

    let good = format!("luat={RULE}&dieu_kien=host_name%3Dcsdl-*&den_ngay=2026-12-31&ly_do=x");
    let made = world.post(&browser, "/ngoai-le", &good).await;
    assert!(made.header("location").ends_with("xong=made"));
    let taken = world.post(&browser, "/ngoai-le/1/rut", "ly_do=Het+viec").await;
    assert!(taken.header("location").ends_with("xong=withdrawn"));
    let again = world.call(&token, "POST", "/api/v1/exceptions/1/withdraw", None, r#"{"reason":"x"}"#).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(world.get(&browser, "/ngoai-le?loai=tat-ca").await.text.contains("host_name=csdl-*"));
    for sql in ["DELETE FROM rule_exception", "UPDATE rule_exception SET ends_at = ends_at + 1"] {
        assert!(world.seed.desk.store.write(move |tx| Ok(tx.execute(sql, [])?)).await.is_err(), "{sql}");
    }
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

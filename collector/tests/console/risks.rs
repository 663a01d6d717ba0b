//! Accepted risks: who may accept what, what becomes of findings, how an acceptance ends, what stays.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::Value;
use vonggac_collector::store::decided::Extent;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::{audit, people};
use vonggac_collector::vulnerabilities::touched::{Touched, touched};

use super::ask::World;
use super::seed;
use super::vulnerabilities::{TRACKER, carry_in};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Today is 22 November 2026 in these tests.
fn body(place: &str, name: &str, package: &str, until: &str) -> String {
    format!(r#"{{"name":"{name}","package":"{package}",{place}"until":"{until}","reason":"Máy sắp thay"}}"#)
}

fn on(n: u8) -> String {
    format!(r#""host":"{}","#, seed::host(n))
}

async fn accept(world: &World, token: &str, body: &str) -> i64 {
    let answer = world.call(token, "POST", "/api/v1/risks", None, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{body}: {}", answer.text);

    answer.json()["id"].as_i64().unwrap()
}

async fn report(world: &World, token: &str, n: u8) -> Value {
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(n));

    world.call(token, "GET", &path, None, "").await.json()
}

fn counts(report: &Value) -> [usize; 3] {
    ["with_fix", "without_fix", "accepted"].map(|list| report[list].as_array().unwrap().len())
}

async fn judged() -> World {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    carry_in(&world, folder.path(), TRACKER, 3).await;

    world
}

#[tokio::test]
async fn an_accepted_finding_leaves_the_open_list_stays_visible_and_comes_back_by_itself() {
    let world = judged().await;
    let token = world.session("binh", SessionKind::Token).await;
    let browser = world.session("binh", SessionKind::Browser).await;
    assert_eq!(counts(&report(&world, &token, 1).await), [1, 1, 0]);

    let id = accept(&world, &token, &body(&on(1), "cve-2026-1001", "bash", "2026-12-31")).await;
    let accepted = report(&world, &token, 1).await;

    assert_eq!(counts(&accepted), [0, 1, 1]);
    let told = &accepted["accepted"][0];
    assert_eq!(told["advisory"], "CVE-2026-1001");
    assert_eq!(told["accepted"][0]["id"], id);
    assert_eq!(told["accepted"][0]["by"], "binh");
    assert_eq!(told["accepted"][0]["last_day"], "2026-12-31");
    assert_eq!(counts(&report(&world, &token, 2).await), [1, 1, 0], "another host's is open");
    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
    for words in ["Đã chấp nhận rủi ro (1)", "chấp nhận đến hết ngày 31/12/2026 bởi binh: Máy sắp thay"]
    {
        assert!(page.contains(words), "{words}");
    }

    // 31 December is the last day, in Vietnam: 39 days and some hours are left.
    world.seed.clock.fetch_add(39 * DAY, Ordering::SeqCst);
    assert_eq!(counts(&report(&world, &world.session("binh", SessionKind::Token).await, 1).await), [0, 1, 1]);
    world.seed.clock.fetch_add(DAY, Ordering::SeqCst);
    let token = world.session("binh", SessionKind::Token).await;
    assert_eq!(counts(&report(&world, &token, 1).await), [1, 1, 0]);
    let one = world.call(&token, "GET", &format!("/api/v1/risks/{id}"), None, "").await.json();
    assert_eq!(one["stage"], "ended");
    let withdrawn = format!("/api/v1/risks/{id}/withdraw");
    let late = world.call(&token, "POST", &withdrawn, None, r#"{"reason":"x"}"#).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_withdrawn_acceptance_opens_its_findings_at_once_and_stays_in_the_history() {
    let world = judged().await;
    let token = world.session("an", SessionKind::Token).await;
    let browser = world.session("an", SessionKind::Browser).await;
    // For the whole province, and for two CVEs; one package's name is another's.
    let id = accept(&world, &token, &body("", "CVE-2026-1003", "openssl", "2027-11-22")).await;
    accept(&world, &token, &body("", "CVE-2026-1001", "bash-static", "2027-11-22")).await;
    for n in 1..=6 {
        assert_eq!(counts(&report(&world, &token, n).await), [1, 0, 1], "host {n}");
    }

    let empty = world.post(&browser, &format!("/rui-ro/{id}/rut"), "ly_do=+").await;
    assert!(empty.header("location").ends_with("xong=reason"));
    let taken = world.post(&browser, &format!("/rui-ro/{id}/rut"), "ly_do=Da+co+ban+va").await;

    assert!(taken.header("location").ends_with("xong=withdrawn"));
    assert_eq!(counts(&report(&world, &token, 1).await), [1, 1, 0]);
    let page = world.get(&browser, "/rui-ro?loai=tat-ca").await.text;
    assert!(page.contains("Đã rút lại") && page.contains("Da co ban va") && page.contains("toàn tỉnh"));
    let in_force = world.call(&token, "GET", "/api/v1/risks?in_force=true", None, "").await.json();
    assert_eq!(in_force["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.audited("risk.accepted").await, 2);
    assert_eq!(world.audited("risk.withdrawn").await, 1);
    for sql in ["DELETE FROM accepted_risk", "UPDATE accepted_risk SET ends_at = ends_at + 1"] {
        assert!(world.seed.desk.store.write(move |tx| Ok(tx.execute(sql, [])?)).await.is_err(), "{sql}");
    }
    let again = "UPDATE accepted_risk SET withdrawn_by = 'x' WHERE withdrawn_at IS NOT NULL";
    assert!(world.seed.desk.store.write(move |tx| Ok(tx.execute(again, [])?)).await.is_err());
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn people_of_an_agency_accept_for_it_alone() {
    let world = judged().await;
    let token = world.session("chi", SessionKind::Token).await;
    let browser = world.session("chi", SessionKind::Browser).await;
    let theirs = accept(
        &world,
        &world.session("an", SessionKind::Token).await,
        &body(r#""agency":"so-y-te","#, "CVE-2026-1003", "openssl", "2026-12-31"),
    )
    .await;
    let province = accept(
        &world,
        &world.session("an", SessionKind::Token).await,
        &body("", "CVE-2026-1003", "openssl", "2026-12-31"),
    )
    .await;

    for (place, status) in [
        (r#""agency":"so-y-te","#.to_owned(), StatusCode::NOT_FOUND),
        (on(1), StatusCode::NOT_FOUND),
        (String::new(), StatusCode::FORBIDDEN),
    ] {
        let body = body(&place, "CVE-2026-1001", "bash", "2026-12-31");
        let answer = world.call(&token, "POST", "/api/v1/risks", None, &body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let why = r#"{"reason":"x"}"#;
    for (id, read, written) in [
        (theirs, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
        (province, StatusCode::OK, StatusCode::FORBIDDEN),
    ] {
        let path = format!("/api/v1/risks/{id}");
        assert_eq!(world.call(&token, "GET", &path, None, "").await.status, read);
        let taking = world.call(&token, "POST", &format!("{path}/withdraw"), None, why).await;
        assert_eq!(taking.status, written);
    }
    let form = "ma=CVE-2026-1001&goi=bash&don_vi=so-y-te&den_ngay=2026-12-31&ly_do=x";
    assert_eq!(world.post(&browser, "/rui-ro", form).await.status, StatusCode::NOT_FOUND);
    let wide = "ma=CVE-2026-1001&goi=bash&den_ngay=2026-12-31&ly_do=x";
    assert_eq!(world.post(&browser, "/rui-ro", wide).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.audited("scope.refused").await, 8);
    assert_eq!(world.audited("risk.accepted").await, 2);

    accept(&world, &token, &body(&on(5), "CVE-2026-1001", "bash", "2026-12-31")).await;
    let own = r#""agency":"xa-hoa-binh","#;
    accept(&world, &token, &body(own, "CVE-2026-1002", "nginx", "2026-12-31")).await;
    let listed = world.call(&token, "GET", "/api/v1/risks", None, "").await.json();
    let extents: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| it["extent"].clone()).collect();
    assert_eq!(extents, ["agency", "host", "province"]);
    assert!(!world.get(&browser, "/rui-ro?loai=tat-ca").await.text.contains("so-y-te"));
    assert_eq!(counts(&report(&world, &token, 5).await), [0, 0, 2]);
    assert_eq!(counts(&report(&world, &token, 6).await), [1, 0, 1]);
}

#[tokio::test]
async fn who_only_reads_accepts_nothing_and_sees_everything() {
    let world = judged().await;
    let an = world.session("an", SessionKind::Token).await;
    let id = accept(&world, &an, &body(&on(1), "CVE-2026-1001", "bash", "2026-12-31")).await;

    for name in ["dung", "giang"] {
        let token = world.session(name, SessionKind::Token).await;
        let browser = world.session(name, SessionKind::Browser).await;
        let asked = body(&on(1), "CVE-2026-1003", "openssl", "2026-12-31");
        let called = world.call(&token, "POST", "/api/v1/risks", None, &asked).await;
        let taking = format!("/api/v1/risks/{id}/withdraw");
        let taken = world.call(&token, "POST", &taking, None, r#"{"reason":"x"}"#).await;
        let posted = world.post(&browser, &format!("/rui-ro/{id}/rut"), "ly_do=x").await;
        assert_eq!([called.status, taken.status, posted.status], [StatusCode::FORBIDDEN; 3], "{name}");
        let page = world.get(&browser, "/rui-ro").await.text;
        assert!(page.contains("CVE-2026-1001") && !page.contains("<form"), "{name}");
        let host = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
        assert!(!host.contains("/rui-ro?ma="), "{name}");
    }
    assert_eq!(world.get("", "/api/v1/risks").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_acceptance_has_a_finding_a_reason_and_an_end_within_a_year() {
    let world = judged().await;
    let token = world.session("an", SessionKind::Token).await;
    let browser = world.session("an", SessionKind::Browser).await;
    let unfit = StatusCode::UNPROCESSABLE_ENTITY;
    let cases = [
        (body("", "", "bash", "2026-12-31"), unfit),
        (body("", "CVE 1", "bash", "2026-12-31"), unfit),
        (body("", "CVE-1", " ", "2026-12-31"), unfit),
        (body("", "CVE-1", "bash", "2026-11-21"), unfit),
        (body("", "CVE-1", "bash", "2027-11-24"), unfit),
        (body("", "CVE-1", "bash", "soon"), unfit),
        (body("", "CVE-1", "bash", "2026-12-31").replace("Máy sắp thay", " "), unfit),
        (body(r#""agency":"so-khong-co","#, "CVE-1", "bash", "2026-12-31"), StatusCode::NOT_FOUND),
        (body(r#""host":"x","#, "CVE-1", "bash", "2026-12-31"), StatusCode::NOT_FOUND),
        (body(&format!("{}\"agency\":\"so-y-te\",", on(1)), "C", "b", "2026-12-31"), StatusCode::BAD_REQUEST),
    ];

    for (body, status) in &cases {
        assert_eq!(world.call(&token, "POST", "/api/v1/risks", None, body).await.status, *status, "{body}");
    }
    let typed = "ma=CVE-2026-1001&goi=bash&den_ngay=2030-01-01&ly_do=giu+lai";
    let page = world.post(&browser, "/rui-ro", typed).await;
    assert_eq!(page.status, unfit);
    assert!(
        page.text.contains("giu lai") && page.text.contains("không quá 366 ngày"),
        "what was typed stays"
    );
    for day in ["2026-11-22", "2027-11-23"] {
        accept(&world, &token, &body("", "CVE-1", "bash", day)).await;
    }
    let soon = world.call(&token, "GET", "/api/v1/risks?ending_within_days=30", None, "").await.json();
    assert_eq!(soon["items"].as_array().unwrap().len(), 1);
    assert!(world.get(&browser, "/rui-ro?loai=sap-het").await.text.contains("22/11/2026"));
}

/// OSV's word of two weaknesses, one of which the tracker knows with another fix.
const OSV: &str = r#"{"id": "DSA-9001-1", "modified": "2026-11-19T00:00:00Z", "published": "2026-11-19T00:00:00Z",
  "schema_version": "1.7.0", "summary": "bash", "details": "bash", "upstream": ["CVE-2026-1001"],
  "affected": [{"package": {"ecosystem": "Debian:12", "name": "bash"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.3-4+deb12u3"}]}]}]}"#;

#[tokio::test]
async fn two_feeds_that_tell_one_weakness_make_one_finding_and_either_name_accepts_it() {
    let world = judged().await;
    let token = world.session("binh", SessionKind::Token).await;
    let folder = tempfile::tempdir().unwrap();
    carry_in(&world, folder.path(), OSV, 3).await;

    let before = report(&world, &token, 1).await;
    assert_eq!(counts(&before), [1, 1, 0], "{before}");
    let found = &before["with_fix"][0];
    assert_eq!(found["advisory"], "CVE-2026-1001");
    assert_eq!(found["feed"], "debian-tracker", "the distribution's own feed comes before OSV");
    assert_eq!(found["fixed"], "1.2.3-4+deb12u2");
    assert_eq!(found["also"][0]["advisory"], "DSA-9001-1");
    assert_eq!(found["also"][0]["fixed"], "1.2.3-4+deb12u3");
    assert_eq!(found["also"][0]["agrees"], false, "that they differ is told");
    let browser = world.session("binh", SessionKind::Browser).await;
    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
    assert!(page.contains("cũng được nêu bởi DSA-9001-1"));

    accept(&world, &token, &body(&on(1), "DSA-9001-1", "bash", "2026-12-31")).await;
    assert_eq!(counts(&report(&world, &token, 1).await), [0, 1, 1], "accepted under the other feed's name");
    let vex = format!("/api/v1/hosts/{}/sbom?format=vex", seed::host(1));
    let vex = world.call(&token, "GET", &vex, None, "").await.text;
    assert!(vex.contains("risk accepted for this host") && vex.contains("DSA-9001-1"), "{vex}");
}

#[tokio::test]
async fn what_an_acceptance_would_touch_is_counted_before_and_after() {
    let world = judged().await;
    let token = world.session("binh", SessionKind::Token).await;
    let look = async |extent: Extent, name: &'static str, package: &'static str| {
        let (shared, now) = (world.seed.desk.settings.vulnerabilities.clone(), world.seed.desk.now());
        let read = move |db: &rusqlite::Connection| touched(db, &shared, &extent, (name, package), now);
        world.seed.desk.store.read(read).await.unwrap()
    };
    let agency = || Extent::Agency("so-tttt".to_owned());
    assert_eq!(look(agency(), "cve-2026-1001", "bash").await.open, 2);
    assert_eq!(look(Extent::Host(seed::host(1)), "CVE-2026-1001", "bash").await.open, 1);
    assert_eq!(look(Extent::Province, "CVE-2026-1001", "bash").await.open, 6);

    let wrong = look(agency(), "CVE-2026-1001", "zsh").await;
    assert_eq!((wrong.open, wrong.accepted), (0, 0));
    assert!(wrong.packages.contains("bash"), "what was probably meant");
    assert_eq!(look(agency(), "CVE-2026-9999", "bash").await, Touched::default());

    accept(&world, &token, &body(&on(1), "CVE-2026-1001", "bash", "2026-12-31")).await;
    let after = look(agency(), "CVE-2026-1001", "bash").await;
    assert_eq!((after.open, after.accepted), (1, 1));
}

#[tokio::test]
async fn people_who_may_accept_are_those_of_the_province_and_of_the_agency() {
    let world = judged().await;
    let who = async |agency: Option<&'static str>| {
        world.seed.desk.store.read(move |db| people::who_decide(db, agency)).await.unwrap()
    };

    let province = who(None).await;
    assert!(province.contains(&"binh".to_owned()) && !province.contains(&"chi".to_owned()), "{province:?}");
    let of_agency = who(Some("xa-hoa-binh")).await;
    let of_other = who(Some("so-y-te")).await;
    assert!(of_agency.contains(&"chi".to_owned()) && !of_other.contains(&"chi".to_owned()));
    for name in &province {
        assert!(of_agency.contains(name), "{name}");
    }
}

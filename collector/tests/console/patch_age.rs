//! "Security patches no older than 30 days on servers", from observations and advisories to the page.

use axum::http::StatusCode;
use serde_json::Value;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::vulnerabilities::{TRACKER, carry_in};

/// What AlmaLinux's and Debian's OSV files look like: a fix with the day of its publication.
const OSV: &str = r#"{"schema_version": "1.6.0", "id": "DSA-9999-1", "published": "2026-09-01T00:00:00Z",
  "modified": "2026-09-02T00:00:00Z", "summary": "bash runs what it should not", "upstream": ["CVE-2026-1001"],
  "affected": [{"package": {"ecosystem": "Debian:12", "name": "bash"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.3-4+deb12u2"}]}]}]}"#;

async fn asked(world: &World, token: &str, query: &str) -> Value {
    let answer = world.call(token, "GET", &format!("/api/v1/patch-age{query}"), None, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    answer.json()
}

fn of<'a>(page: &'a Value, name: &str) -> &'a Value {
    page["items"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

#[tokio::test]
async fn each_host_answers_with_the_packages_that_break_the_policy() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let before = asked(&world, &token, "?days=30").await;
    let names: Vec<_> = before["items"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert!(!names.is_empty());

    // A single advisory does not speak for a system; the tracker does, and has no days.
    carry_in(&world, folder.path(), TRACKER, 3).await;
    carry_in(&world, folder.path(), OSV, 3).await;
    let page = asked(&world, &token, "?days=30").await;
    let longer = asked(&world, &token, "?days=100").await;

    let host = of(&page, "web-cong-thong-tin");
    assert_eq!(host["state"], "broken");
    let late: Vec<&Value> =
        host["breaking"].as_array().unwrap().iter().filter(|it| it["basis"] == "advisory").collect();
    assert_eq!(late.len(), 1, "{host}");
    assert_eq!(late[0]["package"], "bash");
    assert_eq!(late[0]["candidate"], "1.2.3-4+deb12u2");
    assert_eq!(late[0]["days"], 82);
    assert_eq!(late[0]["by"], "DSA-9999-1");
    let is_late = |page: &Value| {
        let late = of(page, "web-cong-thong-tin")["breaking"].to_string();
        late.contains("DSA-9999-1")
    };
    assert!(is_late(&page) && !is_late(&longer));
    let browser = world.session("an", SessionKind::Browser).await;
    let shown = world.get(&browser, "/ban-va?so_ngay=30&vai_tro=tat-ca").await.text;
    for words in ["web-cong-thong-tin", "82 ngày, từ 01/09/2026", "DSA-9999-1", "Quá hạn"] {
        assert!(shown.contains(words), "{words}");
    }
}

#[tokio::test]
async fn an_agency_sees_its_own_hosts_and_a_wrong_question_is_told() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    carry_in(&world, folder.path(), OSV, 3).await;
    let token = world.session("chi", SessionKind::Token).await;
    let browser = world.session("chi", SessionKind::Browser).await;

    for query in ["", "?agency=so-y-te"] {
        let page = asked(&world, &token, query).await;
        assert!(page["items"].as_array().unwrap().iter().all(|it| it["agency"] == "xa-hoa-binh"), "{page}");
    }
    assert!(!asked(&world, &token, "").await["items"].as_array().unwrap().is_empty());
    let shown = world.get(&browser, "/ban-va?vai_tro=tat-ca").await.text;
    assert!(shown.contains("mot-cua-hoa-binh") && !shown.contains("benh-an"));
    for query in ["?days=0", "?days=4000", "?role=router", "?limit=0"] {
        let path = format!("/api/v1/patch-age{query}");
        assert_eq!(
            world.call(&token, "GET", &path, None, "").await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

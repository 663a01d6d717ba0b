//! Weaknesses of a host, from a carried file to the page: which list, which feed, how old.

use std::path::Path;

use axum::http::StatusCode;
use vonggac_advisory::feed::Limits;
use vonggac_collector::feeds::admit::Allowed;
use vonggac_collector::feeds::convert::{Said, convert};
use vonggac_collector::store::feeds;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::vulnerabilities::step;
use vonggac_protocol::time::Timestamp;

use super::ask::{NOW, World};
use super::seed;

const DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) const TRACKER: &str = r#"{
  "bash": {"CVE-2026-1001": {"description": "bash runs what it should not", "releases": {
    "bookworm": {"status": "resolved", "fixed_version": "1.2.3-4+deb12u2", "urgency": "high"}}}},
  "nginx": {"CVE-2026-1002": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "1.2.3-4", "urgency": "low"}}}},
  "openssl": {"CVE-2026-1003": {"releases": {
    "bookworm": {"status": "open", "urgency": "not yet assigned", "nodsa": "Minor issue", "nodsa_reason": ""}}}}
}"#;

const KEV: &str = r#"{"title": "x", "catalogVersion": "2026.11.20", "dateReleased": "2026-11-20T00:00:00Z", "count": 1,
  "vulnerabilities": [{"cveID": "CVE-2026-1001", "dateAdded": "2026-11-20", "dueDate": "2026-12-01",
    "knownRansomwareCampaignUse": "Known"}]}"#;

/// Lets a file in, as the command line does, and brings book and fleet in step.
pub(super) async fn carry_in(world: &World, folder: &Path, text: &str, days_ago: i64) {
    let path = folder.join("carried");
    std::fs::write(&path, text).unwrap();
    let said = Said { dated: Some(Timestamp(NOW.0 - days_ago * DAY)), ..Said::default() };
    let parts = vec![convert(&path, &said, &Limits::default()).unwrap()];
    let store = &world.seed.desk.store;
    store.write(move |tx| feeds::take(tx, parts, None, "an", Allowed::default(), NOW)).await.unwrap();
    step::once(&world.seed.desk.settings.vulnerabilities, store).await.unwrap();
}

#[tokio::test]
async fn a_weakness_goes_from_a_carried_file_to_the_page_and_says_by_which_feed() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(1));
    let before = world.call(&token, "GET", &path, None, "").await.json();
    assert_eq!(before["covered"], false, "no feed yet: empty lists mean nothing");

    carry_in(&world, folder.path(), TRACKER, 3).await;
    carry_in(&world, folder.path(), KEV, 3).await;
    let report = world.call(&token, "GET", &path, None, "").await.json();

    assert_eq!(report["ecosystem"], "Debian:12");
    assert_eq!(report["covered"], true);
    assert_eq!(report["feeds"][0]["name"], "debian-tracker");
    assert_eq!(report["feeds"][0]["age_days"], 3);
    assert_eq!(report["feeds"][0]["too_old"], false);
    assert_eq!(report["feeds"][0]["signed"], false);
    let (with_fix, without) =
        (report["with_fix"].as_array().unwrap(), report["without_fix"].as_array().unwrap());
    assert_eq!(with_fix.len(), 1, "{report}");
    assert_eq!(with_fix[0]["advisory"], "CVE-2026-1001");
    assert_eq!(with_fix[0]["installed"][0], "bash 1.2.3-4+deb12u1");
    assert_eq!(with_fix[0]["fixed"], "1.2.3-4+deb12u2");
    assert_eq!(with_fix[0]["state"], "fixable");
    assert_eq!(with_fix[0]["exploited"], true);
    assert_eq!(with_fix[0]["feed"], "debian-tracker");
    assert_eq!(without.len(), 1, "{report}");
    assert_eq!(without[0]["advisory"], "CVE-2026-1003");
    assert_eq!(without[0]["state"], "no_fix");
    assert_eq!(without[0]["note"], "no-dsa: Minor issue");
    let browser = world.session("an", SessionKind::Browser).await;
    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await;
    assert_eq!(page.status, StatusCode::OK);
    for words in ["CVE-2026-1001", "1.2.3-4+deb12u2", "đang bị khai thác", "Chưa có bản vá", "debian-tracker"]
    {
        assert!(page.text.contains(words), "{words}");
    }
    assert!(!page.text.contains("CVE-2026-1002"), "what is mended is no weakness");
}

#[tokio::test]
async fn an_old_feed_warns_and_keeps_its_findings() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let browser = world.session("an", SessionKind::Browser).await;
    carry_in(&world, folder.path(), TRACKER, 15).await;

    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
    let feeds = world.get(&browser, "/nguon-tin").await.text;

    assert!(page.contains("CVE-2026-1001") && page.contains("Nguồn tin đã quá cũ"));
    assert!(feeds.contains("15 ngày tuổi") && feeds.contains("quá cũ") && feeds.contains("không có chữ ký"));
}

#[tokio::test]
async fn a_feed_that_was_dropped_takes_its_findings_along_and_a_new_one_is_judged_at_once() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(1));
    carry_in(&world, folder.path(), TRACKER, 5).await;
    carry_in(&world, folder.path(), &TRACKER.replace("deb12u2", "deb12u1"), 4).await;
    let mended = world.call(&token, "GET", &path, None, "").await.json();

    let store = &world.seed.desk.store;
    store.write(move |tx| feeds::drop(tx, "debian-tracker", "an", "x", NOW)).await.unwrap();
    step::once(&world.seed.desk.settings.vulnerabilities, store).await.unwrap();
    let after = world.call(&token, "GET", &path, None, "").await.json();

    assert_eq!(mended["with_fix"].as_array().unwrap().len(), 0, "the new data says that it is mended");
    assert_eq!(mended["without_fix"].as_array().unwrap().len(), 1);
    assert_eq!(after["covered"], false);
    assert_eq!(after["without_fix"].as_array().unwrap().len(), 0);
    assert!(after["unknown"].as_array().unwrap().iter().all(|it| it["why"] == "no_feed"));
}

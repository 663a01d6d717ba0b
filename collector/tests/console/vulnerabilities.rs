//! Weaknesses of a host, from a carried file to the page: which list, which feed, how old.

use std::path::Path;

use axum::http::StatusCode;
use vonggac_advisory::feed::Limits;
use vonggac_collector::feeds::admit::Allowed;
use vonggac_collector::feeds::convert::{Said, convert};
use vonggac_collector::store::feeds;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::vulnerabilities::step;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::{MissingUpdate, UpdateSearch, WindowsState};

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

const MONTH: &str = r#"<cvrf:cvrfdoc xmlns:cvrf="c" xmlns:v="v"><DocumentPublisher>secure@microsoft.com</DocumentPublisher>
  <InitialReleaseDate>2026-11-10T08:00:00</InitialReleaseDate><CurrentReleaseDate>2026-11-20T08:00:00</CurrentReleaseDate>
  <FullProductName ProductID="7">Windows 10 Version 22H2 for x64-based Systems</FullProductName>
  <v:Vulnerability><v:Title>Kernel</v:Title><v:CVE>CVE-2026-2001</v:CVE><v:ProductStatuses><v:Status Type="Known Affected"><v:ProductID>7</v:ProductID></v:Status></v:ProductStatuses>
    <v:Remediations><v:Remediation Type="Vendor Fix"><v:Description>5090001</v:Description><v:Supercedence>5080001</v:Supercedence><v:ProductID>7</v:ProductID><v:FixedBuild>10.0.19045.6600</v:FixedBuild></v:Remediation></v:Remediations></v:Vulnerability>
  <v:Vulnerability><v:Title>Print</v:Title><v:CVE>CVE-2026-2000</v:CVE><v:ProductStatuses><v:Status Type="Known Affected"><v:ProductID>7</v:ProductID></v:Status></v:ProductStatuses>
    <v:Remediations><v:Remediation Type="Vendor Fix"><v:Description>5080001</v:Description><v:Supercedence>5070001</v:Supercedence><v:ProductID>7</v:ProductID><v:FixedBuild>10.0.19045.6500</v:FixedBuild></v:Remediation></v:Remediations></v:Vulnerability>
  </cvrf:cvrfdoc>"#;

/// A desk with Windows 10 whose build is that of October, while no update but September's is recorded.
fn windows(revision: u32) -> PatchState {
    PatchState {
        reboot_needed: Some(false),
        windows: Some(Box::new(WindowsState {
            build: 19_045,
            revision: Some(revision),
            product_name: "Windows 10 Pro".to_owned(),
            display_version: Some("22H2".to_owned()),
            edition: Some("Professional".to_owned()),
            installation: Some("Client".to_owned()),
            architecture: "x64".to_owned(),
            service_pack: None,
            installed: Some(vec![5_070_001]),
            search: Some(UpdateSearch {
                at: NOW,
                data_at: None,
                missing: vec![MissingUpdate {
                    numbers: vec![5_090_001],
                    title: "x".to_owned(),
                    security: Some(true),
                }],
            }),
            components: None,
            reboot: None,
            untold: None,
            server: None,
        })),
        ..seed::patches(1, NOW)
    }
}

#[tokio::test]
async fn a_windows_host_is_judged_by_its_build_and_sources_that_differ_are_told() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(1));
    carry_in(&world, folder.path(), MONTH, 2).await;
    let store = &world.seed.desk.store;
    store.write(|tx| seed::tell_patches(tx, 1, NOW, windows(6_500))).await.unwrap();

    let report = world.call(&token, "GET", &path, None, "").await.json();

    assert_eq!(report["ecosystem"], "Windows:Windows 10 Version 22H2 for x64-based Systems");
    assert_eq!(
        (&report["covered"], &report["feeds"][0]["name"]),
        (&true.into(), &"cvrf-microsoft-2026-11".into())
    );
    let with_fix = report["with_fix"].as_array().unwrap();
    assert_eq!(with_fix.len(), 1, "{report}");
    assert_eq!(with_fix[0]["advisory"], "CVE-2026-2001");
    assert_eq!(
        (&with_fix[0]["fixed"], &with_fix[0]["update"]),
        (&"10.0.19045.6600".into(), &"KB5090001".into())
    );
    assert_eq!(with_fix[0]["sources"]["decided_by"], "build");
    assert_eq!(with_fix[0]["sources"]["system"], "open");
    let windows = &report["windows"];
    assert_eq!((&windows["mended"], &windows["missing"][0]), (&1.into(), &"KB5090001".into()));
    // The build holds October, and no record of October's update is there.
    assert_eq!(windows["disagreements"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(windows["disagreements"][0]["advisories"][0], "CVE-2026-2000");
    assert_eq!(windows["disagreements"][0]["sources"]["build"], "mended");
    assert_eq!(windows["disagreements"][0]["sources"]["record"], "open");
    let browser = world.session("an", SessionKind::Browser).await;
    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
    for words in ["CVE-2026-2001", "KB5090001", "10.0.19045.6600", "Các nguồn khác nhau", "19045.6500"] {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_windows_host_without_a_feed_or_with_a_strange_build_is_told_as_not_judged() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(1));
    let store = &world.seed.desk.store;
    store.write(|tx| seed::tell_patches(tx, 1, NOW, windows(6_500))).await.unwrap();
    let without = world.call(&token, "GET", &path, None, "").await.json();
    carry_in(&world, folder.path(), MONTH, 2).await;
    let mut preview = windows(1);
    if let Some(state) = &mut preview.windows {
        state.build = 27_000;
    }
    store.write(|tx| seed::tell_patches(tx, 1, Timestamp(NOW.0 + 1), preview)).await.unwrap();

    let strange = world.call(&token, "GET", &path, None, "").await.json();

    assert_eq!((&without["covered"], &without["windows"]["not_judged"]), (&false.into(), &"no_feed".into()));
    assert_eq!(
        (&strange["covered"], &strange["windows"]["not_judged"]),
        (&false.into(), &"unknown_build".into())
    );
    assert_eq!(strange["with_fix"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn an_imported_end_of_support_that_is_newer_counts_and_says_where_it_is_from() {
    const ENDS: &str = r#"{"schema_version": "1.2.0", "generated_at": "2026-11-23T01:00:00+00:00", "total": 1,
      "result": [{"name": "debian", "releases": [
        {"name": "12", "isEol": false, "eolFrom": "2026-12-10", "eoesFrom": "2028-06-30"}]}]}"#;
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/hosts/{}/vulnerabilities", seed::host(1));
    let before = world.call(&token, "GET", &path, None, "").await.json()["support"].clone();
    assert_eq!((&before["name"], &before["checked"]), (&"Debian 12 bookworm".into(), &"2026-11-22".into()));

    carry_in(&world, folder.path(), ENDS, -1).await;
    let after = world.call(&token, "GET", &path, None, "").await.json()["support"].clone();

    assert_eq!(after["standard"], "2026-12-10");
    assert_eq!(after["state"], "standard");
    assert_eq!(after["free_until"], before["free_until"], "that LTS is free, only our file says");
    assert_eq!(after["checked"], "2026-11-23");
    assert!(after["source"].as_str().unwrap().starts_with("endoflife"), "{after}");
    let browser = world.session("an", SessionKind::Browser).await;
    let page = world.get(&browser, &format!("/may/{}/lo-hong", seed::host(1))).await.text;
    assert!(page.contains("hỗ trợ chuẩn đến 2026-12-10") && page.contains("ngày 2026-11-23"));
}

#[tokio::test]
async fn services_that_wait_for_a_restart_and_the_archives_of_packages_are_shown() {
    let world = World::new().await;
    let browser = world.session("an", SessionKind::Browser).await;
    let token = world.session("an", SessionKind::Token).await;
    let host = seed::host(1);

    let weak = world.get(&browser, &format!("/may/{host}/lo-hong")).await.text;
    let page = world.get(&browser, &format!("/may/{host}")).await.text;
    let software = world.get(&browser, &format!("/may/{host}/phan-mem")).await.text;
    let told = world.call(&token, "GET", &format!("/api/v1/hosts/{host}"), None, "").await.json();

    for words in ["chờ khởi động lại dịch vụ", "nginx.service", "libssl3", "2 tiến trình không xem được"]
    {
        assert!(weak.contains(words), "{words}: {weak}");
    }
    assert!(page.contains("6.1.115-1") && page.contains("nginx.service"), "{page}");
    assert!(software.contains("Debian/bookworm") && software.contains("cài kèm"), "{software}");
    assert_eq!(told["patches"]["kernel_build"], "6.1.115-1");
    assert_eq!(told["patches"]["stale"]["services"][0]["name"], "nginx.service");
}

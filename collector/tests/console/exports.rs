//! Files for other programs: every list whole, bills of materials, and nobody's but one's own.

use axum::http::StatusCode;
use vonggac_collector::exports::lists::List;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::vulnerabilities::step;

use super::ask::World;
use super::seed;

/// Records of a CSV, heads first.
fn records(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());

    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn every_list_comes_whole_in_both_formats_with_heads_in_the_readers_language() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    step::once(&world.seed.desk.settings.vulnerabilities, &world.seed.desk.store).await.unwrap();

    for list in List::ALL {
        let path = |more: &str| format!("/api/v1/exports/lists/{}?{more}", list.word());
        let vi = world.call(&token, "GET", &path("lang=vi"), None, "").await;
        let en = world.call(&token, "GET", &path("lang=en"), None, "").await;
        let xlsx = world.call(&token, "GET", &path("format=xlsx"), None, "").await;

        assert_eq!((vi.status, xlsx.status), (StatusCode::OK, StatusCode::OK), "{}", list.word());
        assert_eq!(vi.header("content-type"), "text/csv; charset=utf-8");
        let name = format!("attachment; filename=\"vonggac-{}-2026-11-22.csv\"", list.word());
        assert_eq!(vi.header("content-disposition"), name);
        let (vi, en) = (records(&vi.text), records(&en.text));
        assert_ne!(vi[0], en[0], "{}", list.word());
        assert!(!vi[0].iter().chain(&en[0]).any(|head| head.contains('⟦')), "{:?}", vi[0]);
        assert!(
            vi.len() > 1
                || matches!(
                    list,
                    List::Windows | List::Risks | List::Feeds | List::Entitlements | List::Licences
                )
        );
        assert!(xlsx.text.starts_with("PK"), "{}", list.word());
    }
    // Three calls for each list, and each leaves its line.
    assert_eq!(world.audited("export.made").await, 3 * 15);
}

#[tokio::test]
async fn a_list_has_every_row_that_the_store_has() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let more = |tx: &rusqlite::Transaction<'_>| {
        for number in 0..3_000_i64 {
            let entry = vonggac_collector::store::audit::Action {
                at: vonggac_protocol::time::Timestamp(number),
                person: "an",
                agency: None,
                action: "x.y",
                object: "=HYPERLINK(\"x\")",
                detail: "",
            };
            vonggac_collector::store::audit::append(tx, &entry)?;
        }
        Ok(())
    };
    world.seed.desk.store.write(more).await.unwrap();

    let hosts = world.call(&token, "GET", "/api/v1/exports/lists/hosts", None, "").await;
    let packages = world.call(&token, "GET", "/api/v1/exports/lists/packages", None, "").await;
    let one = format!("/api/v1/exports/lists/packages?host={}", seed::host(1));
    let one = world.call(&token, "GET", &one, None, "").await;
    let audit = world.call(&token, "GET", "/api/v1/exports/lists/audit", None, "").await;

    assert_eq!(records(&hosts.text).len(), 1 + 6);
    assert_eq!(records(&packages.text).len(), 1 + 6 * 5);
    assert_eq!(records(&one.text).len(), 1 + 5);
    let audit = records(&audit.text);
    assert!(audit.len() > 3_000, "{}", audit.len());
    assert!(audit.iter().filter(|row| row[5] == "'=HYPERLINK(\"x\")").count() == 3_000);
}

#[tokio::test]
async fn nobody_exports_what_is_a_neighbours_and_the_attempt_is_audited() {
    let world = World::new().await;
    let own = world.session("an", SessionKind::Token).await;
    let token = world.session("chi", SessionKind::Token).await;
    let host = seed::host(1);
    let mut paths = vec![
        format!("/api/v1/hosts/{host}/sbom"),
        format!("/api/v1/hosts/{host}/sbom?format=spdx"),
        "/api/v1/agencies/so-tttt/sbom".to_owned(),
        "/api/v1/agencies/so-tttt/sbom?format=spdx".to_owned(),
    ];
    let lists = List::ALL.into_iter().filter(|list| !list.is_audit());
    for word in lists.map(List::word) {
        paths.push(format!("/api/v1/exports/lists/{word}?host={host}"));
        paths.push(format!("/api/v1/exports/lists/{word}?agency=so-tttt"));
    }

    for path in &paths {
        assert_eq!(world.call(&own, "GET", path, None, "").await.status, StatusCode::OK, "{path} is there");
        assert_eq!(world.call(&token, "GET", path, None, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.audited("scope.refused").await, u64::try_from(paths.len()).unwrap());

    for word in List::ALL.into_iter().filter(|list| !list.is_audit()).map(List::word) {
        let text = world.call(&token, "GET", &format!("/api/v1/exports/lists/{word}"), None, "").await.text;
        for theirs in ["web-cong-thong-tin", "csdl-can-bo", "benh-an", "Sở Y tế", "so-y-te", "01010101"] {
            assert!(!text.contains(theirs), "{word} holds {theirs}");
        }
    }
    let audit = world.call(&token, "GET", "/api/v1/exports/lists/audit", None, "").await;
    assert_eq!(audit.status, StatusCode::FORBIDDEN);
    let stranger = world.get("", "/api/v1/exports/lists/hosts").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    for nothing in ["lists/x", "lists/hosts?host=x", "lists/hosts?agency=khong-co"] {
        let answer = world.call(&own, "GET", &format!("/api/v1/exports/{nothing}"), None, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    let odd = world.call(&own, "GET", "/api/v1/exports/lists/hosts?format=pdf", None, "").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_same_bill_of_the_same_moment_has_the_same_bytes() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;

    for format in ["cyclonedx", "spdx"] {
        for whose in [format!("hosts/{}", seed::host(1)), "agencies/so-tttt".to_owned()] {
            let path = format!("/api/v1/{whose}/sbom?format={format}");
            let one = world.call(&token, "GET", &path, None, "").await;
            let again = world.call(&token, "GET", &path, None, "").await;

            assert_eq!(one.status, StatusCode::OK, "{path}");
            assert_eq!(one.text, again.text, "{path}");
        }
    }
}

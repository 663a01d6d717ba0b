//! An agency sees itself; a neighbour's thing is not there, and asking for it is written down.

use axum::http::StatusCode;
use vonggac_collector::store::audit;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::seed;

#[tokio::test]
async fn a_neighbours_thing_answers_404_on_every_route_and_the_attempt_is_audited() {
    let world = World::new().await;
    let session = world.session("chi", SessionKind::Browser).await;
    let token = world.session("chi", SessionKind::Token).await;
    let (incident, host) = (world.incident("/var").await, seed::host(1));
    let observation = world.observation(1).await;
    let read = [
        format!("/su-co/{incident}"),
        format!("/may/{host}"),
        format!("/may/{host}/phan-mem"),
        "/ban-quyen/so-tttt".to_owned(),
        "/api/v1/licences/so-tttt".to_owned(),
        format!("/may/{host}/lo-hong"),
        format!("/bang-chung/{observation}"),
        format!("/api/v1/incidents/{incident}"),
        format!("/api/v1/hosts/{host}"),
        format!("/api/v1/hosts/{host}/packages"),
        format!("/api/v1/hosts/{host}/vulnerabilities"),
        format!("/api/v1/observations/{observation}"),
    ];
    let acts = ["tiep-nhan", "ghi-chu", "ket-thuc", "mo-lai"];
    let calls = ["acknowledge", "comment", "close", "reopen"];

    for path in &read {
        let own = world.session("an", SessionKind::Browser).await;
        assert_eq!(world.get(&own, path).await.status, StatusCode::OK, "{path} is there");
        assert_eq!(world.get(&session, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for act in acts {
        let form = "ban=1&ghi_chu=x&ket_qua=false_alarm";
        let answer = world.post(&session, &format!("/su-co/{incident}/{act}"), form).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{act}");
    }
    for call in calls {
        let (path, body) =
            (format!("/api/v1/incidents/{incident}/{call}"), r#"{"text":"x","outcome":"false_alarm"}"#);
        let answer = world.call(&token, "POST", &path, Some("\"1\""), body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{call}");
    }

    assert_eq!(world.audited("scope.refused").await, 20);
    assert_eq!(world.audited("incident.acknowledged").await, 0);
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn lists_hold_nothing_of_a_neighbour() {
    let world = World::new().await;
    let session = world.session("chi", SessionKind::Browser).await;
    let lists = [
        "/",
        "/su-co",
        "/su-co?trang-thai=all&don-vi=so-tttt",
        "/su-co?may=01010101010101010101010101010101",
        "/may",
        "/may?don-vi=so-y-te",
        "/tuan-thu",
        "/tuan-thu/lang-son-19-2015/II.1.4",
        "/luat/web-page-changed",
        "/api/v1/overview",
        "/api/v1/agencies",
        "/api/v1/incidents?state=all",
        "/api/v1/incidents?agency=so-tttt",
        "/api/v1/hosts",
        "/api/v1/compliance",
        "/ban-quyen",
        "/api/v1/licences",
    ];

    for list in lists {
        let answer = world.get(&session, list).await;
        assert_eq!(answer.status, StatusCode::OK, "{list}");
        for theirs in ["web-cong-thong-tin", "csdl-can-bo", "benh-an", "Sở Y tế", "so-y-te\"", "01010101-"]
        {
            // A filter that was asked for is shown as asked.
            assert!(!answer.text.contains(theirs) || list.contains("don-vi"), "{list} holds {theirs}");
        }
        assert!(!answer.text.contains("benh-an"), "{list}");
    }
    assert!(world.get(&session, "/su-co").await.text.contains("mot-cua-hoa-binh"));
    assert_eq!(world.get(&session, "/su-co/moi?tu=0").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_only_reads_changes_nothing_and_the_log_is_for_administrators_and_auditors() {
    let world = World::new().await;
    let (viewer, auditor) = (
        world.session("giang", SessionKind::Browser).await,
        world.session("dung", SessionKind::Browser).await,
    );
    let token = world.session("dung", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;

    let seen = world.get(&viewer, &format!("/su-co/{id}")).await;
    let acted = world.post(&viewer, &format!("/su-co/{id}/tiep-nhan"), "ban=1").await;
    let called =
        world.call(&token, "POST", &format!("/api/v1/incidents/{id}/acknowledge"), Some("\"1\""), "").await;

    assert!(!seen.text.contains("/tiep-nhan"));
    assert_eq!((acted.status, called.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
    assert_eq!(world.get(&viewer, "/nhat-ky").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&viewer, "/api/v1/audit").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&auditor, "/nhat-ky").await.status, StatusCode::OK);
    assert_eq!(world.get(&auditor, "/api/v1/audit").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stranger_gets_nothing_but_the_door() {
    let world = World::new().await;

    for page in ["/", "/su-co", "/su-co/1", "/may", "/tuan-thu", "/luat", "/nhat-ky", "/tai-khoan", "/song"] {
        assert!(world.get("", page).await.header("location").starts_with("/dang-nhap"), "{page}");
    }
    for route in ["overview", "incidents", "incidents/1", "hosts", "rules", "compliance", "me", "audit"] {
        let answer = world.get("", &format!("/api/v1/{route}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{route}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

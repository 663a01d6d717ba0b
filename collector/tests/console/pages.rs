//! Pages, over real rows, without any script.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::StreamExt as _;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::seed;

async fn every_page(world: &World) -> Vec<String> {
    let incident = world.incident("/etc/passwd").await;
    let observation = world.observation(5).await;
    let mut pages: Vec<String> =
        ["/", "/su-co", "/su-co?trang-thai=all", "/may", "/tuan-thu", "/luat", "/nhat-ky", "/tai-khoan"]
            .map(str::to_owned)
            .to_vec();
    pages.push(format!("/su-co/{incident}"));
    pages.push(format!("/may/{}", seed::host(5)));
    pages.push(format!("/may/{}/phan-mem", seed::host(5)));
    pages.push(format!("/bang-chung/{observation}"));
    pages.push("/tuan-thu/lang-son-19-2015/II.1.4".to_owned());
    pages.push("/luat/web-page-changed".to_owned());
    pages.push("/ban-quyen".to_owned());
    pages.push("/ban-quyen/so-tttt".to_owned());

    pages
}

#[tokio::test]
async fn every_page_renders_in_both_languages_without_inline_script_or_missing_words() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;

    for language in ["vi", "en"] {
        let form = format!("ngon_ngu={language}");
        assert_eq!(world.post(&session, "/tai-khoan/ngon-ngu", &form).await.status, StatusCode::SEE_OTHER);
        for page in every_page(&world).await {
            let answer = world.get(&session, &page).await;
            assert_eq!(answer.status, StatusCode::OK, "{page}");
            assert!(!answer.text.contains('⟦'), "{page} lacks words: {:?}", answer.text.split_once('⟦'));
            assert!(answer.text.contains(&format!("<html lang=\"{language}\">")), "{page}");
            for banned in ["style=\"", " onclick", "hx-on", "javascript:", "<style", "js:"] {
                assert!(!answer.text.contains(banned), "{page} holds {banned}");
            }
            assert!(!answer.text.contains("<script>"), "{page}");
        }
    }
}

#[tokio::test]
async fn the_page_of_an_incident_shows_clause_sentence_before_and_after_and_evidence() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;
    let incident = world.incident("/etc/passwd").await;

    let page = world.get(&session, &format!("/su-co/{incident}")).await.text;

    let digest = vonggac_protocol::digest::Digest::of(&5_u64.to_be_bytes()).to_string();
    assert!(page.contains("href=\"/tuan-thu/lang-son-19-2015/II.1.4\""));
    assert!(page.contains("mot-cua-hoa-binh"));
    assert!(page.contains(&digest), "the digest before");
    assert!(page.contains("0644 rw-r--r--") && page.contains("0666 rw-rw-rw-"));
    assert!(page.contains("href=\"/bang-chung/05050505050505050505050505050505-0000000000000007-prompt-"));
    assert!(page.contains("action=\"/su-co/") && page.contains("method=\"post\""), "works without script");
}

#[tokio::test]
async fn what_a_host_names_is_shown_and_never_run() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;

    let page = world.get(&session, &format!("/may/{}", seed::host(3))).await.text;

    assert!(page.contains("hồ sơ"));
    assert!(!page.contains("<b>hồ sơ"));
}

#[tokio::test]
async fn a_search_without_marks_finds_names_with_marks() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;

    let found = world.get(&session, "/su-co?tim=hoa+binh").await.text;
    let hosts = world.get(&session, "/may?tim=truyen+thong").await.text;
    let none = world.get(&session, "/su-co?tim=khong+co+gi+nhu+the").await.text;

    assert!(found.contains("/etc/passwd") && !found.contains("/var/www/html/index.php"));
    assert!(hosts.contains("web-cong-thong-tin") && !hosts.contains("benh-an-01"));
    assert!(!none.contains("<tbody"));
}

#[tokio::test]
async fn an_incident_is_taken_noted_closed_and_opened_again() {
    let world = World::new().await;
    let session = world.session("binh", SessionKind::Browser).await;
    let id = world.incident("/etc/passwd").await;
    let path = |act: &str| format!("/su-co/{id}/{act}");

    let taken = world.post(&session, &path("tiep-nhan"), "ban=1").await;
    let noted = world.post(&session, &path("ghi-chu"), "ban=1&ghi_chu=%C4%90%C3%A3+g%E1%BB%8Di").await;
    let stale = world.post(&session, &path("ket-thuc"), "ban=1&ket_qua=planned_change&ghi_chu=Xong").await;
    let empty = world.post(&session, &path("ket-thuc"), "ban=3&ket_qua=planned_change&ghi_chu=+").await;
    let closed = world.post(&session, &path("ket-thuc"), "ban=3&ket_qua=planned_change&ghi_chu=Xong").await;
    let reopened = world.post(&session, &path("mo-lai"), "ban=4&ghi_chu=L%E1%BA%A1i").await;
    let page = world.get(&session, &format!("/su-co/{id}")).await.text;

    assert_eq!(taken.status, StatusCode::SEE_OTHER);
    assert_eq!(noted.status, StatusCode::SEE_OTHER);
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert!(stale.text.contains(">Xong</textarea>"), "the note is not lost");
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(closed.status, StatusCode::SEE_OTHER);
    assert_eq!(reopened.status, StatusCode::SEE_OTHER);
    assert!(page.contains("Đã gọi") && page.contains("Thay đổi có kế hoạch"));
    assert_eq!(world.audited("incident.closed").await, 1);
}

#[tokio::test]
async fn an_open_page_hears_that_something_of_its_own_changed() {
    let world = World::new().await;
    let (officer, analyst) =
        (world.session("chi", SessionKind::Browser).await, world.session("binh", SessionKind::Browser).await);
    let request = Request::get("/song")
        .header(header::COOKIE, format!("vonggac={officer}"))
        .header("hx-request", "true")
        .body(Body::empty())
        .unwrap();
    let mut heard = world.raw(request).await.into_body().into_data_stream();
    let (theirs, own) = (world.incident("/var").await, world.incident("/etc/passwd").await);

    world.post(&analyst, &format!("/su-co/{theirs}/tiep-nhan"), "ban=1").await;
    world.post(&analyst, &format!("/su-co/{own}/tiep-nhan"), "ban=1").await;
    world.post(&analyst, &format!("/su-co/{own}/ghi-chu"), "ban=2&ghi_chu=x").await;

    let first = heard.next().await.unwrap().unwrap();
    let second = heard.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: changed") && second.starts_with(b"event: changed"));
    let third = futures_util::future::poll_immediate(heard.next()).await;
    assert!(third.is_none(), "a neighbour's change is not heard");
    let note = world.get(&officer, &format!("/su-co/{own}/moi?ban=1&phat_hien=1")).await.text;
    assert!(note.contains("class=\"newer\""));
}

#[tokio::test]
async fn every_answer_forbids_foreign_scripts_and_assets_are_cached() {
    let world = World::new().await;
    let session = world.session("an", SessionKind::Browser).await;

    let page = world.get(&session, "/").await;
    let style = page.text.split("href=\"").find(|part| part.contains("console.css")).unwrap();
    let asset = world.get(&session, style.split_once('"').unwrap().0).await;
    let request =
        Request::get("/dang-nhap").header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
    let zipped = world.ask(request).await;

    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("vary").contains("HX-Request"));
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(zipped.header("content-encoding"), "gzip");
}

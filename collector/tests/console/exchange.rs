//! Row BN-1: one incident as form, IODEF, STIX, MISP, OCSF and syslog, each read again by a parser that is not ours; cut
//! by its marks, refused to neighbours, and written down. `measure incident-formats` asks the public validators.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use axum::http::StatusCode;
use serde_json::{Value, json};
use vonggac_collector::exchange::{Event, cef, syslog};
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::view::{Scope, Sight, incident};

use super::ask::{Answer, World};

const FORMATS: [&str; 4] = ["stix", "misp", "iodef", "ocsf"];

impl World {
    async fn exported(&self, token: &str, id: i64, asked: &str) -> Answer {
        self.call(token, "GET", &format!("/api/v1/incidents/{id}/export?{asked}"), None, "").await
    }

    async fn file(&self, token: &str, id: i64, asked: &str) -> Answer {
        let answer = self.exported(token, id, asked).await;
        assert_eq!(answer.status, StatusCode::OK, "{asked}: {}", answer.text);

        answer
    }

    /// A file that is no text.
    async fn bytes(&self, token: &str, id: i64, asked: &str) -> Vec<u8> {
        let request = axum::http::Request::get(format!("/api/v1/incidents/{id}/export?{asked}"))
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = self.raw(request).await;
        assert_eq!(answer.status(), StatusCode::OK, "{asked}");

        axum::body::to_bytes(answer.into_body(), 8 << 20).await.unwrap().to_vec()
    }

    /// The events of an incident, as they are sent.
    async fn events(&self, id: i64) -> Vec<Event> {
        let sight = self.seed.desk.store.read(move |db| incident::one(db, &Scope::All, id)).await.unwrap();
        let Sight::Seen(it) = sight else { panic!("incident {id} is not there") };

        it.entries.iter().map(|entry| Event::of(&it.line, entry, "vong-gac.example")).collect()
    }
}

/// Names of elements and texts of an XML document, as quick-xml reads them; it fails on what is no XML.
#[expect(clippy::wildcard_enum_match_arm, reason = "names and texts are asked for")]
fn read_xml(text: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                names.push(start.name().as_ref().to_owned());
            }
            quick_xml::events::Event::Text(text) => texts.push(text.as_ref().to_owned()),
            quick_xml::events::Event::Eof => return (names, texts),
            _ => {}
        }
    }
}

/// What RFC 5424 asks of a line, part by part.
fn check_syslog(line: &str) {
    let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
    let head: Vec<&str> = rest.splitn(7, ' ').collect();
    let [version, at, host, app, process, kind, rest] = head.as_slice() else { panic!("{line}") };

    assert!(priority.parse::<u8>().unwrap() <= 191);
    assert_eq!((*version, *app, *process), ("1", "vonggac-collector", "-"));
    assert!(at.parse::<vonggac_protocol::time::Timestamp>().is_ok(), "{at}");
    assert!(host.len() <= 255 && kind.len() <= 32 && host.is_ascii() && kind.is_ascii());
    assert!(rest.starts_with("[vonggac@32473 ") && rest.contains("] \u{feff}"), "{rest}");
}

#[tokio::test]
async fn one_incident_goes_out_in_every_format_and_parsers_that_are_not_ours_read_it_again() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;
    world.done(&token, id, json!({"act": "acknowledge"})).await;

    let stix = world.file(&token, id, "as=stix").await;
    assert_eq!(stix.header("content-type"), "application/stix+json;version=2.1");
    assert_eq!(
        stix.header("content-disposition"),
        format!("attachment; filename=\"vonggac-su-co-{id}.stix.json\"")
    );
    let bundle: Value = serde_json::from_str(&stix.text).unwrap();
    let kinds: BTreeSet<&str> =
        bundle["objects"].as_array().unwrap().iter().map(|object| object["type"].as_str().unwrap()).collect();
    for kind in ["incident", "report", "observed-data", "file", "identity", "marking-definition"] {
        assert!(kinds.contains(kind), "{kind} is missing: {kinds:?}");
    }
    let misp: Value = serde_json::from_str(&world.file(&token, id, "as=misp").await.text).unwrap();
    assert!(misp["Event"]["Object"].as_array().unwrap().iter().any(|object| object["name"] == "file"));
    let ocsf: Value = serde_json::from_str(&world.file(&token, id, "as=ocsf").await.text).unwrap();
    assert_eq!((&ocsf["class_uid"], &ocsf["status"]), (&json!(2005), &json!("In Progress")));
    let (names, texts) = read_xml(&world.file(&token, id, "as=iodef").await.text);
    assert!(names.iter().any(|name| name == "Incident") && texts.iter().any(|text| text == "/etc/passwd"));
    for event in world.events(id).await {
        check_syslog(&syslog::line(&event));
        assert!(cef::line(&event).starts_with("CEF:0|Vong Gac|"));
    }
    // The same incident, the same bytes; and every file stands in the audit log.
    assert_eq!(world.file(&token, id, "as=stix").await.text, stix.text);
    assert_eq!(world.audited("incident.exported").await, 5);
}

#[tokio::test]
async fn a_report_is_no_file_until_its_form_is_complete_and_then_says_what_the_page_says() {
    let world = World::new().await;
    let (token, session) =
        (world.session("binh", SessionKind::Token).await, world.session("binh", SessionKind::Browser).await);
    let id = world.incident("/etc/passwd").await;
    let asked = "as=docx&duty=first-notice-24-hours";

    let lacking = world.exported(&token, id, asked).await;
    assert_eq!(lacking.status, StatusCode::CONFLICT);
    assert!(lacking.text.contains("Điện thoại"), "{}", lacking.text);
    assert_eq!(world.exported(&token, id, "as=docx").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page =
        world.get(&session, &format!("/su-co/{id}/tep?dang=docx&nghia_vu=first-notice-24-hours")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("còn thiếu các ô bắt buộc"));
    for (field, value) in [
        ("reporter_name", "Sở <Y tế> & Dân số"),
        ("reporter_phone", "0123"),
        ("contact_name", "Nguyễn Văn A"),
        ("contact_phone", "0456"),
    ] {
        world.done(&token, id, json!({"act": "fill", "field": field, "value": value})).await;
    }
    let page = world.get(&session, &format!("/su-co/{id}/bao-cao/first-notice-24-hours")).await;
    let file = world.bytes(&token, id, asked).await;
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut document = String::new();
    archive.by_name("word/document.xml").unwrap().read_to_string(&mut document).unwrap();
    let (_, texts) = read_xml(&document);
    let text = texts.join(" ");

    assert_eq!(page.status, StatusCode::OK);
    for said in ["Thông báo ban đầu", "0123", "Nguyễn Văn A", "Bộ Công an", "TLP:AMBER"] {
        assert!(page.text.contains(said) && text.contains(said), "{said}: {text}");
    }
    // No other format has the people whom the form names.
    for format in FORMATS {
        let other = world.file(&token, id, &format!("as={format}")).await.text;
        for hidden in ["Nguyễn Văn A", "0456", "\"binh\"", ">binh<"] {
            assert!(!other.contains(hidden), "{hidden} in {format}");
        }
    }
}

#[tokio::test]
async fn labels_and_marks_cut_what_goes_out_and_red_needs_a_name() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;
    let it = world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    let (host, agency) = (it["hosts"][0].as_str().unwrap(), it["agency_name"].as_str().unwrap());
    let holds = async |what: &str| {
        let mut found = Vec::new();
        for format in FORMATS {
            found.push(world.file(&token, id, &format!("as={format}&to=x")).await.text.contains(what));
        }
        let lines: Vec<String> =
            world.events(id).await.iter().flat_map(|event| [syslog::line(event), cef::line(event)]).collect();
        (found, lines.iter().any(|line| line.contains(what)))
    };
    // OCSF has the agency's id, not its name.
    assert_eq!(holds(host).await, (vec![true; 4], true));
    assert_eq!(holds("/etc/passwd").await, (vec![true; 4], true));
    assert_eq!(holds(agency).await.0[..3], [true; 3]);
    world.done(&token, id, json!({"act": "mark", "mark": "personal_data", "on": true, "text": "x"})).await;
    assert_eq!(holds(host).await, (vec![false; 4], false));
    assert_eq!(holds("/etc/passwd").await, (vec![false; 4], false));
    assert_eq!(holds(agency).await.0[..3], [true; 3]);
    world.done(&token, id, json!({"act": "mark", "mark": "personal_data", "on": false, "text": "x"})).await;
    world.done(&token, id, json!({"act": "tlp", "label": "TLP:GREEN"})).await;
    for hidden in [host, "/etc/passwd", agency] {
        assert_eq!(holds(hidden).await, (vec![false; 4], false), "{hidden}");
    }
    world.done(&token, id, json!({"act": "tlp", "label": "TLP:RED"})).await;
    for format in FORMATS {
        let answer = world.exported(&token, id, &format!("as={format}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{format}");
    }
    assert_eq!(holds(host).await, (vec![true; 4], false), "lines under RED say nothing of the matter");
    assert!(holds("TLP:RED").await.1);
}

#[tokio::test]
async fn a_drill_is_unmistakable_in_every_format() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;
    for format in FORMATS {
        assert!(!world.file(&token, id, &format!("as={format}")).await.text.contains("DRILL"), "{format}");
    }
    world.done(&token, id, json!({"act": "drill", "hours": 8, "text": "x"})).await;

    for format in FORMATS {
        let text = world.file(&token, id, &format!("as={format}")).await.text;
        assert!(text.contains("[DIỄN TẬP – DRILL]"), "{format}: {text}");
    }
    for event in world.events(id).await {
        assert!(syslog::is_drill(&syslog::line(&event)));
        assert!(cef::line(&event).contains(" cat=Drill "));
    }
}

#[tokio::test]
async fn a_neighbours_incident_goes_out_in_no_format_and_who_only_reads_sends_nothing() {
    let world = World::new().await;
    let (token, session) =
        (world.session("chi", SessionKind::Token).await, world.session("chi", SessionKind::Browser).await);
    let theirs = world.incident("/var").await;
    let before = world.audited("scope.refused").await;

    for format in FORMATS.iter().chain(&["docx"]) {
        let asked = format!("as={format}&duty=first-notice-24-hours&to=x");
        assert_eq!(world.exported(&token, theirs, &asked).await.status, StatusCode::NOT_FOUND, "{format}");
        let page = world.get(&session, &format!("/su-co/{theirs}/tep?dang={format}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{format}");
    }
    assert_eq!(world.audited("scope.refused").await - before, 10);
    assert_eq!(world.audited("incident.exported").await, 0);
    let reader = world.session("giang", SessionKind::Token).await;
    let own = world.incident("/etc/passwd").await;
    assert_eq!(world.exported(&reader, own, "as=stix").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.exported(&token, own, "as=pdf").await.status, StatusCode::BAD_REQUEST);
}

//! Clocks that warn by themselves, and reports that go to their addressees; whole scenarios of rows BN-1, BN-2, TB-5.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UdpSocket};
use vonggac_collector::sending::clocks;
use vonggac_collector::sending::secret::Secret;
use vonggac_collector::sending::settings::{Settings, SyslogLine, SyslogOver};
use vonggac_collector::store::sending::destinations::Wanted;
use vonggac_collector::store::sending::lists::Filter;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::view::Scope;
use vonggac_collector::store::view::casefile::{self, LateFinding};
use vonggac_collector::store::warnings;
use vonggac_protocol::time::Timestamp;

use super::ask::{Answer, World};
use super::sending::{Courier, Mood, hook, smtp, to_hook, to_mail, wanted};

const MOST: Duration = Duration::from_secs(20);

impl World {
    fn pass(&self, minutes: i64) -> Timestamp {
        let before = self.seed.clock.fetch_add(minutes * 60_000, std::sync::atomic::Ordering::SeqCst);

        Timestamp(before + minutes * 60_000)
    }

    async fn doing(&self, incident: i64, act: Value) -> Answer {
        let token = self.session("binh", SessionKind::Token).await;
        let path = format!("/api/v1/incidents/{incident}");
        let seen = self.call(&token, "GET", &path, None, "").await;

        self.call(&token, "POST", &format!("{path}/act"), Some(seen.header("etag")), &act.to_string()).await
    }

    async fn did(&self, incident: i64, act: Value) -> Value {
        let answer = self.doing(incident, act.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{act}: {}", answer.text);

        answer.json()
    }

    /// Fills every required field that the store does not fill.
    async fn fill(&self, incident: i64, fields: &[&str]) {
        for field in fields {
            self.did(incident, json!({"act": "fill", "field": field, "value": format!("ô {field}")})).await;
        }
    }

    /// Every time of every incident that was or is missed.
    async fn late(&self) -> Vec<LateFinding> {
        let now = self.pass(0);
        let read = self
            .seed
            .desk
            .store
            .read(move |db| casefile::figures(db, &Scope::All, Timestamp(0), Timestamp(i64::MAX), now));

        read.await.unwrap().findings
    }

    /// `(clock, share)` of an incident's warnings, in order.
    async fn warned(&self, incident: i64) -> Vec<(String, String)> {
        let token = self.session("binh", SessionKind::Token).await;
        let seen = self.call(&token, "GET", &format!("/api/v1/incidents/{incident}"), None, "").await.json();
        let entries = seen["entries"].as_array().unwrap().clone();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();

        entries
            .iter()
            .filter(|entry| text(entry, "action").starts_with("clock_"))
            .map(|entry| (text(entry, "text"), text(entry, "before")))
            .collect()
    }
}

#[tokio::test]
async fn a_clock_warns_at_half_at_nine_tenths_and_at_its_end_once_each_over_restarts() {
    let world = World::new().await;
    let id = world.incident("/etc/passwd").await;
    let store = world.seed.desk.store.clone();
    world.did(id, json!({"act": "grade", "severity": "medium", "text": "x"})).await;
    let due = wanted("a", to_mail(1));
    world.destination(due, None).await.unwrap();

    // Acknowledged within a day, triaged within three: T0 is up to a minute before the judgement.
    let mut seen = Vec::new();
    for minutes in [0, 11 * 60, 2 * 60, 8 * 60 + 30, 60, 2 * 60] {
        let now = world.pass(minutes);
        // Each look may be the first after a restart: nothing but the store remembers.
        clocks::look_once(&store, now).await.unwrap();
        assert_eq!(clocks::look_once(&store, now).await.unwrap(), 0, "a second look warns of nothing");
        seen.push(world.warned(id).await.len());
    }
    let told = world.warned(id).await;

    let own = |share: &str| ("Tiếp nhận".to_owned(), share.to_owned());
    assert_eq!(told, [own("50 %"), own("90 %"), own("100 %")], "{seen:?}");
    let messages = world.messages(Filter { incident: Some(id), ..Filter::default() }).await;
    assert_eq!(messages.iter().filter(|one| one.event == "warning").count(), 3);
    let late = world.late().await;
    let late: Vec<_> = late.iter().filter(|one| one.incident == id).collect();
    assert_eq!(late.len(), 1);
    assert_eq!((late[0].clock.as_str(), late[0].is_duty), ("acknowledged", false));
    let browser = world.session("binh", SessionKind::Browser).await;
    let page = world.get(&browser, "/sap-het-han").await;
    assert!(page.text.contains(&format!("/su-co/{id}\"")) && page.text.contains("Tiếp nhận"));
    let chi = world.session("chi", SessionKind::Browser).await;
    let theirs = world.incident("/var").await;
    let own = world.get(&chi, "/sap-het-han").await.text;
    assert!(!own.contains(&format!("/su-co/{theirs}\"")), "a neighbour's clock is not there");
}

#[tokio::test]
async fn a_collector_that_was_off_warns_of_the_gravest_alone_and_a_drill_is_in_no_list() {
    let world = World::new().await;
    let (id, drill) = (world.incident("/etc/passwd").await, world.incident("/var").await);
    for one in [id, drill] {
        world.did(one, json!({"act": "grade", "severity": "medium", "text": "x"})).await;
    }
    world.did(drill, json!({"act": "drill", "hours": 100, "text": "diễn tập"})).await;
    world.destination(wanted("a", to_mail(1)), None).await.unwrap();
    let now = world.pass(25 * 60);

    clocks::look_once(&world.seed.desk.store, now).await.unwrap();

    let told = world.warned(id).await;
    assert_eq!(told, [("Tiếp nhận".to_owned(), "100 %".to_owned())]);
    assert_eq!(world.warned(drill).await.len(), 1, "a drill is warned in its own history");
    let late = world.late().await;
    let listed = world.seed.desk.store.read(move |db| warnings::about_to_end(db, &Scope::All, now));
    let listed = listed.await.unwrap();
    assert!(late.iter().all(|one| one.incident != drill) && late.iter().any(|one| one.incident == id));
    assert!(listed.iter().all(|one| one.incident != drill) && listed.iter().any(|one| one.incident == id));
    assert!(world.messages(Filter { incident: Some(drill), ..Filter::default() }).await.is_empty());
}

/// Rows BN-1 and BN-2: a missing field blocks sending; sent, the receipt is kept and the duty is met by it, not before.
#[tokio::test]
async fn a_report_goes_to_its_addressee_and_counts_as_reported_from_the_receipt_on() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = world.incident("/etc/passwd").await;
    let duty = "personal-data-72-hours";
    let sending = json!({"act": "send_report", "duty": duty, "number": "12/BC-UBND"});
    world.did(id, json!({"act": "mark", "mark": "personal_data", "on": true, "text": "hồ sơ"})).await;

    let blocked = world.doing(id, sending.clone()).await;
    assert_eq!(blocked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(blocked.text.contains("data_kinds"), "{}", blocked.text);
    let required = [
        "reporter_name",
        "reporter_phone",
        "contact_name",
        "contact_phone",
        "data_kinds",
        "data_subjects",
        "consequences",
        "remedy",
    ];
    world.fill(id, &required).await;
    let nobody = world.doing(id, sending.clone()).await;
    assert_eq!(nobody.status, StatusCode::CONFLICT);
    assert!(nobody.text.contains("data-body"), "{}", nobody.text);
    let role = Some("data-body".to_owned());
    let to = Wanted {
        role,
        events: Vec::new(),
        ..wanted("cơ quan", to_mail(server.local_addr().unwrap().port()))
    };
    world.destination(to, None).await.unwrap();
    let ordered = world.did(id, sending).await;
    let clock = |seen: &Value| {
        seen["casefile"]["clocks"].as_array().unwrap().iter().find(|one| one["id"] == duty).unwrap().clone()
    };
    assert_eq!(clock(&ordered)["status"], "running", "queued is not reported");

    let courier = Courier::start(&world);
    let mail = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    world.message("the receipt", |one| one.event == "report" && one.state == "sent").await;
    courier.stop().await;

    let token = world.session("binh", SessionKind::Token).await;
    let seen = world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    let body = mail.split_once("\n\n").unwrap().1.replace('\n', "");
    let text = String::from_utf8(data_encoding::BASE64.decode(body.as_bytes()).unwrap()).unwrap();
    assert!(text.contains("ô data_kinds") && text.contains("12/BC-UBND"), "{text}");
    assert_eq!(clock(&seen)["status"], "met");
    let report = &seen["casefile"]["reports"][0];
    assert_eq!((report["person"].as_str(), report["number"].as_str()), (Some("binh"), Some("12/BC-UBND")));
    let receipt: Value = serde_json::from_str(report["receipt"].as_str().unwrap()).unwrap();
    assert_eq!(
        (receipt[0]["role"].as_str(), receipt[0]["destination"].as_str()),
        (Some("data-body"), Some("cơ quan"))
    );
    assert!(receipt[0]["answer"].as_str().unwrap().contains("queued as 7C0FFEE"));
    let page = world.get(&world.session("chi", SessionKind::Browser).await, &format!("/su-co/{id}")).await;
    assert!(page.text.contains("queued as 7C0FFEE"), "the agency reads the receipt");
}

/// Where a duty names three addressees, two receipts are not enough.
#[tokio::test]
async fn a_duty_of_several_addressees_is_met_by_the_last_receipt() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let id = world.incident("/etc/passwd").await;
    world.did(id, json!({"act": "mark", "mark": "sensitive_data", "on": true, "text": "x"})).await;
    let required = [
        "reporter_name",
        "reporter_phone",
        "contact_name",
        "contact_phone",
        "data_kinds",
        "data_subjects",
        "consequences",
        "remedy",
    ];
    world.fill(id, &required).await;
    for role in ["data-subjects", "data-body"] {
        let to = Wanted { role: Some(role.to_owned()), events: Vec::new(), ..wanted(role, to_hook(port)) };
        world.destination(to, Some(Secret::new_webhook().unwrap())).await.unwrap();
    }
    let duty = "persons-72-hours";
    world.did(id, json!({"act": "send_report", "duty": duty, "number": "9"})).await;
    let status = |seen: &Value| {
        let all = seen["casefile"]["clocks"].as_array().unwrap();
        all.iter().find(|one| one["id"] == duty).unwrap()["status"].as_str().unwrap().to_owned()
    };
    let token = world.session("binh", SessionKind::Token).await;
    let look =
        || async { world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json() };

    let courier = Courier::start(&world);
    let (mut first, _, _) = tokio::time::timeout(MOST, hook(&server)).await.unwrap();
    let (mut second, _, _) = tokio::time::timeout(MOST, hook(&server)).await.unwrap();
    first.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    world.message("one receipt", |one| one.event == "report" && one.state == "sent").await;
    let between = status(&look().await);
    second.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let all_sent = async {
        while world
            .messages(Filter { is_open: true, ..Filter::default() })
            .await
            .iter()
            .any(|one| one.event == "report")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MOST, all_sent).await.unwrap();
    courier.stop().await;

    assert_eq!((between.as_str(), status(&look().await).as_str()), ("running", "met"));
}

/// Row BN-2 under the rules of 2017: five days, three addressees, the thirteen required fields of form 03.
#[tokio::test]
async fn the_same_incident_in_2025_owes_one_notice_within_five_days_on_its_own_form() {
    let world = World::at(Timestamp(1_748_743_200_000)).await;
    let id = world.incident("/etc/passwd").await;
    let seen = world.did(id, json!({"act": "grade", "severity": "critical", "text": "x"})).await;
    let all = seen["casefile"]["clocks"].as_array().unwrap().clone();
    let duties: Vec<_> = all.iter().filter(|one| one["is_duty"] == true).collect();
    let moment = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap().0;
    let hours: Vec<_> = duties
        .iter()
        .filter(|one| one["due"].is_string())
        .map(|one| {
            (one["id"].as_str().unwrap(), (moment(&one["due"]) - moment(&seen["detected_at"])) / 3_600_000)
        })
        .collect();

    assert_eq!(seen["profile"], "vn-2017");
    assert_eq!(hours, [("notice-5-days", 120), ("serious-5-days", 120)]);
    let sending = json!({"act": "send_report", "duty": "notice-5-days", "number": "1/BC"});
    let blocked = world.doing(id, sending.clone()).await;
    assert_eq!(blocked.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in ["reporter_address", "contact_email", "how_detected", "notified_to"] {
        assert!(blocked.text.contains(field), "{field}: {}", blocked.text);
    }
    assert!(
        !blocked.text.contains("detected_at") && !blocked.text.contains("description"),
        "{}",
        blocked.text
    );
    let required = [
        "reporter_name",
        "reporter_address",
        "reporter_phone",
        "reporter_email",
        "contact_name",
        "contact_phone",
        "contact_email",
        "how_detected",
        "notified_to",
    ];
    world.fill(id, &required).await;
    let nobody = world.doing(id, sending).await;
    assert!(
        nobody.text.contains("national-coordinator") && nobody.text.contains("system-owner"),
        "{}",
        nobody.text
    );
}

/// Takes what a webhook is sent until the final report came; duties of reports, types of the rest.
async fn answer_until_final(server: TcpListener) -> Vec<String> {
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "final") {
        let (mut stream, _, body) = hook(&server).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        told.push(body["data"]["duty"].as_str().or_else(|| body["type"].as_str()).unwrap().to_owned());
    }

    told
}

/// The history has the steps of the story in their order.
fn assert_steps(file: &Value) {
    let entries = file["entries"].as_array().unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let story = [
        "opened",
        "severity",
        "clock_",
        "report_ordered",
        "reported",
        "acknowledged",
        "moved",
        "reported",
        "closed",
    ];
    let mut from = 0;
    for step in story {
        let found = actions[from..].iter().position(|action| action.starts_with(step));
        from += found.unwrap_or_else(|| panic!("{step} after {from} in {actions:?}")) + 1;
    }
}

/// Row TB-5: a finding becomes an incident, its clock warns, the notice and the final report go out with receipts, the
/// lesson is written down, and all of it stands in one file with its times.
#[tokio::test]
async fn from_the_finding_to_the_lesson_everything_stands_in_one_file_with_times_and_forms() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let role = Some("police-unit".to_owned());
    world
        .destination(
            Wanted { role, ..wanted("công an", to_hook(port)) },
            Some(Secret::new_webhook().unwrap()),
        )
        .await
        .unwrap();
    let answering = tokio::spawn(answer_until_final(server));
    let courier = Courier::start(&world);
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;

    world.grade(id, "critical").await;
    world.pass(13 * 60);
    clocks::look_once(&world.seed.desk.store, world.seed.desk.now()).await.unwrap();
    let reporter = ["reporter_name", "reporter_phone", "contact_name", "contact_phone"];
    world.fill(id, &reporter).await;
    let notice = json!({"act": "send_report", "duty": "first-notice-24-hours", "number": "1/TB"});
    world.did(id, notice).await;
    world.message("the notice", |one| one.event == "report" && one.state == "sent").await;
    world.did(id, json!({"act": "acknowledge"})).await;
    world.did(id, json!({"act": "move", "to": "contained"})).await;
    world.did(id, json!({"act": "move", "to": "recovered"})).await;
    world.fill(id, &["cause", "scope", "remedy", "result"]).await;
    let lesson = "khóa tài khoản không dùng trong 24 giờ";
    world.did(id, json!({"act": "fill", "field": "proposals", "value": lesson})).await;
    world.did(id, json!({"act": "send_report", "duty": "final", "number": "2/BC"})).await;
    let told = tokio::time::timeout(MOST, answering).await.unwrap().unwrap();
    let all_sent = async {
        while world
            .messages(Filter { is_open: true, ..Filter::default() })
            .await
            .iter()
            .any(|one| one.event == "report")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MOST, all_sent).await.unwrap();
    courier.stop().await;
    let file = world.did(id, json!({"act": "close", "outcome": "true_impact", "text": "xong"})).await;

    assert_eq!(told.first().map(String::as_str), Some("incident.raised"), "{told:?}");
    assert!(told.iter().any(|one| one == "incident.warning"), "{told:?}");
    assert_steps(&file);
    let reports = file["casefile"]["reports"].as_array().unwrap();
    let sent: Vec<_> =
        reports.iter().map(|one| (one["duty"].as_str().unwrap(), one["number"].as_str().unwrap())).collect();
    assert_eq!(sent, [("first-notice-24-hours", "1/TB"), ("final", "2/BC")]);
    assert!(reports.iter().all(|one| one["receipt"].as_str().unwrap().contains("200 OK ok")));
    assert_eq!(file["casefile"]["fields"]["proposals"], lesson);
    assert!(
        !file["newest"].as_array().unwrap().is_empty() && !file["evidence"].as_array().unwrap().is_empty()
    );
    for moment in ["detected_at", "acknowledged_at", "contained_at", "resolved_at", "closed_at"] {
        assert!(file[moment].is_string(), "{moment}");
    }
}

fn to_syslog(port: u16, over: SyslogOver, line: SyslogLine) -> Settings {
    Settings::Syslog { host: "127.0.0.1".to_owned(), port, over, line, ca: None }
}

#[tokio::test]
async fn lines_of_syslog_are_counted_over_tcp_and_whole_datagrams_over_udp() {
    use tokio::io::AsyncReadExt as _;
    let world = World::new().await;
    let (tcp, udp) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let over_tcp = to_syslog(tcp.local_addr().unwrap().port(), SyslogOver::Tcp, SyslogLine::Rfc5424);
    let over_udp = to_syslog(udp.local_addr().unwrap().port(), SyslogOver::Udp, SyslogLine::Cef);
    world.destination(wanted("tcp", over_tcp), None).await.unwrap();
    world.destination(wanted("udp", over_udp), None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "critical").await;

    let courier = Courier::start(&world);
    let (mut stream, _) = tokio::time::timeout(MOST, tcp.accept()).await.unwrap().unwrap();
    let mut framed = String::new();
    stream.read_to_string(&mut framed).await.unwrap();
    drop(stream);
    let mut bytes = [0_u8; 8_192];
    let got = tokio::time::timeout(MOST, udp.recv(&mut bytes)).await.unwrap().unwrap();
    for to in ["tcp", "udp"] {
        world.message(to, |one| one.destination == to && one.state == "sent").await;
    }
    courier.stop().await;

    let (count, line) = framed.split_once(' ').unwrap();
    assert_eq!(count.parse::<usize>().unwrap(), line.len(), "octets, not characters");
    assert!(line.starts_with("<106>1 ") && line.contains(&format!("incident=\"{id}\"")), "{line}");
    let cef = std::str::from_utf8(&bytes[..got]).unwrap();
    assert!(cef.starts_with("<106>1 ") && cef.contains(" - CEF - CEF:0|Vong Gac|"), "{cef}");
    assert!(cef.contains(&format!("externalId={id}")), "{cef}");
}

/// Destinations are the province's: an agency's people neither make nor see others', and read messages of their own
/// incidents alone.
#[tokio::test]
async fn nobody_of_an_agency_makes_a_destination_or_reads_what_was_sent_of_a_neighbours_incident() {
    let world = World::new().await;
    let (admin, chi) =
        (world.session("an", SessionKind::Token).await, world.session("chi", SessionKind::Token).await);
    let new = |agency: Value, name: &str| {
        let settings = json!({"carrier": "webhook", "url": "https://nhan.example/x"});
        json!({"destination": {"name": name, "settings": settings, "agency": agency, "severity": "low",
            "events": ["opened", "raised", "warning"]}, "secret": null})
        .to_string()
    };

    let refused = world.call(&chi, "POST", "/api/v1/destinations", None, &new(Value::Null, "x")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let made = world.call(&admin, "POST", "/api/v1/destinations", None, &new(Value::Null, "tỉnh")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let local = new(Value::Null, "y").replace("https://nhan", "http://nhan");
    let open = world.call(&admin, "POST", "/api/v1/destinations", None, &local).await;
    assert_eq!(open.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(open.text.contains("open"), "{}", open.text);
    let theirs = world.incident("/var").await;
    world.grade(theirs, "low").await;
    world.grade(theirs, "critical").await;
    let count = |answer: &Answer| answer.json().as_array().unwrap().len();
    assert_eq!(count(&world.call(&admin, "GET", "/api/v1/messages", None, "").await), 1);
    assert_eq!(count(&world.call(&chi, "GET", "/api/v1/messages", None, "").await), 0);
    assert_eq!(count(&world.call(&chi, "GET", "/api/v1/destinations", None, "").await), 0);
    let listed = world.call(&admin, "GET", "/api/v1/destinations", None, "").await;
    assert!(count(&listed) == 1 && !listed.text.contains("whsec"), "{}", listed.text);
    let page = world.get(&world.session("chi", SessionKind::Browser).await, "/gui-di").await;
    assert!(page.status == StatusCode::OK && !page.text.contains("nhan.example"));
    let id = made.json()["id"].as_i64().unwrap();
    let path = format!("/api/v1/destinations/{id}");
    assert_eq!(world.call(&chi, "DELETE", &path, None, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.call(&admin, "DELETE", &path, None, "").await.status, StatusCode::NO_CONTENT);
    let gone = world.messages(Filter::default()).await;
    assert!(gone.iter().all(|one| one.state == "withdrawn"), "{gone:?}");
}

//! An incident's whole life at the desk: states, tasks, clocks, marks, merging and splitting, reports; each of it
//! refused to people of another agency.

use axum::http::StatusCode;
use serde_json::{Value, json};
use vonggac_collector::store::audit;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::seed;

impl World {
    /// Does an act through the API at the version that stands.
    async fn act(&self, token: &str, incident: i64, act: Value) -> super::ask::Answer {
        let path = format!("/api/v1/incidents/{incident}");
        let seen = self.call(token, "GET", &path, None, "").await;
        let version =
            if seen.status == StatusCode::OK { seen.header("etag").to_owned() } else { "\"1\"".to_owned() };

        self.call(token, "POST", &format!("{path}/act"), Some(&version), &act.to_string()).await
    }

    /// Likewise; it must succeed.
    pub(super) async fn done(&self, token: &str, incident: i64, act: Value) -> Value {
        let answer = self.act(token, incident, act.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{act}: {}", answer.text);

        answer.json()
    }

    fn later(&self, minutes: i64) {
        self.seed.clock.fetch_add(minutes * 60_000, std::sync::atomic::Ordering::SeqCst);
    }
}

fn every_act() -> Vec<Value> {
    vec![
        json!({"act": "acknowledge"}),
        json!({"act": "move", "to": "contained", "text": "x"}),
        json!({"act": "comment", "text": "x"}),
        json!({"act": "close", "outcome": "false_alarm", "text": "x"}),
        json!({"act": "reopen", "text": "x"}),
        json!({"act": "assign", "person": "binh"}),
        json!({"act": "review", "person": "an"}),
        json!({"act": "grade", "severity": "low", "text": "x"}),
        json!({"act": "tlp", "label": "TLP:RED"}),
        json!({"act": "pap", "label": "PAP:RED"}),
        json!({"act": "mark", "mark": "personal_data", "on": true, "text": "x"}),
        json!({"act": "drill", "hours": 8, "text": "x"}),
        json!({"act": "pause", "text": "x"}),
        json!({"act": "resume", "text": "x"}),
        json!({"act": "link", "kind": "file", "value": "/x"}),
        json!({"act": "unlink", "kind": "file", "value": "/x"}),
        json!({"act": "add_task", "text": "x", "due_at": "2030-01-01T00:00:00Z"}),
        json!({"act": "answer_task", "task": 1, "text": "x"}),
        json!({"act": "accept_task", "task": 1}),
        json!({"act": "return_task", "task": 1, "text": "x"}),
        json!({"act": "withdraw_task", "task": 1, "text": "x"}),
        json!({"act": "merge", "into": 1, "text": "x"}),
        json!({"act": "split", "hosts": [seed::host(1).to_string()], "text": "x"}),
        json!({"act": "fill", "field": "cause", "value": "x"}),
        json!({"act": "report", "duty": "at-once", "number": "1"}),
        json!({"act": "send_report", "duty": "at-once", "number": "1"}),
    ]
}

#[tokio::test]
async fn no_act_touches_a_neighbours_incident_and_each_attempt_is_audited() {
    let world = World::new().await;
    let (session, token) =
        (world.session("chi", SessionKind::Browser).await, world.session("chi", SessionKind::Token).await);
    let theirs = world.incident("/var").await;
    let acts = every_act();
    let before = world.audited("scope.refused").await;

    for act in &acts {
        let path = format!("/api/v1/incidents/{theirs}/act");
        let answer = world.call(&token, "POST", &path, Some("\"1\""), &act.to_string()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{act}: {}", answer.text);
    }
    let page = world.post(&session, &format!("/su-co/{theirs}/viec"), "ban=1&viec=pause&ghi_chu=x").await;
    let report = world.get(&session, &format!("/su-co/{theirs}/bao-cao/at-once")).await;

    assert_eq!((page.status, report.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    let attempts = u64::try_from(acts.len()).unwrap() + 2;
    assert_eq!(world.audited("scope.refused").await - before, attempts);
    let own = world.incident("/etc/passwd").await;
    let merged = world.act(&token, own, json!({"act": "merge", "into": theirs, "text": "x"})).await;
    let drilled = world.act(&token, own, json!({"act": "drill", "hours": 8, "text": "x"})).await;
    let linked = json!({"act": "link", "kind": "host", "value": seed::host(1).to_string()});
    assert_eq!(merged.status, StatusCode::CONFLICT, "a neighbour's incident is as none");
    assert_eq!(drilled.status, StatusCode::FORBIDDEN, "a drill is for people of the province");
    assert_eq!(world.act(&token, own, linked).await.status, StatusCode::CONFLICT);
    let evidence = world.observation(1).await;
    world.done(&token, own, json!({"act": "add_task", "text": "x", "due_at": "2030-01-01T00:00:00Z"})).await;
    let answer = json!({"act": "answer_task", "task": 1, "text": "x", "evidence": [evidence]});
    assert_eq!(world.act(&token, own, answer).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

#[tokio::test]
async fn who_only_reads_can_do_none_of_it() {
    let world = World::new().await;
    let token = world.session("giang", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;

    for act in every_act() {
        let answer = world.act(&token, id, act.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act}");
    }
}

#[tokio::test]
async fn an_incident_goes_through_its_life_and_everything_done_stands_with_who_when_before_and_after() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;

    assert_eq!(
        world.act(&token, id, json!({"act": "move", "to": "contained"})).await.status,
        StatusCode::CONFLICT
    );
    world.done(&token, id, json!({"act": "acknowledge"})).await;
    world.later(10);
    world.done(&token, id, json!({"act": "move", "to": "analysis"})).await;
    world.later(10);
    world.done(&token, id, json!({"act": "move", "to": "recovered"})).await;
    let back = world.act(&token, id, json!({"act": "move", "to": "analysis"})).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY, "going back needs a reason");
    let seen = world.done(&token, id, json!({"act": "move", "to": "analysis", "text": "tái phát"})).await;
    assert!(seen["resolved_at"].is_null() && seen["contained_at"].is_null(), "{seen}");
    world.done(&token, id, json!({"act": "review", "person": "an"})).await;
    let own = world.act(&token, id, json!({"act": "review", "person": "binh"})).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "the owner is not the reviewer");
    let closing = json!({"act": "close", "outcome": "true_impact", "text": "xong"});
    assert_eq!(world.act(&token, id, closing.clone()).await.status, StatusCode::CONFLICT);
    let reviewer = world.session("an", SessionKind::Token).await;
    let closed = world.done(&reviewer, id, closing).await;
    let told: Vec<_> = closed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {}>{} {}",
                text("person"),
                text("action"),
                text("before"),
                text("after"),
                text("text")
            )
        })
        .collect();

    assert_eq!((closed["state"].as_str(), closed["outcome"].as_str()), (Some("closed"), Some("true_impact")));
    assert_eq!(closed["detected_at"], "2026-11-22T01:52:00.000Z", "T0 is to the minute");
    assert_eq!(
        told,
        [
            "binh acknowledged new>binh ",
            "binh moved acknowledged>analysis ",
            "binh moved analysis>recovered ",
            "binh moved recovered>analysis tái phát",
            "binh reviewer >an ",
            "an closed analysis>true_impact xong",
        ]
    );
    let edited = world.seed.desk.store.write(move |tx| {
        Ok(tx.execute("UPDATE incident SET detected_at = detected_at + 60000 WHERE id = ?1", [id])?)
    });
    assert!(format!("{:#}", edited.await.unwrap_err()).contains("never edited"), "T0 is for ever");
}

#[tokio::test]
async fn a_task_is_given_answered_with_evidence_returned_and_accepted() {
    let world = World::new().await;
    let (binh, chi) =
        (world.session("binh", SessionKind::Token).await, world.session("chi", SessionKind::Token).await);
    let id = world.incident("/etc/passwd").await;
    let due = "2026-11-23T00:00:00Z";
    let evidence = world.observation(5).await;
    let digest = format!("sha256:{}", "ab".repeat(32));

    let early =
        world.act(&binh, id, json!({"act": "add_task", "text": "x", "due_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "a task is not due before it is given");
    let task = world.done(&binh, id, json!({"act": "add_task", "text": "Đổi mật khẩu", "due_at": due})).await;
    let number = task["casefile"]["tasks"][0]["id"].as_i64().unwrap();
    let unfit = world.act(&binh, id, json!({"act": "accept_task", "task": number})).await;
    assert_eq!(unfit.status, StatusCode::CONFLICT, "there is no answer yet");
    let answer =
        json!({"act": "answer_task", "task": number, "text": "Đã đổi", "evidence": [evidence, digest]});
    world.done(&chi, id, answer.clone()).await;
    world.done(&binh, id, json!({"act": "return_task", "task": number, "text": "thiếu một tài khoản"})).await;
    world.later(60 * 24 * 2);
    let late = world.call(&binh, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    assert_eq!(late["casefile"]["tasks"][0]["is_late"], true);
    world.done(&chi, id, answer).await;
    let end = world.done(&binh, id, json!({"act": "accept_task", "task": number})).await;

    let task = &end["casefile"]["tasks"][0];
    assert_eq!((task["state"].as_str(), task["answered_by"].as_str()), (Some("accepted"), Some("chi")));
    assert_eq!(task["evidence"], json!([evidence, digest]));
    let page = world.get(&world.session("chi", SessionKind::Browser).await, &format!("/su-co/{id}")).await;
    assert!(page.text.contains("Đổi mật khẩu") && page.text.contains(&digest));
}

/// Rows BN-2 and BN-14: marks start the duties, a missing required field blocks sending by its name.
#[tokio::test]
async fn a_duty_is_owed_by_its_mark_and_not_sent_before_its_form_is_whole() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let browser = world.session("binh", SessionKind::Browser).await;
    let id = world.incident("/etc/passwd").await;
    let duty = "personal-data-72-hours";
    let paper = format!("/su-co/{id}/bao-cao/{duty}");
    let clock = |seen: &Value| {
        seen["casefile"]["clocks"].as_array().unwrap().iter().find(|one| one["id"] == duty).cloned()
    };

    let before = world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    assert!(clock(&before).is_none() && before["profile"] == "vn-2026");
    let mark = json!({"act": "mark", "mark": "personal_data", "on": true, "text": "hồ sơ cán bộ"});
    let owed = clock(&world.done(&token, id, mark).await).unwrap();
    assert_eq!(
        (owed["status"].as_str(), owed["due"].as_str()),
        (Some("running"), Some("2026-11-25T01:52:00.000Z"))
    );
    assert!(owed["confirmed_by"].is_null() && owed["seen"] == "second_hand", "{owed}");
    let sending = json!({"act": "report", "duty": duty, "number": "12/BC-UBND"});
    let blocked = world.act(&token, id, sending.clone()).await;
    assert_eq!(blocked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(blocked.text.contains("data_kinds") && !blocked.text.contains("detected_at"), "{}", blocked.text);
    let paper_blocked = world.get(&browser, &paper).await;
    assert_eq!(paper_blocked.status, StatusCode::CONFLICT);
    assert!(paper_blocked.text.contains("Loại dữ liệu cá nhân bị ảnh hưởng"));
    for field in [
        "reporter_name",
        "reporter_phone",
        "contact_name",
        "contact_phone",
        "data_kinds",
        "data_subjects",
        "consequences",
        "remedy",
    ] {
        world.done(&token, id, json!({"act": "fill", "field": field, "value": format!("ô {field}")})).await;
    }
    let t0 = world.act(&token, id, json!({"act": "fill", "field": "detected_at", "value": "hôm qua"})).await;
    assert_eq!(t0.status, StatusCode::CONFLICT, "nobody writes another T0 over it");
    let printed = world.get(&browser, &paper).await;
    assert_eq!(printed.status, StatusCode::OK);
    for part in
        ["22/11/2026 08:52:00", "ô data_kinds", "UBND xã Hòa Bình", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"]
    {
        assert!(printed.text.contains(part), "{part}");
    }
    world.later(60);
    let future = json!({"act": "report", "duty": duty, "number": "1", "sent_at": "2027-01-01T00:00:00Z"});
    assert_eq!(world.act(&token, id, future).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = clock(&world.done(&token, id, sending).await).unwrap();
    assert_eq!(sent["status"], "met");
}

#[tokio::test]
async fn own_clocks_rest_with_a_reason_and_the_list_shows_owner_and_clock() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let browser = world.session("binh", SessionKind::Browser).await;
    let id = world.incident("/etc/passwd").await;

    assert_eq!(
        world.act(&token, id, json!({"act": "pause", "text": " "})).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    world.done(&token, id, json!({"act": "assign", "person": "chi"})).await;
    let stranger = world.act(&token, id, json!({"act": "assign", "person": "giang"})).await;
    assert_eq!(stranger.status, StatusCode::CONFLICT, "who only reads has no incident");
    let before = world.call(&token, "GET", "/api/v1/incidents?owner=chi", None, "").await.json();
    let due = |seen: &Value| seen["items"][0]["clock"]["due"].as_str().unwrap().to_owned();
    world.done(&token, id, json!({"act": "pause", "text": "chờ đơn vị mở máy"})).await;
    assert_eq!(
        world.act(&token, id, json!({"act": "pause", "text": "x"})).await.status,
        StatusCode::CONFLICT
    );
    world.later(30);
    world.done(&token, id, json!({"act": "resume", "text": "đã mở"})).await;
    let after = world.call(&token, "GET", "/api/v1/incidents?owner=chi", None, "").await.json();
    let list = world.get(&browser, "/su-co?nguoi=chi").await.text;

    assert_eq!(before["items"].as_array().unwrap().len(), 1);
    let moved = after["items"][0]["clock"]["id"].as_str().unwrap();
    let minutes = |text: String| text.parse::<vonggac_protocol::time::Timestamp>().unwrap().0 / 60_000;
    assert_eq!((moved, minutes(due(&after)) - minutes(due(&before))), ("acknowledged", 30));
    assert!(list.contains("chi") && list.contains("Tiếp nhận") && list.contains("còn"), "{list}");
    let analysing = world.get(&browser, "/su-co?trang-thai=analysis").await;
    assert!(!analysing.text.contains("/etc/passwd"));
}

#[tokio::test]
async fn a_drill_is_in_no_figure_and_counted_apart() {
    let world = World::new().await;
    let token = world.session("binh", SessionKind::Token).await;
    let id = world.incident("/etc/passwd").await;
    let overview = || async { world.call(&token, "GET", "/api/v1/overview", None, "").await.json() };
    let figures = || async { world.call(&token, "GET", "/api/v1/incident-figures", None, "").await.json() };
    let (seen, counted) = (overview().await, figures().await);

    world.done(&token, id, json!({"act": "drill", "hours": 8, "text": "diễn tập quý IV"})).await;
    let (drilled, apart) = (overview().await, figures().await);
    let rule = {
        let closed = json!({"act": "close", "outcome": "true_no_impact", "text": "xong diễn tập"});
        world.done(&token, id, closed).await["rule"].clone()
    };

    let number = |of: &Value, key: &str| of[key].as_u64().unwrap();
    assert_eq!(number(&drilled, "open") + 1, number(&seen, "open"));
    assert_eq!((number(&seen, "drills"), number(&drilled, "drills")), (0, 1));
    assert_eq!(number(&apart, "incidents") + 1, number(&counted, "incidents"));
    assert_eq!((number(&counted, "drills"), number(&apart, "drills")), (0, 1));
    // Row HD-4: a drill marks the plan as exercised.
    assert!(figures().await["exercised"].as_array().unwrap().contains(&rule));
}

#[tokio::test]
async fn two_incidents_become_one_and_hosts_are_split_off_with_history_and_without_losing_time() {
    let world = World::new().await;
    let token = world.session("an", SessionKind::Token).await;
    let (into, from) =
        (world.incident("/etc/passwd").await, world.incident("/root/.ssh/authorized_keys").await);
    let elsewhere = world.incident("/var").await;

    let far = world.act(&token, from, json!({"act": "merge", "into": elsewhere, "text": "x"})).await;
    assert_eq!(far.status, StatusCode::CONFLICT, "incidents of two agencies do not become one");
    assert_eq!(
        world.act(&token, from, json!({"act": "merge", "into": from, "text": "x"})).await.status,
        StatusCode::CONFLICT
    );
    let merged =
        world.done(&token, from, json!({"act": "merge", "into": into, "text": "một lần xâm nhập"})).await;
    let whole = world.call(&token, "GET", &format!("/api/v1/incidents/{into}"), None, "").await.json();
    assert_eq!((merged["state"].as_str(), merged["outcome"].as_str()), (Some("closed"), Some("duplicate")));
    assert_eq!(merged["merged_into"], into);
    let subjects: Vec<_> =
        whole["newest"].as_array().unwrap().iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert!(
        subjects.contains(&"/etc/passwd") && subjects.contains(&"/root/.ssh/authorized_keys"),
        "{subjects:?}"
    );
    assert_eq!(whole["findings"].as_u64().unwrap(), u64::try_from(subjects.len()).unwrap());
    let again = world.act(&token, from, json!({"act": "reopen", "text": "x"})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "what is a part of another is not opened on its own");
    let alone = json!({"act": "split", "hosts": [seed::host(5).to_string()], "text": "x"});
    assert_eq!(world.act(&token, into, alone).await.status, StatusCode::CONFLICT, "a host must be left");

    // A second machine joins by hand of the store, as a rule that joins by agency would bring it.
    world
        .seed
        .desk
        .store
        .write(move |tx| {
            Ok(tx.execute(
                "INSERT INTO incident_host VALUES (?1, ?2, 0)",
                rusqlite::params![into, seed::host(6).0],
            )?)
        })
        .await
        .unwrap();
    world.later(90);
    let split = world
        .done(&token, into, json!({"act": "split", "hosts": [seed::host(5).to_string()], "text": "hai việc"}))
        .await;
    let entry = split["entries"].as_array().unwrap().last().unwrap().clone();
    let new: i64 = entry["after"].as_str().unwrap().trim_start_matches('#').parse().unwrap();
    let born = world.call(&token, "GET", &format!("/api/v1/incidents/{new}"), None, "").await.json();
    assert_eq!(born["detected_at"], whole["detected_at"], "T0 is that of its origin");
    assert_eq!(born["hosts"], json!(["mot-cua-hoa-binh"]));
    assert_eq!(split["hosts"], json!(["van-thu-hoa-binh"]));
    assert_eq!(born["newest"].as_array().unwrap().len(), subjects.len(), "its findings came along");
    assert!(split["newest"].as_array().unwrap().is_empty());
    assert_eq!(world.audited("incident.merged").await, 2);
    world.seed.desk.store.read(audit::verify).await.unwrap();
}

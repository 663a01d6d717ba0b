use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Area, BaselineTaken};
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::{AgentSilent, Kind, Observation};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::ruleset::RuleSource;
use vonggac_rules::table::TableFile;
use vonggac_rules::words::Language;

use super::book::Book;
use super::clauses::{self, State};
use super::facts::Facts;
use super::gather::gather;
use super::key::SigningKey;
use super::make::{self, Made};
use super::verify::verify;
use crate::store::migrate;

const HOST: HostId = HostId([7; 16]);
const NOW: Timestamp = Timestamp(1_795_000_000_000);

const TERMS: &str = r#"
role = [{ id = "co-quan", vi = "Cơ quan", en = "Agency" }]
theme = [{ id = "data", vi = "Dữ liệu", en = "Data" }]
record = [{ id = "C.VANBAN", vi = "Văn bản", en = "Documents" }]
"#;

const PLAN: &str = r#"
[plan]
id = "p"
version = 3
province = { vi = "Tỉnh", en = "Province" }
title = { vi = "Kế hoạch", en = "Plan" }
start = "2020-01-01"

[[clause]]
id = "p/1"
number = "1"
title = { vi = "Giữ dữ liệu nguyên vẹn", en = "Keep data whole" }
theme = "data"
owners = ["co-quan"]
due = { vi = "thường xuyên", en = "continuous" }
measurable = ["auto"]
priority = "must"

[[clause]]
id = "p/2"
number = "2"
title = { vi = "Văn bản điện tử", en = "Documents" }
theme = "data"
owners = ["co-quan"]
due = { vi = "80%", en = "80%" }
measurable = ["import"]
needs = ["C.VANBAN"]
priority = "should"

[[clause]]
id = "p/3"
number = "3"
title = { vi = "Có quy chế", en = "Have a rule" }
theme = "data"
owners = ["co-quan"]
due = { vi = "2020", en = "2020" }
measurable = ["attest"]
priority = "must"

[[clause]]
id = "p/4"
number = "4"
title = { vi = "Không ai đo", en = "Nobody measures" }
theme = "data"
owners = ["co-quan"]
due = { vi = "2020", en = "2020" }
measurable = ["auto"]
priority = "could"
"#;

const RULE: &str = r"title: A data file changed
id: 2d68de68-89e8-5c28-aa3f-2da420ec5199
name: data-changed
status: test
description: A data file changed.
author: test
date: 2026-11-22
logsource:
  product: vonggac
  category: file_changed
detection:
  selection:
    area: data
  condition: selection
falsepositives:
  - Planned work.
level: high
vonggac:
  title_vi: Tệp dữ liệu bị đổi
  description_vi: Tệp dữ liệu bị đổi.
  clauses: [p/1]
  owner: don-vi-van-hanh
  join: host
  subject: path
  sentence_vi: Tệp {path} bị đổi.
  sentence_en: File {path} changed.
  falsepositives_vi: [Việc có kế hoạch.]
  plan:
    - who: don-vi-van-hanh
      within: 1h
      vi: Xem lại.
      en: Look at it.
  tests:
    - name: dữ liệu
      fires: true
      observations:
        - {area: data, path: /srv/a}
    - name: web
      fires: false
      observations:
        - {area: web, path: /srv/a}
";

const SUPPORT: &str = "version = 1\nsystem = []\nsource = []\n";
const PRODUCTS: &str = "version = 1\nproduct = []\n";

fn book() -> Book {
    let sources = vec![RuleSource { path: "packs/data.yml".to_owned(), text: RULE.to_owned() }];
    let tables = [
        TableFile::new("plans/terms.toml", TERMS),
        TableFile::new("plans/p/clauses.toml", PLAN),
        TableFile::new("catalogue/support.toml", SUPPORT),
        TableFile::new("catalogue/software/x.toml", PRODUCTS),
    ];

    Book::load(sources, &tables, Language::En).unwrap_or_else(|broken| panic!("{broken}"))
}

/// A store with one agency and one host.
fn store() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    migrate::to_newest(&mut db).unwrap();
    db.execute("INSERT INTO agency VALUES ('so-x', 'Sở X', 'department', ?1)", [NOW.0]).unwrap();
    db.execute(
        "INSERT INTO host (id, agency, name, state, enrolled_at) VALUES (?1, 'so-x', 'm', 'active', ?2)",
        params![HOST.0, NOW.0],
    )
    .unwrap();
    db
}

fn observe(db: &Connection, seq: u64, minutes: i64, kind: Kind) -> ObservationId {
    let at = Timestamp(NOW.0 + minutes * 60_000);
    let id = ObservationId { host: HOST, epoch: Epoch(5), lane: Lane::Prompt, seq: Seq(seq) };
    db.execute(
        "INSERT INTO observation (host, epoch, lane, seq, at, received_at, kind, body) \
         VALUES (?1, 5, ?2, ?3, ?4, ?4, ?5, ?6)",
        params![
            HOST.0,
            Lane::Prompt.code(),
            i64::try_from(seq).unwrap(),
            at.0,
            kind.word(),
            Observation { at, kind: kind.clone() }.encode()
        ],
    )
    .unwrap();
    id
}

fn judged(db: &Connection) {
    db.execute("UPDATE judge SET cursor = (SELECT max(id) FROM observation)", []).unwrap();
}

fn baseline() -> Kind {
    Kind::BaselineTaken(BaselineTaken {
        root: HostPath::from_text("/srv"),
        area: Area::Data,
        paths: 3,
        bytes: 10,
        digest: Digest::of(b"tree"),
        unreadable: 0,
        took_ms: 1,
        by: None,
        previous: None,
        reason: None,
    })
}

fn incident(db: &Connection, minutes: i64, evidence: &[ObservationId]) {
    let at = NOW.0 + minutes * 60_000;
    db.execute(
        "INSERT INTO incident (id, join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, \
         subject, severity, state, opened_at, raised_at, last_at, findings, detected_at, profile) VALUES (1, 'k', 'data-changed', ?1, 'Tệp', \
         'File', '[\"p/1\"]', 'don-vi-van-hanh', 'so-x', '/srv/a', 'high', 'new', ?2, ?2, ?2, 1, ?2, 'vn-2026')",
        params![[1_u8; 32], at],
    )
    .unwrap();
    entry(db, minutes, "opened", None);
    db.execute(
        "INSERT INTO finding (key, rule, rule_set, incident, agency, host, subject, severity, at, fields, evidence) \
         VALUES ('f', 'data-changed', ?1, 1, 'so-x', ?2, '/srv/a', 'high', ?3, '{\"path\":\"/srv/a\"}', ?4)",
        params![[1_u8; 32], HOST.0, at, serde_json::to_string(evidence).unwrap()],
    )
    .unwrap();
}

fn entry(db: &Connection, minutes: i64, action: &str, after: Option<&str>) {
    db.execute(
        "INSERT INTO incident_entry (incident, at, action, after) VALUES (1, ?1, ?2, ?3)",
        params![NOW.0 + minutes * 60_000, action, after],
    )
    .unwrap();
}

fn as_of(db: &Connection, minutes: i64) -> Facts {
    gather(db, Timestamp(NOW.0 + minutes * 60_000)).unwrap()
}

fn states(facts: &Facts) -> Vec<State> {
    clauses::weigh(facts, &book()).into_iter().map(|clause| clause.state).collect()
}

fn made(facts: &Facts) -> (Made, String) {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make(folder.path()).unwrap();
    let made =
        make::make(facts, &book(), &key, "Tỉnh X", NOW.plus(std::time::Duration::from_secs(86_400))).unwrap();

    (made, key.public())
}

/// Baseline at minute 1, an incident from minute 10 to 20.
fn story() -> Connection {
    let db = store();
    observe(&db, 1, 1, baseline());
    let id = observe(&db, 2, 10, baseline());
    judged(&db);
    incident(&db, 10, &[id]);
    entry(&db, 20, "closed", Some("planned_change"));
    db
}

#[test]
fn a_clause_is_met_only_while_every_host_is_measured_and_nothing_is_open() {
    let db = story();

    use State::{Met, NoFigure, NotMeasurable, NotMet};
    assert_eq!(states(&as_of(&db, 0))[0], NoFigure, "nothing was received yet");
    assert_eq!(states(&as_of(&db, 5)), [Met, NoFigure, NoFigure, NotMeasurable]);
    assert_eq!(states(&as_of(&db, 15)), [NotMet, NoFigure, NoFigure, NotMeasurable]);
    assert_eq!(states(&as_of(&db, 25)), [Met, NoFigure, NoFigure, NotMeasurable]);
}

#[test]
fn a_drill_is_in_a_snapshot_but_in_none_of_its_figures() {
    let db = story();
    entry(&db, 12, "drill", Some("drill"));

    let facts = as_of(&db, 15);
    let (made, key) = made(&facts);

    assert!(facts.incidents[0].drill);
    assert_eq!(states(&facts)[0], State::Met, "no clause is broken by a drill");
    assert_eq!((made.manifest.counts["incidents"], made.manifest.counts["incidents_drill"]), (0, 1));
    verify(&made.bytes, Some(&key)).unwrap();
    assert!(!as_of(&db, 11).incidents[0].drill, "before it was said, it was real");
}

#[test]
fn missing_data_a_silent_host_or_a_judge_that_lags_is_never_met() {
    let db = story();
    db.execute("UPDATE judge SET cursor = 0", []).unwrap();
    assert_eq!(states(&as_of(&db, 5))[0], State::NoFigure);
    judged(&db);

    let silent = AgentSilent { last_heard: NOW, promised_secs: 180 };
    observe(&db, 3, 30, Kind::AgentSilent(silent));
    judged(&db);
    assert_eq!(states(&as_of(&db, 29))[0], State::Met);
    assert_eq!(states(&as_of(&db, 31))[0], State::NoFigure);

    let db = story();
    db.execute(
        "INSERT INTO host (id, agency, name, state, enrolled_at) VALUES (?1, 'so-x', 'n', 'active', ?2)",
        params![[8_u8; 16], NOW.0],
    )
    .unwrap();
    let facts = as_of(&db, 25);
    let clause = &clauses::weigh(&facts, &book())[0];
    assert_eq!((clause.state, clause.hosts_measured, clause.hosts), (State::NoFigure, 1, 2));
    assert!(clause.why.en.contains("1 of 2"), "{:?}", clause.why);
}

#[test]
fn a_statement_counts_for_the_whole_province_and_only_while_it_is_valid() {
    let db = story();
    let state = |agency: Option<&str>, valid: Option<i64>| {
        db.execute_batch("SAVEPOINT s").unwrap();
        db.execute(
            "INSERT INTO attestation (clause, agency, text, signed_by, made_at, valid_until) \
             VALUES ('p/3', ?1, 't', 'GĐ', ?2, ?3)",
            params![agency, NOW.0, valid.map(|minutes| NOW.0 + minutes * 60_000)],
        )
        .unwrap();
        let state = states(&as_of(&db, 25))[2];
        db.execute_batch("ROLLBACK TO s; RELEASE s").unwrap();
        state
    };

    assert_eq!(state(None, None), State::Attested);
    assert_eq!(state(None, Some(24)), State::NoFigure);
    assert_eq!(state(Some("so-x"), None), State::NoFigure);
}

#[test]
fn the_past_is_told_the_same_whatever_happens_later() {
    let db = story();
    let before = made(&as_of(&db, 15)).0.manifest;

    let late = observe(&db, 9, 40, baseline());
    judged(&db);
    db.execute("UPDATE incident SET state = 'closed', severity = 'critical', last_at = 1", []).unwrap();
    db.execute(
        "INSERT INTO finding (key, rule, rule_set, incident, agency, host, subject, severity, at, fields, evidence) \
         VALUES ('g', 'data-changed', ?1, 1, 'so-x', ?2, '/srv/a', 'high', 0, '{}', ?3)",
        params![[1_u8; 32], HOST.0, serde_json::to_string(&[late]).unwrap()],
    )
    .unwrap();
    let again = made(&as_of(&db, 15)).0.manifest;

    assert_eq!(again.content, before.content);
    assert_ne!(made(&as_of(&db, 45)).0.manifest.content, before.content);
}

#[test]
fn a_snapshot_verifies_with_nothing_but_the_file_and_the_key() {
    let (made, key) = made(&as_of(&story(), 15));

    let sound = verify(&made.bytes, Some(&key)).unwrap();

    assert_eq!(sound.manifest, made.manifest);
    assert!(sound.key_was_given);
    assert!(!verify(&made.bytes, None).unwrap().key_was_given);
    assert_eq!(made.manifest.counts["clauses_not_met"], 1);
    assert_eq!(made.manifest.counts["observations"], 1);
}

#[test]
fn every_byte_of_a_snapshot_matters_and_the_part_is_named() {
    let (made, key) = made(&as_of(&story(), 15));
    let names: Vec<String> =
        super::container::decode(&made.bytes).unwrap().into_iter().map(|entry| entry.name).collect();
    let mut parts: BTreeMap<String, u32> = BTreeMap::new();

    for at in 0..made.bytes.len() {
        let mut altered = made.bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let fault = verify(&altered, Some(&key)).expect_err(&format!("byte {at} was altered"));
        *parts.entry(fault.part).or_default() += 1;
    }

    for name in &names {
        assert!(parts.contains_key(name), "{name} was never named");
    }
    assert!(made.bytes.len() > 5_000);
}

#[test]
fn content_that_was_altered_and_signed_anew_by_another_key_is_refused_by_the_true_key() {
    let facts = as_of(&story(), 15);
    let (_, key) = made(&facts);
    let (forged, forgers_key) = made(&facts);

    let fault = verify(&forged.bytes, Some(&key)).unwrap_err();

    assert_eq!(fault.part, make::SIGNATURE);
    assert!(verify(&forged.bytes, Some(&forgers_key)).is_ok());
    assert!(verify(&forged.bytes, Some("nonsense")).is_err());
}

/// The file again after one entry is altered, with digests and signature made anew by the true key: only the content
/// itself can give it away.
fn resigned(made: &Made, key: &SigningKey, name: &str, from: &str, to: &str) -> Vec<u8> {
    let mut entries = super::container::decode(&made.bytes).unwrap();
    entries.truncate(entries.len() - 2);
    let entry = entries.iter_mut().find(|entry| entry.name == name).unwrap();
    let text = String::from_utf8(entry.bytes.clone()).unwrap();
    assert!(text.contains(from), "{name} holds {from}");
    entry.bytes = text.replacen(from, to, 1).into_bytes();
    let mut manifest: make::Manifest = serde_json::from_slice(&entries[0].bytes).unwrap();
    manifest.content = Digest::of(make::sums(&entries[1..]).as_bytes());
    entries[0].bytes = make::json(&manifest).unwrap();
    let sums = make::sums(&entries).into_bytes();
    let signature = key.sign(&sums, &format!("{} as-of {}", make::FORMAT, manifest.as_of)).unwrap();
    for (name, bytes) in [(make::SUMS, sums), (make::SIGNATURE, signature.into_bytes())] {
        entries.push(super::container::Entry { name: name.to_owned(), bytes });
    }

    super::container::encode(&entries).unwrap()
}

#[test]
fn a_maker_who_lies_with_the_true_key_is_found_out_by_the_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make(folder.path()).unwrap();
    let made = make::make(&as_of(&story(), 15), &book(), &key, "", NOW).unwrap();
    let part = |name: &str, from: &str, to: &str| {
        verify(&resigned(&made, &key, name, from, to), Some(&key.public())).unwrap_err().part
    };

    assert_eq!(part(make::CLAUSES, "\"not_met\"", "\"met\""), make::CLAUSES);
    assert_eq!(part(make::INCIDENTS, "\"new\"", "\"closed\""), make::INCIDENTS);
    assert!(part(make::HOSTS, "\"sha256\": \"", "\"sha256\": \"0000").starts_with("hosts.json"));
    assert_eq!(part("rules/plans/p/clauses.toml", "number = \"4\"", "number = \"5\""), make::MANIFEST);
    assert_eq!(part(make::GUIDE, "minisign", "minisine"), make::GUIDE);
    let observation = super::container::decode(&made.bytes).unwrap();
    let observation = observation.iter().find(|entry| entry.name.ends_with("-2.json")).unwrap();
    assert_eq!(part(&observation.name, "/srv", "/opt"), observation.name);
}

#[test]
fn the_rules_and_plans_of_this_build_make_a_snapshot_of_every_clause() {
    let folder = crate::judge::folder::Folder::BuiltIn;
    let book = Book::load(folder.sources().unwrap(), &folder.tables().unwrap(), Language::En)
        .unwrap_or_else(|broken| panic!("{broken}"));
    let keys = tempfile::tempdir().unwrap();
    let key = SigningKey::make(keys.path()).unwrap();

    let made = make::make(&as_of(&story(), 15), &book, &key, "", NOW).unwrap();

    assert_eq!(made.manifest.counts["clauses"], 239);
    verify(&made.bytes, Some(&key.public())).unwrap();
    for at in (0..made.bytes.len()).step_by(9_973) {
        let mut altered = made.bytes.clone();
        altered[at] ^= 0x10;
        assert!(verify(&altered, Some(&key.public())).is_err(), "byte {at}");
    }
}

#[test]
fn accepted_risks_are_listed_as_they_stood_and_cannot_be_stretched() {
    let db = story();
    let accept = |minutes: i64, ends: i64, withdrawn: Option<i64>| {
        let at = |minutes: i64| NOW.0 + minutes * 60_000;
        db.execute(
            "INSERT INTO accepted_risk (name, package, host, reason, accepted_by, accepted_at, ends_at, withdrawn_by, \
             withdrawn_at, withdrawn_reason) VALUES ('CVE-1', 'bash', ?1, 'Thay máy', 'an', ?2, ?3, ?4, ?5, ?4)",
            params![HOST.0, at(minutes), at(ends), withdrawn.map(|_| "x"), withdrawn.map(at)],
        )
        .unwrap();
    };
    accept(2, 100, None);
    accept(3, 100, Some(20));
    accept(4, 12, None);
    let ids = |minutes: i64| -> Vec<i64> {
        as_of(&db, minutes).accepted_risks.iter().map(|risk| risk.id).collect()
    };

    assert_eq!(
        [ids(1), ids(2), ids(5), ids(15), ids(25)],
        [vec![], vec![1], vec![1, 2, 3], vec![1, 2], vec![1]]
    );
    let (made, key) = made(&as_of(&db, 15));
    verify(&made.bytes, Some(&key)).unwrap();
    assert_eq!(made.manifest.counts["accepted_risks"], 2);
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make(folder.path()).unwrap();
    let signed = make::make(&as_of(&db, 15), &book(), &key, "Tỉnh X", NOW).unwrap();
    let ends = Timestamp(NOW.0 + 100 * 60_000).to_string();
    let over = Timestamp(NOW.0 + 14 * 60_000).to_string();
    let fault = verify(&resigned(&signed, &key, make::ACCEPTED_RISKS, &ends, &over), None).unwrap_err();
    assert_eq!(fault.part, make::ACCEPTED_RISKS);
}

#[test]
fn exceptions_are_listed_with_what_they_kept_and_cannot_be_stretched() {
    let db = story();
    let at = |minutes: i64| NOW.0 + minutes * 60_000;
    let (rule_set, evidence): (Vec<u8>, String) = db
        .query_row("SELECT rule_set, evidence FROM finding ORDER BY id LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    for (from, ends) in [(2, 100), (3, 12)] {
        db.execute(
            "INSERT INTO rule_exception (rule, host, conditions, reason, made_by, made_at, ends_at)
             VALUES ('r', ?1, '{\"subject\":\"/srv/*\"}', 'Thay máy', 'an', ?2, ?3)",
            params![HOST.0, at(from), at(ends)],
        )
        .unwrap();
    }
    db.execute(
        "INSERT INTO excepted_finding (key, exception, rule, rule_set, agency, host, subject, severity, at, kept_at,
         fields, evidence) VALUES ('k', 1, 'r', ?1, 'so-x', ?2, '/srv/a', 'high', ?3, ?3, '{}', ?4)",
        params![rule_set, HOST.0, at(14), evidence],
    )
    .unwrap();
    let told = |minutes: i64| -> Vec<(i64, u64, usize)> {
        let all = as_of(&db, minutes).exceptions;
        all.iter().map(|it| (it.id, it.findings_total, it.findings.len())).collect()
    };

    assert_eq!([told(1), told(5), told(15)], [vec![], vec![(1, 0, 0), (2, 0, 0)], vec![(1, 1, 1)]]);
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::make(folder.path()).unwrap();
    let signed = make::make(&as_of(&db, 15), &book(), &key, "Tỉnh X", NOW).unwrap();
    verify(&signed.bytes, Some(&key.public())).unwrap();
    assert_eq!(signed.manifest.counts["exceptions"], 1);
    let (ends, over) = (Timestamp(at(100)).to_string(), Timestamp(at(14)).to_string());
    let fault = verify(&resigned(&signed, &key, make::EXCEPTIONS, &ends, &over), None).unwrap_err();
    assert_eq!(fault.part, make::EXCEPTIONS);
}

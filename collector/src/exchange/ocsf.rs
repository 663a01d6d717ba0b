//! An incident as an Incident Finding of OCSF 1.8.0 (class 2005).

use serde_json::{Map, Value, json};
use vonggac_protocol::time::Timestamp;

use super::case::{Case, Seen};
use crate::store::view::words::{Outcome, Severity, State};

/// The version of the schema.
const VERSION: &str = "1.8.0";

/// Findings, and in them the incidents.
const CATEGORY: u32 = 2;
const CLASS: u32 = 2005;

/// Types of observables.
const HOST_NAME: (u8, &str) = (1, "Hostname");
const HASH: (u8, &str) = (8, "Hash");
const FILE_PATH: (u8, &str) = (45, "File Path");

/// The event.
#[must_use]
pub fn finding(case: &Case) -> Value {
    let (activity, activity_name) = activity(case.state);
    let (severity, severity_name) = severity(case.severity);
    let (status, status_name) = status(case.state);
    let (verdict, verdict_name) = verdict(case);
    let title = case.titled(&case.title_vi);
    let mut event = json!({
        "activity_id": activity, "activity_name": activity_name,
        "category_uid": CATEGORY, "category_name": "Findings",
        "class_uid": CLASS, "class_name": "Incident Finding",
        "type_uid": CLASS * 100 + activity, "type_name": format!("Incident Finding: {activity_name}"),
        "time": millis(case.times.changed),
        "start_time": millis(case.times.first), "end_time": millis(case.times.last),
        "severity_id": severity, "severity": severity_name,
        "status_id": status, "status": status_name, "status_detail": case.state.word(),
        "verdict_id": verdict, "verdict": verdict_name,
        "message": title, "desc": case.summary(),
        "assignee_group": { "name": case.owner_role, "type": "role" },
        "finding_info_list": [info(case, &title)],
        "observables": observables(case),
        "metadata": metadata(case),
    });
    if let Value::Object(event) = &mut event {
        // Only a person's word makes it a breach of data.
        if case.marks.iter().any(|mark| matches!(mark.as_str(), "personal_data" | "sensitive_data")) {
            event.insert("is_suspected_breach".to_owned(), (!case.is_drill).into());
        }
        if observables_empty(case) {
            event.remove("observables");
        }
    }

    event
}

fn millis(at: Timestamp) -> i64 {
    at.0
}

fn metadata(case: &Case) -> Value {
    let mut labels = vec![case.tlp.clone(), case.pap.clone()];
    labels.extend(case.marks.iter().map(|mark| format!("mark:{mark}")));
    labels.extend(case.clauses.iter().map(|clause| format!("clause:{clause}")));
    labels.push(format!("profile:{}", case.profile));
    if case.is_drill {
        labels.push("drill".to_owned());
    }
    let mut metadata = json!({
        "version": VERSION,
        "profiles": ["incident"],
        "uid": format!("{}-{}", case.uid(), case.times.changed.0),
        "correlation_uid": case.uid(),
        "product": {
            "name": "Vọng Gác", "vendor_name": "Vọng Gác", "version": env!("CARGO_PKG_VERSION"),
            "uid": case.name("house", "house"),
        },
        "labels": labels,
        "original_time": case.times.detected.to_string(),
        "log_name": if case.is_drill { "drill" } else { "incident" },
    });
    if let (Value::Object(metadata), Some((agency, _))) = (&mut metadata, &case.agency) {
        metadata.insert("tenant_uid".to_owned(), agency.as_str().into());
    }

    metadata
}

fn info(case: &Case, title: &str) -> Value {
    let mut info = json!({
        "uid": case.uid(),
        "uid_alt": format!("#{}", case.id),
        "title": title,
        "analytic": { "type_id": 1, "type": "Rule", "uid": case.rule, "name": case.rule },
        "created_time": millis(case.times.raised),
        "modified_time": millis(case.times.changed),
        "first_seen_time": millis(case.times.first),
        "last_seen_time": millis(case.times.last),
        "related_events_count": case.findings,
        "related_events": case.seen.iter().map(related).collect::<Vec<_>>(),
    });
    if let Value::Object(info) = &mut info {
        if let Some(subject) = &case.subject {
            info.insert("desc".to_owned(), subject.as_str().into());
        }
        if case.seen.is_empty() {
            info.remove("related_events");
        }
    }

    info
}

fn related(seen: &Seen) -> Value {
    // The digest names the evidence even where its own id would tell the host.
    let uid = seen.place.as_ref().map_or_else(|| format!("sha256:{}", seen.digest), |(id, _)| id.clone());
    let mut told = Map::new();
    told.insert("uid".to_owned(), uid.into());
    told.insert("title".to_owned(), seen.kind.as_str().into());
    told.insert("first_seen_time".to_owned(), millis(seen.at).into());
    told.insert("last_seen_time".to_owned(), millis(seen.at).into());
    let mut things = vec![observable(HASH, "evidence", &seen.digest.to_string())];
    if let Some((_, machine)) = &seen.place {
        things.push(observable(HOST_NAME, "host", &machine.name));
    }
    if let Some(file) = &seen.file {
        things.push(observable(FILE_PATH, "file.path", &file.path));
        things.extend(file.now.map(|(digest, _)| observable(HASH, "file.hash", &digest.to_string())));
    }
    told.insert("observables".to_owned(), things.into());

    Value::Object(told)
}

fn observable((type_id, kind): (u8, &str), name: &str, value: &str) -> Value {
    json!({ "type_id": type_id, "type": kind, "name": name, "value": value })
}

fn observables_empty(case: &Case) -> bool {
    case.hosts.is_empty()
}

fn observables(case: &Case) -> Vec<Value> {
    case.hosts.iter().map(|host| observable(HOST_NAME, "host", &host.name)).collect()
}

fn activity(state: State) -> (u32, &'static str) {
    match state {
        State::New => (1, "Create"),
        State::Closed => (3, "Close"),
        State::Acknowledged | State::Analysis | State::Contained | State::Eradicated | State::Recovered => {
            (2, "Update")
        }
    }
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn status(state: State) -> (u8, &'static str) {
    match state {
        State::New => (1, "New"),
        State::Acknowledged | State::Analysis | State::Contained | State::Eradicated => (2, "In Progress"),
        State::Recovered => (4, "Resolved"),
        State::Closed => (5, "Closed"),
    }
}

/// A drill is a test, whatever it was closed as.
fn verdict(case: &Case) -> (u8, &'static str) {
    if case.is_drill {
        return (6, "Test");
    }
    match case.outcome {
        None => (0, "Unknown"),
        Some(Outcome::TrueImpact | Outcome::TrueNoImpact) => (2, "True Positive"),
        Some(Outcome::FalseAlarm) => (1, "False Positive"),
        Some(Outcome::PlannedChange) => (5, "Benign"),
        Some(Outcome::Duplicate) => (10, "Duplicate"),
        Some(Outcome::Unknown) => (7, "Insufficient Data"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bare, drill, whole};
    use super::*;

    #[test]
    fn class_type_status_and_verdict_agree() {
        let event = finding(&whole());

        assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(2005), &json!(200_503)));
        assert_eq!((&event["status"], &event["verdict"]), (&json!("Closed"), &json!("True Positive")));
        assert_eq!(event["metadata"]["version"], "1.8.0");
        assert_eq!(event["metadata"]["labels"][0], "TLP:AMBER+STRICT");
        assert_eq!(event.to_string(), finding(&whole()).to_string());
    }

    #[test]
    fn strangers_get_neither_host_nor_path_nor_agency() {
        let text = finding(&bare()).to_string();

        for hidden in ["máy-1", "/srv/web", "so-y-te", "Sở Y tế", "Lỗ hổng", "01010101"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }

    #[test]
    fn a_drill_is_a_test_of_a_log_of_its_own() {
        let event = finding(&drill());

        assert_eq!((&event["verdict"], &event["metadata"]["log_name"]), (&json!("Test"), &json!("drill")));
        assert!(event["message"].as_str().unwrap().starts_with("[DIỄN TẬP – DRILL] "));
        assert!(event["metadata"]["labels"].as_array().unwrap().contains(&json!("drill")));
    }
}

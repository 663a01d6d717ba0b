//! An incident as an event of MISP (core format, draft-dulaunoy-misp-core-format), in the JSON that its import takes.
//!
//! Nothing is marked for detection (`to_ids`): what was seen on a host is no proof that it is bad elsewhere. The event
//! is for the receiver's own organisation until a person there decides otherwise.

use serde_json::{Map, Value, json};
use vonggac_protocol::time::Timestamp;

use super::case::{Case, Seen};
use crate::store::view::words::{Severity, State};

/// The template of files, as misp-objects has it.
const FILE_TEMPLATE: (&str, &str) = ("688c46fb-5edb-40a3-8273-1af7923e2215", "25");

/// Only the receiver's own organisation.
const OWN: &str = "0";

/// As the event that it belongs to.
const INHERITED: &str = "5";

/// The event.
#[must_use]
pub fn event(case: &Case) -> Value {
    let uid = case.uid();
    let mut event = json!({
        "uuid": uid,
        "info": case.titled(&case.title_vi),
        "date": day(case.times.detected),
        "timestamp": secs(case.times.changed),
        "threat_level_id": threat(case),
        "analysis": analysis(case.state),
        "distribution": OWN,
        "published": false,
        "Orgc": { "name": case.teller(), "uuid": case.name("house", "house") },
        "Tag": tags(case),
        "Attribute": attributes(case),
        "Object": case.seen.iter().filter_map(|seen| file(case, seen)).collect::<Vec<_>>(),
        "EventReport": [{
            "uuid": case.name("misp-report", &case.id.to_string()),
            "name": case.titled(&case.title_vi),
            "content": case.summary(),
            "distribution": INHERITED,
            "timestamp": secs(case.times.changed),
        }],
    });
    if let (Value::Object(event), Some(other)) = (&mut event, case.merged_into) {
        event.insert("extends_uuid".to_owned(), case.name("incident", &other.to_string()).into());
    }

    json!({ "Event": event })
}

fn secs(at: Timestamp) -> String {
    at.0.div_euclid(1_000).to_string()
}

/// The day in Vietnam.
fn day(at: Timestamp) -> String {
    vonggac_rules::entitlement::day_of(at).to_string()
}

/// 1 is high; 4 is undefined, which a drill is: it must not count in anybody's figures.
fn threat(case: &Case) -> &'static str {
    match case.severity {
        _ if case.is_drill => "4",
        Severity::Critical | Severity::High => "1",
        Severity::Medium => "2",
        Severity::Low => "3",
    }
}

fn analysis(state: State) -> &'static str {
    match state {
        State::New => "0",
        State::Closed => "2",
        State::Acknowledged | State::Analysis | State::Contained | State::Eradicated | State::Recovered => {
            "1"
        }
    }
}

fn tags(case: &Case) -> Vec<Value> {
    let mut tags = vec![
        // The taxonomy `tlp` is in small letters, the taxonomy `PAP` in capitals.
        case.tlp.to_lowercase(),
        case.pap.clone(),
        format!("vonggac:severity=\"{}\"", case.severity.word()),
        format!("vonggac:state=\"{}\"", case.state.word()),
    ];
    tags.extend(case.outcome.map(|outcome| format!("vonggac:outcome=\"{}\"", outcome.word())));
    tags.extend(case.marks.iter().map(|mark| format!("vonggac:mark=\"{mark}\"")));
    if case.is_drill {
        tags.push("vonggac:drill=\"true\"".to_owned());
    }

    tags.into_iter().map(|name| json!({ "name": name })).collect()
}

fn attributes(case: &Case) -> Vec<Value> {
    let mut all = Vec::new();
    let mut put = |kind: &str, category: &str, value: &str, comment: &str| {
        if !value.is_empty() {
            all.push(attribute(case, ("event", kind, category, value, comment)));
        }
    };
    put("text", "Internal reference", &format!("#{}", case.id), "number");
    put("text", "Internal reference", &case.rule, "rule");
    put("text", "Internal reference", &case.profile, "profile of law");
    for clause in &case.clauses {
        put("text", "Internal reference", clause, "clause");
    }
    put("datetime", "Other", &case.times.detected.to_string(), "T0");
    for (at, what) in [
        (case.times.acknowledged, "acknowledged"),
        (case.times.contained, "contained"),
        (case.times.resolved, "resolved"),
        (case.times.closed, "closed"),
    ] {
        put("datetime", "Other", &at.map(|at| at.to_string()).unwrap_or_default(), what);
    }
    if let Some((_, name)) = &case.agency {
        put("target-org", "Targeting data", name, "");
    }
    for host in &case.hosts {
        put("target-machine", "Targeting data", &host.name, &host.id.to_string());
    }
    put("text", "Other", case.subject.as_deref().unwrap_or_default(), "subject");
    for seen in &case.seen {
        put(
            "text",
            "Internal reference",
            &format!("sha256:{}", seen.digest),
            &format!("evidence: {}", seen.kind),
        );
    }

    all
}

type Said<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn attribute(case: &Case, (of, kind, category, value, comment): Said<'_>) -> Value {
    json!({
        "uuid": case.name("misp-attribute", &format!("{}/{of}/{kind}/{comment}/{value}", case.id)),
        "type": kind,
        "category": category,
        "value": value,
        "comment": comment,
        "to_ids": false,
        "disable_correlation": true,
        "distribution": INHERITED,
        "timestamp": secs(case.times.changed),
    })
}

fn file(case: &Case, seen: &Seen) -> Option<Value> {
    let (place, machine) = seen.place.as_ref()?;
    let file = seen.file.as_ref()?;
    let (digest, size) = file.now.map(|(digest, size)| (digest.to_string(), size.to_string())).unzip();
    let (_, name) = super::stix::split(&file.path);
    let attributes: Vec<Value> = [
        ("filename", "filename", "Payload delivery", Some(name.to_owned())),
        ("fullpath", "text", "Other", Some(file.path.clone())),
        ("sha256", "sha256", "Payload delivery", digest),
        ("size-in-bytes", "size-in-bytes", "Other", size),
    ]
    .into_iter()
    .filter_map(|(relation, kind, category, value)| {
        let mut told = attribute(case, (place, kind, category, &value?, ""));
        if let Value::Object(told) = &mut told {
            told.insert("object_relation".to_owned(), relation.into());
        }
        Some(told)
    })
    .collect();
    let mut object = Map::new();
    for (key, value) in [
        ("uuid", case.name("misp-object", &format!("{}/{place}", case.id))),
        ("name", "file".to_owned()),
        ("meta-category", "file".to_owned()),
        ("template_uuid", FILE_TEMPLATE.0.to_owned()),
        ("template_version", FILE_TEMPLATE.1.to_owned()),
        ("comment", machine.name.clone()),
        ("distribution", INHERITED.to_owned()),
        ("timestamp", secs(case.times.changed)),
        ("first_seen", seen.at.to_string()),
        ("last_seen", seen.at.to_string()),
    ] {
        object.insert(key.to_owned(), value.into());
    }
    object.insert("Attribute".to_owned(), attributes.into());

    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples::{bare, drill, whole};
    use super::*;

    fn uuids(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                into.extend(map.get("uuid").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| uuids(value, into));
            }
            Value::Array(list) => list.iter().for_each(|value| uuids(value, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_uuid_stands_once_and_the_same_incident_gives_the_same_bytes() {
        let mut all = Vec::new();
        uuids(&event(&whole()), &mut all);
        let distinct: BTreeSet<_> = all.iter().collect();

        assert_eq!(distinct.len(), all.len());
        assert_eq!(event(&whole()).to_string(), event(&whole()).to_string());
    }

    #[test]
    fn labels_are_tags_and_nothing_is_for_detection() {
        let event = event(&whole());
        let tags: Vec<_> = event["Event"]["Tag"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap())
            .collect();

        assert!(tags.contains(&"tlp:amber+strict") && tags.contains(&"PAP:AMBER"), "{tags:?}");
        assert!(!event.to_string().contains("\"to_ids\":true"));
        assert_eq!(event["Event"]["distribution"], "0");
        assert_eq!(event["Event"]["threat_level_id"], "1");
    }

    #[test]
    fn strangers_get_neither_host_nor_path_nor_agency() {
        let text = event(&bare()).to_string();

        for hidden in ["máy-1", "/srv/web", "so-y-te", "Sở Y tế", "Lỗ hổng", "01010101"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }

    #[test]
    fn a_drill_says_so_in_title_and_tag_and_threatens_nobody() {
        let event = event(&drill());

        assert!(event["Event"]["info"].as_str().unwrap().starts_with("[DIỄN TẬP – DRILL] "));
        assert_eq!(event["Event"]["threat_level_id"], "4");
        assert!(event["Event"]["Tag"].to_string().contains("vonggac:drill"));
    }
}

//! An incident as a STIX 2.1 bundle (OASIS standard of 10 June 2021), marked by TLP 2.0 and PAP as OASIS's common
//! objects have them.
//!
//! Nothing in it is an indicator: what was seen on a host is observed data, and whether it is bad is not for a file to
//! say. The same incident gives the same bytes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vonggac_protocol::time::Timestamp;

use super::case::{Case, Machine, Seen, SeenFile};
use super::uuid;

/// The extension that carries TLP 2.0, and its marking definitions: ids given by OASIS.
const TLP_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
const TLP: [(&str, &str); 5] = [
    ("clear", "94868c89-83c2-464b-929b-a1a8aa3c8487"),
    ("green", "bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
    ("amber", "55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
    ("amber+strict", "939a9414-2ddd-4d32-a0cd-375ea402b003"),
    ("red", "e828b379-4e03-4974-9ac4-e53a884c97c1"),
];

/// Likewise of PAP.
const PAP_EXTENSION: &str = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b";
const PAP: [(&str, &str); 4] = [
    ("clear", "ad15a0cd-55b6-4588-a14c-a66105329b92"),
    ("green", "c43594d1-4b11-4c59-93ab-1c9b14d53ce9"),
    ("amber", "60f8932b-e51e-4458-b265-a2e8be9a80ab"),
    ("red", "740d36e5-7714-4c30-961a-3ae632ceee0e"),
];

/// When OASIS made them.
const MARKED_AT: &str = "2022-10-01T00:00:00.000Z";

/// What our extension of incidents is called; part of its id.
const EXTENSION: &str = "vonggac incident 1";

/// When it was made.
const EXTENSION_AT: &str = "2026-11-22T00:00:00.000Z";

/// The bundle.
#[must_use]
pub fn bundle(case: &Case) -> Value {
    let mut writer = Writer { case, marks: Vec::new(), observables: BTreeMap::new(), objects: Vec::new() };
    writer.write();
    let objects = writer.objects;
    // The bundle is named by what is in it: another state of the incident is another bundle.
    let id = uuid::named(&uuid::OURS, &format!("bundle/{}", Value::from(objects.clone())));

    json!({ "type": "bundle", "id": format!("bundle--{id}"), "objects": objects })
}

struct Writer<'a> {
    case: &'a Case,
    /// Ids of the marking definitions.
    marks: Vec<String>,
    /// Observables by id: the same file seen twice is one object.
    observables: BTreeMap<String, Value>,
    objects: Vec<Value>,
}

impl Writer<'_> {
    fn write(&mut self) {
        let case = self.case;
        self.mark();
        let house = self.identity("house", "house", &case.teller(), "organization", None);
        self.objects.push(extension(&house));
        let mut about = vec![self.incident(&house)];
        let incident = about.first().cloned().unwrap_or_default();
        if let Some((id, name)) = &case.agency {
            let agency = self.identity("agency", id, name, "organization", Some(&house));
            self.relate(&incident, &agency, &house);
            about.push(agency);
        }
        for Machine { id, name } in &case.hosts {
            let host = self.identity("host", &id.to_string(), name, "system", Some(&house));
            self.relate(&incident, &host, &house);
            about.push(host);
        }
        for seen in &case.seen {
            if let Some(observed) = self.observed(seen, &house) {
                self.relate(&incident, &observed, &house);
                about.push(observed);
            }
        }
        about.extend(self.observables.keys().cloned());
        self.report(&house, &about);
        let observables = std::mem::take(&mut self.observables);
        self.objects.extend(observables.into_values());
    }

    fn mark(&mut self) {
        let labels = [
            (&self.case.tlp, "TLP:", TLP.as_slice(), TLP_EXTENSION, "tlp_2_0"),
            (&self.case.pap, "PAP:", PAP.as_slice(), PAP_EXTENSION, "pap"),
        ];
        for (label, prefix, known, extension, key) in labels {
            let word = label.trim_start_matches(prefix).to_lowercase();
            // A label that we do not know is the strictest, as everywhere.
            let found = known.iter().find(|(name, _)| *name == word).or_else(|| known.last());
            let Some((word, id)) = found else { continue };
            let id = format!("marking-definition--{id}");
            self.objects.push(json!({
                "type": "marking-definition", "spec_version": "2.1", "id": id, "created": MARKED_AT,
                "name": format!("{prefix}{}", word.to_uppercase()),
                "extensions": { extension: { "extension_type": "property-extension", key: word } },
            }));
            self.marks.push(id);
        }
    }

    /// Adds an object with what all of them have, and gives its id.
    fn add(
        &mut self,
        kind: &str,
        id: &str,
        times: (Timestamp, Timestamp),
        house: Option<&str>,
        own: Value,
    ) -> String {
        let id = format!("{kind}--{id}");
        let mut object = Map::new();
        object.insert("type".to_owned(), kind.into());
        object.insert("spec_version".to_owned(), "2.1".into());
        object.insert("id".to_owned(), id.clone().into());
        if let Some(house) = house {
            object.insert("created_by_ref".to_owned(), house.into());
        }
        object.insert("created".to_owned(), times.0.to_string().into());
        object.insert("modified".to_owned(), times.1.max(times.0).to_string().into());
        if let Value::Object(own) = own {
            object.extend(own);
        }
        // An identity is the same object whatever it stands beside.
        if self.case.is_drill && kind != "identity" {
            object.insert("labels".to_owned(), json!(["drill"]));
        }
        object.insert("object_marking_refs".to_owned(), json!(self.marks));
        self.objects.push(Value::Object(object));

        id
    }

    fn identity(&mut self, kind: &str, thing: &str, name: &str, class: &str, house: Option<&str>) -> String {
        // Made with the installation: the same object in every bundle.
        let made = self.case.from.made_at;
        let own = json!({ "name": name, "identity_class": class });

        self.add("identity", &self.case.name(kind, thing), (made, made), house, own)
    }

    fn incident(&mut self, house: &str) -> String {
        let case = self.case;
        let mut told = json!({
            "extension_type": "property-extension",
            "number": case.id,
            "rule": case.rule,
            "severity": case.severity.word(),
            "state": case.state.word(),
            "detected": case.times.detected.to_string(),
            "first_evidence": case.times.first.to_string(),
            "newest_evidence": case.times.last.to_string(),
            "findings": case.findings,
            "hosts": case.host_count,
            "drill": case.is_drill,
            "profile": case.profile,
            "evidence": case.seen.iter().map(evidence).collect::<Vec<_>>(),
        });
        let optional = [
            ("outcome", case.outcome.map(|outcome| outcome.word().to_owned())),
            ("acknowledged", case.times.acknowledged.map(|at| at.to_string())),
            ("contained", case.times.contained.map(|at| at.to_string())),
            ("resolved", case.times.resolved.map(|at| at.to_string())),
            ("closed", case.times.closed.map(|at| at.to_string())),
            (
                "part_of",
                case.merged_into
                    .map(|other| format!("incident--{}", case.name("incident", &other.to_string()))),
            ),
        ];
        if let Value::Object(told) = &mut told {
            told.extend(
                optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))),
            );
            for (key, list) in [("marks", &case.marks), ("clauses", &case.clauses)] {
                if !list.is_empty() {
                    told.insert(key.to_owned(), json!(list));
                }
            }
        }
        let own = json!({
            "name": case.titled(&case.title_vi),
            "description": case.summary(),
            "lang": "vi",
            "extensions": { extension_id(): told },
        });

        self.add("incident", &case.uid(), (case.times.raised, case.times.changed), Some(house), own)
    }

    fn observed(&mut self, seen: &Seen, house: &str) -> Option<String> {
        let (place, _) = seen.place.as_ref()?;
        let file = self.file(seen.file.as_ref()?);
        let own = json!({
            "first_observed": seen.at.to_string(),
            "last_observed": seen.at.to_string(),
            "number_observed": 1,
            "object_refs": file,
        });
        let id = self.case.name("observed", &format!("{}/{place}", self.case.id));
        // Evidence is never edited: it is as old as the incident's knowledge of it.
        let made = self.case.times.raised;

        Some(self.add("observed-data", &id, (made, made), Some(house), own))
    }

    /// The file and its folder; ids of both.
    fn file(&mut self, file: &SeenFile) -> Vec<String> {
        let (folder, name) = split(&file.path);
        let mut refs = Vec::new();
        let mut own = Map::new();
        if let Some((digest, _)) = &file.now {
            own.insert("hashes".to_owned(), json!({ "SHA-256": digest.to_string() }));
        }
        own.insert("name".to_owned(), name.into());
        if let Some(folder) = folder {
            let id = self.observable("directory", json!({ "path": folder }), Map::new());
            own.insert("parent_directory_ref".to_owned(), id.clone().into());
            refs.push(id);
        }
        let size = file.now.map(|(_, size)| ("size".to_owned(), size.into()));
        let id = self.observable("file", Value::Object(own), size.into_iter().collect());
        refs.insert(0, id);

        refs
    }

    /// Adds an observable; the properties that contribute to its id are written as RFC 8785 has them, which for texts
    /// in alphabetical order is what we write anyway.
    fn observable(&mut self, kind: &str, contributing: Value, further: Map<String, Value>) -> String {
        let id = format!("{kind}--{}", uuid::named(&uuid::STIX, &contributing.to_string()));
        let mut object = Map::new();
        object.insert("type".to_owned(), kind.into());
        object.insert("spec_version".to_owned(), "2.1".into());
        object.insert("id".to_owned(), id.clone().into());
        if let Value::Object(contributing) = contributing {
            object.extend(contributing);
        }
        object.extend(further);
        object.insert("object_marking_refs".to_owned(), json!(self.marks));
        self.observables.insert(id.clone(), Value::Object(object));

        id
    }

    fn relate(&mut self, from: &str, to: &str, house: &str) {
        let id = self.case.name("relationship", &format!("{from}/{to}"));
        let made = self.case.times.raised;
        let own = json!({ "relationship_type": "related-to", "source_ref": from, "target_ref": to });
        self.add("relationship", &id, (made, made), Some(house), own);
    }

    fn report(&mut self, house: &str, about: &[String]) {
        let case = self.case;
        let own = json!({
            "name": case.titled(&case.title_vi),
            "description": case.summary(),
            "lang": "vi",
            "report_types": ["observed-data"],
            "published": case.times.changed.to_string(),
            "object_refs": about,
        });
        let id = case.name("report", &case.id.to_string());
        self.add("report", &id, (case.times.raised, case.times.changed), Some(house), own);
    }
}

fn evidence(seen: &Seen) -> Value {
    let mut told = json!({ "at": seen.at.to_string(), "kind": seen.kind, "sha256": seen.digest.to_string() });
    if let (Value::Object(told), Some((id, _))) = (&mut told, &seen.place) {
        told.insert("id".to_owned(), id.as_str().into());
    }

    told
}

/// The folder and the name of a path of either system.
pub(super) fn split(path: &str) -> (Option<&str>, &str) {
    match path.rfind(['/', '\\']) {
        Some(0) => (path.get(..1), path.get(1..).filter(|name| !name.is_empty()).unwrap_or(path)),
        Some(at) => match (path.get(..at), path.get(at + 1..)) {
            (Some(folder), Some(name)) if !name.is_empty() => (Some(folder), name),
            _ => (None, path),
        },
        None => (None, path),
    }
}

fn extension_id() -> String {
    format!("extension-definition--{}", uuid::named(&uuid::OURS, EXTENSION))
}

fn extension(house: &str) -> Value {
    json!({
        "type": "extension-definition", "spec_version": "2.1", "id": extension_id(), "created_by_ref": house,
        "created": EXTENSION_AT, "modified": EXTENSION_AT, "name": EXTENSION,
        "description": "What Vong Gac knows of an incident beyond STIX 2.1: number, rule, severity, state, moments, \
                        marks, drill, and the digests of its evidence.",
        "schema": "docs/exchange.md of Vong Gac", "version": "1.0.0", "extension_types": ["property-extension"],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples::{bare, drill, whole};
    use super::*;

    fn all<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
        bundle["objects"].as_array().unwrap().iter().filter(|object| object["type"] == kind).collect()
    }

    #[test]
    #[expect(clippy::wildcard_enum_match_arm, reason = "references are asked for")]
    fn every_reference_leads_to_an_object_of_the_bundle() {
        for case in [whole(), bare(), drill()] {
            let bundle = bundle(&case);
            let objects = bundle["objects"].as_array().unwrap();
            let ids: BTreeSet<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), objects.len(), "an id stands twice");
            for object in objects {
                for (key, value) in object.as_object().unwrap() {
                    let refs: Vec<&str> = match value {
                        Value::String(one) if key.ends_with("_ref") => vec![one],
                        Value::Array(many) if key.ends_with("_refs") => {
                            many.iter().map(|one| one.as_str().unwrap()).collect()
                        }
                        _ => Vec::new(),
                    };
                    assert!(refs.iter().all(|id| ids.contains(id)), "{key} of {}", object["id"]);
                }
            }
        }
    }

    #[test]
    fn the_same_incident_gives_the_same_bytes_and_a_later_state_the_same_ids() {
        let first = bundle(&whole());
        let later = bundle(&Case { outcome: None, ..whole() });

        assert_eq!(first.to_string(), bundle(&whole()).to_string());
        assert_ne!(first["id"], later["id"]);
        assert_eq!(all(&first, "incident")[0]["id"], all(&later, "incident")[0]["id"]);
    }

    #[test]
    fn ids_of_observables_are_those_that_the_standard_prescribes() {
        // Worked out with the stix2 package of OASIS, 3.0.2: stix2.v21.Directory(path="/srv/web").
        let bundle = bundle(&whole());
        let folders: Vec<_> = all(&bundle, "directory");
        let web = folders.iter().find(|folder| folder["path"] == "/srv/web").unwrap();

        assert_eq!(web["id"], DIRECTORY_BY_STIX2);
    }

    const DIRECTORY_BY_STIX2: &str = "directory--7c14b29c-043b-5129-bcfe-47f2939f4ffe";

    #[test]
    fn strangers_get_neither_host_nor_path_nor_agency() {
        let text = bundle(&bare()).to_string();

        for hidden in ["máy-1", "/srv/web", "so-y-te", "Sở Y tế", "Lỗ hổng", "01010101"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        assert!(text.contains("94868c89-83c2-464b-929b-a1a8aa3c8487"), "TLP:CLEAR is marked");
    }

    #[test]
    fn every_object_of_ours_in_a_drill_says_that_it_is_one() {
        let bundle = bundle(&drill());
        for kind in ["incident", "report", "observed-data", "relationship"] {
            let objects = all(&bundle, kind);
            assert!(!objects.is_empty());
            assert!(objects.iter().all(|object| object["labels"] == json!(["drill"])), "{kind}");
        }
        assert!(all(&bundle, "incident")[0]["name"].as_str().unwrap().starts_with("[DIỄN TẬP – DRILL] "));
        assert_eq!(all(&bundle, "incident")[0]["extensions"][extension_id()]["drill"], true);
    }

    #[test]
    fn paths_of_both_systems_are_split_where_their_folders_end() {
        assert_eq!(split("/srv/web/a.php"), (Some("/srv/web"), "a.php"));
        assert_eq!(split("/a"), (Some("/"), "a"));
        assert_eq!(split("C:\\web\\a.aspx"), (Some("C:\\web"), "a.aspx"));
        assert_eq!(split("a"), (None, "a"));
        assert_eq!(split("/srv/"), (None, "/srv/"));
        assert_eq!(split("/"), (Some("/"), "/"));
    }
}

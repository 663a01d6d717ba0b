//! An incident as an IODEF document, version 2 (RFC 7970).

use std::io;

use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::Writer;

use super::case::{Case, Done, Seen};
use crate::desk::words::Language;
use crate::store::view::words::{Action, Outcome, Severity, State};

type Out = Writer<Vec<u8>>;

/// The document.
///
/// # Errors
/// Never: it is written to memory; the writer's own type says so.
pub fn document(case: &Case) -> io::Result<Vec<u8>> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 1);
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    out.create_element("IODEF-Document")
        .with_attributes([
            ("version", "2.00"),
            ("xml:lang", "vi"),
            ("xmlns", "urn:ietf:params:xml:ns:iodef-2.0"),
            ("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
        ])
        .write_inner_content(|out| incident(out, case))?;
    let mut bytes = out.into_inner();
    bytes.push(b'\n');

    Ok(bytes)
}

fn incident(out: &mut Out, case: &Case) -> io::Result<()> {
    let (restriction, ext) = restriction(&case.tlp);
    // A drill is reported for no purpose that the standard knows: no machine takes it for a real one.
    let mut attributes = if case.is_drill {
        vec![("purpose", "ext-value"), ("ext-purpose", "drill")]
    } else {
        vec![("purpose", "reporting")]
    };
    attributes.extend([("status", status(case.state)), ("xml:lang", "vi"), ("restriction", restriction)]);
    attributes.extend((!ext.is_empty()).then_some(("ext-restriction", ext)));
    out.create_element("Incident").with_attributes(attributes).write_inner_content(|out| {
        let teller = case.teller();
        id(out, &teller, &case.id.to_string())?;
        out.create_element("AlternativeID").write_inner_content(|out| id(out, "uuid", &case.uid()))?;
        if let Some(other) = case.merged_into {
            out.create_element("RelatedActivity")
                .write_inner_content(|out| id(out, &teller, &other.to_string()))?;
        }
        moments(out, case)?;
        text(out, "Description", &[("xml:lang", "vi")], &case.summary())?;
        text(out, "Description", &[("xml:lang", "en")], &case.titled(&case.title_en))?;
        out.create_element("Discovery")
            .with_attributes([("source", "ext-value"), ("ext-source", "vonggac")])
            .write_inner_content(|out| {
                text(out, "Description", &[("xml:lang", "en")], &format!("rule {}", case.rule))
            })?;
        assessment(out, case)?;
        contacts(out, case, &teller)?;
        if !case.hosts.is_empty() || !case.seen.is_empty() {
            out.create_element("EventData").write_inner_content(|out| event(out, case))?;
        }
        if !case.steps.is_empty() {
            out.create_element("History")
                .write_inner_content(|out| case.steps.iter().try_for_each(|done| history(out, done)))?;
        }
        further(out, case)
    })?;

    Ok(())
}

fn moments(out: &mut Out, case: &Case) -> io::Result<()> {
    let times = &case.times;
    for (name, at) in [
        ("DetectTime", Some(times.detected)),
        ("StartTime", Some(times.first)),
        // The end of what is over alone.
        ("EndTime", times.resolved.map(|_| times.last)),
        ("RecoveryTime", times.resolved),
        ("GenerationTime", Some(times.changed)),
    ] {
        if let Some(at) = at {
            text(out, name, &[], &at.to_string())?;
        }
    }

    Ok(())
}

fn assessment(out: &mut Out, case: &Case) -> io::Result<()> {
    let occurrence = match case.outcome {
        _ if case.is_drill => Some("potential"),
        Some(Outcome::TrueImpact) => Some("actual"),
        Some(_) => Some("potential"),
        None => None,
    };
    out.create_element("Assessment")
        .with_attributes(occurrence.map(|occurrence| ("occurrence", occurrence)))
        .write_inner_content(|out| {
            out.create_element("SystemImpact")
                .with_attributes([("severity", severity(case.severity)), ("type", "unknown")])
                .write_empty()?;
            Ok(())
        })?;

    Ok(())
}

fn contacts(out: &mut Out, case: &Case, teller: &str) -> io::Result<()> {
    let agency = case.agency.as_ref().map(|(_, name)| ("victim", name.as_str()));
    for (role, name) in [("creator", teller)].into_iter().chain(agency) {
        out.create_element("Contact")
            .with_attributes([("role", role), ("type", "organization")])
            .write_inner_content(|out| text(out, "ContactName", &[], name))?;
    }

    Ok(())
}

fn event(out: &mut Out, case: &Case) -> io::Result<()> {
    if let Some(subject) = &case.subject {
        text(out, "Description", &[], subject)?;
    }
    if !case.hosts.is_empty() {
        out.create_element("Flow").write_inner_content(|out| {
            for host in &case.hosts {
                out.create_element("System").with_attribute(("category", "target")).write_inner_content(
                    |out| {
                        out.create_element("Node").write_inner_content(|out| {
                            out.create_element("DomainData")
                                .with_attributes([("system-status", "unknown"), ("domain-status", "unknown")])
                                .write_inner_content(|out| text(out, "Name", &[], &host.name))?;
                            Ok(())
                        })?;
                        text(out, "AssetID", &[], &host.id.to_string())
                    },
                )?;
            }
            Ok(())
        })?;
    }
    if !case.seen.is_empty() {
        out.create_element("Record")
            .write_inner_content(|out| case.seen.iter().try_for_each(|seen| record(out, seen)))?;
    }

    Ok(())
}

fn record(out: &mut Out, seen: &Seen) -> io::Result<()> {
    out.create_element("RecordData").write_inner_content(|out| {
        text(out, "DateTime", &[], &seen.at.to_string())?;
        text(out, "Description", &[("xml:lang", "en")], &seen.kind)?;
        if let Some(file) = &seen.file {
            out.create_element("FileData").write_inner_content(|out| {
                out.create_element("File").write_inner_content(|out| {
                    text(out, "FileName", &[], &file.path)?;
                    let Some((digest, size)) = &file.now else { return Ok(()) };
                    text(out, "FileSize", &[], &size.to_string())?;
                    out.create_element("HashData")
                        .with_attribute(("scope", "file-contents"))
                        .write_inner_content(|out| {
                            out.create_element("Hash").write_inner_content(|out| {
                                out.create_element("ds:DigestMethod")
                                    .with_attribute(("Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256"))
                                    .write_empty()?;
                                text(out, "ds:DigestValue", &[], &data_encoding::BASE64.encode(&digest.0))
                            })?;
                            Ok(())
                        })?;
                    Ok(())
                })?;
                Ok(())
            })?;
        }
        further_one(out, "evidence-sha256", &seen.digest.to_string())?;
        if let Some((id, machine)) = &seen.place {
            further_one(out, "evidence-id", id)?;
            further_one(out, "host", &machine.name)?;
        }
        Ok(())
    })?;

    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is done is news")]
fn history(out: &mut Out, done: &Done) -> io::Result<()> {
    let action = match done.action {
        Action::Acknowledged | Action::Moved | Action::Closed | Action::Reopened => "status-triage",
        _ => "status-new-info",
    };
    out.create_element("HistoryItem").with_attribute(("action", action)).write_inner_content(|out| {
        text(out, "DateTime", &[], &done.at.to_string())?;
        let who = if done.by_person { "person" } else { "collector" };
        let to = done.to.map(|state| format!(" -> {}", state.word())).unwrap_or_default();
        text(out, "Description", &[("xml:lang", "vi")], &Language::Vi.of_list("did", done.action.word()))?;
        text(out, "Description", &[("xml:lang", "en")], &format!("{who}: {}{to}", done.action.word()))
    })?;

    Ok(())
}

fn further(out: &mut Out, case: &Case) -> io::Result<()> {
    further_one(out, "tlp", &case.tlp)?;
    further_one(out, "pap", &case.pap)?;
    further_one(out, "drill", if case.is_drill { "true" } else { "false" })?;
    further_one(out, "severity", case.severity.word())?;
    further_one(out, "state", case.state.word())?;
    if let Some(outcome) = case.outcome {
        further_one(out, "outcome", outcome.word())?;
    }
    further_one(out, "profile", &case.profile)?;
    further_one(out, "findings", &case.findings.to_string())?;
    further_one(out, "hosts", &case.host_count.to_string())?;
    for (name, list) in [("mark", &case.marks), ("clause", &case.clauses)] {
        for one in list {
            further_one(out, name, one)?;
        }
    }

    Ok(())
}

fn further_one(out: &mut Out, name: &str, value: &str) -> io::Result<()> {
    text(out, "AdditionalData", &[("name", name), ("dtype", "string")], value)
}

fn id(out: &mut Out, name: &str, value: &str) -> io::Result<()> {
    text(out, "IncidentID", &[("name", name)], value)
}

fn text(out: &mut Out, name: &str, attributes: &[(&str, &str)], value: &str) -> io::Result<()> {
    out.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_text_content(BytesText::new(&fit(value)))?;

    Ok(())
}

/// Without what no XML document may hold (section 2.2 of XML 1.0).
pub(super) fn fit(value: &str) -> String {
    let is_fit = |char: char| {
        matches!(char, '\t' | '\n' | '\r') || (char >= ' ' && !matches!(char, '\u{fffe}' | '\u{ffff}'))
    };

    value.chars().map(|char| if is_fit(char) { char } else { '\u{fffd}' }).collect()
}

fn restriction(tlp: &str) -> (&'static str, &'static str) {
    match tlp {
        // The standard is older than the new name of WHITE, and than AMBER+STRICT.
        "TLP:CLEAR" => ("white", ""),
        "TLP:GREEN" => ("green", ""),
        "TLP:AMBER" => ("amber", ""),
        "TLP:AMBER+STRICT" => ("ext-value", "amber+strict"),
        _ => ("red", ""),
    }
}

fn status(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Recovered | State::Closed => "resolved",
        State::Acknowledged | State::Analysis | State::Contained | State::Eradicated => "in-progress",
    }
}

/// The standard knows no more than three.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High | Severity::Critical => "high",
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;
    use quick_xml::reader::Reader;

    use super::super::samples::{bare, drill, whole};
    use super::*;

    fn written(case: &Case) -> String {
        String::from_utf8(document(case).unwrap()).unwrap()
    }

    /// Names of the children of an element, in order, as a reader of XML finds them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "elements are asked for")]
    fn children(xml: &str, of: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        let (mut depth, mut inside, mut found) = (0_usize, None, Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    depth += 1;
                    let name: String = start.name().as_ref().to_owned();
                    if inside.is_some_and(|at: usize| depth == at + 1) {
                        found.push(name.clone());
                    }
                    if inside.is_none() && name == of {
                        inside = Some(depth);
                    }
                }
                Event::Empty(empty) if inside.is_some_and(|at| depth == at) => {
                    found.push(empty.name().as_ref().to_owned());
                }
                Event::End(_) => {
                    if inside == Some(depth) {
                        return found;
                    }
                    depth -= 1;
                }
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn children_stand_in_the_order_of_the_standard() {
        let mut found = children(&written(&whole()), "Incident");
        found.dedup();

        assert_eq!(
            found,
            [
                "IncidentID",
                "AlternativeID",
                "RelatedActivity",
                "DetectTime",
                "StartTime",
                "EndTime",
                "RecoveryTime",
                "GenerationTime",
                "Description",
                "Discovery",
                "Assessment",
                "Contact",
                "EventData",
                "History",
                "AdditionalData"
            ]
        );
    }

    #[test]
    fn awkward_texts_are_escaped_and_what_no_document_may_hold_is_replaced() {
        let xml = written(&whole());

        assert!(xml.contains("Tệp lạ &lt;b&gt; &amp; "), "{xml}");
        assert!(!xml.contains('\u{1}') && xml.contains('\u{fffd}'));
        assert_eq!(xml, written(&whole()));
    }

    #[test]
    fn strangers_get_neither_host_nor_path_nor_agency() {
        let xml = written(&bare());

        for hidden in ["máy-1", "/srv/web", "so-y-te", "Sở Y tế", "Lỗ hổng", "01010101"] {
            assert!(!xml.contains(hidden), "{hidden} in {xml}");
        }
        assert!(xml.contains("restriction=\"white\""));
    }

    #[test]
    fn a_drill_has_a_purpose_of_its_own() {
        let xml = written(&drill());

        assert!(xml.contains("purpose=\"ext-value\" ext-purpose=\"drill\""), "{xml}");
        assert!(xml.contains("[DIỄN TẬP – DRILL] ") && xml.contains("occurrence=\"potential\""));
        assert!(!written(&whole()).contains("DRILL"));
    }
}

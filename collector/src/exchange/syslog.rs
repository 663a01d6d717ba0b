//! An event as a line of syslog, RFC 5424: at most 2,048 bytes, which every receiver takes (RFC 5425, section 4.3.1).

use super::event::{DRILL, Event, push_cut};
use crate::desk::words::Language;
use crate::store::view::words::Severity;

/// The facility "log audit".
const FACILITY: u8 = 13;

/// The name of our structured data. The number is the one that RFC 5612 keeps for examples: we have none of our own.
const SD_ID: &str = "vonggac@32473";

/// Bytes of a host's, agency's or rule's name, escapes counted.
const NAME_BYTES: usize = 96;

/// Bytes of a subject, which may be a path of 4,096.
const SUBJECT_BYTES: usize = 384;

/// Bytes of the text.
const TEXT_BYTES: usize = 512;

/// Hosts that are named; `hosts` in the line says how many of the first ten there are.
const HOSTS_NAMED: usize = 3;

/// The line, without a line break or frame: how lines are told apart is for what carries them (RFC 6587, RFC 5425).
#[must_use]
pub fn line(event: &Event) -> String {
    let priority = FACILITY * 8 + severity(event.severity);
    let from = header(&event.from);
    // A name of its own for drills, so that receivers can keep them apart by it alone.
    let kind = if event.is_drill { "DRILL" } else { "INCIDENT" };
    let mut line = format!("<{priority}>1 {} {from} vonggac-collector - {kind} ", event.at);
    data(event, &mut line);
    line.push_str(" \u{feff}");
    let what = Language::Vi.of_list("did", event.action.word());
    let text = format!("#{} {what}: {}", event.incident, event.title);
    push_cut(&mut line, &text, TEXT_BYTES, |char, out| out.push(char));

    line
}

fn data(event: &Event, line: &mut String) {
    line.push('[');
    line.push_str(SD_ID);
    let outcome = event.outcome.map(crate::store::view::words::Outcome::word).unwrap_or_default();
    let (incident, entry) = (event.incident.to_string(), event.entry.to_string());
    let (detected, hosts) = (event.detected_at.to_string(), event.hosts.len().to_string());
    let given = [
        ("incident", incident.as_str(), NAME_BYTES),
        ("entry", entry.as_str(), NAME_BYTES),
        ("event", event.action.word(), NAME_BYTES),
        ("severity", event.severity.word(), NAME_BYTES),
        ("state", event.state.word(), NAME_BYTES),
        ("outcome", outcome, NAME_BYTES),
        ("detected", detected.as_str(), NAME_BYTES),
        ("rule", event.rule.as_str(), NAME_BYTES),
        ("agency", event.agency.as_str(), NAME_BYTES),
        ("tlp", event.tlp.as_str(), NAME_BYTES),
        ("pap", event.pap.as_str(), NAME_BYTES),
        ("drill", if event.is_drill { "true" } else { "false" }, NAME_BYTES),
        ("hosts", if event.hosts.is_empty() { "" } else { hosts.as_str() }, NAME_BYTES),
        ("subject", event.subject.as_str(), SUBJECT_BYTES),
    ];
    let named = event.hosts.iter().take(HOSTS_NAMED).map(|host| ("host", host.as_str(), NAME_BYTES));
    for (name, value, bytes) in given.into_iter().chain(named) {
        if !value.is_empty() {
            line.push_str(&format!(" {name}=\""));
            push_cut(line, value, bytes, |char, out| {
                if matches!(char, '"' | '\\' | ']') {
                    out.push('\\');
                }
                out.push(char);
            });
            line.push('"');
        }
    }
    line.push(']');
}

/// The sender's name: printable ASCII without spaces, at most 255 of them.
fn header(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();

    if name.is_empty() { "-".to_owned() } else { name }
}

fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
    }
}

/// Whether a line speaks of a drill: the three places that say so agree.
#[must_use]
pub fn is_drill(line: &str) -> bool {
    line.contains(" - DRILL ") && line.contains(" drill=\"true\"") && line.contains(DRILL)
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::{awkward, endless};
    use super::*;

    #[test]
    fn a_line_has_the_header_the_data_and_the_text_of_the_standard() {
        assert_eq!(
            line(&awkward()),
            "<107>1 2026-11-22T01:52:25.678Z vong-gac.tinh.example vonggac-collector - INCIDENT \
             [vonggac@32473 incident=\"12\" entry=\"340\" event=\"closed\" severity=\"high\" state=\"closed\" \
             outcome=\"true_impact\" detected=\"2026-11-22T01:52:00.000Z\" rule=\"web-shell\" agency=\"so-y-te\" \
             tlp=\"TLP:AMBER+STRICT\" pap=\"PAP:GREEN\" drill=\"false\" hosts=\"2\" subject=\"/srv/w=w/x|y\\].php\" \
             host=\"may 1\" host=\"máy-2\"] \u{feff}#12 đã đóng: Tệp lạ \"a]b\\c|d=e\" ở thư mục web"
        );
    }

    #[test]
    fn the_longest_line_is_one_that_every_receiver_takes() {
        let line = line(&endless());

        assert!(line.len() <= 2_048, "{} bytes", line.len());
        assert!(!line.contains('\n'));
    }

    #[test]
    fn a_drill_says_so_in_three_places_and_a_real_one_nowhere() {
        let drill = Event { is_drill: true, title: format!("{DRILL} tập"), ..awkward() };

        assert!(is_drill(&line(&drill)));
        assert!(!line(&awkward()).contains("DRILL"));
    }
}

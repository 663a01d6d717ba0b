//! An event as a line of the Common Event Format, version 0: what log servers of many makers take in.

use super::event::{Event, push_cut};
use crate::store::view::words::Severity;

/// Bytes of a value, escapes counted: the format names 1,023 characters for texts and 4,000 for custom strings.
const VALUE_BYTES: usize = 384;

/// Bytes of the name in the header: 512 by the format.
const NAME_BYTES: usize = 400;

/// The line, without a line break; carried over syslog it is the text of a message.
#[must_use]
pub fn line(event: &Event) -> String {
    // A class of its own for drills, so that receivers can keep them apart by it alone.
    let class = if event.is_drill { "drill" } else { "incident" };
    let mut line = format!(
        "CEF:0|Vong Gac|vonggac-collector|{}|{class}.{}|",
        env!("CARGO_PKG_VERSION"),
        event.action.word()
    );
    push_cut(&mut line, &event.title, NAME_BYTES, |char, out| {
        if matches!(char, '|' | '\\') {
            out.push('\\');
        }
        out.push(char);
    });
    line.push_str(&format!("|{}|", severity(event.severity)));
    extension(event, &mut line);

    line
}

fn extension(event: &Event, line: &mut String) {
    let number = |number: i64| number.to_string();
    let outcome = event.outcome.map(crate::store::view::words::Outcome::word).unwrap_or_default();
    let mut first = true;
    let mut put = |key: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        if !first {
            line.push(' ');
        }
        first = false;
        line.push_str(key);
        line.push('=');
        push_cut(line, value, VALUE_BYTES, |char, out| {
            if matches!(char, '=' | '\\') {
                out.push('\\');
            }
            out.push(char);
        });
    };
    put("rt", &number(event.at.0));
    put("start", &number(event.detected_at.0));
    put("dvchost", &event.from);
    put("externalId", &number(event.incident));
    put("cat", if event.is_drill { "Drill" } else { "Incident" });
    put("act", event.action.word());
    put("outcome", outcome);
    put("dhost", event.hosts.first().map_or("", String::as_str));
    put("msg", &event.subject);
    put("cn1", &number(event.entry));
    put("cn1Label", "entry");
    for (place, label, value) in [
        (1, "rule", event.rule.as_str()),
        (2, "agency", event.agency.as_str()),
        (3, "state", event.state.word()),
        (4, "tlp", event.tlp.as_str()),
        (5, "pap", event.pap.as_str()),
        (6, "drill", if event.is_drill { "true" } else { "false" }),
    ] {
        if !value.is_empty() {
            put(&format!("cs{place}"), value);
            put(&format!("cs{place}Label"), label);
        }
    }
}

/// 0 to 10.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::DRILL;
    use super::super::event::tests::{awkward, endless};
    use super::*;

    #[test]
    fn bars_are_escaped_in_the_header_and_equals_signs_in_the_extension() {
        let version = env!("CARGO_PKG_VERSION");

        assert_eq!(
            line(&awkward()),
            format!(
                "CEF:0|Vong Gac|vonggac-collector|{version}|incident.closed|Tệp lạ \"a]b\\\\c\\|d=e\" ở thư mục web|8|\
                 rt=1795312345678 start=1795312320000 dvchost=vong-gac.tinh.example externalId=12 cat=Incident \
                 act=closed outcome=true_impact dhost=may 1 msg=/srv/w\\=w/x|y].php cn1=340 cn1Label=entry \
                 cs1=web-shell cs1Label=rule cs2=so-y-te cs2Label=agency cs3=closed cs3Label=state \
                 cs4=TLP:AMBER+STRICT cs4Label=tlp cs5=PAP:GREEN cs5Label=pap cs6=false cs6Label=drill"
            )
        );
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length_with_seven_bars_in_its_header() {
        let line = line(&endless());
        let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();

        assert!(line.len() <= 4_096, "{} bytes", line.len());
        assert!(!line.contains('\n'));
        assert_eq!(bars, 7);
    }

    #[test]
    fn a_drill_is_of_another_class_and_says_so_in_its_name() {
        let line = line(&Event { is_drill: true, title: format!("{DRILL} tập"), ..awkward() });

        assert!(line.contains(&format!("|drill.closed|{DRILL} tập|8|")), "{line}");
        assert!(line.contains(" cat=Drill ") && line.ends_with("cs6=true cs6Label=drill"), "{line}");
    }
}

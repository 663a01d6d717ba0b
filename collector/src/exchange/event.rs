//! One thing that happened to an incident, as far as its marks let it out.

use vonggac_protocol::time::Timestamp;

use super::reveal::Reveal;
use crate::store::view::incident::Entry;
use crate::store::view::incidents::IncidentLine;
use crate::store::view::words::{Action, Outcome, Severity, State};

/// What stands before the title of a drill, in every format.
pub const DRILL: &str = "[DIỄN TẬP – DRILL]";

/// One entry of an incident's timeline, with how the incident stands. Holds no person's name and no note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Who tells it: the name by which others know this collector.
    pub from: String,
    /// The incident's number.
    pub incident: i64,
    /// The entry's number: with the incident's, the event's name for ever.
    pub entry: i64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub action: Action,
    /// T0.
    pub detected_at: Timestamp,
    /// The rule; empty if the marks hide it.
    pub rule: String,
    /// Title in Vietnamese, with [`DRILL`] before it if it is one; only the label if the marks hide it.
    pub title: String,
    /// What it is about, such as a path; empty if the marks hide it.
    pub subject: String,
    /// Names of its first hosts; empty if the marks hide them.
    pub hosts: Vec<String>,
    /// The agency's id; empty if the marks hide it.
    pub agency: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// What it turned out to be.
    pub outcome: Option<Outcome>,
    /// Who may read of it.
    pub tlp: String,
    /// What may be done with what is known of it.
    pub pap: String,
    /// Whether it is a drill.
    pub is_drill: bool,
}

impl Event {
    /// The event that an entry of this incident is.
    #[must_use]
    pub fn of(line: &IncidentLine, entry: &Entry, from: &str) -> Self {
        let reveal = Reveal::of(&line.tlp, &line.marks);
        let matter = reveal.matter_in_lines;
        let title = if matter { line.title_vi.as_str() } else { line.tlp.as_str() };

        Self {
            from: from.to_owned(),
            incident: line.id,
            entry: entry.id,
            at: entry.at,
            action: entry.action,
            detected_at: line.detected_at,
            rule: if matter { line.rule.clone() } else { String::new() },
            title: if line.is_drill { format!("{DRILL} {title}") } else { title.to_owned() },
            subject: if matter && reveal.places { line.subject.clone() } else { String::new() },
            hosts: if matter && reveal.places { line.hosts.clone() } else { Vec::new() },
            agency: if matter && reveal.whose { line.agency.clone() } else { String::new() },
            severity: line.severity,
            state: line.state,
            outcome: line.outcome,
            tlp: line.tlp.clone(),
            pap: line.pap.clone(),
            is_drill: line.is_drill,
        }
    }
}

/// Adds to `out` the text with every character escaped, as long as it is not longer than `bytes` then; what is cut off
/// ends in an ellipsis. Control characters become spaces: a line stays one line.
pub(super) fn push_cut(out: &mut String, text: &str, bytes: usize, escape: impl Fn(char, &mut String)) {
    const ELLIPSIS: char = '…';
    let start = out.len();
    let room = start + bytes.saturating_sub(ELLIPSIS.len_utf8());
    let mut fits = start;
    for char in text.chars() {
        escape(if char.is_control() { ' ' } else { char }, out);
        if out.len() - start > bytes {
            out.truncate(fits);
            out.push(ELLIPSIS);
            return;
        }
        if out.len() <= room {
            fits = out.len();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An event whose every text is awkward.
    pub(crate) fn awkward() -> Event {
        Event {
            from: "vong-gac.tinh.example".to_owned(),
            incident: 12,
            entry: 340,
            at: Timestamp(1_795_312_345_678),
            action: Action::Closed,
            detected_at: Timestamp(1_795_312_320_000),
            rule: "web-shell".to_owned(),
            title: "Tệp lạ \"a]b\\c|d=e\"\nở thư mục web".to_owned(),
            subject: "/srv/w=w/x|y].php".to_owned(),
            hosts: vec!["may 1".to_owned(), "máy-2".to_owned()],
            agency: "so-y-te".to_owned(),
            severity: Severity::High,
            state: State::Closed,
            outcome: Some(Outcome::TrueImpact),
            tlp: "TLP:AMBER+STRICT".to_owned(),
            pap: "PAP:GREEN".to_owned(),
            is_drill: false,
        }
    }

    /// The same, its texts as long as they can be.
    pub(crate) fn endless() -> Event {
        let long = "\\ế]".repeat(3_000);
        Event {
            title: long.clone(),
            subject: long.clone(),
            rule: long.clone(),
            agency: long.clone(),
            from: long.clone(),
            hosts: vec![long; 10],
            ..awkward()
        }
    }

    #[test]
    fn a_cut_text_is_whole_characters_and_says_that_it_was_cut() {
        let cut = |text: &str, bytes: usize| {
            let mut out = "x:".to_owned();
            push_cut(&mut out, text, bytes, |char, out| out.push(char));
            out
        };

        assert_eq!(cut("ế".repeat(3).as_str(), 9), "x:ếếế");
        assert_eq!(cut("ế".repeat(4).as_str(), 9), "x:ếế…");
        assert_eq!(cut("a\nb", 9), "x:a b");
    }
}

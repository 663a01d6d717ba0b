//! What a message says, in the form of its carrier. It is written once, when it is queued: every try sends the same.
//!
//! What of an incident may be told is decided in one place for all that leaves, [`Reveal`]; the rest is read in the
//! console. A report is what a person orders, on its form, and tells what the form asks for.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vonggac_protocol::time::Timestamp;

use super::settings::{Event, Settings, SyslogLine};
use crate::desk::words::Language;
use crate::exchange::reveal::Reveal;
use crate::exchange::{self, cef, syslog};
use crate::store::view::incident::Entry;
use crate::store::view::incidents::IncidentLine;
use crate::store::view::words::{Action, Severity};

/// A message as it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// What the body is written in.
    pub form: &'static str,
    /// Subject; of mail alone.
    pub subject: String,
    /// Body.
    pub body: String,
}

/// A clock that a warning tells of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClockTold {
    /// The stretch's or the duty's word.
    pub id: String,
    /// Its name in Vietnamese.
    pub name: String,
    /// Whether it is a duty to tell somebody.
    pub is_duty: bool,
    /// Until when.
    pub due: Timestamp,
    /// How much of its time has gone, in percent; 100: it passed.
    pub share: u8,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// What happened.
    pub event: Event,
    /// To which incident.
    pub line: &'a IncidentLine,
    /// The clock, of a warning.
    pub clock: Option<&'a ClockTold>,
    /// The entry of its history that is told.
    pub entry: &'a Entry,
    /// How many events this one message tells of, where a queue was full.
    pub held: u64,
}

/// Official words are in Vietnamese.
const VI: Language = Language::Vi;

impl Event {
    /// What the entry that is told says.
    #[must_use]
    pub fn actions(self) -> &'static [Action] {
        match self {
            Self::Opened => &[Action::Opened],
            Self::Raised => &[Action::Severity],
            Self::Warning => &[Action::ClockNear, Action::ClockPassed],
            Self::Report | Self::CaughtUp | Self::Test => &[],
        }
    }
}

impl Notice<'_> {
    fn reveal(&self) -> Reveal {
        let reveal = Reveal::of(&self.line.tlp, &self.line.marks);
        let matter = reveal.matter_in_lines;

        Reveal { whose: reveal.whose && matter, places: reveal.places && matter, matter_in_lines: matter }
    }

    fn title(&self) -> String {
        if self.reveal().matter_in_lines { self.line.title_vi.clone() } else { VI.say("send-red") }
    }

    fn agency(&self) -> &str {
        if self.reveal().whose { &self.line.agency_name } else { "" }
    }

    fn subject(&self) -> String {
        let drill = if self.line.is_drill { format!("[{}] ", VI.say("is-drill")) } else { String::new() };
        let what = match self.clock {
            Some(clock) if clock.share >= 100 => VI.say("send-subject-passed"),
            Some(clock) => VI.with("send-subject-near", &[("share", &clock.share.to_string())]),
            None => VI.say(&format!("send-subject-{}", self.event.word())),
        };
        let severity = VI.of_list("severity", self.line.severity.word());
        let (title, agency, id) = (self.title(), self.agency(), self.line.id);
        let whose = if agency.is_empty() { String::new() } else { format!(" – {agency}") };

        format!("{drill}[Vọng Gác] {what} – {severity}: {title}{whose} (#{id})")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                writeln!(text, "{}: {value}", VI.say(name)).ok();
            }
        };
        if self.line.is_drill {
            put("send-note", &VI.say("paper-drill"));
        }
        put("send-incident", &format!("#{} {}", self.line.id, self.title()));
        put("column-severity", &VI.of_list("severity", self.line.severity.word()));
        put("column-agency", self.agency());
        if self.reveal().places {
            put("send-subject-of", &self.line.subject);
            put("send-hosts", &self.line.hosts.join(", "));
        }
        put("column-state", &VI.of_list("state", self.line.state.word()));
        put("send-detected", &VI.moment(self.line.detected_at));
        if let Some(clock) = self.clock {
            put("column-clock", &clock.name);
            put("clock-due", &VI.moment(clock.due));
        }
        if self.held > 0 {
            put("send-note", &VI.with("send-held-note", &[("count", &self.held.to_string())]));
        }
        put("label-tlp", &self.line.tlp);

        text
    }

    fn data(&self) -> Value {
        let line = self.line;
        let clock = self.clock.map(|clock| {
            json!({"id": clock.id, "name_vi": clock.name, "is_duty": clock.is_duty, "due": clock.due, "share": clock.share})
        });
        let mut data = json!({
            "incident": line.id,
            "severity": line.severity.word(),
            "state": line.state.word(),
            "detected_at": line.detected_at,
            "profile": line.profile,
            "is_drill": line.is_drill,
            "tlp": line.tlp,
            "pap": line.pap,
            "clock": clock,
            "events": self.held.max(1),
        });
        let reveal = self.reveal();
        if reveal.whose {
            data["agency"] = json!(line.agency);
            data["agency_name"] = json!(line.agency_name);
        }
        if reveal.matter_in_lines {
            data["rule"] = json!(line.rule);
            data["title_vi"] = json!(line.title_vi);
            data["title_en"] = json!(line.title_en);
            data["clauses"] = json!(line.clauses);
        }
        if reveal.places {
            data["subject"] = json!(line.subject);
            data["hosts"] = json!(line.hosts);
        }

        data
    }
}

/// Writes a notice for this carrier.
#[must_use]
pub fn write(settings: &Settings, notice: &Notice<'_>, now: Timestamp) -> Letter {
    match settings {
        Settings::Mail { .. } => mail(notice.subject(), notice.text()),
        Settings::Webhook { .. } => {
            json_of(&format!("incident.{}", notice.event.word()), now, &notice.data())
        }
        Settings::Syslog { line, .. } => {
            let event = exchange::Event::of(notice.line, notice.entry, &own_name());
            let text = match line {
                SyslogLine::Rfc5424 => syslog::line(&event),
                SyslogLine::Cef => {
                    let priority = priority(event.severity);
                    let (at, from) = (event.at, &event.from);
                    format!("<{priority}>1 {at} {from} vonggac-collector - CEF - {}", cef::line(&event))
                }
            };
            lines(text)
        }
    }
}

/// Writes the try of a destination.
#[must_use]
pub fn test(settings: &Settings, by: &str, now: Timestamp) -> Letter {
    let text = VI.with("send-test-text", &[("by", by), ("at", &VI.moment(now))]);
    match settings {
        Settings::Mail { .. } => mail(format!("[Vọng Gác] {}", VI.say("send-subject-test")), text),
        Settings::Webhook { .. } => json_of("test", now, &json!({"by": by})),
        Settings::Syslog { .. } => {
            let priority = priority(Severity::Low);
            lines(format!("<{priority}>1 {now} {} vonggac-collector - TEST - \u{feff}{text}", own_name()))
        }
    }
}

/// A report on the form of a legal profile, as a person had it sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paper {
    /// The incident.
    pub incident: i64,
    /// The form's name.
    pub form: String,
    /// The duty's word and name.
    pub duty: (String, String),
    /// The addressee's word and name.
    pub role: (String, String),
    /// The letter's own number.
    pub number: String,
    /// Word, name and value of each field.
    pub fields: Vec<(String, String, String)>,
    /// Its label.
    pub tlp: String,
    /// Whether it is a drill.
    pub is_drill: bool,
}

/// Writes a report for this carrier.
#[must_use]
pub fn report(settings: &Settings, paper: &Paper, now: Timestamp) -> Letter {
    match settings {
        Settings::Mail { .. } => {
            let drill = if paper.is_drill { format!("[{}] ", VI.say("is-drill")) } else { String::new() };
            let mut text = String::new();
            if paper.is_drill {
                writeln!(text, "{}\n", VI.say("paper-drill")).ok();
            }
            writeln!(text, "{}\n{}\n", paper.form, paper.duty.1).ok();
            writeln!(text, "{} {}", VI.say("paper-to"), paper.role.1).ok();
            writeln!(text, "{}: {}\n", VI.say("case-number"), paper.number).ok();
            for (_, name, value) in &paper.fields {
                writeln!(text, "{name}: {value}").ok();
            }
            writeln!(text, "\n{} · #{}", paper.tlp, paper.incident).ok();
            mail(format!("{drill}{} – {}", paper.form, paper.number), text)
        }
        Settings::Webhook { .. } | Settings::Syslog { .. } => {
            let fields: Vec<Value> = paper
                .fields
                .iter()
                .map(|(id, name, value)| json!({"id": id, "name_vi": name, "value": value}))
                .collect();
            let data = json!({
                "incident": paper.incident,
                "form_vi": paper.form,
                "duty": paper.duty.0,
                "to": paper.role.0,
                "number": paper.number,
                "fields": fields,
                "tlp": paper.tlp,
                "is_drill": paper.is_drill,
            });
            json_of("incident.report", now, &data)
        }
    }
}

fn mail(subject: String, body: String) -> Letter {
    Letter { form: "mail", subject, body }
}

fn json_of(kind: &str, now: Timestamp, data: &Value) -> Letter {
    let body = json!({"type": kind, "timestamp": now, "data": data}).to_string();

    Letter { form: "json", subject: String::new(), body }
}

fn lines(body: String) -> Letter {
    Letter { form: "syslog", subject: String::new(), body }
}

/// Facility "log audit", as lines of incidents have it.
fn priority(severity: Severity) -> u8 {
    let level = match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
    };

    13 * 8 + level
}

/// The name by which others know this machine.
fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();

    if name.is_empty() { "-".to_owned() } else { name }
}

//! What is done to an incident beyond taking and closing it, and its reports on the form of its profile, to print.

use std::borrow::Borrow;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::incident::marks::{Mark, PAP, TLP};
use vonggac_rules::profile;

use super::frame::{Answer, Page, Reader, Trouble, shown};
use super::incident::answered;
use crate::desk::Desk;
use crate::desk::casework::{Worked, work};
use crate::desk::words::Language;
use crate::exchange::paper::{Paper, VI};
use crate::store::casework::{Act, Done};
use crate::store::sending::lists::{self, Filter, Sent};
use crate::store::view::casefile::{self, Casefile, ClockLine};
use crate::store::view::incidents::IncidentLine;
use crate::store::view::words::{Severity, State as Standing};
use crate::store::view::{Scope, incident};

/// Messages shown of one incident.
const SENT_SHOWN: usize = 50;

/// The part of an incident's page that this file's acts are on.
pub(super) struct CasePart {
    pub(super) file: Casefile,
    /// What was sent of it, or waits; newest first.
    pub(super) sent: Vec<Sent>,
    pub(super) profile: String,
    pub(super) moves: Vec<Standing>,
    pub(super) severities: &'static [Severity],
    pub(super) tlp: &'static [&'static str],
    pub(super) pap: &'static [&'static str],
    pub(super) marks: Vec<MarkLine>,
    /// Fields of the profile's forms: word, name, value; those that the store alone fills are left out.
    pub(super) fields: Vec<(String, String, String)>,
    /// Whether this person may call it a drill.
    pub(super) may_drill: bool,
}

/// A mark and whether it is set.
pub(super) struct MarkLine {
    pub(super) word: &'static str,
    pub(super) on: bool,
}

impl CasePart {
    /// Of this incident.
    pub(super) async fn of(desk: &Desk, reader: &Reader, line: &IncidentLine) -> Result<Self, Trouble> {
        let (own, now, t) = (line.clone(), reader.now, reader.t());
        let scope = reader.caller.person.scope.clone();
        let filter = Filter { incident: Some(own.id), ..Filter::default() };
        let (file, sent) = desk
            .store
            .read(move |db| {
                Ok((casefile::of(db, &own, now)?, lists::messages(db, &scope, filter, SENT_SHOWN)?))
            })
            .await?;
        let regime = profile::of(&line.profile);
        let fields = regime.into_iter().flat_map(|regime| regime.fields.values());
        let fields = fields.filter(|field| field.filled != Some(profile::Filled::DetectedAt)).map(|field| {
            let value = file.fields.get(&field.id).cloned().unwrap_or_default();
            (field.id.clone(), said(t, &field.name.vi, &field.name.en), value)
        });
        let set = |mark: &Mark| line.marks.iter().any(|word| word == mark.word());

        Ok(Self {
            fields: fields.collect(),
            profile: regime
                .map_or_else(|| line.profile.clone(), |regime| said(t, &regime.name.vi, &regime.name.en)),
            moves: Standing::ALL
                .iter()
                .copied()
                .filter(|to| line.state.life().moves().contains(&to.life()))
                .collect(),
            severities: Severity::ALL,
            tlp: &TLP,
            pap: &PAP,
            marks: Mark::ALL.iter().map(|mark| MarkLine { word: mark.word(), on: set(mark) }).collect(),
            may_drill: reader.caller.person.role.may_act() && reader.caller.person.scope == Scope::All,
            file,
            sent,
        })
    }

    /// A clock's name.
    pub(super) fn name(t: impl Borrow<Language>, clock: &ClockLine) -> String {
        let t = *t.borrow();
        if clock.is_duty { said(t, &clock.name_vi, &clock.name_en) } else { t.of_list("clock", &clock.id) }
    }

    /// What is left of it, or by how much it is over.
    pub(super) fn left(t: impl Borrow<Language>, clock: &ClockLine) -> String {
        let t = *t.borrow();
        match (clock.left_secs, clock.over_secs) {
            (_, Some(over)) => t.with("clock-by", &[("span", &t.span(over))]),
            (Some(left), None) => t.with("clock-left", &[("span", &t.span(left))]),
            (None, None) => String::new(),
        }
    }

    /// Source, and whether anybody confirmed it.
    pub(super) fn source(t: impl Borrow<Language>, clock: &ClockLine) -> String {
        let t = *t.borrow();
        let source = said(t, &clock.source_vi, &clock.source_en);
        let known = match &clock.confirmed_by {
            Some(who) => t.with("source-confirmed", &[("who", who)]),
            None => t.of_list("source", &clock.seen),
        };

        format!("{source} – {known}")
    }

    /// Whom to tell.
    pub(super) fn to(t: impl Borrow<Language>, clock: &ClockLine) -> String {
        let t = *t.borrow();
        clock.to.iter().map(|one| said(t, &one.vi, &one.en)).collect::<Vec<_>>().join("; ")
    }
}

fn said(t: Language, vi: &str, en: &str) -> String {
    match t {
        Language::Vi => vi.to_owned(),
        Language::En => en.to_owned(),
    }
}

/// A form's fields; a name may come more than once.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn text(&self, name: &str) -> String {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.text(name);
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name).trim().trim_start_matches('#').parse().ok()
    }

    /// `2026-11-25T17:00`, Vietnam's time.
    fn moment(&self, name: &str) -> Option<Timestamp> {
        format!("{}:00+07:00", self.text(name)).parse().ok()
    }

    fn act(&self) -> Option<Act> {
        let text = self.text("ghi_chu");
        let (kind, value) = (self.text("loai"), self.text("gia_tri"));
        Some(match self.text("viec").as_str() {
            "move" => Act::Move { to: Standing::of(&self.text("den"))?, text },
            "assign" => Act::Assign { person: self.text("nguoi").trim().to_owned() },
            "review" => {
                let person = self.text("nguoi").trim().to_owned();
                Act::Review { person: (!person.is_empty()).then_some(person) }
            }
            "grade" => Act::Grade { severity: Severity::of(&self.text("muc"))?, text },
            "tlp" => Act::Tlp { label: self.text("nhan") },
            "pap" => Act::Pap { label: self.text("nhan") },
            "mark" => Act::Mark { mark: self.text("dau"), on: self.text("bat") == "1", text },
            "drill" => Act::Drill { hours: u32::try_from(self.number("gio")?).ok()?, text },
            "pause" => Act::Pause { text },
            "resume" => Act::Resume { text },
            "link" => Act::Link { kind, value },
            "unlink" => Act::Unlink { kind, value },
            "add_task" => Act::AddTask { text, due_at: self.moment("han")? },
            "answer_task" => {
                Act::AnswerTask { task: self.number("so")?, text, evidence: self.lines("bang_chung") }
            }
            "accept_task" => Act::AcceptTask { task: self.number("so")? },
            "return_task" => Act::ReturnTask { task: self.number("so")?, text },
            "withdraw_task" => Act::WithdrawTask { task: self.number("so")?, text },
            "merge" => Act::Merge { into: self.number("vao")?, text },
            "split" => Act::Split { hosts: self.all("may"), text },
            "fill" => Act::Fill { field: self.text("o"), value },
            "send_report" => Act::SendReport {
                duty: self.text("nghia_vu"),
                number: self.text("so_van_ban"),
                to: self.all("toi"),
            },
            "report" => Act::Report {
                duty: self.text("nghia_vu"),
                number: self.text("so_van_ban"),
                sent_at: self.moment("luc"),
            },
            _ => return None,
        })
    }
}

/// Any act of the page.
pub(super) async fn act(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Answer {
    let fields = Fields(fields);
    let seen = fields.number("ban");
    let worked = match fields.act().zip(seen) {
        Some((act, seen)) => work(&desk, &reader.caller, id, Some(seen), act).await?,
        None => Worked::Store(Done::BadNote),
    };

    answered(&desk, &reader, id, worked, fields.text("ghi_chu"), "kept").await
}

/// A report as a page to print.
#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    p: Page,
    /// The language of official papers.
    vi: Language,
    /// The duty's word.
    duty: String,
    paper: Paper,
}

/// The report of a duty. Official papers are in Vietnamese whoever reads the page.
pub(super) async fn report(
    State(desk): State<Desk>,
    reader: Reader,
    Path((id, duty)): Path<(String, String)>,
) -> Answer {
    let Ok(id) = id.parse::<i64>() else { return Ok(reader.not_found()) };
    let scope = reader.caller.person.scope.clone();
    let sight = desk.store.read(move |db| incident::one(db, &scope, id)).await?;
    let it = match reader.seen(&desk, sight, format!("incident/{id}")).await {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let values = desk.store.read(move |db| casefile::filled(db, id)).await?;
    let Some(paper) = Paper::of(&it.line, &duty, &values) else { return Ok(reader.not_found()) };
    let status = if paper.missing.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    let title = paper.form.clone();
    let page = ReportPage { p: reader.page_titled("incidents", title), vi: VI, duty, paper };

    Ok::<Response, Trouble>((status, shown(&page)).into_response())
}

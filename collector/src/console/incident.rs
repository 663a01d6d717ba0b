//! One incident: rule, clauses, what was seen, before and after, what was done, and what to do about it.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use vonggac_protocol::observation::Kind;

use super::casefile::CasePart;
use super::difference::{self, Difference};
use super::frame::{Answer, Page, Reader, Told, Trouble, shown};
use crate::desk::casework::{Worked, why, work};
use crate::desk::knowledge::{Knowledge, RuleCard};
use crate::desk::{Desk, sentence};
use crate::store::casework::{Act, Done, Refusal};
use crate::store::view::incident::{self, Entry, FindingLine, Incident};
use crate::store::view::observations::Evidence;
use crate::store::view::words::{Action, Outcome, State as Standing};

/// Findings whose before and after stand on the page; the others are a click away.
const DIFFERENCES_SHOWN: usize = 5;

/// A clause that the incident cites.
pub(super) struct CitedClause {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) plan: String,
    pub(super) text: String,
    pub(super) is_known: bool,
}

/// A finding as people read it.
struct ToldFinding {
    finding: FindingLine,
    sentence: String,
    evidence: Vec<ToldEvidence>,
    /// Set for a changed file, of the first few.
    differences: Vec<Difference>,
    path: String,
}

/// An observation named by a finding.
struct ToldEvidence {
    id: String,
    digest: String,
    sentence: String,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage {
    p: Page,
    it: Incident,
    summary: String,
    rule: Option<RuleCard>,
    about: String,
    clauses: Vec<CitedClause>,
    response: Vec<String>,
    findings: Vec<ToldFinding>,
    outcomes: &'static [Outcome],
    draft: String,
    can_act: bool,
    case: CasePart,
}

impl IncidentPage {
    fn is_new(&self) -> bool {
        self.it.line.state == Standing::New
    }

    fn is_closed(&self) -> bool {
        self.it.line.state == Standing::Closed
    }

    /// Whether an entry's before and after are words for people as they are.
    fn is_told(&self, entry: &Entry) -> bool {
        let own = [Action::Opened, Action::Acknowledged, Action::Commented, Action::Closed, Action::Reopened];
        !own.contains(&entry.action) && !matches!(entry.action, Action::Moved | Action::Severity)
    }

    fn title(&self) -> &str {
        match self.p.t {
            crate::desk::words::Language::Vi => &self.it.line.title_vi,
            crate::desk::words::Language::En => &self.it.line.title_en,
        }
    }
}

/// What was just done, after a redirect.
#[derive(Deserialize)]
pub(super) struct JustDone {
    #[serde(default)]
    xong: String,
}

/// The page.
pub(super) async fn show(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Query(done): Query<JustDone>,
) -> Answer {
    let Ok(id) = id.parse() else { return Ok(reader.not_found()) };
    let key = match done.xong.as_str() {
        "acknowledged" => Some("told-acknowledged"),
        "commented" => Some("told-commented"),
        "closed" => Some("told-closed"),
        "reopened" => Some("told-reopened"),
        "kept" => Some("told-kept"),
        _ => None,
    };
    let told = key.map(|key| Told { text: reader.t().say(key), is_bad: false });

    page(&desk, &reader, id, told, String::new(), StatusCode::OK).await
}

pub(super) async fn page(
    desk: &Desk,
    reader: &Reader,
    id: i64,
    told: Option<Told>,
    draft: String,
    status: StatusCode,
) -> Answer {
    let scope = reader.caller.person.scope.clone();
    let sight = desk.store.read(move |db| incident::one(db, &scope, id)).await?;
    let it = match reader.seen(desk, sight, format!("incident/{id}")).await {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let t = reader.t();
    let case = CasePart::of(desk, reader, &it.line).await?;
    let knowledge = desk.knowledge.load();
    let rule = knowledge.rules.get(&it.line.rule).cloned();
    let evidence: BTreeMap<_, _> = it.evidence.iter().map(|seen| (seen.id, seen)).collect();
    let findings: Vec<_> = it
        .newest
        .iter()
        .enumerate()
        .map(|(place, finding)| {
            told_finding(
                reader,
                knowledge.rules.get(&finding.rule),
                finding,
                &evidence,
                place < DIFFERENCES_SHOWN,
            )
        })
        .collect();
    let mut p = reader.page_titled("incidents", format!("#{id}"));
    p.told = told;
    let response = rule.iter().flat_map(|rule| &rule.response).map(|step| step.of(t).to_owned()).collect();

    Ok((
        status,
        shown(&IncidentPage {
            summary: findings.first().map(|first| first.sentence.clone()).unwrap_or_default(),
            about: rule.as_ref().map(|rule| rule.about.of(t).to_owned()).unwrap_or_default(),
            clauses: cited(&knowledge, &it.line.clauses, reader),
            response,
            findings,
            outcomes: Outcome::ALL,
            draft,
            can_act: reader.caller.person.role.may_act(),
            case,
            rule,
            p,
            it,
        }),
    )
        .into_response())
}

/// The clauses of these ids with their texts; one that no plan in force has is shown by its id.
pub(super) fn cited(knowledge: &Knowledge, ids: &[String], reader: &Reader) -> Vec<CitedClause> {
    let t = reader.t();
    ids.iter()
        .map(|id| match knowledge.clause(id) {
            Some((plan, clause)) => CitedClause {
                id: id.clone(),
                number: clause.number.clone(),
                plan: match plan.number.as_str() {
                    "" => plan.issuer.of(t).to_owned(),
                    number => format!("{number} ({})", plan.issuer.of(t)),
                },
                text: clause.text.of(t).to_owned(),
                is_known: true,
            },
            None => CitedClause {
                id: id.clone(),
                number: id.clone(),
                plan: String::new(),
                text: t.say("clause-not-in-force"),
                is_known: false,
            },
        })
        .collect()
}

fn told_finding(
    reader: &Reader,
    rule: Option<&RuleCard>,
    finding: &FindingLine,
    known: &BTreeMap<vonggac_protocol::id::ObservationId, &Evidence>,
    with_differences: bool,
) -> ToldFinding {
    let t = reader.t();
    let seen: Vec<&Evidence> = finding.evidence.iter().filter_map(|id| known.get(id).copied()).collect();
    let told = |seen: &Evidence| match &seen.observation {
        Some(observation) => sentence::of(t, &observation.kind, &seen.host_name),
        None => t.say("seen-unknown"),
    };
    let ruled = rule.map(|rule| rule.told(t, &finding.fields)).filter(|told| !told.is_empty());
    let file = seen.iter().find_map(|seen| match seen.observation.as_ref().map(|seen| &seen.kind) {
        Some(Kind::FileChanged(change)) => Some(change),
        _ => None,
    });
    let evidence = finding
        .evidence
        .iter()
        .map(|id| {
            let kept = known.get(id);
            ToldEvidence {
                id: id.to_string(),
                digest: kept.map(|kept| kept.digest.to_string()).unwrap_or_default(),
                sentence: kept.map(|kept| told(kept)).unwrap_or_default(),
            }
        })
        .collect();

    ToldFinding {
        sentence: ruled
            .or_else(|| seen.first().map(|seen| told(seen)))
            .unwrap_or_else(|| finding.subject.clone()),
        differences: file
            .filter(|_| with_differences)
            .map(|change| difference::of(t, change))
            .unwrap_or_default(),
        path: file.map(|change| change.path.to_string()).unwrap_or_default(),
        evidence,
        finding: finding.clone(),
    }
}

/// A form about an incident; each act uses its own fields of it.
#[derive(Deserialize)]
pub(super) struct WorkForm {
    ban: i64,
    #[serde(default)]
    ghi_chu: String,
    #[serde(default)]
    ket_qua: String,
}

/// Takes it.
pub(super) async fn acknowledge(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Form(form): Form<WorkForm>,
) -> Answer {
    worked(&desk, &reader, id, form, |_| Some(Act::Acknowledge), "acknowledged").await
}

/// Writes a note.
pub(super) async fn comment(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Form(form): Form<WorkForm>,
) -> Answer {
    worked(&desk, &reader, id, form, |form| Some(Act::Comment { text: form.ghi_chu.clone() }), "commented")
        .await
}

/// Closes it.
pub(super) async fn close(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Form(form): Form<WorkForm>,
) -> Answer {
    let act = |form: &WorkForm| {
        Some(Act::Close { outcome: Outcome::of(&form.ket_qua)?, text: form.ghi_chu.clone() })
    };

    worked(&desk, &reader, id, form, act, "closed").await
}

/// Opens it again.
pub(super) async fn reopen(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Form(form): Form<WorkForm>,
) -> Answer {
    worked(&desk, &reader, id, form, |form| Some(Act::Reopen { text: form.ghi_chu.clone() }), "reopened")
        .await
}

#[expect(clippy::wildcard_enum_match_arm, reason = "these two are right whatever came in since")]
async fn worked(
    desk: &Desk,
    reader: &Reader,
    id: i64,
    form: WorkForm,
    act: impl Fn(&WorkForm) -> Option<Act>,
    done: &str,
) -> Answer {
    let t = reader.t();
    let refusal = |status: StatusCode, text: String| (status, Some(Told { text, is_bad: true }));
    let Some(act) = act(&form) else {
        let (status, told) = refusal(StatusCode::UNPROCESSABLE_ENTITY, t.say("refused-outcome"));
        return page(desk, reader, id, told, form.ghi_chu, status).await;
    };
    // Taking it and writing a note are right whatever came in since; an end must be told of what was seen.
    let seen = match act {
        Act::Acknowledge | Act::Comment { .. } => None,
        _ => Some(form.ban),
    };
    let worked = work(desk, &reader.caller, id, seen, act).await.map_err(Trouble)?;

    answered(desk, reader, id, worked, form.ghi_chu, done).await
}

/// The answer to an act: the page again, or what was not done and why, with what was written kept.
pub(super) async fn answered(
    desk: &Desk,
    reader: &Reader,
    id: i64,
    worked: Worked,
    draft: String,
    done: &str,
) -> Answer {
    let t = reader.t();
    let refusal = |status: StatusCode, text: String| (status, Some(Told { text, is_bad: true }));
    let (status, told) = match worked {
        Worked::Store(Done::Kept(..)) => return Ok(back(id, done)),
        Worked::ReadOnly => return Ok(reader.forbidden()),
        Worked::Store(Done::Absent | Done::Neighbours) => return Ok(reader.not_found()),
        Worked::Store(Done::Changed(_)) => refusal(StatusCode::PRECONDITION_FAILED, t.say("refused-changed")),
        Worked::Store(Done::Unfit(_)) => refusal(StatusCode::CONFLICT, t.say("refused-unfit")),
        Worked::Store(Done::AnotherOpen(other)) => {
            refusal(StatusCode::CONFLICT, t.with("refused-another", &[("id", &other.to_string())]))
        }
        Worked::Store(Done::BadNote) => refusal(StatusCode::UNPROCESSABLE_ENTITY, t.say("refused-note")),
        Worked::Store(Done::Refused(Refusal::ProvinceOnly)) => return Ok(reader.forbidden()),
        Worked::Store(Done::Refused(other)) => refusal(StatusCode::CONFLICT, why(t, &other)),
    };

    page(desk, reader, id, told, draft, status).await
}

fn back(id: i64, done: &str) -> Response {
    Redirect::to(&format!("/su-co/{id}?xong={done}")).into_response()
}

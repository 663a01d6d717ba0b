//! Incidents: list, one, and what people do to them.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::client::{Client, named_version};
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::casework::{Worked, why, work};
use crate::desk::knowledge::RuleCard;
use crate::store::casework::{Act, Done, Refusal};
use crate::store::view::casefile::{self, Casefile, IncidentFigures};
use crate::store::view::incident::{self, Incident};
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};
use crate::store::view::words::{Outcome, Severity, State as Standing};

/// Which incidents.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IncidentsAsked {
    /// One state, or `all`; without it, all that are not closed.
    state: Option<String>,
    /// `low`, `medium`, `high`, `critical`.
    severity: Option<String>,
    /// An agency's id.
    agency: Option<String>,
    /// A host's id.
    host: Option<String>,
    /// `true`: drills alone; `false`: real ones alone; without it, both.
    drill: Option<bool>,
    /// A person's name: what is theirs.
    owner: Option<String>,
    /// A rule's name.
    rule: Option<String>,
    /// A clause's id.
    clause: Option<String>,
    /// Words to look for, with or without Vietnamese marks.
    text: Option<String>,
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of incidents, newest evidence first.
#[derive(Serialize, ToSchema)]
pub(super) struct IncidentPage {
    /// The incidents.
    items: Vec<IncidentLine>,
    /// Cursor of the next page.
    next: Option<String>,
}

impl IncidentsAsked {
    fn filter(&self, client: &Client) -> Result<IncidentFilter, Problem> {
        let closed_too = self.state.as_deref() == Some("all");
        let state = if closed_too { None } else { self.state.as_deref() };
        let host = self.host.as_deref().map(str::parse::<HostId>).transpose();

        Ok(IncidentFilter {
            state: client.word("state", state, Standing::ALL, Standing::word)?,
            closed_too,
            severity: client.word("severity", self.severity.as_deref(), Severity::ALL, Severity::word)?,
            agency: self.agency.clone(),
            host: host.map_err(|error| client.malformed(format!("host: {error}")))?,
            drill: self.drill,
            owner: self.owner.clone(),
            rule: self.rule.clone(),
            clause: self.clause.clone(),
            text: self.text.clone(),
        })
    }
}

/// Lists incidents.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentsAsked),
    responses((status = 200, body = IncidentPage), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<IncidentsAsked>,
) -> Result<Json<IncidentPage>, Problem> {
    let (filter, scope) = (asked.filter(&client)?, client.scope());
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let now = desk.now();
    let page = desk
        .store
        .read(move |db| {
            let mut page = incidents::list(db, &scope, &filter, after, limit)?;
            casefile::add_clocks(db, &mut page.items, now)?;
            Ok(page)
        })
        .await
        .map_err(|error| client.ours(&error))?;

    Ok(Json(IncidentPage { items: page.items, next: page.next }))
}

/// One incident with everything about it.
#[derive(Serialize, ToSchema)]
pub(super) struct IncidentWhole {
    #[serde(flatten)]
    incident: Incident,
    /// Clocks, tasks, links, reports.
    casefile: Casefile,
    /// The rule as it is in force now; `null` if it no longer is.
    rule_card: Option<RuleCard>,
}

/// Gives one incident. Its `ETag` is its version.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = i64, Path)),
    responses((status = 200, body = IncidentWhole), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = number(&client, &id)?;
    let incident = found(&desk, &client, id).await?;
    let rule_card = desk.knowledge.load().rules.get(&incident.line.rule).cloned();
    let tag = etag(incident.line.version);
    let (line, now) = (incident.line.clone(), desk.now());
    let read = desk.store.read(move |db| casefile::of(db, &line, now)).await;
    let casefile = read.map_err(|error| client.ours(&error))?;

    Ok(([(header::ETAG, tag)], Json(IncidentWhole { incident, casefile, rule_card })).into_response())
}

fn number(client: &Client, id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::absent(client.t))
}

fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits are fit for a header")
}

async fn found(desk: &Desk, client: &Client, id: i64) -> Result<Incident, Problem> {
    let scope = client.scope();
    let sight = desk
        .store
        .read(move |db| incident::one(db, &scope, id))
        .await
        .map_err(|error| client.ours(&error))?;

    client.seen(desk, sight, format!("incident/{id}")).await
}

/// A note.
#[derive(Deserialize, ToSchema)]
pub(super) struct Note {
    /// In own words, at most 4000 characters.
    text: String,
}

/// How an incident ended.
#[derive(Deserialize, ToSchema)]
pub(super) struct Closing {
    /// What it turned out to be.
    outcome: Outcome,
    /// What was done, what was the cause; at most 4000 characters.
    text: String,
}

/// Takes an incident. `If-Match` names the version that was looked at.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents",
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = IncidentWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 428, body = Problem)))]
pub(super) async fn acknowledge(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    worked(desk, client, id, &headers, Act::Acknowledge).await
}

/// Writes a note on an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/comment", tag = "incidents", request_body = Note,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = IncidentWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem)))]
pub(super) async fn comment(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    note: Result<Json<Note>, JsonRejection>,
) -> Result<Response, Problem> {
    let text = body(&client, note)?.text;

    worked(desk, client, id, &headers, Act::Comment { text }).await
}

/// Closes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = Closing,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = IncidentWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem)))]
pub(super) async fn close(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    closing: Result<Json<Closing>, JsonRejection>,
) -> Result<Response, Problem> {
    let closing = body(&client, closing)?;

    worked(desk, client, id, &headers, Act::Close { outcome: closing.outcome, text: closing.text }).await
}

/// Opens a closed incident again.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", request_body = Note,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = IncidentWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem)))]
pub(super) async fn reopen(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    note: Result<Json<Note>, JsonRejection>,
) -> Result<Response, Problem> {
    let text = body(&client, note)?.text;

    worked(desk, client, id, &headers, Act::Reopen { text }).await
}

/// Does any act to an incident: `{"act": "move", "to": "contained", "text": ""}`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/act", tag = "incidents", request_body = Act,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = IncidentWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem)))]
pub(super) async fn act(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    act: Result<Json<Act>, JsonRejection>,
) -> Result<Response, Problem> {
    let act = body(&client, act)?;

    worked(desk, client, id, &headers, act).await
}

/// Of which stretch of time.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FiguresAsked {
    /// First moment of detection; without it, from the beginning.
    from: Option<String>,
    /// The moment at which it ends; without it, now.
    until: Option<String>,
}

/// Mean times, and what is late; drills are left out and counted apart.
#[utoipa::path(get, path = "/api/v1/incident-figures", tag = "incidents", params(FiguresAsked),
    responses((status = 200, body = IncidentFigures), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn figures(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<FiguresAsked>,
) -> Result<Json<IncidentFigures>, Problem> {
    let moment = |given: Option<String>, else_is: Timestamp| {
        given.map_or(Ok(else_is), |text| text.parse().map_err(|error| client.malformed(format!("{error}"))))
    };
    let (scope, now) = (client.scope(), desk.now());
    // A moment's own incidents are in it.
    let (from, until) = (moment(asked.from, Timestamp(0))?, moment(asked.until, Timestamp(now.0 + 1))?);
    let read = desk.store.read(move |db| casefile::figures(db, &scope, from, until, now)).await;

    read.map(Json).map_err(|error| client.ours(&error))
}

/// A body in JSON, or the problem that says where it is not as expected.
pub(super) fn body<T>(client: &Client, given: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    given.map(|Json(body)| body).map_err(|error| client.malformed(error.body_text()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other refusal is a conflict with how it stands")]
async fn worked(
    desk: Desk,
    client: Client,
    id: String,
    headers: &HeaderMap,
    act: Act,
) -> Result<Response, Problem> {
    let (t, id) = (client.t, number(&client, &id)?);
    let seen = named_version(headers, &client)?;
    let done = work(&desk, &client.caller, id, Some(seen), act).await.map_err(|error| client.ours(&error))?;
    let problem = |status: StatusCode, kind: &str| Problem::of(status, kind, t);
    match done {
        Worked::Store(Done::Kept(..)) => one(State(desk), client, Path(id.to_string())).await,
        Worked::ReadOnly => Err(problem(StatusCode::FORBIDDEN, "read-only")),
        Worked::Store(Done::Absent | Done::Neighbours) => Err(Problem::absent(t)),
        Worked::Store(Done::Changed(version)) => {
            Err(problem(StatusCode::PRECONDITION_FAILED, "changed").detail(format!("version {version}")))
        }
        Worked::Store(Done::Unfit(state)) => Err(problem(StatusCode::CONFLICT, "unfit").detail(state.word())),
        Worked::Store(Done::AnotherOpen(other)) => {
            Err(problem(StatusCode::CONFLICT, "another-open").detail(format!("incident {other}")))
        }
        Worked::Store(Done::Refused(refusal)) => {
            let status = match refusal {
                Refusal::ProvinceOnly => StatusCode::FORBIDDEN,
                Refusal::Missing(_) | Refusal::BadWord | Refusal::BadMoment | Refusal::BadEvidence => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                _ => StatusCode::CONFLICT,
            };
            Err(problem(status, "refused").detail(why(t, &refusal)))
        }
        Worked::Store(Done::BadNote) => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "note")),
    }
}

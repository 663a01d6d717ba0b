//! Exceptions to rules: list, one, make, withdraw.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::client::Client;
use super::decided::{extent, number, told};
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::exceptions as desk_exceptions;
use crate::desk::risks::day;
use crate::store::exceptions::{self, Excepted, Exception, Wanted};
use crate::store::view::Scope;

/// Findings that one answer shows.
const NEWEST: u32 = 50;

/// What the list is to show.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExceptionsAsked {
    /// Only those in force (`true`), or also ended and withdrawn ones (`false`, if left out).
    #[serde(default)]
    in_force: bool,
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of exceptions, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ExceptionPage {
    /// The exceptions.
    items: Vec<ExceptionWhole>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// An exception and where it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct ExceptionWhole {
    /// As it is kept.
    #[serde(flatten)]
    exception: Exception,
    /// `in_force`, `ended` (by itself) or `withdrawn` (by a person).
    stage: &'static str,
    /// The last day on which it holds, in Vietnam.
    #[schema(value_type = String, format = Date)]
    last_day: String,
    /// The newest findings that it answered, at most 50; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Excepted>>,
}

/// An exception from now on: on one host, in an agency, or, if neither is named, in the whole province.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Excepting {
    /// The rule's name.
    rule: String,
    /// Only this host.
    host: Option<String>,
    /// Every host of this agency.
    agency: Option<String>,
    /// Fields of the finding and the values that they must have, `*` for any characters; `subject` is what it is about.
    #[serde(default)]
    conditions: BTreeMap<String, String>,
    /// The last day on which it holds, in Vietnam: `2027-03-31`; at most 366 days away.
    until: String,
    /// Why, at most 1000 characters.
    reason: String,
}

/// Why an exception is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ending {
    /// Why, at most 1000 characters.
    reason: String,
}

fn whole(desk: &Desk, exception: Exception, findings: Option<Vec<Excepted>>) -> ExceptionWhole {
    let (stage, last_day) = (exception.stage(desk.now()).word(), exception.last_day().to_string());

    ExceptionWhole { stage, last_day, exception, findings }
}

/// Lists exceptions in view; those of the whole province are in everybody's view.
#[utoipa::path(get, path = "/api/v1/exceptions", tag = "rules", params(ExceptionsAsked),
    responses((status = 200, body = ExceptionPage), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<ExceptionsAsked>,
) -> Result<Json<ExceptionPage>, Problem> {
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let (scope, at) = (client.scope(), asked.in_force.then(|| desk.now()));
    let page = desk
        .store
        .read(move |db| exceptions::list(db, &scope, at, after, limit))
        .await
        .map_err(|error| client.ours(&error))?;
    let items = page.items.into_iter().map(|it| whole(&desk, it, None)).collect();

    Ok(Json(ExceptionPage { items, next: page.next }))
}

/// Gives one exception with the newest findings that it answered.
#[utoipa::path(get, path = "/api/v1/exceptions/{id}", tag = "rules", params(("id" = i64, Path)),
    responses((status = 200, body = ExceptionWhole), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<ExceptionWhole>, Problem> {
    let id = number(&client, &id)?;

    seen(&desk, &client, id).await.map(Json)
}

async fn seen(desk: &Desk, client: &Client, id: i64) -> Result<ExceptionWhole, Problem> {
    let scope = client.scope();
    let read = move |db: &rusqlite::Connection| kept(db, &scope, id);
    let (sight, findings) = desk.store.read(read).await.map_err(|error| client.ours(&error))?;
    let exception = client.seen(desk, sight, format!("exception/{id}")).await?;

    Ok(whole(desk, exception, Some(findings)))
}

fn kept(
    db: &rusqlite::Connection,
    scope: &Scope,
    id: i64,
) -> anyhow::Result<(crate::store::view::Sight<Exception>, Vec<Excepted>)> {
    Ok((exceptions::one(db, scope, id)?, exceptions::newest_kept(db, scope, id, NEWEST)?))
}

/// Makes an exception, from now on: findings that it answers raise no incident and are kept under it. People of one
/// agency except for that agency and its hosts only.
#[utoipa::path(post, path = "/api/v1/exceptions", tag = "rules", request_body = Excepting,
    responses((status = 201, body = ExceptionWhole), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn make(
    State(desk): State<Desk>,
    client: Client,
    excepting: Result<Json<Excepting>, JsonRejection>,
) -> Result<(StatusCode, Json<ExceptionWhole>), Problem> {
    let Excepting { rule, host, agency, conditions, until, reason } = body(&client, excepting)?;
    let extent = extent(&client, host, agency)?;
    let wanted = Wanted { rule, extent, conditions, last_day: day(&until), reason };
    let worked = desk_exceptions::make(&desk, &client.caller, wanted).await;
    let id = told(&client, worked, "exception")?;

    Ok((StatusCode::CREATED, Json(seen(&desk, &client, id).await?)))
}

/// Withdraws an exception before its end: what it would have answered raises incidents again.
#[utoipa::path(post, path = "/api/v1/exceptions/{id}/withdraw", tag = "rules", params(("id" = i64, Path)),
    request_body = Ending,
    responses((status = 200, body = ExceptionWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn withdraw(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    ending: Result<Json<Ending>, JsonRejection>,
) -> Result<Json<ExceptionWhole>, Problem> {
    let id = number(&client, &id)?;
    let Ending { reason } = body(&client, ending)?;
    let worked = desk_exceptions::withdraw(&desk, &client.caller, id, reason).await;
    let id = told(&client, worked, "exception")?;

    seen(&desk, &client, id).await.map(Json)
}

//! Accepted risks: list, one, accept, withdraw.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use std::time::Duration;

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
use crate::desk::risks as desk_risks;
use crate::store::risks::{self, Filter, Risk, Wanted};

/// What the list is to show.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RisksAsked {
    /// Only those in force (`true`), or also ended and withdrawn ones (`false`, if left out).
    #[serde(default)]
    in_force: bool,
    /// Only those that are in force and end within so many days.
    ending_within_days: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of accepted risks, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RiskPage {
    /// The risks.
    items: Vec<RiskWhole>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// An accepted risk and where it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct RiskWhole {
    /// As it is kept.
    #[serde(flatten)]
    risk: Risk,
    /// `in_force`, `ended` (by itself) or `withdrawn` (by a person).
    stage: &'static str,
    /// The last day on which it holds, in Vietnam.
    #[schema(value_type = String, format = Date)]
    last_day: String,
}

/// A risk to accept from now on: for one host, for an agency, or, if neither is named, for the whole province.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepting {
    /// The advisory or CVE.
    name: String,
    /// The package as the finding names it (`package`).
    package: String,
    /// Only this host.
    host: Option<String>,
    /// Every host of this agency.
    agency: Option<String>,
    /// The last day on which it holds, in Vietnam: `2027-03-31`; at most 366 days away.
    until: String,
    /// Why, at most 1000 characters.
    reason: String,
}

/// Why an acceptance is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawing {
    /// Why, at most 1000 characters.
    reason: String,
}

fn whole(desk: &Desk, risk: Risk) -> RiskWhole {
    RiskWhole { stage: risk.stage(desk.now()).word(), last_day: risk.last_day().to_string(), risk }
}

/// Lists accepted risks in view; those of the whole province are in everybody's view.
#[utoipa::path(get, path = "/api/v1/risks", tag = "risks", params(RisksAsked),
    responses((status = 200, body = RiskPage), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<RisksAsked>,
) -> Result<Json<RiskPage>, Problem> {
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let (scope, now) = (client.scope(), desk.now());
    let days = asked.ending_within_days;
    let filter = Filter {
        in_force_at: (asked.in_force || days.is_some()).then_some(now),
        ends_before: days.map(|days| now.plus(Duration::from_secs(u64::from(days) * 86_400))),
    };
    let page = desk
        .store
        .read(move |db| risks::list(db, &scope, filter, after, limit))
        .await
        .map_err(|error| client.ours(&error))?;
    let items = page.items.into_iter().map(|risk| whole(&desk, risk)).collect();

    Ok(Json(RiskPage { items, next: page.next }))
}

/// Gives one accepted risk.
#[utoipa::path(get, path = "/api/v1/risks/{id}", tag = "risks", params(("id" = i64, Path)),
    responses((status = 200, body = RiskWhole), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<RiskWhole>, Problem> {
    let id = number(&client, &id)?;

    seen(&desk, &client, id).await.map(Json)
}

async fn seen(desk: &Desk, client: &Client, id: i64) -> Result<RiskWhole, Problem> {
    let scope = client.scope();
    let sight =
        desk.store.read(move |db| risks::one(db, &scope, id)).await.map_err(|error| client.ours(&error))?;
    let risk = client.seen(desk, sight, format!("risk/{id}")).await?;

    Ok(whole(desk, risk))
}

/// Accepts a risk, from now on: its findings leave the open lists of the hosts it holds for and stay visible beside
/// them. People of one agency accept for that agency and its hosts only.
#[utoipa::path(post, path = "/api/v1/risks", tag = "risks", request_body = Accepting,
    responses((status = 201, body = RiskWhole), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn accept(
    State(desk): State<Desk>,
    client: Client,
    accepting: Result<Json<Accepting>, JsonRejection>,
) -> Result<(StatusCode, Json<RiskWhole>), Problem> {
    let Accepting { name, package, host, agency, until, reason } = body(&client, accepting)?;
    let extent = extent(&client, host, agency)?;
    let wanted = Wanted { name, package, extent, last_day: desk_risks::day(&until), reason };
    let worked = desk_risks::accept(&desk, &client.caller, wanted).await;
    let id = told(&client, worked, "risk")?;

    Ok((StatusCode::CREATED, Json(seen(&desk, &client, id).await?)))
}

/// Withdraws an accepted risk before its end: its findings are open again at once.
#[utoipa::path(post, path = "/api/v1/risks/{id}/withdraw", tag = "risks", params(("id" = i64, Path)),
    request_body = Withdrawing,
    responses((status = 200, body = RiskWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn withdraw(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    withdrawing: Result<Json<Withdrawing>, JsonRejection>,
) -> Result<Json<RiskWhole>, Problem> {
    let id = number(&client, &id)?;
    let Withdrawing { reason } = body(&client, withdrawing)?;
    let worked = desk_risks::withdraw(&desk, &client.caller, id, reason).await;
    let id = told(&client, worked, "risk")?;

    seen(&desk, &client, id).await.map(Json)
}

//! What the hosts of an agency may move on the line in a day: read, set.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vonggac_protocol::limits::{BUDGET_KIB_MAX, BUDGET_KIB_MIN};

use super::client::Client;
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::budgets::{self, Worked};
use crate::store::view::Sight;

/// What each host of an agency may move in a day, both directions and all headers counted.
#[derive(Serialize, ToSchema)]
pub(super) struct DailyBudget {
    /// The agency.
    agency: String,
    /// KiB; `null`: no limit.
    daily_kib: Option<u32>,
}

/// A budget to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetWanted {
    /// KiB, 128 to 4194304; `null`: no limit.
    #[serde(deserialize_with = "Option::deserialize")]
    daily_kib: Option<u32>,
}

/// Gives an agency's daily budget.
#[utoipa::path(get, path = "/api/v1/agencies/{id}/budget", tag = "overview", params(("id" = String, Path)),
    responses((status = 200, body = DailyBudget), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<DailyBudget>, Problem> {
    let sight =
        budgets::read(&desk, &client.caller, id.clone()).await.map_err(|error| client.ours(&error))?;
    let daily_kib = client.seen(&desk, sight, format!("agency/{id}/budget")).await?;

    Ok(Json(DailyBudget { agency: id, daily_kib }))
}

/// Sets an agency's daily budget; its hosts take it with their next sign of life.
#[utoipa::path(put, path = "/api/v1/agencies/{id}/budget", tag = "overview", params(("id" = String, Path)),
    request_body = BudgetWanted,
    responses((status = 200, body = DailyBudget), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn set(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    wanted: Result<Json<BudgetWanted>, JsonRejection>,
) -> Result<Json<DailyBudget>, Problem> {
    let BudgetWanted { daily_kib } = body(&client, wanted)?;
    if daily_kib.is_some_and(|kib| !(BUDGET_KIB_MIN..=BUDGET_KIB_MAX).contains(&kib)) {
        let problem = Problem::of(StatusCode::UNPROCESSABLE_ENTITY, "budget", client.t);
        return Err(
            problem.detail(format!("daily_kib: expected {BUDGET_KIB_MIN} to {BUDGET_KIB_MAX}, or null"))
        );
    }
    let worked = budgets::set(&desk, &client.caller, id.clone(), daily_kib).await;
    match worked.map_err(|error| client.ours(&error))? {
        Worked::ReadOnly => Err(Problem::of(StatusCode::FORBIDDEN, "read-only", client.t)),
        Worked::Store(sight @ (Sight::Seen(()) | Sight::Absent | Sight::Neighbours)) => {
            client.seen(&desk, sight, format!("agency/{id}/budget")).await?;

            Ok(Json(DailyBudget { agency: id, daily_kib }))
        }
    }
}

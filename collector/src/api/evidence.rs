//! Observations, and the audit log.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vonggac_protocol::id::ObservationId;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::store::view::journal::{self, JournalLine};
use crate::store::view::observations::{self, Evidence};

/// Gives one observation: what it says, its bytes, their digest.
#[utoipa::path(get, path = "/api/v1/observations/{id}", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, body = Evidence), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Evidence>, Problem> {
    let id: ObservationId = id.parse().map_err(|_| Problem::absent(client.t))?;
    let scope = client.scope();
    let sight = desk
        .store
        .read(move |db| observations::one(db, &scope, id))
        .await
        .map_err(|error| client.ours(&error))?;

    Ok(Json(client.seen(&desk, sight, format!("observation/{id}")).await?))
}

/// Where the log begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JournalAsked {
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of the audit log, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct JournalPage {
    /// The lines.
    items: Vec<JournalLine>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Lists the audit log; for administrators and auditors.
#[utoipa::path(get, path = "/api/v1/audit", tag = "evidence", params(JournalAsked),
    responses((status = 200, body = JournalPage), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(super) async fn journal(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<JournalAsked>,
) -> Result<Json<JournalPage>, Problem> {
    if !client.caller.person.role.may_audit() {
        return Err(Problem::of(StatusCode::FORBIDDEN, "forbidden", client.t));
    }
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let scope = client.scope();
    let page = desk
        .store
        .read(move |db| journal::list(db, &scope, after, limit))
        .await
        .map_err(|error| client.ours(&error))?;

    Ok(Json(JournalPage { items: page.items, next: page.next }))
}

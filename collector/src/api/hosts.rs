//! Hosts: list, one, its software.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vonggac_protocol::id::HostId;
use vonggac_protocol::package::Package;

use super::client::Client;
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::store::orders::{self, Ordered};
use crate::store::view::host::{self, Host};
use crate::store::view::hosts::{self, HostFilter, HostLine};
use crate::store::view::words::HostState;
use crate::store::windows::Doer;

/// Which hosts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HostsAsked {
    /// `waiting`, `active`, `held`, `revoked`, or `silent`.
    state: Option<String>,
    /// An agency's id.
    agency: Option<String>,
    /// Words to look for, with or without Vietnamese marks.
    text: Option<String>,
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of hosts: silent ones first, then the newest.
#[derive(Serialize, ToSchema)]
pub(super) struct HostPage {
    /// The hosts.
    items: Vec<HostLine>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Lists hosts.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", params(HostsAsked),
    responses((status = 200, body = HostPage), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<HostsAsked>,
) -> Result<Json<HostPage>, Problem> {
    let silent = asked.state.as_deref() == Some("silent");
    let state = if silent { None } else { asked.state.as_deref() };
    let filter = HostFilter {
        state: client.word("state", state, HostState::ALL, HostState::word)?,
        silent,
        agency: asked.agency,
        text: asked.text,
    };
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let scope = client.scope();
    let page = desk
        .store
        .read(move |db| hosts::list(db, &scope, &filter, after, limit))
        .await
        .map_err(|error| client.ours(&error))?;

    Ok(Json(HostPage { items: page.items, next: page.next }))
}

pub(super) async fn found(desk: &Desk, client: &Client, id: &str) -> Result<Host, Problem> {
    let id: HostId = id.parse().map_err(|_| Problem::absent(client.t))?;
    let scope = client.scope();
    let sight =
        desk.store.read(move |db| host::one(db, &scope, id)).await.map_err(|error| client.ours(&error))?;

    client.seen(desk, sight, format!("host/{id}")).await
}

/// Gives one host.
#[utoipa::path(get, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = String, Path)),
    responses((status = 200, body = Host), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Host>, Problem> {
    Ok(Json(found(&desk, &client, &id).await?))
}

/// A new baseline to order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rebaselining {
    /// A watched root, or `*` for all.
    root: String,
    /// Why.
    reason: String,
}

/// An order.
#[derive(Serialize, ToSchema)]
pub(super) struct RebaselineOrdered {
    /// Its number among those for this host.
    number: u64,
}

/// Orders that roots be measured anew: everything is hashed again and every difference told first.
#[utoipa::path(post, path = "/api/v1/hosts/{id}/rebaseline", tag = "hosts", params(("id" = String, Path)),
    request_body = Rebaselining,
    responses((status = 202, body = RebaselineOrdered), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn rebaseline(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    wanted: Result<Json<Rebaselining>, JsonRejection>,
) -> Result<(StatusCode, Json<RebaselineOrdered>), Problem> {
    let Rebaselining { root, reason } = body(&client, wanted)?;
    let host: HostId = id.parse().map_err(|_| Problem::absent(client.t))?;
    let problem = |status: StatusCode, kind: &str| Problem::of(status, kind, client.t);
    if !client.caller.person.role.may_act() {
        return Err(problem(StatusCode::FORBIDDEN, "read-only"));
    }
    let (person, at) = (client.caller.person.clone(), desk.now());
    let ordered = desk.store.write(move |tx| {
        let doer = Doer { person: &person.name, audited: &person.name, scope: &person.scope, at };
        orders::order(tx, doer, host, &root, &reason)
    });
    match ordered.await.map_err(|error| client.ours(&error))? {
        Ordered::Kept(number) => Ok((StatusCode::ACCEPTED, Json(RebaselineOrdered { number }))),
        Ordered::Absent | Ordered::Neighbours => Err(Problem::absent(client.t)),
        Ordered::UnknownRoot => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "order-root")),
        Ordered::BadReason => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "window-reason")),
    }
}

/// All packages of a host, in order of name.
#[utoipa::path(get, path = "/api/v1/hosts/{id}/packages", tag = "hosts", params(("id" = String, Path)),
    responses((status = 200, body = Vec<Object>), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn packages(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Vec<Package>>, Problem> {
    let host = found(&desk, &client, &id).await?.line.id;
    let packages =
        desk.store.read(move |db| host::packages(db, host)).await.map_err(|error| client.ours(&error))?;

    Ok(Json(packages))
}

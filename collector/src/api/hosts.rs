//! Hosts: list, one, its software.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vonggac_protocol::id::HostId;
use vonggac_protocol::package::Package;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::store::view::host::{self, Host};
use crate::store::view::hosts::{self, HostFilter, HostLine};
use crate::store::view::words::HostState;

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

async fn found(desk: &Desk, client: &Client, id: &str) -> Result<Host, Problem> {
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

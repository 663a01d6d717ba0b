//! What leaves by itself: destinations, messages and their receipts; clocks about to end.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::client::Client;
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::sending::secret::{self, Secret};
use crate::store::sending::announce;
use crate::store::sending::destinations::{self, Destination, Wanted};
use crate::store::sending::lists::{self, Filter, Sent};
use crate::store::view::Scope;
use crate::store::warnings::{self, Pressing};
use crate::store::windows::Doer;

/// Messages of one answer.
const LISTED: usize = 500;

/// A destination to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adding {
    /// What it is to be.
    destination: Wanted,
    /// The password of mail, or the key of a webhook (`whsec_…`); never given out again. A webhook without one gets a
    /// new key, which the operator finds on the machine.
    secret: Option<String>,
}

/// What was made.
#[derive(Serialize, ToSchema)]
pub(super) struct Made {
    /// Its number.
    id: i64,
}

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagesAsked {
    /// Only of this incident.
    incident: Option<i64>,
    /// Only what is not confirmed: waiting, being sent, given up.
    #[serde(default)]
    open: bool,
}

/// Lists destinations; people of one agency see those of their agency alone. No secret is among it.
#[utoipa::path(get, path = "/api/v1/destinations", tag = "sending",
    responses((status = 200, body = Vec<Destination>), (status = 401, body = Problem)))]
pub(super) async fn all(State(desk): State<Desk>, client: Client) -> Result<Json<Vec<Destination>>, Problem> {
    let scope = client.scope();
    let found = desk.store.read(move |db| destinations::list(db, &scope)).await;

    Ok(Json(found.map_err(|error| client.ours(&error))?))
}

/// Adds a destination; for administrators of the province. Addresses of the collector's own machine and of metadata
/// services are refused when sending: only the operator, on the command line, may allow them.
#[utoipa::path(post, path = "/api/v1/destinations", tag = "sending", request_body = Adding,
    responses((status = 201, body = Made), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn add(
    State(desk): State<Desk>,
    client: Client,
    adding: Result<Json<Adding>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    admin(&client)?;
    let Adding { destination: wanted, secret } = body(&client, adding)?;
    let unfit = |misfit: crate::sending::settings::Misfit| {
        Problem::of(StatusCode::UNPROCESSABLE_ENTITY, "destination", client.t).detail(misfit.word())
    };
    let given = secret.as_deref().map(Secret::of);
    let fitting = secret::fitting(&wanted.settings, given).map_err(|error| client.ours(&error))?;
    let secret = fitting.map_err(unfit)?;
    let kept = secret.map(|secret| secret::keep(desk.store.folder(), &secret)).transpose();
    let file = kept.map_err(|error| client.ours(&error))?;
    let (person, at, name) = (client.caller.person.name.clone(), desk.now(), file.clone());
    let added = desk.store.write(move |tx| {
        let doer = Doer { person: &person, audited: &person, scope: &Scope::All, at };
        destinations::add(tx, &wanted, name.as_deref(), doer)
    });
    let added = added.await;
    if let (Some(file), Err(_) | Ok(Err(_))) = (&file, &added) {
        secret::remove(desk.store.folder(), file);
    }
    let id = added.map_err(|error| client.ours(&error))?.map_err(unfit)?;

    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Removes a destination; what waits for it is withdrawn. For administrators of the province.
#[utoipa::path(delete, path = "/api/v1/destinations/{id}", tag = "sending", params(("id" = i64, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn remove(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    admin(&client)?;
    let (person, at) = (client.caller.person.name.clone(), desk.now());
    let removed = desk.store.write(move |tx| {
        let doer = Doer { person: &person, audited: &person, scope: &Scope::All, at };
        destinations::remove(tx, id, doer)
    });
    let removed = removed.await.map_err(|error| client.ours(&error))?;
    if let Some(file) = removed.ok_or_else(|| Problem::absent(client.t))? {
        secret::remove(desk.store.folder(), &file);
    }

    Ok(StatusCode::NO_CONTENT)
}

/// Queues a try of a destination; its receipt is read among the messages. For administrators of the province.
#[utoipa::path(post, path = "/api/v1/destinations/{id}/test", tag = "sending", params(("id" = i64, Path)),
    responses((status = 202, body = Made), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn test(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<i64>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    admin(&client)?;
    let (person, at) = (client.caller.person.name.clone(), desk.now());
    let queued = desk.store.write(move |tx| announce::test(tx, id, &person, at)).await;
    let id = queued.map_err(|error| client.ours(&error))?.ok_or_else(|| Problem::absent(client.t))?;

    Ok((StatusCode::ACCEPTED, Json(Made { id })))
}

/// Lists the newest 500 messages in view, with receipts; people of one agency see those of its incidents alone.
#[utoipa::path(get, path = "/api/v1/messages", tag = "sending", params(MessagesAsked),
    responses((status = 200, body = Vec<Sent>), (status = 401, body = Problem)))]
pub(super) async fn messages(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<MessagesAsked>,
) -> Result<Json<Vec<Sent>>, Problem> {
    let scope = client.scope();
    let filter = Filter { id: None, incident: asked.incident, is_open: asked.open };
    let found = desk.store.read(move |db| lists::messages(db, &scope, filter, LISTED)).await;

    Ok(Json(found.map_err(|error| client.ours(&error))?))
}

/// Lists clocks in view of which half the time is gone, or all of it, the most pressing first; never those of drills.
#[utoipa::path(get, path = "/api/v1/clocks", tag = "incidents",
    responses((status = 200, body = Vec<Pressing>), (status = 401, body = Problem)))]
pub(super) async fn clocks(State(desk): State<Desk>, client: Client) -> Result<Json<Vec<Pressing>>, Problem> {
    let (scope, now) = (client.scope(), desk.now());
    let found = desk.store.read(move |db| warnings::about_to_end(db, &scope, now)).await;

    Ok(Json(found.map_err(|error| client.ours(&error))?))
}

fn admin(client: &Client) -> Result<(), Problem> {
    let person = &client.caller.person;
    if person.role.may_send() && person.scope == Scope::All {
        return Ok(());
    }

    Err(Problem::of(StatusCode::FORBIDDEN, "forbidden", client.t))
}

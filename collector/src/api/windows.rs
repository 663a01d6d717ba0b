//! Change windows: list, one with what it kept quiet, open, close.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::client::Client;
use super::decided::{self, number, told};
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::windows as desk_windows;
use crate::store::view::observations::Evidence;
use crate::store::windows::{self, Wanted, Window};

/// Observations given with a window.
const KEPT_SHOWN: usize = 50;

/// Where the list begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WindowsAsked {
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Rows, 1 to 500.
    limit: Option<usize>,
}

/// A page of windows, the newest first: open, closed and expired ones.
#[derive(Serialize, ToSchema)]
pub(super) struct WindowPage {
    /// The windows.
    items: Vec<Window>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// One window with what it kept quiet.
#[derive(Serialize, ToSchema)]
pub(super) struct WindowWhole {
    /// As in the list.
    #[serde(flatten)]
    window: Window,
    /// `open`, `closed` (by a person) or `expired` (by itself).
    stage: &'static str,
    /// The newest observations that it kept quiet, at most 50.
    newest: Vec<Evidence>,
}

/// A window to open from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// The agency; may be left out where a host is named.
    agency: Option<String>,
    /// Only this host.
    host: Option<String>,
    /// Only below these paths. The areas `access` and `persistence` are kept quiet only where a path names that
    /// watched root or something in it.
    #[serde(default)]
    roots: Vec<String>,
    /// Hours, 1 to 168.
    hours: u32,
    /// Why, at most 1000 characters.
    reason: String,
}

/// Lists change windows.
#[utoipa::path(get, path = "/api/v1/windows", tag = "windows", params(WindowsAsked),
    responses((status = 200, body = WindowPage), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<WindowsAsked>,
) -> Result<Json<WindowPage>, Problem> {
    let (after, limit) = client.place(asked.after.as_deref(), asked.limit)?;
    let scope = client.scope();
    let page = desk
        .store
        .read(move |db| windows::list(db, &scope, after, limit))
        .await
        .map_err(|error| client.ours(&error))?;

    Ok(Json(WindowPage { items: page.items, next: page.next }))
}

/// Gives one change window with the newest of what it kept quiet.
#[utoipa::path(get, path = "/api/v1/windows/{id}", tag = "windows", params(("id" = i64, Path)),
    responses((status = 200, body = WindowWhole), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<WindowWhole>, Problem> {
    let id = number(&client, &id)?;

    whole(&desk, &client, id).await.map(Json)
}

async fn whole(desk: &Desk, client: &Client, id: i64) -> Result<WindowWhole, Problem> {
    let scope = client.scope();
    let (sight, newest) = desk
        .store
        .read(move |db| Ok((windows::one(db, &scope, id)?, windows::newest_kept(db, id, KEPT_SHOWN)?)))
        .await
        .map_err(|error| client.ours(&error))?;
    let window = client.seen(desk, sight, format!("window/{id}")).await?;

    Ok(WindowWhole { stage: window.stage(desk.now()).word(), window, newest })
}

/// Opens a change window, from now on.
#[utoipa::path(post, path = "/api/v1/windows", tag = "windows", request_body = Opening,
    responses((status = 201, body = WindowWhole), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn open(
    State(desk): State<Desk>,
    client: Client,
    opening: Result<Json<Opening>, JsonRejection>,
) -> Result<(StatusCode, Json<WindowWhole>), Problem> {
    let Opening { agency, host, roots, hours, reason } = body(&client, opening)?;
    let host = host.map(|id| decided::host(&client, &id)).transpose()?;
    let wanted = Wanted { agency, host, roots, hours, reason };
    let worked = desk_windows::open(&desk, &client.caller, wanted).await;
    let id = told(&client, worked, "window")?;

    Ok((StatusCode::CREATED, Json(whole(&desk, &client, id).await?)))
}

/// Closes a change window before its end.
#[utoipa::path(post, path = "/api/v1/windows/{id}/close", tag = "windows", params(("id" = i64, Path)),
    responses((status = 200, body = WindowWhole), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) async fn close(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<WindowWhole>, Problem> {
    let id = number(&client, &id)?;
    let worked = desk_windows::close(&desk, &client.caller, id).await;
    let id = told(&client, worked, "window")?;

    whole(&desk, &client, id).await.map(Json)
}

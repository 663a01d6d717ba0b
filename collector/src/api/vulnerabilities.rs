//! Weaknesses of a host, and the feeds behind them.

use axum::Json;
use axum::extract::{Path, State};

use super::client::Client;
use super::hosts::found;
use super::problem::Problem;
use crate::desk::Desk;
use crate::feeds::age::Aged;
use crate::store::{feeds as kept, risks};
use crate::vulnerabilities::report::Report;

/// The weaknesses of a host: with a fix, without one, accepted by a person, and what could not be judged. Empty lists mean something only
/// where `covered` and `has_inventory` are true; how old the feeds are stands in `feeds`.
#[utoipa::path(get, path = "/api/v1/hosts/{id}/vulnerabilities", tag = "hosts", params(("id" = String, Path)),
    responses((status = 200, body = Report), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn of_host(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Report>, Problem> {
    let found = found(&desk, &client, &id).await?;
    let (host, patches, described) = (found.line.id, found.patches, found.described);
    let (shared, now) = (desk.settings.vulnerabilities.clone(), desk.now());
    let report = desk.store.read(move |db| {
        let risks = risks::of_host(db, host, now)?;
        Ok(Report::of(&shared, host, patches.as_ref(), now).accepting(&risks).supported(
            &shared,
            described.as_ref(),
            now,
        ))
    });

    Ok(Json(report.await.map_err(|error| client.ours(&error))?))
}

/// The feeds that are held, with the age of their data. They name no host and no agency, so everybody who may sign in
/// may read them.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "health",
    responses((status = 200, body = Vec<Aged>), (status = 401, body = Problem)))]
pub(super) async fn feeds(State(desk): State<Desk>, client: Client) -> Result<Json<Vec<Aged>>, Problem> {
    let all = desk.store.read(kept::list).await.map_err(|error| client.ours(&error))?;
    let (now, most) = (desk.now(), desk.settings.vulnerabilities.days_max);

    Ok(Json(all.iter().map(|kept| Aged::of(kept, most, now)).collect()))
}

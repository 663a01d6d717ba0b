//! How hosts stand to a policy over the age of security patches.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::patch_age::survey::{role_of, role_word};
use crate::patch_age::{DAYS, DAYS_MAX, Page, Wanted, survey};

/// The policy, and which hosts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PatchAgeAsked {
    /// Days that a security patch may wait, 1 to 3650; 30 if left out.
    days: Option<u32>,
    /// Only machines of this role (`server`, `workstation`), and those whose role is not known.
    role: Option<String>,
    /// Only this agency's.
    agency: Option<String>,
    /// Cursor of the page, from `next` of the one before.
    after: Option<String>,
    /// Hosts to look at, 1 to 500.
    limit: Option<usize>,
}

/// Answers "security patches no older than so many days", host by host, with the packages that break it. A page may
/// hold fewer hosts than were looked at: those of another role are left out.
#[utoipa::path(get, path = "/api/v1/patch-age", tag = "hosts", params(PatchAgeAsked),
    responses((status = 200, body = Page), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn answers(
    State(desk): State<Desk>,
    client: Client,
    Query(asked): Query<PatchAgeAsked>,
) -> Result<Json<Page>, Problem> {
    let place = client.place(asked.after.as_deref(), asked.limit)?;
    let days = asked.days.unwrap_or(DAYS);
    if days == 0 || days > DAYS_MAX {
        return Err(client.malformed(format!("days: expected 1 to {DAYS_MAX}")));
    }
    let roles = ["server", "workstation"].map(role_of);
    let role = client.word("role", asked.role.as_deref(), &roles, |role| role.map_or("", role_word))?;
    let wanted = Wanted { days, role: role.flatten(), agency: asked.agency };
    let (shared, scope, now) = (desk.settings.vulnerabilities.clone(), client.scope(), desk.now());
    let page = desk.store.read(move |db| survey(db, &shared, &scope, &wanted, now, place)).await;

    Ok(Json(page.map_err(|error| client.ours(&error))?))
}

//! The province at a glance.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::store::view::agencies::{self, AgencyLine};

/// The agencies in view.
#[derive(Serialize, ToSchema)]
pub(super) struct Overview {
    /// When this was read.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Hosts in all.
    hosts: u64,
    /// Of these, silent.
    silent: u64,
    /// Open incidents in all.
    open: u64,
    /// Of these, taken by nobody.
    unseen: u64,
    /// Open drills; no other figure counts them.
    drills: u64,
    /// One line an agency.
    agencies: Vec<AgencyLine>,
}

async fn lines(desk: &Desk, client: &Client) -> Result<Vec<AgencyLine>, Problem> {
    let scope = client.scope();

    desk.store.read(move |db| agencies::overview(db, &scope)).await.map_err(|error| client.ours(&error))
}

/// Figures in all and by agency.
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview",
    responses((status = 200, body = Overview), (status = 401, body = Problem)))]
pub(super) async fn overview(State(desk): State<Desk>, client: Client) -> Result<Json<Overview>, Problem> {
    let agencies = lines(&desk, &client).await?;
    let sum = |of: fn(&AgencyLine) -> u64| agencies.iter().map(of).sum();

    Ok(Json(Overview {
        at: desk.now(),
        hosts: sum(|line| line.hosts),
        silent: sum(|line| line.silent),
        open: sum(|line| line.open.all()),
        unseen: sum(|line| line.unseen),
        drills: sum(|line| line.drills),
        agencies,
    }))
}

/// The agencies in view.
#[utoipa::path(get, path = "/api/v1/agencies", tag = "overview",
    responses((status = 200, body = Vec<AgencyLine>), (status = 401, body = Problem)))]
pub(super) async fn agencies(
    State(desk): State<Desk>,
    client: Client,
) -> Result<Json<Vec<AgencyLine>>, Problem> {
    Ok(Json(lines(&desk, &client).await?))
}

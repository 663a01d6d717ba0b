//! Who comes in at the other door, and what was turned away.

use axum::Json;
use axum::extract::State;

use super::client::Client;
use super::problem::Problem;
use crate::admission::report::Report;
use crate::desk::Desk;

/// Connections, what waits, and what was turned away by reason, since the collector started. It names no host and no
/// agency, so everybody who may sign in may read it.
#[utoipa::path(get, path = "/api/v1/admission", tag = "health",
    responses((status = 200, body = Report), (status = 401, body = Problem)))]
pub(super) async fn admission(State(desk): State<Desk>, _client: Client) -> Json<Report> {
    Json(desk.settings.admission.report(&desk.store))
}

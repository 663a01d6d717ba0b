//! Whether the process lives, and whether it can work.

use axum::extract::State;
use axum::http::StatusCode;

use crate::desk::Desk;

/// The process lives.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, body = String)))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The store can be written and read.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn ready(State(desk): State<Desk>) -> (StatusCode, &'static str) {
    let written = desk.store.write(|_| Ok(())).await;
    let read =
        desk.store.read(|db| Ok(db.query_row("SELECT count(*) FROM judge", [], |row| row.get::<_, i64>(0))?));
    match (written, read.await) {
        (Ok(()), Ok(_)) => (StatusCode::OK, "ok\n"),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(error = format!("{error:#}"), "Not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "store\n")
        }
    }
}

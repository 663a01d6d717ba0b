//! Whether the process lives, and whether it can work.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::desk::Desk;
use crate::store::health::Trouble;

/// Keeping nothing takes a commit.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// The process lives.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, body = String)))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The store can be written and read.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn ready(State(desk): State<Desk>) -> (StatusCode, &'static str) {
    // A disk that is full or held lets nobody wait for an answer.
    let written = tokio::time::timeout(WRITTEN_WITHIN, desk.store.write(|_| Ok(()))).await;
    let written = match (written, desk.store.trouble()) {
        (Ok(Ok(())), None) => Ok(()),
        (Ok(Err(error)), _) => Err(error),
        (_, trouble) => Err(anyhow::anyhow!("store: {}", trouble.map_or("slow", Trouble::word))),
    };
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

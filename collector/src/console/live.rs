//! "Something changed": one stream a page, which says only that; and the small notes that follow from it.

use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;

use super::frame::{Answer, Reader, shown};
use crate::desk::Desk;
use crate::desk::words::Language;
use crate::store::view::{Sight, incident, incidents};

/// A stream ends after this, and the browser asks again: so a session that ended is noticed.
const STREAM: Duration = Duration::from_secs(10 * 60);

/// Comments that keep the connection open through proxies.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Streams `changed` for every change in the reader's view.
pub(super) async fn stream(State(desk): State<Desk>, reader: Reader) -> Response {
    let Ok(permit) = desk.listeners.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")]).into_response();
    };
    let scope = reader.caller.person.scope;
    let changes = BroadcastStream::new(desk.news.subscribe())
        .filter(move |news| {
            let concerns = match news {
                Ok(news) => scope.covers(&news.agency),
                // Some were missed: then something did change.
                Err(_) => true,
            };
            std::future::ready(concerns)
        })
        .map(move |_| {
            let _held = &permit;
            Ok::<_, Infallible>(Event::default().event("changed").data("1"))
        })
        .take_until(tokio::time::sleep(STREAM));

    Sse::new(changes).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

#[derive(Template)]
#[template(path = "newer.html")]
struct Note {
    t: Language,
    count: u64,
    key: &'static str,
    to: String,
}

/// What the list was made with.
#[derive(Deserialize)]
pub(super) struct Since {
    /// Moment of the newest evidence it shows.
    tu: i64,
    /// Its own query, to load again.
    #[serde(default)]
    loc: String,
}

/// "n new – press to load", or nothing.
pub(super) async fn newer_incidents(
    State(desk): State<Desk>,
    reader: Reader,
    Query(since): Query<Since>,
) -> Answer {
    let scope = reader.caller.person.scope.clone();
    let count = desk.store.read(move |db| incidents::newer(db, &scope, since.tu)).await?;
    let to = if since.loc.is_empty() { "/su-co".to_owned() } else { format!("/su-co?{}", since.loc) };

    Ok(shown(&Note { t: reader.t(), count, key: "newer-incidents", to }))
}

/// What the page of an incident was made with.
#[derive(Deserialize)]
pub(super) struct Version {
    ban: i64,
    phat_hien: u64,
}

/// "This incident has changed – press to load", or nothing.
pub(super) async fn newer_version(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<i64>,
    Query(version): Query<Version>,
) -> Answer {
    let scope = reader.caller.person.scope.clone();
    let found = desk.store.read(move |db| incident::one(db, &scope, id)).await?;
    let count = match &found {
        Sight::Seen(now) => {
            u64::from(now.line.version != version.ban || now.line.findings != version.phat_hien)
        }
        Sight::Neighbours | Sight::Absent => 0,
    };

    Ok(shown(&Note { t: reader.t(), count, key: "newer-version", to: format!("/su-co/{id}") }))
}

//! One observation: what it says, its raw form, its digest.

use askama::Template;
use axum::extract::{Path, State};
use vonggac_protocol::id::ObservationId;
use vonggac_protocol::observation::Kind;

use super::difference::{self, Difference};
use super::frame::{Answer, Page, Reader, shown};
use crate::desk::{Desk, sentence};
use crate::store::view::observations::{self, Evidence};

#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    p: Page,
    it: Evidence,
    sentence: String,
    json: String,
    differences: Vec<Difference>,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let Ok(id) = id.parse::<ObservationId>() else { return Ok(reader.not_found()) };
    let scope = reader.caller.person.scope.clone();
    let sight = desk.store.read(move |db| observations::one(db, &scope, id)).await?;
    let it = match reader.seen(&desk, sight, format!("observation/{id}")).await {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let t = reader.t();
    let kind = it.observation.as_ref().map(|seen| &seen.kind);

    Ok(shown(&EvidencePage {
        p: reader.page("hosts", "evidence-title"),
        sentence: kind.map_or_else(|| t.say("seen-unknown"), |kind| sentence::of(t, kind, &it.host_name)),
        json: it
            .observation
            .as_ref()
            .and_then(|seen| serde_json::to_string_pretty(seen).ok())
            .unwrap_or_default(),
        differences: match kind {
            Some(Kind::FileChanged(change)) => difference::of(t, change),
            _ => Vec::new(),
        },
        it,
    }))
}

//! Who wants to come in: machines that wait for approval, identities that two machines have, enrolments refused.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;
use vonggac_protocol::id::HostId;

use super::frame::{Answer, Page, Reader, Told, Trouble, shown};
use crate::desk::Desk;
use crate::desk::machines::{self as desk_machines, Wish};
use crate::store::machines::{self, Decided, Decision, Pair};
use crate::store::refusals::{self, RefusedCount};
use crate::store::view::hosts::{self, HostFilter, HostLine};
use crate::store::view::words::HostState;

/// Hosts of a sort on the page; the rest is reached when these are decided.
const HOSTS_SHOWN: usize = 100;

/// Refusals on the page; the command line lists more.
const REFUSED_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "admission.html")]
struct AdmissionPage {
    p: Page,
    waiting: Vec<HostLine>,
    held: Vec<(HostLine, Option<Pair>)>,
    refused: Vec<RefusedCount>,
    can_admit: bool,
}

/// What was just done.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    xong: String,
}

/// What was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DecidingForm {
    viec: String,
    ly_do: String,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let scope = reader.caller.person.scope.clone();
    let (waiting, held, refused) = desk
        .store
        .read(move |db| {
            let of = |state| {
                let filter = HostFilter { state: Some(state), ..HostFilter::default() };
                hosts::list(db, &scope, &filter, None, HOSTS_SHOWN)
            };
            let held = of(HostState::Held)?.items.into_iter().map(|line| {
                let pair = machines::pair(db, line.id)?;
                Ok((line, pair))
            });
            let held = held.collect::<anyhow::Result<Vec<_>>>()?;
            Ok((of(HostState::Waiting)?.items, held, refusals::newest(db, &scope, REFUSED_SHOWN)?))
        })
        .await?;
    let key = match asked.xong.as_str() {
        "accepted" => Some(("told-host-accepted", false)),
        "rejected" => Some(("told-host-rejected", false)),
        "decided" => Some(("told-host-decided", false)),
        "state" => Some(("refused-host-state", true)),
        "reason" => Some(("refused-host-reason", true)),
        _ => None,
    };
    let mut p = reader.page("admission", "enrolling-title");
    p.told = key.map(|(key, is_bad)| Told { text: reader.t().say(key), is_bad });
    let can_admit = reader.caller.person.role.may_admit();

    Ok(shown(&AdmissionPage { p, waiting, held, refused, can_admit }))
}

/// Accepts, rejects, or decides.
pub(super) async fn act(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Form(form): Form<DecidingForm>,
) -> Answer {
    let Ok(host) = id.parse::<HostId>() else { return Ok(reader.not_found()) };
    let (wish, done) = match form.viec.as_str() {
        "duyet" => (Wish::Accept, "accepted"),
        "tu-choi" => (Wish::Reject, "rejected"),
        "known" => (Wish::Decide(Decision::Known), "decided"),
        "found" => (Wish::Decide(Decision::Found), "decided"),
        "enrol-again" => (Wish::Decide(Decision::EnrolAgain), "decided"),
        _ => return Ok(reader.not_found()),
    };
    let decided = desk_machines::act(&desk, &reader.caller, host, wish, form.ly_do).await.map_err(Trouble)?;
    let told = match decided {
        None => return Ok(reader.forbidden()),
        Some(Decided::Absent | Decided::Neighbours) => return Ok(reader.not_found()),
        Some(Decided::Done) => done,
        Some(Decided::WrongState) => "state",
        Some(Decided::BadReason) => "reason",
    };

    Ok(Redirect::to(&format!("/ghi-danh?xong={told}")).into_response())
}

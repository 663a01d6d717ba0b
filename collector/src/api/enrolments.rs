//! Who wants to come in: identities that two machines have, enrolments refused, and what a person decides.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vonggac_protocol::id::HostId;

use super::client::Client;
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::machines::{self as desk_machines, Wish};
use crate::store::machines::{self, Decided, Decision, Pair};
use crate::store::refusals::{self, RefusedCount};
use crate::store::view::hosts::{self, HostFilter, HostLine};
use crate::store::view::words::HostState;

/// Hosts of a sort, and refusals, at most.
const SHOWN: usize = 200;

/// An identity that two machines have.
#[derive(Serialize, ToSchema)]
pub(super) struct Held {
    /// The host.
    host: HostLine,
    /// The two machines; `null` if it is held from before they were kept.
    machines: Option<Pair>,
}

/// Who wants to come in.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolments {
    /// Hosts that wait for approval, at most 200.
    waiting: Vec<HostLine>,
    /// Hosts whose identity two machines have, at most 200.
    held: Vec<Held>,
    /// Refused enrolments by hour, the newest first, at most 200.
    refused: Vec<RefusedCount>,
}

/// What is decided of a host.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// A waiting host may work.
    Accept,
    /// A waiting host is sent away.
    Reject,
    /// Of a held host, the machine that had the identity goes on.
    Known,
    /// Of a held host, the machine that came goes on.
    Found,
    /// Of a held host, neither: both must enrol.
    EnrolAgain,
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deciding {
    /// What.
    decision: Word,
    /// Why, at most 1000 characters; may be empty for `accept`.
    #[serde(default)]
    reason: String,
}

/// Lists who wants to come in.
#[utoipa::path(get, path = "/api/v1/enrolments", tag = "hosts",
    responses((status = 200, body = Enrolments), (status = 401, body = Problem)))]
pub(super) async fn list(State(desk): State<Desk>, client: Client) -> Result<Json<Enrolments>, Problem> {
    let scope = client.scope();
    let read = desk.store.read(move |db| {
        let of = |state| {
            let filter = HostFilter { state: Some(state), ..HostFilter::default() };
            hosts::list(db, &scope, &filter, None, SHOWN)
        };
        let held = of(HostState::Held)?.items.into_iter().map(|host| {
            let machines = machines::pair(db, host.id)?;
            Ok(Held { host, machines })
        });
        let held = held.collect::<anyhow::Result<Vec<_>>>()?;
        let waiting = of(HostState::Waiting)?.items;

        Ok(Enrolments { waiting, held, refused: refusals::newest(db, &scope, SHOWN)? })
    });

    Ok(Json(read.await.map_err(|error| client.ours(&error))?))
}

/// Approves or rejects a waiting host, or decides which of two machines keeps an identity.
#[utoipa::path(post, path = "/api/v1/hosts/{id}/decide", tag = "hosts", params(("id" = String, Path)),
    request_body = Deciding,
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn decide(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    wanted: Result<Json<Deciding>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Deciding { decision, reason } = body(&client, wanted)?;
    let host: HostId = id.parse().map_err(|_| Problem::absent(client.t))?;
    let wish = match decision {
        Word::Accept => Wish::Accept,
        Word::Reject => Wish::Reject,
        Word::Known => Wish::Decide(Decision::Known),
        Word::Found => Wish::Decide(Decision::Found),
        Word::EnrolAgain => Wish::Decide(Decision::EnrolAgain),
    };
    let problem = |status: StatusCode, kind: &str| Problem::of(status, kind, client.t);
    let decided = desk_machines::act(&desk, &client.caller, host, wish, reason).await;
    match decided.map_err(|error| client.ours(&error))? {
        Some(Decided::Done) => Ok(StatusCode::NO_CONTENT),
        Some(Decided::Absent | Decided::Neighbours) => Err(Problem::absent(client.t)),
        Some(Decided::WrongState) => Err(problem(StatusCode::CONFLICT, "host-state")),
        Some(Decided::BadReason) => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "window-reason")),
        None => Err(problem(StatusCode::FORBIDDEN, "read-only")),
    }
}

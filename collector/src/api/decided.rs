//! What the routes of risks, exceptions and change windows share: where, which, and how it went.

use axum::http::StatusCode;
use vonggac_protocol::id::HostId;

use super::client::Client;
use super::problem::Problem;
use crate::desk::decided::Worked;
use crate::store::decided::{Done, Extent};

/// The number of a decision in a route.
pub(super) fn number(client: &Client, id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::absent(client.t))
}

/// The host of this id.
pub(super) fn host(client: &Client, id: &str) -> Result<HostId, Problem> {
    id.parse().map_err(|_| Problem::absent(client.t))
}

/// Where a decision is to hold.
pub(super) fn extent(
    client: &Client,
    of_host: Option<String>,
    agency: Option<String>,
) -> Result<Extent, Problem> {
    Ok(match (of_host, agency) {
        (Some(_), Some(_)) => return Err(client.malformed("host, agency: expected one of them at most")),
        (Some(id), None) => Extent::Host(host(client, &id)?),
        (None, Some(agency)) => Extent::Agency(agency),
        (None, None) => Extent::Province,
    })
}

/// The number of the decision that was done something to; else the problem, whose kind begins with this word.
pub(super) fn told(client: &Client, worked: anyhow::Result<Worked>, what: &str) -> Result<i64, Problem> {
    let problem = |status: StatusCode, how: &str| Problem::of(status, &format!("{what}-{how}"), client.t);
    match worked.map_err(|error| client.ours(&error))? {
        Worked::Store(Done::Kept(id)) => Ok(id),
        Worked::Store(Done::Absent | Done::Neighbours) => Err(Problem::absent(client.t)),
        Worked::Store(Done::TooWide) => Err(problem(StatusCode::FORBIDDEN, "too-wide")),
        Worked::Store(Done::Over) => Err(problem(StatusCode::CONFLICT, "over")),
        Worked::Store(Done::Unfit(misfit)) => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, misfit.word())),
        Worked::ReadOnly => Err(Problem::of(StatusCode::FORBIDDEN, "read-only", client.t)),
    }
}

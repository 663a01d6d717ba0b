//! Files for other programs: bills of materials, and every list without a cap.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use vonggac_protocol::id::{AgencyId, HostId};

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::exports::{self, Exported, Whose};
use crate::desk::words::Language;
use crate::exports::lists::{Asked, List};
use crate::exports::make::{BillFormat, ListFormat, Made, NoRoomError};

/// Bytes read of a file at once.
const PIECE: usize = 64 << 10;

/// What of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `csv` (the default) or `xlsx`.
    format: Option<String>,
    /// An agency's id.
    agency: Option<String>,
    /// A host's id.
    host: Option<String>,
    /// Language of heads and words, `vi` or `en`; else as `Accept-Language` says.
    lang: Option<String>,
}

/// Gives a whole list as a file: `hosts`, `packages`, `software`, `updates`, `vulnerabilities`, `not-judged`, `risks`,
/// `incidents`, `windows`, `feeds`, `licences`, `open-source`, `tools`, `entitlements`, `audit`. Every export is audited.
#[utoipa::path(get, path = "/api/v1/exports/lists/{list}", tag = "exports",
    params(("list" = String, Path), ListAsked),
    responses((status = 200, body = Vec<u8>, content_type = "text/csv"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn list(
    State(desk): State<Desk>,
    client: Client,
    Path(list): Path<String>,
    Query(asked): Query<ListAsked>,
) -> Result<Response, Problem> {
    let list = List::of(&list).ok_or_else(|| Problem::absent(client.t))?;
    let format = client.word("format", asked.format.as_deref(), &ListFormat::ALL, ListFormat::word)?;
    let format = format.unwrap_or(ListFormat::Csv);
    let t = asked.lang.as_deref().map_or(client.t, Language::of);
    let host = asked.host.as_deref().map(str::parse::<HostId>).transpose();
    let agency = asked.agency.as_deref().filter(|id| !id.is_empty()).map(AgencyId::new).transpose();
    let (Ok(host), Ok(agency)) = (host, agency) else { return Err(Problem::absent(client.t)) };
    let whose = [host.map(|id| id.to_string()), agency.as_ref().map(ToString::to_string)];
    let object = format!("list/{}", list.word());
    let exported = exports::list(&desk, &client.caller, list, Asked { agency, host }, format, t).await;
    let made = made(&desk, &client, exported, object).await?;
    let whose: Vec<String> = whose.into_iter().flatten().collect();
    let name = named(&desk, list.word(), &whose.join("-"), format.word());

    sent(&client, made, format.content_type(), &name)
}

/// What of a bill of materials.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BillAsked {
    /// `cyclonedx` (1.6, the default), `spdx` (2.3), or `vex` (CycloneDX 1.6: how each weakness stands, what was accepted
    /// until when, and what the feeds say is not affected).
    format: Option<String>,
}

/// Gives the bill of materials of a host: its packages with package URL, licence and supplier; CycloneDX also has the
/// weaknesses that the held feeds know. Every export is audited.
#[utoipa::path(get, path = "/api/v1/hosts/{id}/sbom", tag = "exports", params(("id" = String, Path), BillAsked),
    responses((status = 200, body = Object, content_type = "application/vnd.cyclonedx+json"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn of_host(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    Query(asked): Query<BillAsked>,
) -> Result<Response, Problem> {
    let host: HostId = id.parse().map_err(|_| Problem::absent(client.t))?;

    bill(&desk, &client, Whose::Host(host), &id, &asked).await
}

/// Gives the bill of materials of an agency: every distinct package of its hosts that work or are held, and which host
/// has which. Every export is audited.
#[utoipa::path(get, path = "/api/v1/agencies/{id}/sbom", tag = "exports", params(("id" = String, Path), BillAsked),
    responses((status = 200, body = Object, content_type = "application/vnd.cyclonedx+json"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn of_agency(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    Query(asked): Query<BillAsked>,
) -> Result<Response, Problem> {
    let agency = AgencyId::new(&id).map_err(|_| Problem::absent(client.t))?;

    bill(&desk, &client, Whose::Agency(agency), &id, &asked).await
}

async fn bill(
    desk: &Desk,
    client: &Client,
    whose: Whose,
    id: &str,
    asked: &BillAsked,
) -> Result<Response, Problem> {
    let format = client.word("format", asked.format.as_deref(), &BillFormat::ALL, BillFormat::word)?;
    let format = format.unwrap_or(BillFormat::CycloneDx);
    let exported = exports::bill(desk, &client.caller, whose, format).await;
    let made = made(desk, client, exported, format!("sbom/{id}")).await?;

    sent(
        client,
        made,
        format.content_type(),
        &named(desk, if format == BillFormat::Vex { "vex" } else { "sbom" }, id, format.ending()),
    )
}

async fn made(
    desk: &Desk,
    client: &Client,
    exported: anyhow::Result<Exported>,
    object: String,
) -> Result<Made, Problem> {
    let unavailable = |kind: &str| Problem::of(StatusCode::SERVICE_UNAVAILABLE, kind, client.t);
    match exported {
        Ok(Exported::Sight(sight)) => client.seen(desk, sight, object).await,
        Ok(Exported::Busy) => Err(unavailable("export-busy")),
        Ok(Exported::Forbidden) => Err(Problem::of(StatusCode::FORBIDDEN, "forbidden", client.t)),
        Err(error) if error.is::<NoRoomError>() => Err(unavailable("export-room")),
        Err(error) => Err(client.ours(&error)),
    }
}

/// The name of a file: what, of what, the day in Vietnam.
fn named(desk: &Desk, what: &str, whose: &str, ending: &str) -> String {
    let day = vonggac_rules::entitlement::day_of(desk.now());
    let whose = if whose.is_empty() { String::new() } else { format!("-{whose}") };

    format!("vonggac-{what}{whose}-{day}.{ending}")
}

/// The file, in pieces.
fn sent(client: &Client, made: Made, content_type: &'static str, name: &str) -> Result<Response, Problem> {
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""))
        .map_err(|error| client.ours(&error.into()))?;
    let pieces = stream::unfold(Some(made.file), async |file| {
        let mut file = file?;
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let length = file.read(&mut piece)?;
            piece.truncate(length);
            Ok::<_, std::io::Error>((piece, file))
        });
        match read.await.map_err(std::io::Error::other).flatten() {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(Bytes::from(piece)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_LENGTH, HeaderValue::from(made.bytes)),
    ];

    Ok((headers, Body::from_stream(pieces)).into_response())
}

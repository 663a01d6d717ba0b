//! An incident as a file for others.

#![expect(unused_qualifications, reason = "utoipa repeats the handler's types with the path it was told")]

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::exchange::{Given, give, named, why};
use crate::exchange::make::{Asked, Format, Made, Refused};

/// As what, and for whom.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportAsked {
    /// `stix`, `misp`, `iodef`, `ocsf` or `docx`.
    r#as: String,
    /// The duty whose report it is; for `docx`.
    duty: Option<String>,
    /// Who is to get it, in words; needed under TLP:RED. Stands in the audit log, not in the file.
    to: Option<String>,
}

/// Gives an incident as STIX 2.1, MISP, IODEF 2, OCSF 1.8.0, or a report on its form as DOCX; cut by TLP and the
/// marks of personal data. Every file is audited with its digest.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/export", tag = "incidents", params(("id" = i64, Path), ExportAsked),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn export(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
    Query(asked): Query<ExportAsked>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::absent(client.t))?;
    let format = client.word("as", Some(&asked.r#as), &Format::ALL, Format::word)?;
    let format = format.ok_or_else(|| Problem::absent(client.t))?;
    let asked = Asked { format, duty: asked.duty, to: asked.to };
    let given = give(&desk, &client.caller, id, asked.clone()).await.map_err(|error| client.ours(&error))?;
    let sight = match given {
        Given::Sight(sight) => sight,
        Given::ReadOnly => return Err(Problem::of(StatusCode::FORBIDDEN, "read-only", client.t)),
    };
    match client.seen(&desk, sight, format!("incident/{id}")).await? {
        Made::File(bytes) => {
            let disposition = format!("attachment; filename=\"{}\"", named(id, &asked));
            let disposition =
                HeaderValue::try_from(disposition).map_err(|error| client.ours(&error.into()))?;
            let kind = HeaderValue::from_static(format.content_type());
            Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes)
                .into_response())
        }
        Made::Refused(refused) => {
            let status = match refused {
                Refused::Missing(_) => StatusCode::CONFLICT,
                Refused::NobodyNamed | Refused::NoSuchDuty(_) => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Err(Problem::of(status, "not-exported", client.t).detail(why(client.t, &refused)))
        }
    }
}

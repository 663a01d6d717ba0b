//! An incident as a file for others, from its page.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::frame::{Answer, Reader, Told};
use super::incident::page;
use crate::desk::Desk;
use crate::desk::exchange::{Given, give, named, why};
use crate::exchange::make::{Asked, Format, Made};

/// As what, and for whom.
#[derive(Deserialize)]
pub(super) struct FileAsked {
    dang: String,
    #[serde(default)]
    nghia_vu: String,
    #[serde(default)]
    cho: String,
}

/// The file; or the incident's page again, with why there is none.
pub(super) async fn file(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<FileAsked>,
) -> Answer {
    let Ok(id) = id.parse::<i64>() else { return Ok(reader.not_found()) };
    let known = Format::ALL.into_iter().find(|format| format.word() == asked.dang);
    let Some(format) = known else { return Ok(reader.not_found()) };
    let given = |text: String| (!text.trim().is_empty()).then_some(text);
    let asked = Asked { format, duty: given(asked.nghia_vu), to: given(asked.cho) };
    let sight = match give(&desk, &reader.caller, id, asked.clone()).await? {
        Given::Sight(sight) => sight,
        Given::ReadOnly => return Ok(reader.forbidden()),
    };
    let bytes = match reader.seen(&desk, sight, format!("incident/{id}")).await {
        Ok(Made::File(bytes)) => bytes,
        Ok(Made::Refused(refused)) => {
            let told = Some(Told { text: why(reader.t(), &refused), is_bad: true });
            return page(&desk, &reader, id, told, String::new(), StatusCode::CONFLICT).await;
        }
        Err(answer) => return Ok(answer),
    };
    let disposition = format!("attachment; filename=\"{}\"", named(id, &asked));
    let disposition = HeaderValue::try_from(disposition).map_err(anyhow::Error::from)?;
    let kind = HeaderValue::from_static(format.content_type());

    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

//! Errors in the form of RFC 9457.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::words::Language;

/// What went wrong, `application/problem+json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for people, in the language they read.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// More about this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Problem {
    /// A problem of that kind; its title is the Fluent key `problem-KIND`.
    pub(super) fn of(status: StatusCode, kind: &str, t: Language) -> Self {
        Self {
            kind: format!("urn:vonggac:problem:{kind}"),
            title: t.say(&format!("problem-{kind}")),
            status: status.as_u16(),
            detail: None,
        }
    }

    /// With more about it.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());

        self
    }

    /// There is no such thing in view.
    pub(super) fn absent(t: Language) -> Self {
        Self::of(StatusCode::NOT_FOUND, "absent", t)
    }

    /// Our own failure; logged whole, told briefly.
    pub(super) fn ours(error: &anyhow::Error, t: Language) -> Self {
        tracing::error!(error = format!("{error:#}"), "Request failed");

        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "ours", t)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }

        response
    }
}

/// The language that a request asks for.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());

    accepted.map(Language::accepted).unwrap_or_default()
}

/// No route has this address.
pub(super) async fn nowhere(headers: HeaderMap) -> Problem {
    Problem::absent(language(&headers))
}

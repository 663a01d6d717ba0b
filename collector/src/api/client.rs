//! Who is asking, and where a list goes on.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use super::problem::{Problem, language};
use crate::desk::words::Language;
use crate::desk::{Caller, Desk, casework};
use crate::store::view::page::{Cursor, ROWS, ROWS_MAX};
use crate::store::view::{Scope, Sight};

/// Somebody with a token or a session.
pub(super) struct Client {
    pub(super) caller: Caller,
    pub(super) t: Language,
}

impl Client {
    pub(super) fn scope(&self) -> Scope {
        self.caller.person.scope.clone()
    }

    /// What was found, or the problem that there is no such thing; a neighbour's is written down.
    pub(super) async fn seen<T>(&self, desk: &Desk, sight: Sight<T>, object: String) -> Result<T, Problem> {
        match sight {
            Sight::Seen(thing) => return Ok(thing),
            Sight::Absent => {}
            Sight::Neighbours => {
                casework::refused(desk, &self.caller, object).await.map_err(|error| self.ours(&error))?;
            }
        }

        Err(Problem::absent(self.t))
    }

    /// Our own failure, in this client's language.
    pub(super) fn ours(&self, error: &anyhow::Error) -> Problem {
        Problem::ours(error, self.t)
    }

    /// A request that cannot be understood.
    pub(super) fn malformed(&self, detail: impl Into<String>) -> Problem {
        Problem::of(StatusCode::BAD_REQUEST, "malformed", self.t).detail(detail)
    }

    /// The word of a closed list, or the problem that names the words that are accepted.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        given: Option<&str>,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(given) = given else { return Ok(None) };
        let known = all.iter().copied().find(|known| word(*known) == given);
        let words = || all.iter().map(|known| word(*known)).collect::<Vec<_>>().join(", ");

        known.map(Some).ok_or_else(|| self.malformed(format!("{name}: expected one of {}", words())))
    }

    /// Cursor and number of rows, checked.
    pub(super) fn place(
        &self,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<(Option<Cursor>, usize), Problem> {
        let parsed = after.map(|text| Cursor::parse(text).ok_or(text)).transpose();
        let cursor = parsed.map_err(|_| self.malformed("after: not a cursor of ours"))?;
        let limit = limit.unwrap_or(ROWS);
        if limit == 0 || limit > ROWS_MAX {
            return Err(self.malformed(format!("limit: expected 1 to {ROWS_MAX}")));
        }

        Ok((cursor, limit))
    }
}

impl FromRequestParts<Desk> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let asked = language(&parts.headers);
        match Caller::of(desk, &parts.headers, true).await {
            Ok(Some(caller)) => {
                let has_wish = parts.headers.contains_key(header::ACCEPT_LANGUAGE);
                let t = if has_wish { asked } else { caller.language() };
                Ok(Self { caller, t })
            }
            Ok(None) => Err(Problem::of(StatusCode::UNAUTHORIZED, "stranger", asked)),
            Err(error) => Err(Problem::ours(&error, asked)),
        }
    }
}

/// The version that a change names in `If-Match`.
pub(super) fn named_version(headers: &HeaderMap, client: &Client) -> Result<i64, Problem> {
    let required = || Problem::of(StatusCode::PRECONDITION_REQUIRED, "if-match", client.t);
    let value = headers.get(header::IF_MATCH).ok_or_else(required)?;
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');

    text.parse().map_err(|_| client.malformed("If-Match: expected the version, such as \"3\""))
}

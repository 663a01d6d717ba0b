//! One's own account.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::client::Client;
use super::incidents::body;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::account::{self, NewPassword};
use crate::store::sessions;
use crate::store::view::words::Role;

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// Name.
    name: String,
    /// Role.
    role: Role,
    /// The one agency in view; `null` is the whole province.
    agency: Option<String>,
    /// `vi` or `en`.
    language: String,
}

/// Says who the caller is.
#[utoipa::path(get, path = "/api/v1/me", tag = "account",
    responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub(super) async fn me(client: Client) -> Json<Me> {
    let person = client.caller.person;

    Json(Me {
        agency: person.scope.agency().map(str::to_owned),
        name: person.name,
        role: person.role,
        language: person.language,
    })
}

/// A language.
#[derive(Deserialize, ToSchema)]
pub(super) struct LanguageChosen {
    /// `vi` or `en`.
    language: String,
}

/// Sets the caller's language.
#[utoipa::path(put, path = "/api/v1/me/language", tag = "account", request_body = LanguageChosen,
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn language(
    State(desk): State<Desk>,
    client: Client,
    chosen: Result<Json<LanguageChosen>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let chosen = body(&client, chosen)?.language;
    let code = client.word("language", Some(chosen.as_str()), &["vi", "en"], |code| code)?.unwrap_or("vi");
    account::set_language(&desk, &client.caller, code).await.map_err(|error| client.ours(&error))?;

    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordChosen {
    /// The present one, if there is one.
    #[serde(default)]
    old: String,
    /// The new one, at least 12 characters.
    new: String,
}

/// Sets the caller's password and ends their other browser sessions.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "account", request_body = PasswordChosen,
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn password(
    State(desk): State<Desk>,
    client: Client,
    chosen: Result<Json<PasswordChosen>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let chosen = body(&client, chosen)?;
    let set = account::set_password(&desk, &client.caller, chosen.old, chosen.new).await;
    match set.map_err(|error| client.ours(&error))? {
        NewPassword::Set => Ok(StatusCode::NO_CONTENT),
        NewPassword::Unfit => Err(Problem::of(StatusCode::UNPROCESSABLE_ENTITY, "password-unfit", client.t)),
        NewPassword::OldWrong => Err(Problem::of(StatusCode::FORBIDDEN, "password-wrong", client.t)),
    }
}

/// Ends the session or the token that this request carries.
#[utoipa::path(delete, path = "/api/v1/session", tag = "account",
    responses((status = 204), (status = 401, body = Problem)))]
pub(super) async fn end_session(State(desk): State<Desk>, client: Client) -> Result<StatusCode, Problem> {
    let secret = client.caller.secret.0.clone();
    let ended = desk.store.write(move |tx| sessions::end(tx, &secret)).await;
    ended.map_err(|error| client.ours(&error))?;

    Ok(StatusCode::NO_CONTENT)
}

//! One's own account: language, password, signing out.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::frame::{Answer, Page, Reader, Told, shown};
use super::sign_in;
use crate::desk::Desk;
use crate::desk::account::{self, NewPassword};
use crate::desk::words::Language;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    p: Page,
    name: String,
    role: String,
    sees: Option<String>,
    has_password: bool,
}

impl AccountPage {
    fn of(reader: &Reader, told: Option<Told>) -> Self {
        let person = &reader.caller.person;
        let mut p = reader.page("account", "account-title");
        p.told = told;

        Self {
            name: person.name.clone(),
            role: p.t.of_list("role", person.role.word()),
            sees: person.scope.agency().map(str::to_owned),
            has_password: person.has_password,
            p,
        }
    }
}

/// What was just done, after a redirect.
#[derive(Deserialize)]
pub(super) struct JustDone {
    #[serde(default)]
    xong: String,
}

/// The page.
pub(super) async fn show(reader: Reader, Query(done): Query<JustDone>) -> Answer {
    let key = match done.xong.as_str() {
        "signed-in" if reader.caller.person.has_password => Some("told-signed-in"),
        "signed-in" => Some("told-set-password"),
        "password" => Some("told-password"),
        "language" => Some("told-language"),
        _ => None,
    };
    let told = key.map(|key| Told { text: reader.t().say(key), is_bad: false });

    Ok(shown(&AccountPage::of(&reader, told)))
}

/// A language chosen.
#[derive(Deserialize)]
pub(super) struct LanguageForm {
    ngon_ngu: String,
}

/// Sets the language.
pub(super) async fn language(
    State(desk): State<Desk>,
    reader: Reader,
    Form(form): Form<LanguageForm>,
) -> Answer {
    account::set_language(&desk, &reader.caller, Language::of(&form.ngon_ngu).code()).await?;

    Ok(Redirect::to("/tai-khoan?xong=language").into_response())
}

/// A new password; the old one, if there is one.
#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    cu: String,
    moi: String,
    lai: String,
}

/// Sets the password, and signs this person out everywhere else.
pub(super) async fn password(
    State(desk): State<Desk>,
    reader: Reader,
    Form(form): Form<PasswordForm>,
) -> Answer {
    let again = |key: &str| {
        let told = Told { text: reader.t().say(key), is_bad: true };
        (StatusCode::UNPROCESSABLE_ENTITY, shown(&AccountPage::of(&reader, Some(told)))).into_response()
    };
    if form.moi != form.lai {
        return Ok(again("password-differs"));
    }

    Ok(match account::set_password(&desk, &reader.caller, form.cu, form.moi).await? {
        NewPassword::Set => Redirect::to("/tai-khoan?xong=password").into_response(),
        NewPassword::Unfit => again("password-unfit"),
        NewPassword::OldWrong => again("password-wrong"),
    })
}

/// Signs out.
pub(super) async fn sign_out(State(desk): State<Desk>, reader: Reader) -> Answer {
    Ok(sign_in::forget(&desk, &reader.caller).await?)
}

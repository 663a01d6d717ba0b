//! Signing in: with a one-time link (asked to confirm, so that a preview of the link does not use it up), or with a
//! name and a password.

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use std::net::SocketAddr;

use super::frame::{Answer, Page, Told, shown, strangers_page};
use crate::desk::{Caller, Desk, caller, password};
use crate::store::audit;
use crate::store::sessions::{self, SessionKind};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    p: Page,
    name: String,
    next: String,
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage {
    p: Page,
    secret: String,
    holds: bool,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    tiep: String,
}

/// Only an address of our own: a link must not send people elsewhere.
fn own_address(next: &str) -> &str {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');

    if own && next.chars().all(|letter| !letter.is_control()) { next } else { "/" }
}

/// The form.
pub(super) async fn show(State(desk): State<Desk>, headers: HeaderMap, Query(next): Query<Next>) -> Answer {
    if Caller::of(&desk, &headers, true).await?.is_some() {
        return Ok(Redirect::to(own_address(&next.tiep)).into_response());
    }
    let p = strangers_page(&desk, &headers, "sign-in-title");

    Ok(shown(&SignInPage { p, name: String::new(), next: next.tiep }))
}

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Credentials {
    ten: String,
    mat_khau: String,
    #[serde(default)]
    tiep: String,
}

/// Takes name and password.
pub(super) async fn with_password(
    State(desk): State<Desk>,
    address: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Answer {
    let address = address.map_or_else(|| "?".to_owned(), |info| info.0.0.ip().to_string());
    let (name, now) = (given.ten.trim().chars().take(64).collect::<String>(), desk.now());
    let again = |status: StatusCode, key: &str, wait: Option<u64>| {
        let mut p = strangers_page(&desk, &headers, "sign-in-title");
        let wait_text = wait.map(|seconds| p.t.span(seconds)).unwrap_or_default();
        p.told = Some(Told { text: p.t.with(key, &[("wait", &wait_text)]), is_bad: true });
        let page = shown(&SignInPage { p, name: name.clone(), next: given.tiep.clone() });
        match wait {
            Some(wait) => (status, [(header::RETRY_AFTER, wait.to_string())], page).into_response(),
            None => (status, page).into_response(),
        }
    };
    if let Some(wait) = desk.throttle.wait(&name, &address, now) {
        return Ok(again(StatusCode::TOO_MANY_REQUESTS, "sign-in-wait", Some(wait.as_secs().max(1))));
    }
    let looked_for = name.clone();
    let found = desk.store.read(move |db| sessions::password(db, &looked_for)).await?;
    let (person, hash) = found.unzip();
    let fits = password::matches(&desk, given.mat_khau, hash).await?;
    let Some(person) = person.filter(|_| fits) else {
        desk.throttle.failed(&name, &address, now);
        note(&desk, name.clone(), "sign-in.refused", address).await?;
        return Ok(again(StatusCode::UNAUTHORIZED, "sign-in-wrong", None));
    };
    desk.throttle.succeeded(&name, &address);

    let next = own_address(&given.tiep).to_owned();
    opened(&desk, person, name.clone(), &next, "sign-in.password").await
}

/// A link with its secret in the query.
#[derive(Deserialize)]
pub(super) struct LinkQuery {
    #[serde(default)]
    ma: String,
}

/// Asks to confirm a link; uses nothing up.
pub(super) async fn link_asked(
    state: State<Desk>,
    headers: HeaderMap,
    Query(query): Query<LinkQuery>,
) -> Answer {
    link(state, headers, Path(query.ma)).await
}

/// Likewise, with the secret in the path.
pub(super) async fn link(State(desk): State<Desk>, headers: HeaderMap, Path(secret): Path<String>) -> Answer {
    let (asked, now) = (secret.clone(), desk.now());
    let holds = desk.store.read(move |db| sessions::link_holds(db, &asked, now)).await?;
    let p = strangers_page(&desk, &headers, "link-title");
    let status = if holds { StatusCode::OK } else { StatusCode::GONE };

    Ok((status, shown(&LinkPage { p, secret, holds })).into_response())
}

/// Uses a link: the only time it works.
pub(super) async fn with_link(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Form(query): Form<LinkQuery>,
) -> Answer {
    let (secret, now) = (query.ma.clone(), desk.now());
    let used = desk.store.write(move |tx| sessions::use_link(tx, &secret, now)).await?;
    let Some((person, name)) = used else {
        let p = strangers_page(&desk, &headers, "link-title");
        let page = shown(&LinkPage { p, secret: String::new(), holds: false });
        return Ok((StatusCode::GONE, page).into_response());
    };

    opened(&desk, person, name, "/tai-khoan?xong=signed-in", "sign-in.link").await
}

async fn opened(desk: &Desk, person: i64, name: String, next: &str, action: &'static str) -> Answer {
    let now = desk.now();
    let secret = desk
        .store
        .write(move |tx| {
            let entry = audit::Action {
                at: now,
                person: &name,
                agency: None,
                action,
                object: &format!("person/{person}"),
                detail: "",
            };
            audit::append(tx, &entry)?;
            sessions::open(tx, person, SessionKind::Browser, now)
        })
        .await?;
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(header::SET_COOKIE, caller::cookie(desk, &secret));

    Ok(response)
}

async fn note(desk: &Desk, name: String, action: &'static str, detail: String) -> anyhow::Result<()> {
    let at = desk.now();
    desk.store
        .write(move |tx| {
            let (person, agency) = (audit::COLLECTOR, None);
            audit::append(tx, &audit::Action { at, person, agency, action, object: &name, detail: &detail })
        })
        .await
}

/// Signs out.
pub(super) async fn forget(desk: &Desk, caller: &Caller) -> Result<Response, anyhow::Error> {
    let secret = caller.secret.0.clone();
    desk.store.write(move |tx| sessions::end(tx, &secret)).await?;
    let mut response = Redirect::to("/dang-nhap").into_response();
    response.headers_mut().insert(header::SET_COOKIE, caller::no_cookie(desk));

    Ok(response)
}

//! Who is asking.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use super::state::Desk;
use super::words::Language;
use crate::store::sessions::{self, ABSOLUTE, Person, SessionKind};

/// A session's last use is written down at most this often: reading pages must not keep the writer busy.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Somebody with a valid session or token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub person: Person,
    /// By which kind of secret.
    pub kind: SessionKind,
    /// The secret; its `Debug` is that of [`Secret`].
    pub secret: Secret,
}

/// A secret; prints as nothing.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Caller {
    /// Finds out who sent this request; `None` if nobody we know. `active` says whether a person did something, as
    /// against a page that refreshes itself: only then the session stays young.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of(desk: &Desk, headers: &HeaderMap, active: bool) -> anyhow::Result<Option<Self>> {
        let Some((kind, secret)) = presented(desk, headers) else { return Ok(None) };
        let now = desk.now();
        let looked_for = secret.clone();
        let found = desk.store.read(move |db| sessions::find(db, &looked_for, kind, now)).await?;
        let Some(person) = found else { return Ok(None) };
        if active && now.since(person.seen_at) >= TOUCH_EVERY {
            let touched = secret.clone();
            desk.store.write(move |tx| sessions::touch(tx, &touched, now)).await?;
        }

        Ok(Some(Self { person, kind, secret: Secret(secret) }))
    }

    /// The language this person reads.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::of(&self.person.language)
    }
}

/// The secret that a request carries.
fn presented(desk: &Desk, headers: &HeaderMap) -> Option<(SessionKind, String)> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let secret = value.to_str().ok()?.strip_prefix("Bearer ")?;
        return Some((SessionKind::Token, secret.trim().to_owned()));
    }
    let name = cookie_name(desk);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, secret)| (SessionKind::Browser, secret.to_owned()))
}

fn cookie_name(desk: &Desk) -> &'static str {
    if desk.settings.tls { "__Host-vonggac" } else { "vonggac" }
}

/// The cookie that keeps a browser signed in.
#[must_use]
pub fn cookie(desk: &Desk, secret: &str) -> HeaderValue {
    written(desk, secret, ABSOLUTE.as_secs())
}

/// The cookie that makes a browser forget it.
#[must_use]
pub fn no_cookie(desk: &Desk) -> HeaderValue {
    written(desk, "", 0)
}

fn written(desk: &Desk, secret: &str, seconds: u64) -> HeaderValue {
    let secure = if desk.settings.tls { "; Secure" } else { "" };
    let name = cookie_name(desk);

    HeaderValue::try_from(format!(
        "{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    ))
    .expect("base64url and ASCII words are fit for a header")
}

/// The network address that a request came from, as far as it is known.
#[must_use]
pub fn address(parts: &Parts) -> String {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();

    info.map_or_else(|| "?".to_owned(), |ConnectInfo(address)| address.ip().to_string())
}

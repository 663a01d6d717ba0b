//! What every page shares, and the answers when something is not to be had.

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use vonggac_protocol::time::Timestamp;

use super::assets;
use crate::desk::words::Language;
use crate::desk::{Caller, Desk, casework};
use crate::store::view::Sight;

/// The frame of a page; templates call it `p`.
pub(super) struct Page {
    pub(super) t: Language,
    pub(super) title: String,
    /// Which entry of the navigation is this page's.
    pub(super) here: &'static str,
    pub(super) who: Option<Caller>,
    pub(super) now: Timestamp,
    /// What to tell at the top of the page.
    pub(super) told: Option<Told>,
}

/// A message at the top of a page.
pub(super) struct Told {
    pub(super) text: String,
    pub(super) is_bad: bool,
}

impl Page {
    /// The address of an asset.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Whether the navigation shows the audit log.
    pub(super) fn may_audit(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.person.role.may_audit())
    }

    /// Whether this is the page of that entry.
    pub(super) fn is_here(&self, entry: &str) -> bool {
        self.here == entry
    }
}

/// Somebody signed in who looks at a page.
pub(super) struct Reader {
    pub(super) caller: Caller,
    pub(super) now: Timestamp,
}

impl Reader {
    pub(super) fn t(&self) -> Language {
        self.caller.language()
    }

    /// A page for this reader; `title` is a key.
    pub(super) fn page(&self, here: &'static str, title: &str) -> Page {
        self.page_titled(here, self.t().say(title))
    }

    /// A page for this reader with a title of its own.
    pub(super) fn page_titled(&self, here: &'static str, title: String) -> Page {
        Page { t: self.t(), title, here, who: Some(self.caller.clone()), now: self.now, told: None }
    }

    /// What was found, or the answer that there is no such thing; a neighbour's is written down.
    pub(super) async fn seen<T>(&self, desk: &Desk, sight: Sight<T>, object: String) -> Result<T, Response> {
        match sight {
            Sight::Seen(thing) => return Ok(thing),
            Sight::Absent => {}
            Sight::Neighbours => {
                if let Err(error) = casework::refused(desk, &self.caller, object).await {
                    return Err(Trouble(error).into_response());
                }
            }
        }

        Err(self.not_found())
    }

    /// The answer that there is no such thing.
    pub(super) fn not_found(&self) -> Response {
        let page = self.page("", "error-404-title");
        let text = page.t.say("error-404");

        (StatusCode::NOT_FOUND, shown(&ErrorPage { p: page, text })).into_response()
    }

    /// The answer that this is not for them.
    pub(super) fn forbidden(&self) -> Response {
        let page = self.page("", "error-403-title");
        let text = page.t.say("error-403");

        (StatusCode::FORBIDDEN, shown(&ErrorPage { p: page, text })).into_response()
    }
}

impl FromRequestParts<Desk> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        // A page that refreshes itself is nobody's doing: it must not keep a session young.
        let active = !parts.headers.contains_key("hx-request");
        match Caller::of(desk, &parts.headers, active).await {
            Ok(Some(caller)) => Ok(Self { caller, now: desk.now() }),
            Ok(None) if !active => {
                Err((StatusCode::UNAUTHORIZED, [("hx-redirect", "/dang-nhap")]).into_response())
            }
            Ok(None) => {
                let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
                let back = if parts.method == Method::GET && wanted != "/" {
                    format!("/dang-nhap?tiep={}", encoded(wanted))
                } else {
                    "/dang-nhap".to_owned()
                };
                Err(Redirect::to(&back).into_response())
            }
            Err(error) => Err(Trouble(error).into_response()),
        }
    }
}

/// Percent-encodes a text for a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }

    encoded
}

/// A frame for somebody who is not signed in.
pub(super) fn strangers_page(desk: &Desk, headers: &HeaderMap, title: &str) -> Page {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let t = accepted.map(Language::accepted).unwrap_or_default();

    Page { t, title: t.say(title), here: "", who: None, now: desk.now(), told: None }
}

/// Something failed that is not the reader's fault: logged whole, told briefly.
pub(super) struct Trouble(pub(super) anyhow::Error);

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        tracing::error!(error = format!("{:#}", self.0), "Page failed");
        let text = format!("{}\n{}\n", Language::Vi.say("error-500"), Language::En.say("error-500"));

        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}

/// What a page's handler answers.
pub(super) type Answer = Result<Response, Trouble>;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    p: Page,
    text: String,
}

/// A template as an answer.
pub(super) fn shown(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Trouble(anyhow::Error::from(error).context("render a page")).into_response(),
    }
}

/// No page has this address.
pub(super) async fn nowhere(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let page = strangers_page(&desk, &headers, "error-404-title");
    let text = page.t.say("error-404");

    (StatusCode::NOT_FOUND, shown(&ErrorPage { p: page, text })).into_response()
}

//! Requests that another site made a browser send are refused; every answer tells browsers what it may do.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// What our pages may load: our own files and nothing else; no inline script or style.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Whether a request that changes something comes from our own pages or from a program that is no browser.
///
/// Browsers say `Sec-Fetch-Site`, older ones `Origin`. A request with a cookie and neither is refused: every browser
/// that sends cookies across sites sends one of them with a POST.
#[must_use]
pub fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => !headers.contains_key(header::COOKIE),
    }
}

/// Refuses what another site made a browser send.
pub async fn refuse_foreign(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !safe && !is_own(request.headers()) {
        tracing::warn!("Request from another site refused");
        return (StatusCode::FORBIDDEN, "403 Sec-Fetch-Site / Origin\n").into_response();
    }

    next.run(request).await
}

/// Puts the headers on that every answer carries.
pub async fn guard_answer(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    headers.append(header::VARY, HeaderValue::from_static("HX-Request, Cookie, Accept-Language"));

    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_pages_and_programs_without_cookies_may_change_things() {
        let cases: [(&[(&'static str, &'static str)], bool); 7] = [
            (&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")], true),
            (&[("sec-fetch-site", "cross-site"), ("cookie", "a=b")], false),
            (&[("sec-fetch-site", "same-site"), ("origin", "http://h"), ("host", "h")], false),
            (&[("origin", "https://console.example"), ("host", "console.example")], true),
            (&[("origin", "https://evil.example"), ("host", "console.example")], false),
            (&[("cookie", "a=b"), ("host", "console.example")], false),
            (&[("authorization", "Bearer vg_x")], true),
        ];
        for (pairs, expected) in cases {
            assert_eq!(is_own(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}

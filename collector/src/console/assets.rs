//! Style and scripts: in the program, cached for a year under a name that changes with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use vonggac_protocol::digest::Digest;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset { name: "console.js", kind: SCRIPT, bytes: include_bytes!("assets/console.js") },
    Asset { name: "mark.svg", kind: "image/svg+xml", bytes: include_bytes!("assets/mark.svg") },
    Asset { name: "htmx.js", kind: SCRIPT, bytes: include_bytes!("assets/vendor/htmx-4.0.1.min.js") },
    Asset { name: "htmx-sse.js", kind: SCRIPT, bytes: include_bytes!("assets/vendor/htmx-sse-4.0.1.min.js") },
];

/// Changes when any of them does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let whole: Vec<u8> = ASSETS.iter().flat_map(|asset| Digest::of(asset.bytes).0).collect();

    Digest::of(&whole).to_string()[..12].to_owned()
});

/// The address of one of them.
pub(super) fn address(name: &str) -> String {
    format!("/tep/{}/{name}", *VERSION)
}

/// Gives one.
pub(super) async fn show(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // An old page may ask for an old version: it gets the present one, uncached.
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-store" };

    ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, keep)], asset.bytes).into_response()
}

//! The JSON API under `/api/v1`: the same desk as the console, for programs.
//!
//! | module | subject |
//! |---|---|
//! | [`problem`] | errors, RFC 9457 |
//! | [`client`] | who is asking, and where a list goes on |
//! | [`overview`], [`incidents`], [`hosts`], [`compliance`], [`evidence`], [`windows`], [`account`] | routes by subject |
//! | [`budgets`] | what hosts may move in a day |
//! | [`licences`] | software held against entitlements, open source |
//! | [`vulnerabilities`] | weaknesses of a host; the feeds behind them |
//! | `decided` | what risks, exceptions and change windows share |
//! | [`exceptions`] | exceptions to rules |
//! | [`risks`] | accepted risks |
//! | [`exchange`] | an incident as a file for others |
//! | [`exports`] | bills of materials, and every list without a cap |
//! | [`patch_age`] | a policy over the age of patches |
//! | [`admission`] | who comes in at the other door |
//! | [`enrolments`] | who wants to come in, and what is decided |
//! | [`sending`] | destinations, messages and receipts; clocks about to end |
//! | [`alive`] | whether the process lives and can work |

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::desk::Desk;

mod account;
mod admission;
mod alive;
mod budgets;
mod client;
mod compliance;
mod decided;
mod enrolments;
mod evidence;
mod exceptions;
mod exchange;
mod exports;
mod hosts;
mod incidents;
mod licences;
mod overview;
mod patch_age;
mod problem;
mod risks;
mod sending;
mod vulnerabilities;
mod windows;

pub use problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vọng Gác",
        description = "What a collector knows and what may be done about it. Every answer shows only the agencies \
                       that the caller sees; a thing of another agency answers 404 and the attempt is audited. \
                       Moments are RFC 3339 in UTC. Lists end with `next`, the cursor for `after`; no `next`, no more.",
        license(name = "AGPL-3.0-or-later", identifier = "AGPL-3.0-or-later"),
        version = "1"
    ),
    modifiers(&Secured),
    security(("token" = []), ("session" = []))
)]
struct Described;

struct Secured;

impl utoipa::Modify for Secured {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`vg_…`")).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let cookie = ApiKeyValue::with_description("vonggac", "`__Host-vonggac` over TLS");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

fn parts() -> (Router<Desk>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(overview::overview))
        .routes(routes!(overview::agencies))
        .routes(routes!(budgets::one, budgets::set))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::one))
        .routes(routes!(incidents::acknowledge))
        .routes(routes!(incidents::comment))
        .routes(routes!(incidents::close))
        .routes(routes!(incidents::reopen))
        .routes(routes!(incidents::act))
        .routes(routes!(exchange::export))
        .routes(routes!(incidents::figures))
        .routes(routes!(hosts::list))
        .routes(routes!(hosts::one))
        .routes(routes!(hosts::packages))
        .routes(routes!(vulnerabilities::of_host))
        .routes(routes!(vulnerabilities::feeds))
        .routes(routes!(risks::list, risks::accept))
        .routes(routes!(risks::one))
        .routes(routes!(patch_age::answers))
        .routes(routes!(risks::withdraw))
        .routes(routes!(exceptions::list, exceptions::make))
        .routes(routes!(exceptions::one))
        .routes(routes!(exceptions::withdraw))
        .routes(routes!(exports::list))
        .routes(routes!(exports::of_host))
        .routes(routes!(exports::of_agency))
        .routes(routes!(sending::all, sending::add))
        .routes(routes!(sending::remove))
        .routes(routes!(sending::test))
        .routes(routes!(sending::messages))
        .routes(routes!(sending::clocks))
        .routes(routes!(hosts::rebaseline))
        .routes(routes!(enrolments::list))
        .routes(routes!(enrolments::decide))
        .routes(routes!(evidence::one))
        .routes(routes!(windows::list, windows::open))
        .routes(routes!(windows::one))
        .routes(routes!(windows::close))
        .routes(routes!(compliance::plans))
        .routes(routes!(compliance::clause))
        .routes(routes!(compliance::rules))
        .routes(routes!(compliance::rule))
        .routes(routes!(evidence::journal))
        .routes(routes!(licences::all))
        .routes(routes!(licences::one))
        .routes(routes!(account::me))
        .routes(routes!(account::language))
        .routes(routes!(account::password))
        .routes(routes!(account::end_session))
        .routes(routes!(admission::admission))
        .routes(routes!(alive::live))
        .routes(routes!(alive::ready))
        .split_for_parts()
}

/// The description of the API as JSON text, as served and as kept in `docs/openapi.json`.
#[must_use]
pub fn description() -> String {
    let mut text = parts().1.to_pretty_json().expect("the description is plain data");
    text.push('\n');

    text
}

/// All routes.
pub(crate) fn router(desk: Desk) -> Router {
    let (routes, openapi) = parts();
    let text = openapi.to_json().expect("the description is plain data");
    let described = get(async move || ([(axum::http::header::CONTENT_TYPE, "application/json")], text));

    routes
        .route("/api/v1/openapi.json", described)
        .route("/api", get(async || Redirect::to("/api/v1/openapi.json")))
        .route("/api/{*rest}", axum::routing::any(problem::nowhere))
        .with_state(desk)
}

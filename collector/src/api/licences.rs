//! Software held against entitlements, and open source, by agency.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_rules::balance::ProductBalance;
use vonggac_rules::share::{OpenSource, ToolShare};
use vonggac_rules::software::Share;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::knowledge::Both;
use crate::desk::licences::{self, Part};
use crate::store::view::Sight;

/// A share with what it leaves out.
#[derive(Serialize, ToSchema)]
struct ShareLine {
    /// Counted as open.
    open: u64,
    /// Counted in all.
    of: u64,
    /// Not counted, because nothing says what they are.
    unknown: u64,
}

/// A product held against entitlements.
#[derive(Serialize, ToSchema)]
struct ProductLine {
    /// Its id in the catalogue.
    product: String,
    /// Name.
    name: Both,
    /// Machines that have it.
    installed: u64,
    /// Units for machines or persons that stand today.
    entitled: u64,
    /// Units for cores that stand today.
    entitled_cores: u64,
    /// Whether an entitlement for the whole agency stands today.
    site: bool,
    /// Machines that no entitlement on record covers.
    over: u64,
    /// Units that cover no machine.
    unused: u64,
    /// Units whose last day has passed.
    expired: u64,
    /// Units that begin later.
    not_yet: u64,
    /// The last day of the units that end next.
    next_end: Option<String>,
}

/// A tool on client machines.
#[derive(Serialize, ToSchema)]
struct ToolLine {
    /// The tool.
    tool: String,
    /// Client machines with any product of it: the wide count.
    clients: u64,
    /// Client machines with a product of it that is open source by its licence: the strict count.
    clients_by_licence: u64,
    /// Client machines whose software is known.
    of: u64,
    /// Clauses that name it.
    named_by: Vec<String>,
    /// Whether any product of it is open source by its licence.
    open_by_licence: bool,
}

/// Licences and open source of an agency, or of all in view.
#[derive(Serialize, ToSchema)]
pub(super) struct LicencePart {
    /// The agency's id; `None`: all in view.
    agency: Option<String>,
    /// Machines.
    machines: u64,
    /// Of these, machines whose software is not known.
    unmeasured: u64,
    /// Machines with traces of an activator.
    with_activators: u64,
    /// Installations of products that need an entitlement.
    installed: u64,
    /// Of these, those that no entitlement on record covers.
    over: u64,
    /// Packages that are open source by licence.
    strict: ShareLine,
    /// Packages that are open source by licence or named by a plan's list.
    wide: ShareLine,
    /// Servers with an open-source system.
    server_systems: ShareLine,
    /// Products.
    products: Vec<ProductLine>,
    /// Tools.
    tools: Vec<ToolLine>,
}

impl From<Share> for ShareLine {
    fn from(share: Share) -> Self {
        Self { open: share.open, of: share.of, unknown: share.unknown }
    }
}

impl From<ProductBalance> for ProductLine {
    fn from(line: ProductBalance) -> Self {
        Self {
            product: line.product,
            name: Both { vi: line.name.vi, en: line.name.en },
            installed: line.installed,
            entitled: line.entitled,
            entitled_cores: line.entitled_cores,
            site: line.site,
            over: line.over,
            unused: line.unused,
            expired: line.expired,
            not_yet: line.not_yet,
            next_end: line.next_end.map(|day| day.to_string()),
        }
    }
}

impl From<ToolShare> for ToolLine {
    fn from(tool: ToolShare) -> Self {
        let ToolShare { tool, clients, clients_by_licence, of, named_by, open_by_licence } = tool;

        Self { tool, clients, clients_by_licence, of, named_by, open_by_licence }
    }
}

impl From<Part> for LicencePart {
    fn from(part: Part) -> Self {
        let (balance, open) = (part.figures.balance, part.figures.open);
        let OpenSource { machines, unmeasured, strict, wide, server_systems, tools, .. } = open;

        Self {
            agency: part.agency.map(|(id, _)| id),
            machines,
            unmeasured,
            with_activators: part.figures.with_activators,
            installed: balance.installed,
            over: balance.over,
            strict: strict.into(),
            wide: wide.into(),
            server_systems: server_systems.into(),
            products: balance.products.into_iter().map(Into::into).collect(),
            tools: tools.into_iter().map(Into::into).collect(),
        }
    }
}

/// Gives licences and open source of every agency in view, and of all of them together.
#[utoipa::path(get, path = "/api/v1/licences", tag = "licences",
    responses((status = 200, body = Vec<LicencePart>), (status = 401, body = Problem)))]
pub(super) async fn all(State(desk): State<Desk>, client: Client) -> Result<Json<Vec<LicencePart>>, Problem> {
    let parts = licences::all(&desk, client.scope()).await.map_err(|error| client.ours(&error))?;

    Ok(Json(parts.into_iter().map(Into::into).collect()))
}

/// Gives licences and open source of one agency.
#[utoipa::path(get, path = "/api/v1/licences/{agency}", tag = "licences", params(("agency" = String, Path)),
    responses((status = 200, body = LicencePart), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(desk): State<Desk>,
    client: Client,
    Path(agency): Path<String>,
) -> Result<Json<LicencePart>, Problem> {
    let object = format!("licences/{agency}");
    let sight: Sight<Part> = licences::one(&desk, client.scope(), agency)
        .await
        .map_err(|error| client.ours(&error))?
        .map(|agency| agency.part);

    client.seen(&desk, sight, object).await.map(|part| Json(part.into()))
}

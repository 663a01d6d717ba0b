//! Plans, clauses and rules.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::problem::Problem;
use crate::desk::Desk;
use crate::desk::compliance::{self, ClauseLine};
use crate::desk::knowledge::{Both, RuleCard};
use crate::store::view::clauses;

/// A plan and how its clauses stand.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanLine {
    /// Its id.
    id: String,
    /// Number of the paper.
    number: String,
    /// Title.
    title: Both,
    /// Who issued it.
    issuer: Both,
    /// Date of the paper.
    date: String,
    /// Its clauses.
    clauses: Vec<ClauseLine>,
}

/// Compliance by plan and clause, for the agencies in view.
#[derive(Serialize, ToSchema)]
pub(super) struct Compliance {
    /// Hosts in view.
    hosts: u64,
    /// Of these, not silent: what the states rest on.
    reporting: u64,
    /// The plans.
    plans: Vec<PlanLine>,
}

async fn whole(desk: &Desk, client: &Client) -> Result<Compliance, Problem> {
    let (scope, now) = (client.scope(), desk.now());
    let (counts, coverage) = desk
        .store
        .read(move |db| Ok((clauses::counts(db, &scope, now)?, clauses::coverage(db, &scope)?)))
        .await
        .map_err(|error| client.ours(&error))?;
    let knowledge = desk.knowledge.load();
    let plans = knowledge.plans.iter().map(|plan| PlanLine {
        id: plan.id.clone(),
        number: plan.number.clone(),
        title: plan.title.clone(),
        issuer: plan.issuer.clone(),
        date: plan.date.clone(),
        clauses: plan
            .clauses
            .iter()
            .map(|clause| compliance::line(&knowledge, clause, &counts, &coverage))
            .collect(),
    });

    Ok(Compliance { hosts: coverage.hosts, reporting: coverage.heard, plans: plans.collect() })
}

/// Gives the state of every clause.
#[utoipa::path(get, path = "/api/v1/compliance", tag = "compliance",
    responses((status = 200, body = Compliance), (status = 401, body = Problem)))]
pub(super) async fn plans(State(desk): State<Desk>, client: Client) -> Result<Json<Compliance>, Problem> {
    Ok(Json(whole(&desk, &client).await?))
}

/// Gives the state of one clause.
#[utoipa::path(get, path = "/api/v1/compliance/{plan}/{clause}", tag = "compliance",
    params(("plan" = String, Path), ("clause" = String, Path)),
    responses((status = 200, body = ClauseLine), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn clause(
    State(desk): State<Desk>,
    client: Client,
    Path((plan, clause)): Path<(String, String)>,
) -> Result<Json<ClauseLine>, Problem> {
    let id = format!("{plan}/{clause}");
    let mut lines = whole(&desk, &client).await?.plans.into_iter().flat_map(|plan| plan.clauses);

    lines.find(|line| line.clause.id == id).map(Json).ok_or_else(|| Problem::absent(client.t))
}

/// Gives the rules in force.
#[utoipa::path(get, path = "/api/v1/rules", tag = "compliance",
    responses((status = 200, body = Vec<RuleCard>), (status = 401, body = Problem)))]
pub(super) async fn rules(State(desk): State<Desk>, _client: Client) -> Json<Vec<RuleCard>> {
    Json(desk.knowledge.load().rules.values().cloned().collect())
}

/// Gives one rule.
#[utoipa::path(get, path = "/api/v1/rules/{id}", tag = "compliance", params(("id" = String, Path)),
    responses((status = 200, body = RuleCard), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn rule(
    State(desk): State<Desk>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<RuleCard>, Problem> {
    let rule = desk.knowledge.load().rules.get(&id).cloned();

    rule.map(Json).ok_or_else(|| Problem::absent(client.t))
}

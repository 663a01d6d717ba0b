//! The rules in force, and one of them.

use askama::Template;
use axum::extract::{Path, State};

use vonggac_rules::ruleset::PLAN_CLAUSE;

use super::frame::{Answer, Page, Reader, shown};
use super::incident::{CitedClause, cited};
use crate::desk::Desk;
use crate::desk::knowledge::RuleCard;
use crate::store::rule_packs::{self, Standing};
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    p: Page,
    rules: Vec<RuleCard>,
    force: Standing,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    p: Page,
    it: RuleCard,
    clauses: Vec<CitedClause>,
    open: Vec<IncidentLine>,
    plan_clause: &'static str,
}

/// The list.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader) -> Answer {
    let mut rules: Vec<_> = desk.knowledge.load().rules.values().cloned().collect();
    rules.sort_by_key(|rule| (std::cmp::Reverse(rule.severity), rule.id.clone()));

    let standing = desk.store.read(rule_packs::standing).await?;
    // Where else something is tried is not an agency's business.
    let force = standing.seen_by(reader.caller.person.scope.agency());

    Ok(shown(&RulesPage { p: reader.page("rules", "rules-title"), rules, force }))
}

/// One rule.
pub(super) async fn one(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let knowledge = desk.knowledge.load_full();
    let Some(it) = knowledge.rules.get(&id).cloned() else { return Ok(reader.not_found()) };
    let scope = reader.caller.person.scope.clone();
    let filter = IncidentFilter { rule: Some(id), ..IncidentFilter::default() };
    let open = desk.store.read(move |db| incidents::list(db, &scope, &filter, None, 20)).await?;

    Ok(shown(&RulePage {
        p: reader.page_titled("rules", it.title.of(reader.t()).to_owned()),
        clauses: cited(&knowledge, &it.clauses, &reader),
        open: open.items,
        plan_clause: PLAN_CLAUSE,
        it,
    }))
}

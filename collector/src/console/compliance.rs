//! Compliance by plan and clause.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::desk::compliance::{self, ClauseLine, ClauseState};
use crate::desk::knowledge::{PlanCard, RuleCard};
use crate::store::view::clauses::{self, Coverage};
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};

/// Which plan.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, rename = "ke-hoach")]
    plan: String,
}

/// A plan and how many of its clauses stand how.
struct PlanTab {
    plan: PlanCard,
    not_met: usize,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "compliance.html")]
struct CompliancePage {
    p: Page,
    tabs: Vec<PlanTab>,
    chosen: Option<PlanCard>,
    lines: Vec<ClauseLine>,
    /// States and counts of the chosen plan.
    counts: Vec<(ClauseState, u64)>,
    coverage: Coverage,
}

#[derive(Template)]
#[template(path = "clause.html")]
struct ClausePage {
    p: Page,
    plan: PlanCard,
    it: ClauseLine,
    rules: Vec<RuleCard>,
    open: Vec<IncidentLine>,
}

const STATES: [ClauseState; 5] = [
    ClauseState::NotMet,
    ClauseState::Met,
    ClauseState::Attested,
    ClauseState::NoFigure,
    ClauseState::NotMeasurable,
];

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let (scope, now) = (reader.caller.person.scope.clone(), reader.now);
    let (counts, coverage) = desk
        .store
        .read(move |db| Ok((clauses::counts(db, &scope, now)?, clauses::coverage(db, &scope)?)))
        .await?;
    let knowledge = desk.knowledge.load();
    let lines = |plan: &PlanCard| -> Vec<ClauseLine> {
        plan.clauses.iter().map(|clause| compliance::line(&knowledge, clause, &counts, &coverage)).collect()
    };
    let chosen = knowledge
        .plans
        .iter()
        .find(|plan| plan.id == asked.plan)
        .or_else(|| knowledge.plans.first())
        .cloned();
    let tabs = knowledge
        .plans
        .iter()
        .map(|plan| PlanTab {
            plan: plan.clone(),
            not_met: lines(plan).iter().filter(|line| line.state == ClauseState::NotMet).count(),
            is_chosen: chosen.as_ref().is_some_and(|chosen| chosen.id == plan.id),
        })
        .collect();
    let lines = chosen.as_ref().map(lines).unwrap_or_default();
    let count = |state: ClauseState| {
        let found = lines.iter().filter(|line| line.state == state).count();
        (state, u64::try_from(found).unwrap_or(0))
    };

    Ok(shown(&CompliancePage {
        p: reader.page("compliance", "compliance-title"),
        counts: STATES.into_iter().map(count).collect(),
        tabs,
        chosen,
        lines,
        coverage,
    }))
}

/// The page of one clause.
pub(super) async fn clause(
    State(desk): State<Desk>,
    reader: Reader,
    Path((plan, clause)): Path<(String, String)>,
) -> Answer {
    let id = format!("{plan}/{clause}");
    let knowledge = desk.knowledge.load_full();
    let Some((plan, card)) = knowledge.clause(&id) else { return Ok(reader.not_found()) };
    let (scope, now) = (reader.caller.person.scope.clone(), reader.now);
    let (counts, coverage, open) = desk
        .store
        .read(move |db| {
            let filter = IncidentFilter { clause: Some(id), drill: Some(false), ..IncidentFilter::default() };
            Ok((
                clauses::counts(db, &scope, now)?,
                clauses::coverage(db, &scope)?,
                incidents::list(db, &scope, &filter, None, 50)?,
            ))
        })
        .await?;

    Ok(shown(&ClausePage {
        p: reader.page_titled("compliance", card.number.clone()),
        it: compliance::line(&knowledge, card, &counts, &coverage),
        rules: knowledge.serving(&card.id).cloned().collect(),
        plan: PlanCard { clauses: Vec::new(), ..plan.clone() },
        open: open.items,
    }))
}

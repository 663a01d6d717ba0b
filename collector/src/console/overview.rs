//! The province, or one's agency, at a glance.

use askama::Template;
use axum::extract::State;

use crate::admission::report::Report;

use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::desk::compliance::{self, ClauseState};
use crate::store::view::agencies::{self, AgencyLine, OpenCount};
use crate::store::view::clauses;
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};

/// Incidents shown here, the newest.
const NEWEST: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    p: Page,
    agencies: Vec<AgencyLine>,
    newest: Vec<IncidentLine>,
    hosts: u64,
    silent: u64,
    waiting: u64,
    unseen: u64,
    drills: u64,
    open: OpenCount,
    admission: Report,
    /// Clauses by state, in the order of the states.
    clauses: Vec<(ClauseState, u64)>,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader) -> Answer {
    let (scope, now) = (reader.caller.person.scope.clone(), reader.now);
    let (agencies, newest, counts, coverage) = desk
        .store
        .read(move |db| {
            Ok((
                agencies::overview(db, &scope)?,
                incidents::list(
                    db,
                    &scope,
                    &IncidentFilter { drill: Some(false), ..IncidentFilter::default() },
                    None,
                    NEWEST,
                )?,
                clauses::counts(db, &scope, now)?,
                clauses::coverage(db, &scope)?,
            ))
        })
        .await?;
    let knowledge = desk.knowledge.load();
    let mut clauses = Vec::new();
    let all = knowledge.plans.iter().flat_map(|plan| &plan.clauses);
    let states: Vec<_> =
        all.map(|clause| compliance::line(&knowledge, clause, &counts, &coverage).state).collect();
    for state in [
        ClauseState::NotMet,
        ClauseState::Met,
        ClauseState::Attested,
        ClauseState::NoFigure,
        ClauseState::NotMeasurable,
    ] {
        let count = states.iter().filter(|found| **found == state).count();
        clauses.push((state, u64::try_from(count).unwrap_or(0)));
    }
    let mut open = OpenCount::default();
    for line in &agencies {
        open.critical += line.open.critical;
        open.high += line.open.high;
        open.medium += line.open.medium;
        open.low += line.open.low;
    }
    let sum = |of: fn(&AgencyLine) -> u64| agencies.iter().map(of).sum();

    Ok(shown(&OverviewPage {
        p: reader.page("overview", "overview-title"),
        hosts: sum(|line| line.hosts),
        silent: sum(|line| line.silent),
        waiting: sum(|line| line.waiting),
        unseen: sum(|line| line.unseen),
        drills: sum(|line| line.drills),
        open,
        clauses,
        admission: desk.settings.admission.report(&desk.store),
        newest: newest.items,
        agencies,
    }))
}

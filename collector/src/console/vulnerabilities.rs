//! Weaknesses of a host, and the feeds behind them.

use askama::Template;
use axum::extract::{Path, State};

use super::frame::{Answer, Page, Reader, shown};
use super::host::found;
use crate::desk::Desk;
use crate::feeds::age::Aged;
use crate::store::view::host::Host;
use crate::store::{feeds as kept, risks};
use crate::vulnerabilities::report::{Line, Report, Unknown};

/// Rows of each list on the page; the API gives all.
const SHOWN: usize = 500;

/// What is too old is told on every page that shows a verdict.
#[derive(Template)]
#[template(path = "vulnerabilities.html")]
struct HostPage {
    p: Page,
    it: Host,
    report: Report,
    with_fix: Vec<Line>,
    without_fix: Vec<Line>,
    accepted: Vec<Line>,
    can_accept: bool,
    unknown: Vec<Unknown>,
}

#[derive(Template)]
#[template(path = "feeds.html")]
struct FeedsPage {
    p: Page,
    feeds: Vec<Aged>,
    days_max: u32,
}

/// The page of a host.
pub(super) async fn of_host(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let it = match found(&desk, &reader, &id).await? {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let (shared, host, now) = (desk.settings.vulnerabilities.clone(), it.line.id, desk.now());
    let (patches, described) = (it.patches.clone(), it.described.clone());
    let report = desk.store.read(move |db| {
        let risks = risks::of_host(db, host, now)?;
        Ok(Report::of(&shared, host, patches.as_ref(), now).accepting(&risks).supported(
            &shared,
            described.as_ref(),
            now,
        ))
    });
    let report = report.await?;
    let first = |lines: &[Line]| lines.iter().take(SHOWN).cloned().collect();

    Ok(shown(&HostPage {
        p: reader.page_titled("hosts", it.line.name.clone()),
        with_fix: first(&report.with_fix),
        without_fix: first(&report.without_fix),
        accepted: first(&report.accepted),
        can_accept: reader.caller.person.role.may_accept_risks(),
        unknown: report.unknown.iter().take(SHOWN).cloned().collect(),
        it,
        report,
    }))
}

/// The page of feeds.
pub(super) async fn feeds(State(desk): State<Desk>, reader: Reader) -> Answer {
    let all = desk.store.read(kept::list).await?;
    let (now, days_max) = (desk.now(), desk.settings.vulnerabilities.days_max);
    let feeds = all.iter().map(|kept| Aged::of(kept, days_max, now)).collect();

    Ok(shown(&FeedsPage { p: reader.page("feeds", "feeds-title"), feeds, days_max }))
}

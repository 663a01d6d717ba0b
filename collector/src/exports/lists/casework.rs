//! What people work on, and what they did.

use super::{Asked, Source};
use crate::desk::words::Language;
use crate::exports::table::{Cell, Sink};
use crate::store::view::incidents::{self as view, IncidentFilter};
use crate::store::view::journal;
use crate::store::view::page::Cursor;
use crate::store::{risks as accepted, windows as kept};

/// Rows read at once.
const PAGE: usize = 5_000;

pub(super) const INCIDENTS: &[&str] = &[
    "incident",
    "title",
    "rule",
    "severity",
    "state",
    "outcome",
    "agency",
    "agency-name",
    "subject",
    "hosts-named",
    "hosts",
    "clauses",
    "owner",
    "owner-role",
    "findings",
    "opened-at",
    "raised-at",
    "last-at",
    "acknowledged-at",
    "closed-at",
];

pub(super) const RISKS: &[&str] = &[
    "risk",
    "advisory",
    "package",
    "extent",
    "agency",
    "host-id",
    "host",
    "reason",
    "stage",
    "accepted-by",
    "accepted-at",
    "last-day",
    "withdrawn-by",
    "withdrawn-at",
    "withdrawn-reason",
];

pub(super) const WINDOWS: &[&str] = &[
    "window",
    "agency",
    "host-id",
    "host",
    "roots",
    "reason",
    "opened-by",
    "opened-at",
    "ends-at",
    "closed-by",
    "closed-at",
    "kept-quiet",
];

pub(super) const AUDIT: &[&str] =
    &["entry", "at", "person", "agency", "action", "object", "detail", "digest"];

pub(super) fn incidents(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let filter = IncidentFilter {
        closed_too: true,
        agency: asked.agency.as_ref().map(ToString::to_string),
        host: asked.host,
        ..IncidentFilter::default()
    };
    let mut after = None;
    loop {
        let page = view::list(source.db, source.scope, &filter, after, PAGE)?;
        for line in &page.items {
            let title = match source.t {
                Language::En => &line.title_en,
                Language::Vi => &line.title_vi,
            };
            sink.row(&[
                line.id.into(),
                title.into(),
                (&line.rule).into(),
                Cell::word("severity", line.severity.word()),
                Cell::word("state", line.state.word()),
                line.outcome.map_or(Cell::Empty, |outcome| Cell::word("outcome", outcome.word())),
                (&line.agency).into(),
                (&line.agency_name).into(),
                (&line.subject).into(),
                Cell::joined(&line.hosts),
                line.host_count.into(),
                Cell::joined(&line.clauses),
                line.owner.clone().into(),
                (&line.owner_role).into(),
                line.findings.into(),
                line.opened_at.into(),
                line.raised_at.into(),
                line.last_at.into(),
                line.acknowledged_at.into(),
                line.closed_at.into(),
            ])?;
        }
        match page.next.as_deref().and_then(Cursor::parse) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

pub(super) fn risks(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = accepted::list(source.db, source.scope, accepted::Filter::default(), after, PAGE)?;
        // One that speaks of the whole province speaks of every agency and host.
        let wanted = page.items.iter().filter(|risk| {
            risk.agency.as_ref().is_none_or(|agency| source.wants(asked, agency))
                && asked.host.is_none_or(|id| risk.host.is_none_or(|host| host == id))
        });
        for risk in wanted {
            sink.row(&[
                risk.id.into(),
                (&risk.name).into(),
                (&risk.package).into(),
                Cell::word("risk-extent", risk.extent),
                risk.agency.clone().into(),
                risk.host.map(|host| host.to_string()).into(),
                risk.host_name.clone().into(),
                (&risk.reason).into(),
                Cell::word("risk-stage", risk.stage(source.now).word()),
                (&risk.accepted_by).into(),
                risk.accepted_at.into(),
                risk.last_day().into(),
                risk.withdrawn_by.clone().into(),
                risk.withdrawn_at.into(),
                risk.withdrawn_reason.clone().into(),
            ])?;
        }
        match page.next.as_deref().and_then(Cursor::parse) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

pub(super) fn windows(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = kept::list(source.db, source.scope, after, PAGE)?;
        let wanted = page.items.iter().filter(|window| {
            source.wants(asked, &window.agency) && asked.host.is_none_or(|id| window.host == Some(id))
        });
        for window in wanted {
            sink.row(&[
                window.id.into(),
                (&window.agency).into(),
                window.host.map(|host| host.to_string()).into(),
                window.host_name.clone().into(),
                Cell::joined(window.roots.iter().map(ToString::to_string)),
                (&window.reason).into(),
                (&window.opened_by).into(),
                window.opened_at.into(),
                window.ends_at.into(),
                window.closed_by.clone().into(),
                window.closed_at.into(),
                window.kept.into(),
            ])?;
        }
        match page.next.as_deref().and_then(Cursor::parse) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

pub(super) fn audit(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = journal::list(source.db, source.scope, after, PAGE)?;
        for line in &page.items {
            if asked.agency.as_ref().is_some_and(|wanted| line.agency.as_deref() != Some(wanted.as_str())) {
                continue;
            }
            sink.row(&[
                line.id.into(),
                line.at.into(),
                (&line.person).into(),
                line.agency.clone().into(),
                (&line.action).into(),
                (&line.object).into(),
                (&line.detail).into(),
                line.digest.to_string().into(),
            ])?;
        }
        match page.next.as_deref().and_then(Cursor::parse) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

//! Feeds, licences, open source, ledgers.

use super::{Asked, Source};
use crate::desk::words::Language;
use crate::entitlements::survey::Survey;
use crate::exports::table::{Cell, Sink};
use crate::feeds::age::Aged;
use crate::store::feeds as kept;

pub(super) const FEEDS: &[&str] = &[
    "feed",
    "kind",
    "source-place",
    "feed-dated",
    "dated-by",
    "age-days",
    "feed-old",
    "rows",
    "advisories",
    "disagreements",
    "covers",
    "imported-at",
    "imported-by",
    "signed-by",
    "signer",
    "bundled-at",
    "packed-digest",
];

pub(super) const LICENCES: &[&str] = &[
    "agency",
    "agency-name",
    "product",
    "product-name",
    "installed-count",
    "entitled",
    "entitled-cores",
    "site",
    "covered",
    "over",
    "unused",
    "expired",
    "not-yet",
    "next-end",
];

pub(super) const OPEN_SOURCE: &[&str] = &[
    "agency",
    "agency-name",
    "level",
    "machines",
    "unmeasured",
    "activators",
    "strict-share",
    "strict-open",
    "strict-of",
    "strict-unknown",
    "wide-share",
    "wide-open",
    "wide-of",
    "wide-unknown",
    "systems-share",
    "systems-open",
    "systems-of",
    "systems-unknown",
    "servers-open",
    "servers-of",
];

pub(super) const TOOLS: &[&str] = &[
    "agency",
    "agency-name",
    "tool",
    "clients",
    "clients-share",
    "clients-by-licence",
    "clients-of",
    "open-by-licence",
    "named-by",
];

pub(super) const ENTITLEMENTS: &[&str] = &[
    "agency",
    "product",
    "edition",
    "version-max",
    "metric",
    "quantity",
    "starts",
    "ends",
    "standing",
    "contract",
    "note",
    "taken-at",
];

pub(super) fn feeds(source: &Source<'_>, sink: &mut dyn Sink) -> anyhow::Result<()> {
    for feed in kept::list(source.db)? {
        let Aged { feed, age_days, too_old } = Aged::of(&feed, source.vulnerabilities.days_max, source.now);
        let part = &feed.part;
        sink.row(&[
            (&part.name).into(),
            part.kind.word().into(),
            (&part.source).into(),
            part.dated.into(),
            Cell::word("feeds-dated-by", part.dated_by.word()),
            age_days.into(),
            too_old.into(),
            part.rows.into(),
            part.advisories.into(),
            part.disagreements.into(),
            Cell::joined(part.covers.iter().map(ToString::to_string)),
            feed.imported_at.into(),
            (&feed.imported_by).into(),
            feed.signed_by.clone().into(),
            feed.signer.clone().into(),
            feed.bundled_at.into(),
            part.packed.to_string().into(),
        ])?;
    }

    Ok(())
}

fn survey(source: &Source<'_>, asked: &Asked) -> anyhow::Result<Survey> {
    Survey::read(source.db, |agency| source.wants(asked, agency), source.memory, source.now)
}

pub(super) fn licences(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let survey = survey(source, asked)?;
    for (id, name, _) in &survey.agencies {
        for line in survey.figures(|agency| agency == id).balance.products {
            let product = match source.t {
                Language::En => &line.name.en,
                Language::Vi => &line.name.vi,
            };
            sink.row(&[
                id.into(),
                name.into(),
                (&line.product).into(),
                product.into(),
                line.installed.into(),
                line.entitled.into(),
                line.entitled_cores.into(),
                line.site.into(),
                line.covered.into(),
                line.over.into(),
                line.unused.into(),
                line.expired.into(),
                line.not_yet.into(),
                line.next_end.into(),
            ])?;
        }
    }

    Ok(())
}

pub(super) fn open_source(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let survey = survey(source, asked)?;
    for (id, name, level) in &survey.agencies {
        let figures = survey.figures(|agency| agency == id);
        let open = &figures.open;
        sink.row(&[
            id.into(),
            name.into(),
            Cell::word("level", level),
            open.machines.into(),
            open.unmeasured.into(),
            figures.with_activators.into(),
            Cell::share(open.strict.open, open.strict.of),
            open.strict.open.into(),
            open.strict.of.into(),
            open.strict.unknown.into(),
            Cell::share(open.wide.open, open.wide.of),
            open.wide.open.into(),
            open.wide.of.into(),
            open.wide.unknown.into(),
            Cell::share(open.systems.open, open.systems.of),
            open.systems.open.into(),
            open.systems.of.into(),
            open.systems.unknown.into(),
            open.server_systems.open.into(),
            open.server_systems.of.into(),
        ])?;
    }

    Ok(())
}

pub(super) fn tools(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let survey = survey(source, asked)?;
    for (id, name, _) in &survey.agencies {
        for tool in survey.figures(|agency| agency == id).open.tools {
            sink.row(&[
                id.into(),
                name.into(),
                (&tool.tool).into(),
                tool.clients.into(),
                Cell::share(tool.clients, tool.of),
                tool.clients_by_licence.into(),
                tool.of.into(),
                tool.open_by_licence.into(),
                Cell::joined(&tool.named_by),
            ])?;
        }
    }

    Ok(())
}

pub(super) fn entitlements(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let survey = survey(source, asked)?;
    for held in &survey.ledger {
        let line = &held.entitlement;
        sink.row(&[
            (&held.agency).into(),
            (&line.product).into(),
            line.edition.clone().into(),
            line.version_max.clone().into(),
            Cell::word("metric", line.metric.word()),
            line.quantity.into(),
            line.start.into(),
            line.end.into(),
            Cell::word("standing", line.standing(survey.today).word()),
            (&line.contract).into(),
            (&line.note).into(),
            held.taken_at.into(),
        ])?;
    }

    Ok(())
}

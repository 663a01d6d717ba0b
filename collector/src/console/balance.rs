//! Software held against entitlements: all agencies in view, and one with its ledger.

use askama::Template;
use axum::extract::{Path, State};
use vonggac_rules::entitlement::Entitlement;

use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::desk::licences::{self, OneAgency, Part};

#[derive(Template)]
#[template(path = "balances.html")]
struct BalancesPage {
    p: Page,
    parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "balance.html")]
struct BalancePage {
    p: Page,
    it: Part,
    name: String,
    ledger: Vec<LedgerLine>,
}

/// A line of a ledger with how it stands.
struct LedgerLine {
    line: Entitlement,
    standing: &'static str,
    from: String,
    until: String,
}

/// The page of all agencies in view.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader) -> Answer {
    let parts = licences::all(&desk, reader.caller.person.scope.clone()).await?;

    Ok(shown(&BalancesPage { p: reader.page("licences", "balance-title"), parts }))
}

/// The page of one agency.
pub(super) async fn one(State(desk): State<Desk>, reader: Reader, Path(agency): Path<String>) -> Answer {
    let object = format!("licences/{agency}");
    let sight = licences::one(&desk, reader.caller.person.scope.clone(), agency).await?;
    let OneAgency { part, ledger, today } = match reader.seen(&desk, sight, object).await {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let day = |day: Option<jiff::civil::Date>| {
        day.map_or_else(|| "–".to_owned(), |day| day.strftime("%d/%m/%Y").to_string())
    };
    let ledger = ledger
        .into_iter()
        .map(|held| LedgerLine {
            standing: held.entitlement.standing(today).word(),
            from: day(held.entitlement.start),
            until: day(held.entitlement.end),
            line: held.entitlement,
        })
        .collect();
    let name = part.agency.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
    let p = reader.page_titled("licences", format!("{}: {name}", reader.t().say("balance-title")));

    Ok(shown(&BalancePage { p, it: part, name, ledger }))
}

//! The list of hosts.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::{Answer, Page, Reader, encoded, shown};
use crate::desk::Desk;
use crate::store::view::agencies;
use crate::store::view::hosts::{self, HostFilter, HostLine};
use crate::store::view::page::{Cursor, ROWS};
use crate::store::view::words::HostState;

/// The filter as the address has it.
#[derive(Clone, Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Asked {
    trang_thai: String,
    don_vi: String,
    tim: String,
    sau: String,
}

#[derive(Template)]
#[template(path = "hosts.html")]
struct ListPage {
    p: Page,
    rows: Vec<HostLine>,
    asked: Asked,
    agencies: Vec<(String, String)>,
    states: &'static [HostState],
    next: Option<String>,
    is_filtered: bool,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let filter = HostFilter {
        state: HostState::of(&asked.trang_thai),
        silent: asked.trang_thai == "silent",
        agency: given(&asked.don_vi),
        text: given(&asked.tim),
    };
    let is_filtered = filter != HostFilter::default();
    let (scope, after) = (reader.caller.person.scope.clone(), Cursor::parse(&asked.sau));
    let (page, agencies) = desk
        .store
        .read(move |db| Ok((hosts::list(db, &scope, &filter, after, ROWS)?, agencies::names(db, &scope)?)))
        .await?;
    let parts = [("trang-thai", &asked.trang_thai), ("don-vi", &asked.don_vi), ("tim", &asked.tim)];
    let own: String = parts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}&", encoded(value)))
        .collect();

    Ok(shown(&ListPage {
        p: reader.page("hosts", "hosts-title"),
        rows: page.items,
        agencies,
        states: HostState::ALL,
        next: page.next.map(|cursor| format!("{own}sau={cursor}")),
        is_filtered,
        asked,
    }))
}

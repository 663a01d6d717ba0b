//! The audit log, for administrators and auditors.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::store::view::journal::{self, JournalLine};
use crate::store::view::page::{Cursor, ROWS};

/// Where the page begins.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    sau: String,
}

#[derive(Template)]
#[template(path = "journal.html")]
struct JournalPage {
    p: Page,
    rows: Vec<JournalLine>,
    next: Option<String>,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    if !reader.caller.person.role.may_audit() {
        return Ok(reader.forbidden());
    }
    let (scope, after) = (reader.caller.person.scope.clone(), Cursor::parse(&asked.sau));
    let page = desk.store.read(move |db| journal::list(db, &scope, after, ROWS)).await?;
    let next = page.next.map(|cursor| format!("sau={cursor}"));

    Ok(shown(&JournalPage { p: reader.page("journal", "journal-title"), rows: page.items, next }))
}

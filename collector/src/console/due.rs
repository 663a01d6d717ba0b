//! Clocks about to end, or over: what nobody has to open an incident to see.

use askama::Template;
use axum::extract::State;

use super::casefile::CasePart;
use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::desk::words::Language;
use crate::store::warnings::{self, Pressing};

#[derive(Template)]
#[template(path = "due.html")]
struct DuePage {
    p: Page,
    all: Vec<Pressing>,
}

impl DuePage {
    fn title(&self, one: &Pressing) -> String {
        match self.p.t {
            Language::Vi => one.title_vi.clone(),
            Language::En => one.title_en.clone(),
        }
    }
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader) -> Answer {
    let (scope, now) = (reader.caller.person.scope.clone(), reader.now);
    let all = desk.store.read(move |db| warnings::about_to_end(db, &scope, now)).await?;

    Ok(shown(&DuePage { p: reader.page("due", "due-title"), all }))
}

//! Where messages go by themselves, and what became of them.

use askama::Template;
use axum::extract::State;

use super::frame::{Answer, Page, Reader, shown};
use crate::desk::Desk;
use crate::store::sending::destinations::{self, Destination};
use crate::store::sending::lists::{self, Filter, Sent};

/// Messages shown; the API and the command line give more.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "sending.html")]
struct SendingPage {
    p: Page,
    destinations: Vec<Destination>,
    messages: Vec<Sent>,
}

impl SendingPage {
    fn counts(&self, one: &Destination) -> String {
        let (waiting, failed, held) = (one.waiting.to_string(), one.failed.to_string(), one.held.to_string());

        self.p.t.with("send-counts", &[("waiting", &waiting), ("failed", &failed), ("held", &held)])
    }

    fn events(&self, one: &Destination) -> String {
        let all = one.events.iter().map(|event| self.p.t.of_list("send-event", event.word()));

        all.collect::<Vec<_>>().join(", ")
    }
}

/// The page; people of one agency see its own destinations and what was sent of its incidents.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader) -> Answer {
    let scope = reader.caller.person.scope.clone();
    let (destinations, messages) = desk
        .store
        .read(move |db| {
            Ok((destinations::list(db, &scope)?, lists::messages(db, &scope, Filter::default(), SHOWN)?))
        })
        .await?;

    Ok(shown(&SendingPage { p: reader.page("sending", "send-title"), destinations, messages }))
}

//! The list of incidents: dense rows, a filter that is the address.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use vonggac_protocol::id::HostId;

use super::casefile::CasePart;
use super::frame::{Answer, Page, Reader, encoded, shown};
use crate::desk::Desk;
use crate::store::view::incidents::{self, IncidentFilter, IncidentLine};
use crate::store::view::page::{Cursor, ROWS};
use crate::store::view::words::{Severity, State as Standing};
use crate::store::view::{agencies, casefile};

/// The filter as the address has it; words that are none of ours count as not given.
#[derive(Clone, Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Asked {
    trang_thai: String,
    muc: String,
    don_vi: String,
    may: String,
    luat: String,
    nguoi: String,
    dien_tap: String,
    dieu_khoan: String,
    tim: String,
    sau: String,
}

impl Asked {
    fn filter(&self) -> IncidentFilter {
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());

        IncidentFilter {
            state: Standing::of(&self.trang_thai),
            closed_too: self.trang_thai == "all",
            severity: Severity::of(&self.muc),
            agency: given(&self.don_vi),
            host: self.may.parse::<HostId>().ok(),
            drill: match self.dien_tap.as_str() {
                "co" => Some(true),
                "khong" => Some(false),
                _ => None,
            },
            owner: given(&self.nguoi),
            rule: given(&self.luat),
            clause: given(&self.dieu_khoan),
            text: given(&self.tim),
        }
    }

    /// As a query, without the cursor and one named part.
    fn query(&self, without: &str) -> String {
        let parts = [
            ("trang-thai", &self.trang_thai),
            ("muc", &self.muc),
            ("don-vi", &self.don_vi),
            ("may", &self.may),
            ("luat", &self.luat),
            ("nguoi", &self.nguoi),
            ("dien-tap", &self.dien_tap),
            ("dieu-khoan", &self.dieu_khoan),
            ("tim", &self.tim),
        ];
        let given = parts.iter().filter(|(name, value)| !value.is_empty() && *name != without);

        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }
}

/// A part of the filter that is set and has no field of its own in the form.
struct Chip {
    name: &'static str,
    label: String,
    value: String,
    /// The list without it.
    without: String,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    p: Page,
    rows: Vec<IncidentLine>,
    asked: Asked,
    chips: Vec<Chip>,
    agencies: Vec<(String, String)>,
    states: &'static [Standing],
    severities: &'static [Severity],
    /// Query of the next page.
    next: Option<String>,
    /// Newest evidence on this page.
    since: i64,
    /// This page's own query, percent-encoded once more.
    own: String,
    is_filtered: bool,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let (scope, filter, after) =
        (reader.caller.person.scope.clone(), asked.filter(), Cursor::parse(&asked.sau));
    let now = reader.now;
    let is_filtered = filter != IncidentFilter::default();
    let (page, agencies, since) = desk
        .store
        .read(move |db| {
            let mut page = incidents::list(db, &scope, &filter, after, ROWS)?;
            casefile::add_clocks(db, &mut page.items, now)?;
            let newest = incidents::list(
                db,
                &scope,
                &IncidentFilter { closed_too: true, ..IncidentFilter::default() },
                None,
                1,
            )?;
            let since = newest.items.first().map_or(0, |line| line.last_at.0);
            Ok((page, agencies::names(db, &scope)?, since))
        })
        .await?;
    let t = reader.t();
    let chip = |name: &'static str, label: &str, value: &String| Chip {
        name,
        label: t.say(label),
        value: value.clone(),
        without: asked.query(name),
    };
    let chips = [
        ("may", "column-host", &asked.may),
        ("luat", "column-rule", &asked.luat),
        ("nguoi", "column-owner", &asked.nguoi),
        ("dien-tap", "column-drill", &asked.dien_tap),
        ("dieu-khoan", "column-clause", &asked.dieu_khoan),
    ];
    let chips = chips
        .iter()
        .filter(|(_, _, value)| !value.is_empty())
        .map(|(name, label, value)| chip(name, label, value))
        .collect();
    let own = asked.query("");
    let joined = if own.is_empty() { String::new() } else { format!("{own}&") };

    Ok(shown(&ListPage {
        p: reader.page("incidents", "incidents-title"),
        rows: page.items,
        chips,
        agencies,
        states: Standing::ALL,
        severities: Severity::ALL,
        next: page.next.map(|cursor| format!("{joined}sau={cursor}")),
        since,
        own: encoded(&own),
        is_filtered,
        asked,
    }))
}

//! Change windows: the list with a form that opens one, and one with what it kept quiet.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;
use vonggac_protocol::id::HostId;

use super::frame::{Answer, Page, Reader, Told, Trouble, shown};
use crate::desk::decided::Worked;
use crate::desk::windows as desk_windows;
use crate::desk::{Desk, sentence};
use crate::store::decided::Done;
use crate::store::view::agencies;
use crate::store::view::page::{Cursor, ROWS};
use crate::store::windows::{self, HOURS_MAX, Wanted, Window};

/// Observations shown on the page of a window.
const KEPT_SHOWN: usize = 50;

/// Hosts offered to choose from; a window for another is opened from that host's page.
const HOSTS_OFFERED: usize = 500;

/// A window with where it stands.
struct Line {
    it: Window,
    stage: &'static str,
}

/// What was typed into the form, to show it again when something is wrong.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct OpeningForm {
    don_vi: String,
    may: String,
    duong_dan: String,
    so_gio: String,
    ly_do: String,
}

#[derive(Template)]
#[template(path = "windows.html")]
struct ListPage {
    p: Page,
    rows: Vec<Line>,
    next: Option<String>,
    agencies: Vec<(String, String)>,
    hosts: Vec<(String, String)>,
    typed: OpeningForm,
    hours_max: u32,
    can_act: bool,
}

struct ToldKept {
    id: String,
    at: vonggac_protocol::time::Timestamp,
    host: String,
    host_name: String,
    sentence: String,
}

#[derive(Template)]
#[template(path = "window.html")]
struct WindowPage {
    p: Page,
    line: Line,
    kept: Vec<ToldKept>,
    can_close: bool,
}

/// Where the list begins, and what was just done.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    sau: String,
    may: String,
    xong: String,
}

/// The list.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let typed = OpeningForm { may: asked.may.clone(), so_gio: "4".to_owned(), ..OpeningForm::default() };

    list(&desk, &reader, &asked, typed, None, StatusCode::OK).await
}

async fn list(
    desk: &Desk,
    reader: &Reader,
    asked: &Asked,
    typed: OpeningForm,
    told: Option<Told>,
    status: StatusCode,
) -> Answer {
    let (scope, after) = (reader.caller.person.scope.clone(), Cursor::parse(&asked.sau));
    let (page, agencies, hosts) = desk
        .store
        .read(move |db| {
            let hosts = crate::store::view::hosts::list(
                db,
                &scope,
                &crate::store::view::hosts::HostFilter::default(),
                None,
                HOSTS_OFFERED,
            )?;
            Ok((windows::list(db, &scope, after, ROWS)?, agencies::names(db, &scope)?, hosts.items))
        })
        .await?;
    let mut hosts: Vec<_> = hosts.into_iter().map(|host| (host.id.to_string(), host.name)).collect();
    hosts.sort_by(|a, b| a.1.cmp(&b.1));
    let mut p = reader.page("windows", "windows-title");
    p.told = told;
    let now = desk.now();
    let line = |it: Window| Line { stage: it.stage(now).word(), it };

    Ok((
        status,
        shown(&ListPage {
            p,
            rows: page.items.into_iter().map(line).collect(),
            next: page.next.map(|cursor| format!("sau={cursor}")),
            agencies,
            hosts,
            typed,
            hours_max: HOURS_MAX,
            can_act: reader.caller.person.role.may_act(),
        }),
    )
        .into_response())
}

/// Opens one.
pub(super) async fn open(State(desk): State<Desk>, reader: Reader, Form(form): Form<OpeningForm>) -> Answer {
    let t = reader.t();
    let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let host = match given(&form.may).map(|text| text.parse::<HostId>()) {
        None => None,
        Some(Ok(host)) => Some(host),
        Some(Err(_)) => return Ok(reader.not_found()),
    };
    let wanted = Wanted {
        agency: given(&form.don_vi),
        host,
        roots: form.duong_dan.lines().map(str::to_owned).collect(),
        hours: form.so_gio.trim().parse().unwrap_or(0),
        reason: form.ly_do.clone(),
    };
    if wanted.agency.is_none() && wanted.host.is_none() {
        let told = Told { text: t.say("refused-window-whose"), is_bad: true };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return list(&desk, &reader, &Asked::default(), form, Some(told), status).await;
    }
    match desk_windows::open(&desk, &reader.caller, wanted).await.map_err(Trouble)? {
        Worked::Store(Done::Kept(id)) => {
            Ok(Redirect::to(&format!("/khung-gio/{id}?xong=opened")).into_response())
        }
        Worked::Store(Done::Absent | Done::Neighbours | Done::Over) => Ok(reader.not_found()),
        Worked::Store(Done::Unfit(misfit)) => {
            let told = Told { text: t.say(&format!("refused-window-{}", misfit.word())), is_bad: true };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            list(&desk, &reader, &Asked::default(), form, Some(told), status).await
        }
        Worked::Store(Done::TooWide) | Worked::ReadOnly => Ok(reader.forbidden()),
    }
}

/// One window.
pub(super) async fn one(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let Ok(id) = id.parse() else { return Ok(reader.not_found()) };
    let key = match asked.xong.as_str() {
        "opened" => Some(("told-window-opened", false)),
        "closed" => Some(("told-window-closed", false)),
        "over" => Some(("refused-window-over", true)),
        _ => None,
    };
    let scope = reader.caller.person.scope.clone();
    let (sight, kept) = desk
        .store
        .read(move |db| Ok((windows::one(db, &scope, id)?, windows::newest_kept(db, id, KEPT_SHOWN)?)))
        .await?;
    let it = match reader.seen(&desk, sight, format!("window/{id}")).await {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let t = reader.t();
    let kept = kept
        .iter()
        .map(|seen| ToldKept {
            id: seen.id.to_string(),
            at: seen.at,
            host: seen.host.to_string(),
            host_name: seen.host_name.clone(),
            sentence: match &seen.observation {
                Some(observation) => sentence::of(t, &observation.kind, &seen.host_name),
                None => t.say("seen-unknown"),
            },
        })
        .collect();
    let mut p = reader.page_titled("windows", format!("{} {id}", t.say("window-one")));
    p.told = key.map(|(key, is_bad)| Told { text: t.say(key), is_bad });
    let line = Line { stage: it.stage(desk.now()).word(), it };
    let can_close = line.stage == "open" && reader.caller.person.role.may_act();

    Ok(shown(&WindowPage { p, line, kept, can_close }))
}

/// Closes one before its end.
pub(super) async fn close(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let Ok(id) = id.parse() else { return Ok(reader.not_found()) };
    match desk_windows::close(&desk, &reader.caller, id).await.map_err(Trouble)? {
        Worked::Store(Done::Kept(id)) => {
            Ok(Redirect::to(&format!("/khung-gio/{id}?xong=closed")).into_response())
        }
        Worked::Store(Done::Over | Done::Unfit(_)) => {
            Ok(Redirect::to(&format!("/khung-gio/{id}?xong=over")).into_response())
        }
        Worked::Store(Done::Absent | Done::Neighbours) => Ok(reader.not_found()),
        Worked::Store(Done::TooWide) | Worked::ReadOnly => Ok(reader.forbidden()),
    }
}
